//! `jethook dlq`: what consumers gave up is listed, shown, and stored again.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::cli::{complaint, printed, run};
use crate::support::eventually::{SOON, eventually};
use crate::support::nats::Nats;
use crate::support::runtime::block_on;
use crate::support::stage::{PUSH, Stage};

/// Whoever gives no user may do everything; `dlq` has the rights that `examples/README.md` tells.
const USERS: &str = r#"
no_auth_user: all
authorization {
  users: [
    {user: all, password: all}
    {
      user: dlq
      password: dlq
      permissions: {
        publish: [
          "*.*.github.push"
          "$JS.API.STREAM.INFO.*"
          "$JS.API.STREAM.MSG.GET.*"
          "$JS.API.STREAM.CREATE.DEAD_LETTERS"
          "$JS.API.CONSUMER.CREATE.DEAD_LETTERS"
          "$JS.API.CONSUMER.MSG.NEXT.DEAD_LETTERS.*"
          "$JS.API.STREAM.MSG.DELETE.DEAD_LETTERS"
        ]
        subscribe: ["_INBOX.>"]
      }
    }
  ]
}
"#;

/// The stage's three events: one that is done, one that is refused until it is a dead letter, one that is ended at once.
fn consume(consumer: &PullConsumer) {
    block_on(async {
        let mut batch = consumer.fetch().max_messages(10).messages().await.unwrap();
        while let Some(message) = batch.next().await {
            let message = message.unwrap();
            let kind = match message.headers.as_ref().unwrap().get("ce-id").unwrap().as_str() {
                "refused" => AckKind::Nak(None),
                "poison" => AckKind::Term,
                _ => AckKind::Ack,
            };
            message.ack_with(kind).await.unwrap();
        }
    });
}

#[test]
fn what_a_consumer_gave_up_is_listed_shown_and_stored_again() {
    let nats = Nats::start(USERS);
    let url = nats.url();
    let stage = Stage::of_files_with(&url);
    let operator = stage.operator(&[]);
    stage.github("github", json!({}));
    stage.ready("github");
    let access = ["--nats-url", &url, "--nats-user", "dlq", "--nats-password", "dlq"];
    let dlq = |arguments: &[&str]| run(&[&["dlq"], arguments, &access].concat());
    let list = |more: &[&str]| -> Vec<Value> {
        let text = printed(&dlq(&[&["list", "-o", "json"], more].concat()));
        serde_json::from_str(&text).unwrap()
    };

    // Without the stream each command says how to make it; another stream is not taken for it, and not changed.
    for verb in [&["list"][..], &["show", "1"], &["replay", "--all"]] {
        let line = complaint(&dlq(verb), 1);
        assert!(line.contains("DEAD_LETTERS") && line.contains("jethook dlq setup"), "{line}");
    }
    let line = complaint(&dlq(&["setup", "--dlq-stream", &stage.stream]), 1);
    assert!(line.contains("MAX_DELIVERIES") && line.contains("--dlq-stream"), "{line}");
    assert!(printed(&dlq(&["setup"])).contains("made"));
    assert!(printed(&dlq(&["setup"])).contains("is there already"));
    assert!(list(&[]).is_empty());

    for id in ["done", "refused", "poison"] {
        assert_eq!(operator.send(&stage.push("github", id)).status, 200);
    }
    let context = nats.jetstream();
    let consumer: PullConsumer = block_on(async {
        let stream = context.get_stream(&stage.stream).await.unwrap();
        let config = pull::Config {
            durable_name: Some("shop".to_owned()),
            ack_wait: Duration::from_secs(5),
            max_deliver: 2,
            ..Default::default()
        };
        stream.create_consumer(config).await.unwrap()
    });
    let (letters, _) = eventually(SOON, "two dead letters", || {
        consume(&consumer);
        let letters = list(&[]);
        if letters.len() == 2 { Ok(letters) } else { Err(format!("{letters:?}")) }
    });

    let by_why: BTreeMap<_, _> = letters.iter().map(|letter| (letter["why"].as_str().unwrap(), letter)).collect();
    let (refused, poison) = (by_why["maxDeliveries"], by_why["terminated"]);
    assert_eq!((&refused["sequence"], &refused["deliveries"]), (&json!(2), &json!(2)));
    assert_eq!((&poison["sequence"], &poison["deliveries"]), (&json!(3), &json!(1)));
    for letter in [refused, poison] {
        assert_eq!(letter["stream"], stage.stream.as_str());
        assert_eq!(letter["consumer"], "shop");
        assert_eq!(letter["held"], true);
        assert_eq!(letter["subject"], format!("{}.{}.github.push", stage.prefix, stage.namespace));
    }
    assert_eq!(list(&["--consumer", "shop", "--stream", &stage.stream]).len(), 2);
    assert!(list(&["--consumer", "other"]).is_empty());
    assert!(list(&["--stream", "OTHER"]).is_empty());
    assert_eq!(list(&["--limit", "1"]), [letters[1].clone()]);
    let table = printed(&dlq(&["list"]));
    assert!(table.contains("max deliveries") && table.contains("terminated") && table.contains("shop"), "{table}");

    let (refused, poison) = (refused["id"].to_string(), poison["id"].to_string());
    let text = printed(&dlq(&["show", &refused]));
    assert!(text.contains("after 2 deliveries") && text.contains(PUSH), "{text}");
    let shown: Value = serde_json::from_str(&printed(&dlq(&["show", &refused, "-o", "json"]))).unwrap();
    assert_eq!(shown["event"]["payload"], PUSH);
    assert_eq!(shown["event"]["headers"]["ce-id"], "refused");
    let line = complaint(&dlq(&["show", "999"]), 1);
    assert!(line.contains("999") && line.contains("jethook dlq list"), "{line}");

    // Stored again it is the same event under an id of its own, which names the first; twice the same replay is one.
    assert!(printed(&dlq(&["replay", &refused, "--keep"])).contains("stored again as #4"));
    assert!(printed(&dlq(&["replay", &refused])).contains("was stored again before, as #4"));
    let stored = nats.stored(&stage.stream);
    assert_eq!(stored.len(), 4);
    let (first, again) = (&stored[1], &stored[3]);
    assert_eq!((&again.subject, &again.payload), (&first.subject, &first.payload));
    assert_eq!(again.header("jethook-replay-of"), first.header("Nats-Msg-Id"));
    assert_eq!(again.header("jethook-replay-for"), "shop");
    assert_ne!(again.header("Nats-Msg-Id"), first.header("Nats-Msg-Id"));
    let of_ours = |name: &&String| !name.starts_with("Nats-") && !name.starts_with("jethook-");
    for name in first.headers.keys().filter(of_ours) {
        assert_eq!(again.headers[name], first.headers[name], "{name}");
    }
    assert_eq!(list(&[]).len(), 1, "what was stored again is off the list");
    let line = complaint(&dlq(&["replay", &refused]), 1);
    assert!(line.contains("jethook dlq list"), "{line}");

    // An event that its stream let go can't be stored again, and stays on the list.
    block_on(async {
        let stream = context.get_stream(&stage.stream).await.unwrap();
        stream.delete_message(3).await.unwrap();
    });
    assert_eq!(list(&[])[0]["held"], false);
    let line = complaint(&dlq(&["replay", "--all"]), 1);
    assert!(line.contains(&poison) && line.contains("no longer in stream"), "{line}");
    assert_eq!(list(&[]).len(), 1);
    assert_eq!(nats.stream(&stage.stream).unwrap().state.messages, 3);
}
