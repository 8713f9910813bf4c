//! The table of pending acks: one wildcard inbox, one entry for each publish in flight.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::{Message, StatusCode};
use tokio::sync::oneshot;

/// What came back for a publish.
#[derive(Debug)]
pub enum Reply {
    /// The stream's answer.
    Ack(PublishAck),
    /// The stream's refusal: its `err_code`.
    Refused(u64),
    /// Nobody listens on the subject.
    NoResponders,
    /// The connection broke: whether it was stored is not known.
    Lost,
}

/// Pending acks of one connection. An entry goes when its waiter does: nothing is left behind by a timeout.
#[derive(Clone, Debug, Default)]
pub struct Acks(Rc<Table>);

#[derive(Debug, Default)]
struct Table {
    next: Cell<u64>,
    pending: RefCell<HashMap<u64, oneshot::Sender<Reply>>>,
}

/// A publish that waits for its ack.
#[derive(Debug)]
pub struct Pending {
    table: Rc<Table>,
    number: u64,
    /// Where the reply comes.
    pub reply: oneshot::Receiver<Reply>,
}

impl Acks {
    /// Makes room for a reply.
    pub fn expect(&self) -> Pending {
        let number = self.0.next.get();
        self.0.next.set(number.wrapping_add(1));
        let (sender, reply) = oneshot::channel();
        self.0.pending.borrow_mut().insert(number, sender);
        Pending { table: Rc::clone(&self.0), number, reply }
    }

    /// Hands a message of the inbox to its waiter; one that waits no longer is passed over.
    pub fn hand_over(&self, message: &Message) {
        let number = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let waiter = number.and_then(|number: u64| self.0.pending.borrow_mut().remove(&number));
        if let Some(waiter) = waiter {
            // A waiter that has just given up is no fault.
            let _ = waiter.send(read(message));
        }
    }

    /// Wakes everyone: the connection broke.
    pub fn lose_all(&self) {
        let pending = self.0.pending.take();
        for waiter in pending.into_values() {
            let _ = waiter.send(Reply::Lost);
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
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.table.pending.borrow_mut().remove(&self.number);
    }
}

fn read(message: &Message) -> Reply {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Reply::NoResponders;
    }
    match serde_json::from_slice::<Response<PublishAck>>(&message.payload) {
        Ok(Response::Ok(ack)) => Reply::Ack(ack),
        Ok(Response::Err { error }) => Reply::Refused(error.error_code().0),
        // Not an answer of JetStream: as good as none.
        Err(_) => Reply::NoResponders,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_with_its_waiter() {
        let acks = Acks::default();
        let first = acks.expect();
        let second = acks.expect();
        assert_ne!(first.number(), second.number());
        drop(first);
        assert_eq!(acks.len(), 1);
        drop(second);
        assert_eq!(acks.len(), 0);
    }

    #[test]
    fn a_break_wakes_everyone() {
        let acks = Acks::default();
        let mut pending = acks.expect();
        acks.lose_all();
        assert!(matches!(pending.reply.try_recv(), Ok(Reply::Lost)));
    }
}
