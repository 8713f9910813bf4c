//! The table of pending acks: one wildcard inbox, one entry for each publish in flight.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::task::{Poll, Waker};

use async_nats::jetstream::Error;
use async_nats::{Message, StatusCode, Subject};
use futures_util::future::poll_fn;
use serde::Deserialize;
use tokio::time::Instant;

/// What came back for a publish.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    /// The stream has it.
    Ack {
        /// Under this sequence.
        sequence: u64,
        /// Since an earlier publish of the same id.
        is_duplicate: bool,
    },
    /// The stream's refusal: its `err_code`.
    Refused(u64),
    /// Nobody listens on the subject.
    NoResponders,
    /// The server does not let us publish to the subject.
    Denied,
    /// The connection broke: whether it was stored is not known.
    Lost,
    /// Nothing came in time, so far.
    Late,
}

/// Pending acks of one connection, on one thread. An entry goes when its waiter does: nothing is left behind by a timeout.
#[derive(Clone, Debug, Default)]
pub(super) struct Acks(Rc<Table>);

#[derive(Debug, Default)]
struct Table {
    next: Cell<u64>,
    pending: RefCell<HashMap<u64, Rc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    /// The number of the connection over which it was sent last.
    connection: Cell<u64>,
    /// When its last try is given up.
    until: Cell<Instant>,
    reply: Cell<Option<Reply>>,
    waker: RefCell<Option<Waker>>,
}

impl Entry {
    fn say(&self, reply: Reply) {
        self.reply.set(Some(reply));
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A publish that waits for its ack. It may be sent more than once: the first reply counts, whichever try it is for.
#[derive(Debug)]
pub(super) struct Pending {
    table: Rc<Table>,
    number: u64,
    entry: Rc<Entry>,
}

impl Acks {
    /// Makes room for a reply to a publish to this subject over this connection.
    pub(super) fn expect(&self, subject: Subject, connection: u64, until: Instant) -> Pending {
        let number = self.0.next.get();
        self.0.next.set(number.wrapping_add(1));
        let (connection, until) = (Cell::new(connection), Cell::new(until));
        let entry = Rc::new(Entry { subject, connection, until, reply: Cell::default(), waker: RefCell::default() });
        self.0.pending.borrow_mut().insert(number, Rc::clone(&entry));
        Pending { table: Rc::clone(&self.0), number, entry }
    }

    /// Hands a message of the inbox to its waiter; one that waits no longer is passed over.
    pub(super) fn hand_over(&self, message: &Message) {
        let Some(reply) = read(message) else { return };
        let number = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let entry = number.and_then(|number: u64| self.0.pending.borrow_mut().remove(&number));
        if let Some(entry) = entry {
            entry.say(reply);
        }
    }

    /// Wakes those who sent over the connections up to this one: they broke.
    pub(super) fn lose(&self, connection: u64) {
        self.wake(|entry| entry.connection.get() <= connection, Reply::Lost);
    }

    /// Wakes those who published to a subject that the server refuses.
    pub(super) fn deny(&self, subject: &str) {
        self.wake(|entry| &*entry.subject == subject, Reply::Denied);
    }

    /// Wakes those whose try has had its time. Their entries stay: the ack may still come.
    pub(super) fn expire(&self, now: Instant) {
        for entry in self.0.pending.borrow().values().filter(|entry| entry.until.get() <= now) {
            entry.say(Reply::Late);
        }
    }

    fn wake(&self, is_meant: impl Fn(&Entry) -> bool, reply: Reply) {
        for (_, entry) in self.0.pending.borrow_mut().extract_if(|_, entry| is_meant(entry)) {
            entry.say(reply);
        }
    }

    /// How many wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.pending.borrow().len()
    }
}

impl Pending {
    /// The last token of the reply subject.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// It is sent again, over this connection.
    pub(super) fn again(&self, connection: u64, until: Instant) {
        self.entry.connection.set(connection);
        self.entry.until.set(until);
    }

    /// What has come back by now.
    pub(super) fn taken(&self) -> Option<Reply> {
        self.entry.reply.take()
    }

    /// What comes back.
    pub(super) fn reply(&self) -> impl Future<Output = Reply> {
        poll_fn(|ctx| match self.taken() {
            Some(reply) => Poll::Ready(reply),
            None => {
                *self.entry.waker.borrow_mut() = Some(ctx.waker().clone());
                Poll::Pending
            }
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.table.pending.borrow_mut().remove(&self.number);
    }
}

/// What matters of `PublishAck` and of the error beside it, read without a copy: there is one for each event.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<Error>,
}

/// `None` is no answer of `JetStream`: someone else listens on the subject, and the stream's own may still come.
fn read(message: &Message) -> Option<Reply> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Some(Reply::NoResponders);
    }
    let answer: Answer = serde_json::from_slice(&message.payload).ok()?;
    match answer.error {
        Some(error) => Some(Reply::Refused(error.error_code().0)),
        None if answer.seq > 0 => Some(Reply::Ack { sequence: answer.seq, is_duplicate: answer.duplicate }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(number: u64, status: Option<StatusCode>, payload: &str) -> Message {
        Message {
            subject: format!("_INBOX.x.{number}").into(),
            reply: None,
            payload: payload.to_owned().into(),
            headers: None,
            status,
            description: None,
            length: 0,
        }
    }

    fn expect(acks: &Acks) -> Pending {
        acks.expect("webhooks.shop.hook.push".into(), 1, Instant::now() + Duration::from_secs(1))
    }

    #[test]
    fn an_entry_goes_with_its_waiter() {
        let acks = Acks::default();
        let (first, second) = (expect(&acks), expect(&acks));
        assert_ne!(first.number(), second.number());
        drop(first);
        assert_eq!(acks.len(), 1);
        drop(second);
        assert_eq!(acks.len(), 0);
    }

    #[test]
    fn a_break_wakes_those_who_sent_before_it() {
        let acks = Acks::default();
        let until = Instant::now();
        let (before, again, after) = (expect(&acks), expect(&acks), acks.expect("a".into(), 2, until));
        again.again(2, until);
        acks.lose(1);
        assert!(matches!(before.taken(), Some(Reply::Lost)));
        assert!(again.taken().is_none() && after.taken().is_none());
        assert_eq!(acks.len(), 2);
    }

    #[test]
    fn a_denial_wakes_those_of_its_subject() {
        let acks = Acks::default();
        let (denied, other) = (expect(&acks), acks.expect("webhooks.shop.other.push".into(), 1, Instant::now()));
        acks.deny("webhooks.shop.hook.push");
        assert!(matches!(denied.taken(), Some(Reply::Denied)));
        assert!(other.taken().is_none());
        assert_eq!(acks.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_had_its_time_is_told_and_its_ack_still_counts() {
        let acks = Acks::default();
        let pending = expect(&acks);
        acks.expire(Instant::now());
        assert!(pending.taken().is_none(), "it has a second");
        let expiring = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            acks.expire(Instant::now());
        };
        let (reply, ()) = tokio::join!(pending.reply(), expiring);
        assert!(matches!(reply, Reply::Late));
        pending.again(1, Instant::now() + Duration::from_secs(1));
        acks.expire(Instant::now());
        acks.hand_over(&message(pending.number(), None, r#"{"stream":"S","seq":3}"#));
        assert!(matches!(pending.reply().await, Reply::Ack { sequence: 3, is_duplicate: false }));
        assert_eq!(acks.len(), 0);
    }

    #[test]
    fn replies_are_read_as_the_server_writes_them() {
        let acks = Acks::default();
        let get = |status, payload: &str| {
            let pending = expect(&acks);
            acks.hand_over(&message(pending.number(), status, payload));
            pending.taken()
        };
        match get(None, r#"{"stream":"WEBHOOKS","seq":7,"duplicate":true}"#) {
            Some(Reply::Ack { sequence, is_duplicate }) => assert_eq!((sequence, is_duplicate), (7, true)),
            other => panic!("{other:?}"),
        }
        let error =
            r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"S","seq":0}"#;
        assert!(matches!(get(None, error), Some(Reply::Refused(10077))));
        assert!(matches!(get(Some(StatusCode::NO_RESPONDERS), ""), Some(Reply::NoResponders)));
    }

    #[test]
    fn a_foreign_answer_does_not_take_the_place_of_the_streams() {
        let acks = Acks::default();
        let pending = expect(&acks);
        acks.hand_over(&message(pending.number(), None, "hello"));
        assert!(pending.taken().is_none());
        acks.hand_over(&message(pending.number(), None, r#"{"stream":"S","seq":1}"#));
        assert!(matches!(pending.taken(), Some(Reply::Ack { .. })));
    }

    #[test]
    fn replies_that_nobody_waits_for_are_passed_over() {
        let acks = Acks::default();
        let pending = expect(&acks);
        for number in [99, u64::MAX] {
            acks.hand_over(&message(number, None, r#"{"stream":"S","seq":1}"#));
        }
        acks.hand_over(&Message { subject: "_INBOX.x.y".into(), ..message(0, None, "{}") });
        assert!(pending.taken().is_none());
        assert_eq!(acks.len(), 1);
    }
}
