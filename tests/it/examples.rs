//! The example consumers at their work: killed in the middle of it, nothing is lost and nothing is done twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::cli::{printed, run};
use crate::support::eventually::{SOON, eventually};
use crate::support::nats::Nats;
use crate::support::operator::Operator;
use crate::support::reaper;
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, Stage};

/// Five deliveries, two seconds apart, and some more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds between two deliveries.
const RETRY_DELAY: &str = "2";
const GOOD: usize = 20;

struct Consumer {
    command: Vec<PathBuf>,
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    child: Option<Child>,
}

impl Consumer {
    fn start(&mut self, work: &str) {
        let out = File::options().create(true).append(true).open(self.folder.join("out")).unwrap();
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).env("WORK", work);
        let child = command.stderr(out.try_clone().unwrap()).stdout(out).spawn().unwrap();
        reaper::adopt(child.id());
        self.child = Some(child);
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it ended by itself: {}", self.said());
        reaper::release(child.id());
    }

    fn said(&self) -> String {
        reaper::text(&self.folder.join("out"))
    }

    /// How often it said this of an event.
    fn times(&self, what: &str, id: &str) -> usize {
        let head = format!("{what} {id}");
        self.said().lines().filter(|line| line.split(':').next() == Some(&head)).count()
    }

    fn ledger(&self) -> Vec<String> {
        let text = reaper::text(&self.folder.join("ledger.tsv"));
        let mut ids: Vec<_> = text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            reaper::release(child.id());
        }
    }
}

/// Stores the events; gives the `Nats-Msg-Id` of each by the provider's id.
fn store(nats: &Nats, stage: &Stage, operator: &Operator) -> BTreeMap<String, String> {
    let send = |id: &str, body: &str| {
        let answer = operator.send(&sign::github(&stage.path("github"), KEY, "push", id, body));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["status"].as_str().unwrap().to_owned()
    };
    for number in 0..GOOD {
        assert_eq!(send(&format!("good-{number}"), &format!(r#"{{"number":{number}}}"#)), "stored");
    }
    assert_eq!(send("poison", "[1]"), "stored");
    assert_eq!(send("failing", r#"{"fail":"the ledger is closed"}"#), "stored");
    // A sender that tries again after the window: the stream holds the event twice.
    eventually(SOON, "the window passes", || match send("good-0", r#"{"number":0}"#).as_str() {
        "stored" => Ok(()),
        other => Err(other.to_owned()),
    });
    let stored = nats.stored(&stage.stream);
    assert_eq!(stored.len(), GOOD + 3);
    stored.iter().map(|event| (event.header("ce-id").to_owned(), event.header("Nats-Msg-Id").to_owned())).collect()
}

fn check(command: &[&str]) {
    let built = std::env::var_os("JETHOOK_TEST_EXAMPLES").expect("`make test-examples` builds them and says where");
    let built = Path::new(&built);
    let nats = Nats::start("");
    let url = nats.url();
    let stage = Stage::of_files_with(&url);
    let operator = stage.operator(&["--duplicate-window", "1s"]);
    stage.github("github", json!({}));
    stage.ready("github");
    printed(&run(&["dlq", "setup", "--nats-url", &url]));
    let ids = store(&nats, &stage, &operator);
    let good: Vec<_> = {
        let mut good: Vec<_> =
            ids.iter().filter(|(id, _)| id.starts_with("good")).map(|(_, message)| message.clone()).collect();
        good.sort();
        good
    };

    let folder = reaper::folder("consumer");
    let variables = vec![
        ("NATS_URL", url.clone()),
        ("STREAM", stage.stream.clone()),
        ("SUBJECT", format!("{}.>", stage.prefix)),
        ("RETRY_DELAY", RETRY_DELAY.to_owned()),
    ];
    let place = |part: &&str| if part.starts_with('-') || *part == "node" { part.into() } else { built.join(part) };
    let mut consumer = Consumer { command: command.iter().map(place).collect(), folder, variables, child: None };
    consumer.start("0.4");
    let (victim, _) = eventually(PATIENCE, "it works on the third event", || {
        let said = consumer.said();
        let victim = said.lines().filter_map(|line| line.strip_prefix("working ")).nth(2).map(str::to_owned);
        victim.ok_or(said)
    });
    consumer.kill();
    assert_eq!(consumer.times("done", &victim), 0, "it was killed in mid-work: {}", consumer.said());
    assert!(!consumer.ledger().contains(&victim));

    consumer.start("0");
    eventually(PATIENCE, "all is done or a dead letter", || {
        let dead = ["poison", "failing"].iter().all(|id| consumer.times("dead", &ids[*id]) == 1);
        if dead && consumer.ledger().len() >= GOOD { Ok(()) } else { Err(consumer.said()) }
    });
    let context = nats.jetstream();
    eventually(PATIENCE, "nothing is left over", || {
        let info = block_on(async {
            let stream = context.get_stream(&stage.stream).await.unwrap();
            stream.consumer_info("ledger").await.unwrap()
        });
        if info.num_pending == 0 && info.num_ack_pending == 0 { Ok(()) } else { Err(format!("{info:?}")) }
    });
    let said = consumer.said();
    assert_eq!(consumer.ledger(), good, "each once, by its id: {said}");
    assert_eq!(consumer.times("working", &victim), 2, "{said}");
    assert!(consumer.times("again", &ids["good-0"]) >= 1, "{said}");
    assert_eq!(consumer.times("poison", &ids["poison"]), 1, "{said}");
    assert!((4..=5).contains(&consumer.times("retry", &ids["failing"])), "{said}");
    let letters: Vec<serde_json::Value> =
        serde_json::from_str(&printed(&run(&["dlq", "list", "--nats-url", &url, "-o", "json"]))).unwrap();
    let mut why: Vec<_> = letters.iter().map(|letter| letter["why"].as_str().unwrap()).collect();
    why.sort_unstable();
    assert_eq!(why, ["maxDeliveries", "terminated"]);
}

#[test]
#[ignore = "`make test-examples` builds what it runs"]
fn a_rust_consumer_that_is_killed_loses_nothing_and_does_nothing_twice() {
    check(&["rust"]);
}

#[test]
#[ignore = "`make test-examples` builds what it runs"]
fn a_go_consumer_that_is_killed_loses_nothing_and_does_nothing_twice() {
    check(&["go"]);
}

#[test]
#[ignore = "`make test-examples` builds what it runs"]
fn a_python_consumer_that_is_killed_loses_nothing_and_does_nothing_twice() {
    check(&["venv/bin/python", "ledger.py"]);
}

#[test]
#[ignore = "`make test-examples` builds what it runs"]
fn a_node_consumer_that_is_killed_loses_nothing_and_does_nothing_twice() {
    check(&["node", "node/ledger.js"]);
}
