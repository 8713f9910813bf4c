//! Replicas tell each other over NATS what they serve, so that whoever writes statuses knows when all serve a route.
//!
//! The subject holds the uid of the Lease that they share, so it is theirs alone, whatever else uses the same NATS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use data_encoding::BASE64;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connect::Link;
use crate::replicas::{Digest, Roster};

/// What the subjects begin with; no endpoint may publish to a subject that begins with `$`.
const SUBJECT: &str = "$JETHOOK.replicas";
/// Another form of digest or message has another number: replicas of two forms do not count each other.
const FORM: u32 = 1;
/// How often a replica tells what it serves when nothing changes.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A replica that was not heard for so long does not count.
const HEARD_MAX: Duration = Duration::from_secs(15);
/// Changes are told together, so often at most.
const GATHER: Duration = Duration::from_millis(50);
/// Whoever is asked answers within that.
const ANSWER_MAX: Duration = Duration::from_millis(400);
/// Without NATS nobody answers; a replica then counts as alone.
const ALONE_AFTER: Duration = Duration::from_secs(5);
/// More replicas than that are not kept.
const REPLICAS_MAX: usize = 256;
/// For the last word.
const LEAVE_MAX: Duration = Duration::from_millis(300);

/// Tells the other replicas what this one serves, and hears them.
#[derive(Debug)]
pub struct Replicas {
    link: Link,
    /// This process.
    identity: String,
    heard: BTreeMap<String, Heard>,
    /// When all who were asked have answered.
    settles_at: Instant,
}

/// What [`Replicas::run`] listens to and tells.
#[derive(Debug)]
pub struct ReplicaLines {
    /// The uid of the Lease, once it is known.
    pub lease: watch::Receiver<Option<Arc<str>>>,
    /// What this replica serves; `None` before its first full table.
    pub serves: watch::Receiver<Option<Arc<Digest>>>,
    /// Where what was heard goes.
    pub roster: watch::Sender<Arc<Roster>>,
    /// Cancelled when this replica goes.
    pub leaving: CancellationToken,
}

#[derive(Debug)]
struct Heard {
    digest: Arc<Digest>,
    at: Instant,
}

/// What a replica says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Word {
    form: u32,
    replica: String,
    /// Whether it wants to hear the others at once.
    #[serde(default)]
    asks: bool,
    /// What it serves; absent while it is not ready, and when it goes.
    #[serde(default)]
    routes: Option<String>,
}

impl Replicas {
    pub(super) fn new(link: Link, identity: String) -> Self {
        Self { link, identity, heard: BTreeMap::new(), settles_at: Instant::now() + ALONE_AFTER }
    }

    /// Tells and hears for ever; ends when this replica leaves.
    pub async fn run(mut self, mut lines: ReplicaLines) {
        let Ok(lease) = lines.lease.wait_for(Option::is_some).await.map(|lease| lease.clone()) else { return };
        let subject = format!("{SUBJECT}.{}", lease.as_deref().unwrap_or_default());
        loop {
            let Ok(words) = self.link.client.subscribe(subject.clone()).await else {
                sleep(TELL_EVERY).await;
                continue;
            };
            if self.converse(&subject, words, &mut lines).await.is_break() {
                return;
            }
            // Its end is the client's; it is not to be asked again and again.
            sleep(GATHER).await;
        }
    }

    async fn converse(
        &mut self,
        subject: &str,
        mut words: Subscriber,
        lines: &mut ReplicaLines,
    ) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};

        let mut state = self.link.state.clone();
        let mut beat = interval(TELL_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.connected(subject, lines).await;
        let mut tells_at = None;
        loop {
            self.show(lines);
            let settles = sleep_until(self.settles_at);
            let is_settled = Instant::now() >= self.settles_at;
            tokio::select! {
                word = words.next() => match word {
                    Some(message) => if self.hear(&message.payload) {
                        tells_at.get_or_insert_with(Instant::now);
                    },
                    None => return Continue(()),
                },
                changed = lines.serves.changed() => {
                    if changed.is_err() {
                        return Break(());
                    }
                    tells_at.get_or_insert_with(|| Instant::now() + GATHER);
                }
                changed = state.changed() => {
                    if changed.is_err() {
                        return Break(());
                    }
                    if state.borrow_and_update().is_up {
                        self.connected(subject, lines).await;
                    }
                }
                _ = beat.tick() => {
                    self.forget();
                    self.tell(subject, lines, false).await;
                }
                () = sleep_until(tells_at.unwrap_or(self.settles_at)), if tells_at.is_some() => {
                    tells_at = None;
                    self.tell(subject, lines, false).await;
                }
                () = settles, if !is_settled => {}
                () = lines.leaving.cancelled() => {
                    self.say(subject, &self.word(false, None)).await;
                    let _ = timeout(LEAVE_MAX, self.link.client.flush()).await;
                    return Break(());
                }
                () = lines.roster.closed() => return Break(()),
            }
        }
    }

    /// There is a connection: nobody could be heard before, so nobody is late.
    async fn connected(&mut self, subject: &str, lines: &ReplicaLines) {
        if self.link.is_up() {
            let now = Instant::now();
            self.heard.values_mut().for_each(|heard| heard.at = now);
            self.settles_at = now + ANSWER_MAX;
            self.tell(subject, lines, true).await;
        }
    }

    /// Takes in what another replica says; whether it wants an answer.
    fn hear(&mut self, payload: &[u8]) -> bool {
        let Ok(word) = serde_json::from_slice::<Word>(payload) else { return false };
        if word.form != FORM || word.replica == self.identity {
            return false;
        }
        let routes = word.routes.as_deref().and_then(|routes| BASE64.decode(routes.as_bytes()).ok());
        match routes.and_then(|routes| Digest::from_bytes(&routes)) {
            Some(digest) if self.heard.len() < REPLICAS_MAX || self.heard.contains_key(&word.replica) => {
                self.heard.insert(word.replica, Heard { digest: Arc::new(digest), at: Instant::now() });
            }
            Some(_) => {}
            None => drop(self.heard.remove(&word.replica)),
        }
        word.asks
    }

    /// Forgets those who were not heard for long, unless nobody can be.
    fn forget(&mut self) {
        if self.link.is_up() {
            self.heard.retain(|_, heard| heard.at.elapsed() < HEARD_MAX);
        }
    }

    fn show(&self, lines: &ReplicaLines) {
        let roster = Roster {
            is_settled: Instant::now() >= self.settles_at,
            others: self.heard.values().map(|heard| Arc::clone(&heard.digest)).collect(),
        };
        lines.roster.send_if_modified(|shown| {
            let differs = **shown != roster;
            if differs {
                *shown = Arc::new(roster);
            }
            differs
        });
    }

    async fn tell(&self, subject: &str, lines: &ReplicaLines, asks: bool) {
        let serves = lines.serves.borrow().clone();
        if serves.is_some() || asks {
            self.say(subject, &self.word(asks, serves.as_deref())).await;
        }
    }

    fn word(&self, asks: bool, serves: Option<&Digest>) -> Word {
        let routes = serves.map(|digest| BASE64.encode(&digest.to_bytes()));
        Word { form: FORM, replica: self.identity.clone(), asks, routes }
    }

    async fn say(&self, subject: &str, word: &Word) {
        let Ok(payload) = serde_json::to_vec(word) else { return };
        // While it is away the client would keep it for later, when it is old.
        if self.link.is_up()
            && let Err(error) = self.link.client.publish(subject.to_owned(), payload.into()).await
        {
            tracing::debug!(%error, "the other replicas were not told");
        }
    }
}
