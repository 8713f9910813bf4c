//! Attacks 15 to 17: time, replay, ids.

use std::fs;

use serde_json::json;

use crate::field::{Field, key};
use crate::report::attack;
use crate::signatures::BODY;
use crate::support::http::Request;
use crate::support::sign::{self, hmac_sha256, now};

/// A Slack request signed, with the right key, over any text in the place of the time.
fn slack_at(path: &str, time: &str) -> Request {
    let mac = hmac_sha256(key().as_bytes(), &[b"v0:", time.as_bytes(), b":", BODY.as_bytes()]);
    Request::post(path, BODY)
        .header("Content-Type", "application/json")
        .header("X-Slack-Request-Timestamp", time)
        .header("X-Slack-Signature", &format!("v0={}", data_encoding::HEXLOWER.encode(&mac)))
}

#[test]
fn attack_15_times_that_are_no_times() {
    attack(15, "signed times that are negative, huge, odd, old or to come", |tried| {
        let field = Field::new(tried, &[]);
        field.provider("slack", "slack", &key(), json!({}));
        field.provider("stripe", "stripe", &key(), json!({"deduplication": {"key": "none"}}));
        let now = now();
        let odd = [
            "-1".to_owned(),
            format!("-{now}"),
            format!("+{now}"),
            "0".to_owned(),
            i64::MAX.to_string(),
            i64::MIN.to_string(),
            u64::MAX.to_string(),
            "9".repeat(20),
            "9".repeat(400),
            "1e9".to_owned(),
            format!("{now}e0"),
            format!("{now}.0"),
            format!("{now} 0"),
            format!("0x{now:x}"),
            format!("{}", now * 1000),
            format!("{}", now * 1_000_000),
            "NaN".to_owned(),
            "inf".to_owned(),
            "today".to_owned(),
            "2026-11-24T12:00:00Z".to_owned(),
            "١٧٩٥".to_owned(),
            format!("{now},{now}"),
            format!("{now};1"),
            (now + 3600).to_string(),
            (now - 3600).to_string(),
            (now + 310).to_string(),
            (now - 310).to_string(),
            "253402300800".to_owned(),
            "9223372036854775807000".to_owned(),
        ];
        for time in &odd {
            field.refuses(time, &slack_at(&field.stage.path("slack"), time), &[401]);
            let mac = hmac_sha256(key().as_bytes(), &[time.as_bytes(), b".", BODY.as_bytes()]);
            let value = format!("t={time},v1={}", data_encoding::HEXLOWER.encode(&mac));
            let stripe = Request::post(&field.stage.path("stripe"), BODY).header("Content-Type", "application/json");
            field.refuses(time, &stripe.header("Stripe-Signature", &value), &[401]);
        }
        assert!(field.operator.counted("stale") >= 8.0, "what is only late is counted apart");
        assert!(field.operator.counted("unauthorized") >= 20.0);
        field.accepts("now", &slack_at(&field.stage.path("slack"), &now.to_string()));
        field.accepts("a little ago", &sign::stripe(&field.stage.path("stripe"), &key(), now - 280, BODY));
        field.accepts("a clock that is ahead", &sign::stripe(&field.stage.path("stripe"), &key(), now + 280, BODY));
        field.unharmed();
    });
}

#[test]
fn attack_16_a_captured_delivery_sent_again() {
    attack(16, "a captured delivery sent again, also under another id", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("content", "github", &key(), json!({"deduplication": {"key": "content"}}));
        field.provider("stripe", "stripe", &key(), json!({}));
        let captured = field.push("1", BODY);
        field.accepts("the first time", &captured);
        for _ in 0..5 {
            assert_eq!(field.answers("again", &captured).json()["status"], "duplicate");
            field.held();
        }
        // Under the id of a delivery that is still to come: that one must not be taken for a repetition.
        field.accepts("under a foreign id", &field.push("2", BODY));
        field.accepts("the genuine one with that id", &field.push("2", r#"{"genuine":true}"#));
        let content = field.stage.path("content");
        field.accepts("by content", &sign::github(&content, &key(), "push", "1", BODY));
        let renamed = sign::github(&content, &key(), "push", "other", BODY);
        assert_eq!(field.answers("by content, renamed", &renamed).json()["status"], "duplicate");
        // A signed id says it alone: retries may differ elsewhere.
        let stripe = |pending: u8, at: i64| {
            let body = format!(r#"{{"id":"evt_9","type":"invoice.paid","pending_webhooks":{pending}}}"#);
            sign::stripe(&field.stage.path("stripe"), &key(), at, body)
        };
        field.accepts("a signed id", &stripe(2, now()));
        assert_eq!(field.answers("its retry", &stripe(1, now() - 5)).json()["status"], "duplicate");
        field.refuses("captured an hour ago", &stripe(2, now() - 3600), &[401]);
        field.unharmed();
    });
}

#[test]
fn attack_17_one_delivery_id_at_two_endpoints() {
    attack(17, "a delivery id used up at another endpoint or namespace", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("other", "github", &key(), json!({}));
        let foreign = format!("{}-b", field.stage.namespace);
        let endpoint = json!({
            "apiVersion": "jethook.dev/v1alpha1", "kind": "WebhookEndpoint",
            "metadata": {"name": "hook", "namespace": foreign},
            "spec": {"provider": "github", "secretRefs": [{"name": "hook"}]},
        });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook", "namespace": foreign},
            "stringData": {"secret": "the other tenant's"},
        });
        fs::write(field.stage.manifests().join("foreign.yaml"), format!("{endpoint}\n---\n{secret}\n")).unwrap();
        let attacker = |id: &str| sign::github(&format!("/{foreign}/hook"), "the other tenant's", "push", id, BODY);
        field.operator.send_until(200, "the other tenant's endpoint serves", &attacker("first"));
        field.also_stored(1);
        for id in ["same", "same\u{2e}x", "a.b.c", "*", ">"] {
            field.accepts("the attacker's first", &attacker(id));
            field.accepts("the genuine one", &sign::github(&field.path(), &key(), "push", id, BODY));
            field.accepts("at a third", &sign::github(&field.stage.path("other"), &key(), "push", id, BODY));
            // The victim's id spelt out with its endpoint, as it stands in the stream.
            let full = field.stage.stored().pop().unwrap().header("Nats-Msg-Id").to_owned();
            field.accepts("an id that looks like the message id", &attacker(&full));
            let again = field.answers("a genuine repetition", &sign::github(&field.path(), &key(), "push", id, BODY));
            assert_eq!(again.json()["status"], "duplicate");
            field.held();
        }
        field.refuses(
            "with the other's key",
            &sign::github(&field.path(), "the other tenant's", "push", "x", BODY),
            &[401],
        );
        field.unharmed();
    });
}
