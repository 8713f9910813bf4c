//! The message that is stored.

mod attribute;
mod headers;
mod id;
mod large;
mod plan;
mod subject;
mod trace;

use bytes::Bytes;
use jiff::Timestamp;

pub use headers::Headers;
pub(crate) use large::{LargeBody, Part};
pub use plan::{Identity, LargeBodyPlan, MessagePlan, MessageSpec};
pub use subject::{Names, SubjectTemplate, is_within, listed};
pub use trace::{traceparent, tracestate};

use crate::scheme::{Delivery, Verified};

/// A verified delivery as the message that `JetStream` stores.
#[derive(Clone, Debug)]
pub struct Event {
    /// The subject: checked tokens.
    pub subject: String,
    /// All headers of the message.
    pub headers: Headers,
    /// The body, byte for byte.
    pub payload: Bytes,
    /// Where the body goes that the message can't hold.
    pub(crate) large: Option<Box<LargeBody>>,
    /// `ce-id`: what the sender is told.
    pub id: String,
}

impl Event {
    /// Builds the message. `received` is when the request's first byte came.
    #[must_use]
    pub fn new(
        plan: &MessagePlan,
        verified: &Verified,
        delivery: &Delivery<'_>,
        payload: Bytes,
        received: Timestamp,
    ) -> Self {
        let ids = id::Ids::of(&plan.spec, verified, delivery);
        let subject = plan.spec.subject.subject(verified.event());
        let mut headers = attribute::headers(plan, verified, delivery, &ids, received);
        let is_large = |large: &&LargeBodyPlan| payload.len() as u64 > large.above;
        let large = plan.large_bodies.as_ref().filter(is_large).map(|large| {
            let body = LargeBody::of(&large.bucket, &ids.message, &payload);
            body.tell(&mut headers);
            Box::new(body)
        });
        Self { subject, headers, payload, large, id: ids.event }
    }

    /// One that was kept on disk; `None` where what was read is no event that [`Self::new`] made.
    #[must_use]
    pub(crate) fn restore(subject: &str, block: &str, payload: Bytes) -> Option<Self> {
        let is_token = |token: &str| {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'>'))
        };
        let headers = Headers::from_block(block).filter(|_| subject.split('.').all(is_token))?;
        let id = headers.get("ce-id")?.to_owned();
        let large = LargeBody::told(&headers).map(Box::new);
        Some(Self { subject: subject.to_owned(), headers, payload, large, id })
    }

    /// The stream that it is for.
    pub(crate) fn stream(&self) -> Option<&str> {
        self.headers.get(headers::EXPECTED_STREAM)
    }

    /// `ce-source`: whose it is.
    pub(crate) fn source(&self) -> Option<&str> {
        self.headers.get("ce-source")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use data_encoding::HEXLOWER;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use sha2::Sha256;

    use super::*;
    use crate::catalogue;
    use crate::scheme::{Context, Key, Keyring, Scheme, Verdict};
    use crate::secret::Secret;

    const KEY: &str = "whsec_x";

    fn signature(prefix: &str, parts: &[&[u8]]) -> HeaderValue {
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        for part in parts {
            mac.update(part);
        }
        HeaderValue::from_str(&format!("{prefix}{}", HEXLOWER.encode(&mac.finalize().into_bytes()))).unwrap()
    }

    /// An endpoint of a provider, and a delivery to it.
    struct Bench {
        provider: &'static str,
        scheme: Scheme,
        keyring: Keyring,
        plan: MessageSpec,
        large_bodies: Option<LargeBodyPlan>,
        headers: Vec<(String, String)>,
        more: HeaderMap,
        query: Option<String>,
        body: Vec<u8>,
        signed_at: Timestamp,
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    impl Bench {
        fn new(id: &'static str, body: &str) -> Self {
            let provider = catalogue::find(id).unwrap();
            let parameters = BTreeMap::new();
            let context = Context { parameters: &parameters, url: None, tolerance: None };
            let scheme = Scheme::compile(&provider.verification, context).unwrap();
            let key = Key { index: 0, r#use: "signing".to_owned(), secret: Secret::from(KEY) };
            let (keyring, faults) = scheme.keyring(vec![key]);
            assert_eq!(faults, []);
            let names =
                Names { prefix: "webhooks", namespace: "shop", name: "hook", provider: &provider.id, cluster: None };
            let mut headers = vec![HeaderName::from_static("user-agent"), HeaderName::from_static("content-type")];
            headers.extend(scheme.evidence().iter().cloned());
            let plan = MessageSpec {
                provider: Arc::from("example"),
                stream: Arc::from("WEBHOOKS"),
                subject: SubjectTemplate::parse("{prefix}.{namespace}.{name}.{event}", names).unwrap(),
                source: "/namespaces/shop/webhookendpoints/hook".to_owned(),
                type_prefix: "com.example".to_owned(),
                id_prefix: "uid".to_owned(),
                authenticates: "body",
                secret_query: vec!["token".to_owned()],
                headers,
                identity: Identity::Delivery,
            };
            let signed_at = at("2026-11-24T10:00:00Z");
            let body = body.as_bytes().to_vec();
            Self {
                provider: id,
                scheme,
                keyring,
                plan,
                large_bodies: None,
                headers: Vec::new(),
                more: HeaderMap::new(),
                query: None,
                body,
                signed_at,
            }
        }

        fn github(event: &str, id: &str) -> Self {
            let mut bench = Self::new("github", r#"{"zen":"x"}"#);
            bench.header("x-github-event", event);
            bench.header("x-github-delivery", id);
            bench
        }

        fn stripe(body: &str) -> Self {
            Self::new("stripe", body)
        }

        /// A header that the provider sends.
        fn header(&mut self, name: &str, value: &str) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }

        fn event(&self) -> Event {
            let mut headers = self.more.clone();
            for (name, value) in &self.headers {
                headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
            }
            let second = self.signed_at.as_second().to_string();
            let (name, signature) = if self.provider == "github" {
                ("x-hub-signature-256", signature("sha256=", &[&self.body]))
            } else {
                let parts = [second.as_bytes(), b".", &self.body];
                ("stripe-signature", signature(&format!("t={second},v1="), &parts))
            };
            headers.append(name, signature);
            let delivery = Delivery {
                method: &Method::POST,
                path: "/shop/hook",
                query: self.query.as_deref(),
                path_token: None,
                headers: &headers,
                body: &self.body,
            };
            let verified = match self.scheme.verify(&self.keyring, &delivery, self.signed_at) {
                Ok(Verdict::Event(verified)) => verified,
                other => panic!("{other:?}"),
            };
            let mut plan = MessagePlan::new(self.plan.clone());
            plan.large_bodies.clone_from(&self.large_bodies);
            let received = at("2026-11-24T10:00:01.5Z");
            Event::new(&plan, &verified, &delivery, Bytes::from(self.body.clone()), received)
        }

        fn message_id(&self) -> String {
            self.event().headers.get("Nats-Msg-Id").unwrap().to_owned()
        }
    }

    #[test]
    fn an_event_says_all_that_is_known_of_its_delivery() {
        let mut bench = Bench::github("push", "72d3162e");
        bench.header("content-type", "application/json; charset=utf-8");
        bench.header("user-agent", "GitHub-Hookshot/1");
        bench.header("accept", "*/*");
        bench.query = Some("a=1&token=secret".to_owned());
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        bench.header("traceparent", parent);
        let event = bench.event();
        assert_eq!(event.subject, "webhooks.shop.hook.push");
        assert_eq!(event.payload, bench.body);
        assert_eq!(event.id, "72d3162e");
        let all: BTreeMap<_, _> = event.headers.iter().collect();
        let message_id = all["Nats-Msg-Id"];
        assert!(message_id.starts_with("uid.72d3162e.") && message_id.len() > 25, "{message_id}");
        assert!(all["http-x-hub-signature-256"].starts_with("sha256="));
        let expected = [
            ("Nats-Expected-Stream", "WEBHOOKS"),
            ("Nats-Msg-Id", message_id),
            ("ce-authenticates", "body"),
            ("ce-datacontenttype", "application/json;%20charset=utf-8"),
            ("ce-id", "72d3162e"),
            ("ce-provider", "example"),
            ("ce-receivedtime", "2026-11-24T10:00:01.5Z"),
            ("ce-source", "/namespaces/shop/webhookendpoints/hook"),
            ("ce-specversion", "1.0"),
            ("ce-time", "2026-11-24T10:00:01.5Z"),
            ("ce-traceparent", parent),
            ("ce-type", "com.example.push"),
            ("http-content-type", "application/json; charset=utf-8"),
            ("http-method", "POST"),
            ("http-query", "a=1"),
            ("http-user-agent", "GitHub-Hookshot/1"),
            ("http-x-github-delivery", "72d3162e"),
            ("http-x-github-event", "push"),
            ("http-x-hub-signature-256", all["http-x-hub-signature-256"]),
        ];
        assert_eq!(all.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_providers_time_counts_where_it_is_signed() {
        let event = Bench::stripe(r#"{"id":"evt_1","type":"invoice.paid","created":1700000000}"#).event();
        assert_eq!(event.headers.get("ce-time"), Some("2023-11-14T22:13:20Z"));
        assert_eq!(event.headers.get("ce-receivedtime"), Some("2026-11-24T10:00:01.5Z"));
        assert_eq!(event.subject, "webhooks.shop.hook.invoice.paid");
    }

    #[test]
    fn a_signed_id_alone_makes_the_message_id() {
        let first = Bench::stripe(r#"{"id":"evt_1","type":"a","pending_webhooks":1}"#);
        let mut retry = Bench::stripe(r#"{"id":"evt_1","type":"a","pending_webhooks":2}"#);
        retry.signed_at = first.signed_at + Duration::from_secs(3600);
        assert_eq!(first.message_id(), "uid.evt_1");
        assert_eq!(retry.message_id(), "uid.evt_1", "a retry is signed anew and may differ in its body");
        assert_ne!(Bench::stripe(r#"{"id":"evt_2","type":"a"}"#).message_id(), "uid.evt_1");
    }

    #[test]
    fn an_unsigned_id_is_guarded_by_what_is_signed() {
        let genuine = Bench::github("push", "1");
        assert_eq!(genuine.message_id(), Bench::github("push", "1").message_id());
        let mut forged = Bench::github("push", "1");
        forged.body = br#"{"zen":"an older body"}"#.to_vec();
        assert_ne!(forged.message_id(), genuine.message_id(), "a replayed body can't take a foreign id");
        assert_ne!(Bench::github("push", "2").message_id(), genuine.message_id());
        let mut of_another = Bench::github("push", "1");
        of_another.plan.id_prefix = "other".to_owned();
        assert_ne!(of_another.message_id(), genuine.message_id(), "endpoints never meet");
    }

    #[test]
    fn what_is_restored_is_what_was_kept() {
        let event = Bench::github("push", "1").event();
        let restore = |subject: &str, block: &str| Event::restore(subject, block, event.payload.clone());
        let restored = restore(&event.subject, event.headers.block()).unwrap();
        assert_eq!((&restored.subject, &restored.headers), (&event.subject, &event.headers));
        assert_eq!((&restored.payload, restored.id.as_str()), (&event.payload, "1"));
        assert_eq!(
            (restored.stream(), restored.source()),
            (Some("WEBHOOKS"), Some("/namespaces/shop/webhookendpoints/hook"))
        );
        for subject in ["", "a..b", "a.*", "a.>", "a b", "a.\n"] {
            assert!(restore(subject, event.headers.block()).is_none(), "{subject:?}");
        }
        assert!(restore(&event.subject, "Nats-Msg-Id: 1\r\n").is_none());
    }

    #[test]
    fn a_body_above_what_nats_takes_is_told_by_reference_and_no_other_is() {
        let mut bench = Bench::github("push", "1");
        let bytes = bench.body.len() as u64;
        bench.large_bodies = Some(LargeBodyPlan { bucket: Arc::from("WEBHOOKS-bodies"), above: bytes });
        assert_eq!((bench.event().large, bench.event().headers.get("ce-dataref")), (None, None));
        bench.large_bodies = Some(LargeBodyPlan { bucket: Arc::from("WEBHOOKS-bodies"), above: bytes - 1 });
        bench.header("ce-dataref", "nats-object://other/x");
        let event = bench.event();
        assert!(event.headers.get("ce-dataref").unwrap().starts_with("nats-object://WEBHOOKS-bodies/"));
        assert_eq!(event.payload, bench.body);
        let restored = Event::restore(&event.subject, event.headers.block(), event.payload.clone()).unwrap();
        assert!(event.large.is_some() && restored.large == event.large);
    }

    #[test]
    fn a_header_as_identity_is_never_trusted_alone() {
        let key = HeaderName::from_static("idempotency-key");
        let with = |body: &str, value: Option<&str>| {
            let mut bench = Bench::stripe(body);
            bench.plan.identity = Identity::Header(key.clone());
            if let Some(value) = value {
                bench.header("idempotency-key", value);
            }
            bench
        };
        let (one, two) = (r#"{"id":"evt_1","type":"a"}"#, r#"{"id":"evt_2","type":"a"}"#);
        let first = with(one, Some("k"));
        assert_eq!(first.event().id, "k");
        assert_eq!(first.message_id(), with(one, Some("k")).message_id());
        assert_ne!(first.message_id(), with(two, Some("k")).message_id());
        assert_ne!(first.message_id(), with(one, Some("l")).message_id());
        for absent in [None, Some("")] {
            assert_ne!(with(one, absent).message_id(), with(one, absent).message_id(), "{absent:?}");
        }
    }

    #[test]
    fn content_tells_by_the_body_and_none_by_nothing() {
        let mut content = Bench::github("push", "1");
        content.plan.identity = Identity::Content;
        let id = content.message_id();
        assert_eq!(content.event().headers.get("Nats-Msg-Id"), Some(format!("uid.{}", content.event().id).as_str()));
        content.headers.clear();
        content.header("x-github-event", "push");
        content.header("x-github-delivery", "2");
        assert_eq!(content.message_id(), id, "another delivery of the same body");
        content.body.push(b' ');
        assert_ne!(content.message_id(), id);

        let mut none = Bench::github("push", "1");
        none.plan.identity = Identity::None;
        assert_ne!(none.message_id(), none.message_id());
        let event = none.event();
        assert_eq!(
            (event.headers.get("ce-id"), event.id.as_str()),
            (Some("1"), "1"),
            "people still see the provider's id"
        );
    }

    #[test]
    fn a_delivery_without_its_id_is_stored_as_one_without() {
        let mut bench = Bench::new("github", "{}");
        bench.header("x-github-event", "push");
        let (first, second) = (bench.event(), bench.event());
        assert!(!first.id.is_empty());
        assert_ne!(first.id, second.id);
    }

    #[test]
    fn headers_beyond_the_bound_are_left_out_whole_and_told() {
        let mut bench = Bench::github("push", "1");
        bench.plan.headers.push(HeaderName::from_static("x-long"));
        bench.plan.headers.push(HeaderName::from_static("x-last"));
        bench.more.append("x-long", HeaderValue::from_bytes(&[b'a'; 8000]).unwrap());
        bench.more.append("x-long", HeaderValue::from_bytes(&[0xff; 5000]).unwrap());
        bench.more.append("x-last", HeaderValue::from_static("fits"));
        let headers = bench.event().headers;
        let long: Vec<_> = headers.iter().filter(|(name, _)| *name == "http-x-long").collect();
        assert_eq!(long.len(), 1, "the second one is 15,000 bytes when encoded");
        assert_eq!(long[0].1.len(), 8000);
        assert_eq!(headers.get("http-x-last"), Some("fits"));
        assert_eq!(headers.get("http-truncated"), Some("true"));
        bench.more.clear();
        assert_eq!(bench.event().headers.get("http-truncated"), None);
    }

    #[test]
    fn a_traceparent_is_kept_only_where_it_is_one() {
        let traced = |values: &[&str]| {
            let mut bench = Bench::github("push", "1");
            for value in values {
                bench.header("traceparent", value);
            }
            bench.event().headers.get("ce-traceparent").map(str::to_owned)
        };
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traced(&[good]).as_deref(), Some(good));
        for bad in [
            "",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(traced(&[bad]), None, "{bad}");
        }
        assert_eq!(traced(&[good, good]), None);
    }

    #[test]
    fn no_credential_is_stored_whoever_names_it() {
        let mut bench = Bench::github("push", "1");
        for name in ["authorization", "cookie", "set-cookie", "proxy-authorization", "method", "query", "truncated"] {
            bench.plan.headers.push(HeaderName::from_static(name));
            bench.header(name, "hunter2");
        }
        let headers = bench.event().headers;
        assert!(headers.iter().all(|(_, value)| value != "hunter2"), "{headers:?}");
        assert_eq!(headers.get("http-method"), Some("POST"));
    }

    /// Any text that a sender may put into a header value.
    fn any_value(random: &mut fastrand::Rng, length: usize) -> HeaderValue {
        let bytes: Vec<u8> = (0..random.usize(..length)).map(|_| random.u8(..)).collect();
        let bytes: Vec<u8> = bytes.into_iter().filter(|b| (*b >= 32 && *b != 127) || *b == b'\t').collect();
        HeaderValue::from_bytes(&bytes).unwrap()
    }

    fn any_text(random: &mut fastrand::Rng) -> String {
        const PIECES: [&str; 16] = [
            "*",
            ">",
            ".",
            "..",
            " ",
            "$JS.API.STREAM.DELETE.X",
            "_INBOX.",
            "é",
            "\u{0}",
            "\r\n",
            "a",
            "push",
            "%",
            "~",
            "\"",
            "/",
        ];
        (0..random.usize(..12)).map(|_| PIECES[random.usize(..PIECES.len())]).collect()
    }

    #[test]
    fn whatever_is_sent_becomes_checked_tokens_and_known_headers() {
        const OURS: [&str; 12] = [
            "Nats-Msg-Id",
            "Nats-Expected-Stream",
            "ce-specversion",
            "ce-id",
            "ce-source",
            "ce-type",
            "ce-time",
            "ce-datacontenttype",
            "ce-provider",
            "ce-receivedtime",
            "ce-authenticates",
            "ce-traceparent",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..400 {
            let (event, id) = (any_text(&mut random).repeat(random.usize(..100)), any_text(&mut random));
            let body = serde_json::json!({"id": id, "type": event, "created": random.i64(..)}).to_string();
            let mut bench = Bench::stripe(&body);
            for name in ["content-type", "user-agent", "traceparent", "x-any", "nats-rollup", "Nats-TTL", "x-weird!"] {
                if random.bool() {
                    let name: HeaderName = name.parse().unwrap();
                    bench.plan.headers.push(name.clone());
                    bench.more.append(name, any_value(&mut random, 9000));
                }
            }
            bench.query = random.bool().then(|| any_text(&mut random).replace(['\r', '\n'], ""));
            bench.plan.identity = match round % 4 {
                0 => Identity::Delivery,
                1 => Identity::Content,
                2 => Identity::Header(HeaderName::from_static("x-any")),
                _ => Identity::None,
            };
            let made = bench.event();
            let tokens: Vec<_> = made.subject.split('.').collect();
            assert!(made.subject.starts_with("webhooks.shop.hook.") && tokens.len() <= 11, "{:?}", made.subject);
            for token in tokens {
                let is_clean = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
                assert!((1..=64).contains(&token.len()) && token.bytes().all(is_clean), "{:?}", made.subject);
            }
            for (name, value) in made.headers.iter() {
                assert!(OURS.contains(&name) || name.starts_with("http-"), "{name}");
                assert!(value.bytes().all(|b| b == b' ' || b == b'\t' || b.is_ascii_graphic()), "{name}: {value:?}");
            }
            for required in OURS.iter().take(7).chain(&["ce-authenticates", "http-method"]) {
                assert!(made.headers.get(required).is_some_and(|value| !value.is_empty()), "{required}");
            }
            let wire: usize = made.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
            assert!(wire + 12 <= 20 * 1024, "headers have room in the 20 KiB set aside for them: {wire}");
        }
    }
}
