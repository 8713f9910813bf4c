//! Where the attacks take place: the real program on a real port, with a real nats-server, and what must be seen there.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use crate::canary::{CANARY, assert_absent};
use crate::report::Tried;
use crate::support::http::{Answer, Connection, Request};
use crate::support::operator::Operator;
use crate::support::stage::Stage;

/// An operator, its endpoints, and how many deliveries it must have stored by now.
pub struct Field<'a> {
    pub stage: Stage,
    pub operator: Operator,
    tried: &'a Tried,
    stored: Cell<u64>,
    answers: RefCell<String>,
}

/// The key of the GitHub endpoint.
pub fn key() -> String {
    format!("the key of {CANARY}")
}

impl<'a> Field<'a> {
    /// Starts an operator without endpoints.
    #[track_caller]
    pub fn new(tried: &'a Tried, flags: &[&str]) -> Self {
        let stage = Stage::of_files();
        Self::on(stage, tried, flags)
    }

    #[track_caller]
    pub fn on(stage: Stage, tried: &'a Tried, flags: &[&str]) -> Self {
        let log: &[&str] = if flags.contains(&"--log") { &[] } else { &["--log", "debug,jethook=trace"] };
        let flags: Vec<&str> = log.iter().chain(flags).copied().collect();
        let operator = stage.operator(&flags);
        Self { stage, operator, tried, stored: Cell::new(0), answers: RefCell::default() }
    }

    /// One with a GitHub endpoint `hook`.
    #[track_caller]
    pub fn github(tried: &'a Tried, flags: &[&str], more: Value) -> Self {
        let field = Self::new(tried, flags);
        field.provider("hook", "github", &key(), more);
        field
    }

    /// Serves a provider with one signing key.
    #[track_caller]
    pub fn provider(&self, name: &str, provider: &str, key: &str, more: Value) {
        self.stage.secret(name, &[("secret", key)]);
        let mut spec = json!({"provider": provider, "secretRefs": [{"name": name}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.stage.endpoint(name, spec);
        self.stage.ready(name);
    }

    /// Serves a scheme of its own; each key is named after its use.
    #[track_caller]
    pub fn serve_custom(&self, name: &str, verification: Value, keys: &[(&str, &str)]) {
        self.put_custom(name, verification, keys);
        self.stage.ready(name);
    }

    pub fn put_custom(&self, name: &str, verification: Value, keys: &[(&str, &str)]) {
        self.stage.secret(name, keys);
        let refs: Vec<_> = keys.iter().map(|(key, _)| json!({"name": name, "key": key, "use": key})).collect();
        let spec = json!({"provider": "custom", "verification": verification, "secretRefs": refs});
        self.stage.endpoint(name, spec);
    }

    pub fn path(&self) -> String {
        self.stage.path("hook")
    }

    /// A genuine GitHub delivery to `hook`.
    pub fn push(&self, id: &str, body: impl Into<Vec<u8>>) -> Request {
        crate::support::sign::github(&self.path(), &key(), "push", id, body)
    }

    /// The answer to a request has one of these statuses; that nothing was stored is seen at the next [`Self::unharmed`].
    #[track_caller]
    pub fn refuses(&self, what: &str, request: &Request, statuses: &[u16]) -> Answer {
        let answer = self.operator.send(request);
        self.judge(what, &answer, statuses);
        answer
    }

    /// The same for bytes on a connection of their own. No answer at all, a closed connection, is status 0.
    #[track_caller]
    pub fn refuses_bytes(&self, what: &str, bytes: &[u8], statuses: &[u16]) -> Option<Answer> {
        let mut connection = Connection::open(self.operator.receiver).unwrap();
        // It may close before all is written.
        let _ = connection.write(bytes);
        match connection.read_answer() {
            Ok(answer) => {
                self.judge(what, &answer, statuses);
                Some(answer)
            }
            Err(_) => {
                assert!(statuses.contains(&0), "{what}: no answer");
                self.tried.refused();
                None
            }
        }
    }

    /// Many requests in a row on one connection, written in bundles.
    #[track_caller]
    pub fn refuses_all(&self, what: &str, requests: &[Vec<u8>], status: u16) {
        for bundle in requests.chunks(32) {
            let mut connection = Connection::open(self.operator.receiver).unwrap();
            connection.write(&bundle.concat()).unwrap();
            for request in bundle {
                let answer = connection.read_answer();
                let answer =
                    answer.unwrap_or_else(|error| panic!("{what}: {error}: {}", String::from_utf8_lossy(request)));
                assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(request));
                self.tried.refused();
            }
        }
        self.nothing_stored(what);
    }

    #[track_caller]
    fn judge(&self, what: &str, answer: &Answer, statuses: &[u16]) {
        assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        self.tried.refused();
        self.remember(answer);
    }

    fn remember(&self, answer: &Answer) {
        let mut all = self.answers.borrow_mut();
        if all.len() < 1 << 20 {
            all.push_str(&format!("{:?} {}\n", answer.headers, answer.text()));
        }
    }

    /// A genuine twin is stored, byte for byte.
    #[track_caller]
    pub fn accepts(&self, what: &str, request: &Request) -> Answer {
        self.nothing_stored(what);
        let answer = self.operator.send(request);
        assert!((200..300).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        self.stored.set(self.stored.get() + 1);
        self.nothing_stored(what);
        let last = self.stage.stored().pop().unwrap();
        assert!(last.payload == request.body, "{what}: what was stored is not what was sent");
        self.tried.accepted();
        answer
    }

    /// A genuine twin that is answered and stores nothing: a duplicate, a handshake.
    #[track_caller]
    pub fn answers(&self, what: &str, request: &Request) -> Answer {
        let answer = self.operator.send(request);
        assert!((200..300).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        self.nothing_stored(what);
        self.tried.accepted();
        answer
    }

    /// Something else than a refused request shows that the attack failed.
    pub fn held(&self) {
        self.tried.refused();
    }

    /// Deliveries that a test sent by itself and that were stored.
    pub fn also_stored(&self, count: u64) {
        self.stored.set(self.stored.get() + count);
        (0..count).for_each(|_| self.tried.accepted());
    }

    /// Nothing but the genuine twins is in the stream.
    #[track_caller]
    pub fn nothing_stored(&self, what: &str) {
        assert_eq!(self.stage.count(), self.stored.get(), "{what}: something else was stored");
    }

    /// Nothing but the twins is stored, the program lives, no handler panicked, and the canary is nowhere.
    #[track_caller]
    pub fn unharmed(&self) {
        self.nothing_stored("at the end");
        assert_eq!(Request::get("/livez").send(self.operator.admin).unwrap().status, 200);
        let log = self.operator.log();
        assert!(!log.contains("panicked"), "{log}");
        let endpoints = self.stage.told();
        let places = [("the log", &log), ("the metrics", &self.operator.metrics()), ("the status", &endpoints)];
        for (place, text) in places.into_iter().chain([("an answer", &*self.answers.borrow())]) {
            assert_absent(place, text, CANARY);
        }
    }
}
