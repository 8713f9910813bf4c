//! Secrets: a watch of their metadata, and a read of those that endpoints name.
//!
//! A Secret that nobody names is never fetched; of one that is named, only the named keys outlive the parsing of the
//! answer. Annotations are dropped as they arrive: `last-applied-configuration` may hold data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use futures_util::stream::{FuturesUnordered, SelectAll, StreamExt};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1;
use kube::api::{GetParams, PartialObjectMeta, Request, Resource};
use kube::client::Body;
use kube::core::Status;
use kube::runtime::watcher::Event;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep, timeout};
use zeroize::Zeroizing;

use super::core::{SecretData, SecretRef, Update};
use super::kube::{CALL_MAX, CallError};
use super::ledger::{FIRST_READS_MAX, Found, Ledger, Read};
use super::names::Names;
use super::watch::{Ear, Trouble, distinct, watch_each};
use crate::cause::chain;
use crate::config::SecretAccess;
use crate::metrics::Metrics;
use crate::secret::Secret;

/// Bytes of an answer: etcd takes no larger object.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How often Secrets are read that no watch tells of.
const POLL_EVERY: Duration = Duration::from_secs(30);
/// Between two reads of Secrets under suspicion: five a second in all, whatever is forged.
const RECHECK_EVERY: Duration = Duration::from_millis(200);
/// Longest name of an object.
const NAME_BYTES_MAX: usize = 253;

/// Reads Secrets for the controller.
pub struct SecretReader {
    /// The client.
    pub client: kube::Client,
    /// Whether metadata is watched, or named Secrets are read again and again.
    pub access: SecretAccess,
    /// The namespaces to watch; empty: all.
    pub namespaces: Vec<String>,
    /// The Secrets that endpoints name; `None` before the first list of endpoints was compiled.
    pub named: watch::Receiver<Option<Names>>,
    /// Secrets whose keys did not match a delivery: where no watch tells of them, they are read again.
    pub suspects: mpsc::Receiver<SecretRef>,
    /// Where Secrets go.
    pub updates: mpsc::Sender<Update>,
    /// For the time of the last event.
    pub metrics: Arc<Metrics>,
}

impl SecretReader {
    /// Reads for ever; ends when the controller has ended.
    pub async fn run(mut self) {
        let namespaces = distinct(&self.namespaces);
        let mut events = match self.access {
            SecretAccess::Watch => {
                let ear = Ear::new(&self.metrics, "Secret");
                watch_each(&self.client, &namespaces, None, &ear, strip)
            }
            SecretAccess::Get => SelectAll::new(),
        };
        let mut watches = Watches::new(self.access, namespaces);
        let mut ledger = Ledger::default();
        let mut reads = FuturesUnordered::new();
        let mut retries = FuturesUnordered::new();
        let mut poll = interval_at(Instant::now() + POLL_EVERY, POLL_EVERY);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut suspected = Suspected::default();
        let mut recheck = interval(RECHECK_EVERY);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Some(names) = &*self.named.borrow_and_update() {
            ledger.follow(names);
        }
        loop {
            while let Some(read) = ledger.next_read() {
                reads.push(fetch(&self.client, read));
            }
            let mut update = ledger.ends_first_pass().then_some(Update::SecretsRead);
            if update.is_none() {
                tokio::select! {
                    changed = self.named.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        if let Some(names) = &*self.named.borrow_and_update() {
                            ledger.follow(names);
                        }
                    }
                    Some((number, event)) = events.next() => {
                        update = watches.take(number, event, &mut ledger);
                    }
                    Some((read, answer)) = reads.next() => {
                        let secret = read.secret.clone();
                        let (found, error) = found(answer);
                        let outcome = ledger.done(read, found);
                        tell(&secret, error, outcome.failures);
                        if let Some(wait) = outcome.retry {
                            retries.push(async move {
                                sleep(wait).await;
                                secret
                            });
                        }
                        update = outcome.update;
                    }
                    Some(secret) = retries.next() => ledger.retry(&secret),
                    Some(secret) = self.suspects.recv() => {
                        if ledger.is_named(&secret) && watches.is_blind_to(&secret) {
                            suspected.add(secret);
                        }
                    }
                    _ = recheck.tick(), if !suspected.is_empty() => {
                        if let Some(secret) = suspected.next() {
                            ledger.recheck(&secret);
                        }
                    }
                    _ = poll.tick() => ledger.poll(|secret| watches.is_blind_to(secret)),
                }
            }
            if let Some(update) = update
                && self.updates.send(update).await.is_err()
            {
                return;
            }
        }
    }
}

/// Secrets to be read again, each once, in the order in which they came under suspicion: however many deliveries are forged
/// for one endpoint, another one's turn comes.
#[derive(Debug, Default)]
struct Suspected {
    queue: VecDeque<SecretRef>,
    queued: HashSet<SecretRef>,
}

impl Suspected {
    fn add(&mut self, secret: SecretRef) {
        if self.queued.insert(secret.clone()) {
            self.queue.push_back(secret);
        }
    }

    fn next(&mut self) -> Option<SecretRef> {
        let next = self.queue.pop_front()?;
        self.queued.remove(&next);
        Some(next)
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// What is kept of a Secret's metadata.
#[derive(Debug)]
struct Seen {
    secret: SecretRef,
    uid: String,
    resource_version: String,
}

fn strip(object: PartialObjectMeta<v1::Secret>) -> Option<Seen> {
    let metadata = object.metadata;
    let secret = SecretRef { namespace: metadata.namespace?.into(), name: metadata.name?.into() };
    Some(Seen { secret, uid: metadata.uid?, resource_version: metadata.resource_version? })
}

/// The state of the metadata watches.
#[derive(Debug)]
struct Watches {
    access: SecretAccess,
    namespaces: Vec<String>,
    each: Vec<OneWatch>,
}

#[derive(Debug)]
struct OneWatch {
    trouble: Trouble,
    /// Versions of named Secrets in the list that is arriving.
    arriving: HashMap<SecretRef, String>,
    is_forbidden: bool,
}

impl Watches {
    fn new(access: SecretAccess, namespaces: Vec<String>) -> Self {
        let each = Trouble::each("Secret", &namespaces)
            .into_iter()
            .map(|trouble| OneWatch { trouble, arriving: HashMap::new(), is_forbidden: false })
            .collect();
        Self { access, namespaces, each }
    }

    fn take(&mut self, number: usize, event: Result<Event<Seen>, CallError>, ledger: &mut Ledger) -> Option<Update> {
        let watch = self.each.get_mut(number)?;
        match &event {
            Ok(Event::Init) => {}
            Ok(_) => {
                watch.is_forbidden = false;
                watch.trouble.is_well();
            }
            Err(error) => {
                watch.is_forbidden = error.code() == 403;
                watch.trouble.failed(error, Instant::now());
            }
        }
        match event.ok()? {
            Event::Init => watch.arriving.clear(),
            Event::InitApply(seen) => {
                if ledger.is_named(&seen.secret) {
                    watch.arriving.insert(seen.secret, seen.resource_version);
                }
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut watch.arriving);
                let scope = self.namespaces.get(number);
                ledger.listed(&listed, |secret| scope.is_none_or(|namespace| **namespace == *secret.namespace));
            }
            Event::Apply(seen) => ledger.seen(&seen.secret, &seen.resource_version),
            Event::Delete(seen) => return ledger.deleted(&seen.secret, &seen.uid),
        }
        None
    }

    /// Whether no watch may tell of this Secret, so that it has to be read again and again.
    fn is_blind_to(&self, secret: &SecretRef) -> bool {
        if self.access == SecretAccess::Get {
            return true;
        }
        let number = self.namespaces.iter().position(|namespace| **namespace == *secret.namespace).unwrap_or_default();
        self.each.get(number).is_none_or(|watch| watch.is_forbidden)
    }
}

type Answer = Result<Option<(String, SecretData)>, CallError>;

fn found(answer: Answer) -> (Found, Option<CallError>) {
    match answer {
        Ok(Some((uid, data))) => (Found::Present { uid, data }, None),
        Ok(None) => (Found::Absent, None),
        Err(error) if error.code() == 403 => (Found::Forbidden, Some(error)),
        Err(error) => (Found::Failed, Some(error)),
    }
}

/// A Secret that can't be read is told once, when it is no longer a mishap.
fn tell(secret: &SecretRef, error: Option<CallError>, failures: u32) {
    let Some(error) = error else { return };
    let (namespace, name) = (&*secret.namespace, &*secret.name);
    let is_verdict = error.code() == 403;
    if failures == if is_verdict { 1 } else { FIRST_READS_MAX } {
        tracing::warn!(namespace, name, %error, "the Secret can't be read; what is known of it stays, trying again");
    } else {
        tracing::debug!(namespace, name, failures, %error, "the Secret can't be read; trying again");
    }
}

async fn fetch(client: &kube::Client, read: Read) -> (Read, Answer) {
    let answer = match timeout(CALL_MAX, get(client, &read.secret, &read.keys)).await {
        Ok(answer) => answer,
        Err(_) => Err(CallError::Deadline(CALL_MAX)),
    };
    (read, answer)
}

/// A GET of our own: the client's logs the whole answer where it does not parse.
async fn get(client: &kube::Client, secret: &SecretRef, keys: &BTreeSet<String>) -> Answer {
    // An endpoint chose the name: it must not be able to lead to another path, and so to another namespace.
    if !is_name(&secret.name) {
        return Ok(None);
    }
    let path = v1::Secret::url_path(&(), Some(&secret.namespace));
    let request = Request::new(path).get(&secret.name, &GetParams::default());
    let request = request.map_err(|error| CallError::Unreachable(chain(&error)))?;
    let response = client.send(request.map(Body::from)).await?;
    let code = response.status().as_u16();
    let body = collect(response.into_body()).await?;
    if code == 200 {
        return parse(&body, keys).map(Some).map_err(|fault| CallError::Unreachable(fault.to_owned()));
    }
    match serde_json::from_slice::<Status>(&body) {
        // A 404 of something between us and the apiserver says nothing about the Secret.
        Ok(status) if code == 404 && status.reason == "NotFound" => Ok(None),
        Ok(status) => Err(CallError::from(status)),
        Err(_) => Err(CallError::Unreachable(format!("the answer with code {code} is none of an apiserver"))),
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(is_allowed)
        && name.split('.').all(|label| !label.is_empty())
}

/// The bytes of an answer, in memory that is wiped.
async fn collect(body: Body) -> Result<Zeroizing<Vec<u8>>, CallError> {
    let expected = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(8 << 10);
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected.min(ANSWER_BYTES_MAX)));
    let mut body = Limited::new(body, ANSWER_BYTES_MAX);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Unreachable(chain(&*error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.capacity() - bytes.len() < data.len() {
            // Growing in place would leave the old bytes behind.
            let mut larger = Zeroizing::new(Vec::with_capacity((bytes.len() + data.len()) * 2));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The uid and the named keys of a Secret. A fault never quotes what it found.
fn parse(body: &[u8], keys: &BTreeSet<String>) -> Result<(String, SecretData), &'static str> {
    #[derive(Deserialize)]
    struct Object<'a> {
        metadata: Metadata,
        #[serde(borrow, default)]
        data: Option<BTreeMap<String, &'a RawValue>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        uid: String,
        resource_version: String,
    }

    let object: Object<'_> = serde_json::from_slice(body).map_err(|_| "the answer is no Secret")?;
    let data = object.data.unwrap_or_default();
    let mut named = BTreeMap::new();
    for (key, value) in &data {
        if !keys.contains(key) {
            continue;
        }
        let text: String = serde_json::from_str(value.get()).map_err(|_| "a key of the Secret is no text")?;
        let text = Zeroizing::new(text);
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| "a key of the Secret is no base64")?;
        named.insert(key.clone(), Secret::from(bytes));
    }
    let Metadata { uid, resource_version } = object.metadata;
    Ok((uid, SecretData { resource_version, keys: named, key_names: data.into_keys().collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    const OBJECT: &[u8] = br#"{"kind":"Secret","metadata":{"name":"s","uid":"u1","resourceVersion":"812",
        "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}},
        "data":{"secret":"aHVudGVyMg==","other":"bm90IHRoaXM="},"type":"Opaque"}"#;

    #[test]
    fn only_named_keys_are_kept() {
        let (uid, data) = parse(OBJECT, &keys(&["secret", "missing"])).unwrap();
        assert_eq!((uid.as_str(), data.resource_version.as_str()), ("u1", "812"));
        assert_eq!(data.keys.keys().collect::<Vec<_>>(), ["secret"]);
        assert_eq!(data.keys["secret"].expose(), b"hunter2");
        assert_eq!(data.key_names, ["other", "secret"]);
    }

    #[test]
    fn a_secret_without_data_has_no_keys() {
        let body = br#"{"metadata":{"uid":"u","resourceVersion":"1"}}"#;
        let (_, data) = parse(body, &keys(&["secret"])).unwrap();
        assert!(data.keys.is_empty() && data.key_names.is_empty());
    }

    #[test]
    fn a_fault_quotes_nothing() {
        for body in [
            &br#"{"metadata":{"uid":"u","resourceVersion":"1"},"data":{"secret":"hunter2!"}}"#[..],
            br#"{"metadata":{"uid":"u","resourceVersion":"1"},"data":{"secret":{"hunter2":1}}}"#,
            br#"{"metadata":{"uid":"u"},"data":{"secret":"hunter2"}}"#,
            br"hunter2",
        ] {
            let fault = parse(body, &keys(&["secret"])).unwrap_err();
            assert!(!fault.contains("hunter2"), "{fault}");
        }
        assert!(
            parse(br#"{"metadata":{"uid":"u","resourceVersion":"1"},"data":{"x":"no base64!"}}"#, &keys(&[])).is_ok()
        );
    }

    #[test]
    fn a_name_can_lead_nowhere_else() {
        for name in ["github-webhook", "a", "a.b-c.9"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "../../kube-system/secrets/root", "a/b", "a?x", "a%2fb", "A", "a..b", ".a", "a b", "ä"]
        {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(254)));
    }

    #[test]
    fn metadata_is_stripped_as_it_arrives() {
        let object: PartialObjectMeta<v1::Secret> = serde_json::from_slice(OBJECT).unwrap();
        let with_namespace = |namespace: Option<&str>| {
            let mut object = object.clone();
            object.metadata.namespace = namespace.map(str::to_owned);
            strip(object)
        };
        let shown = format!("{:?}", with_namespace(Some("shop")).unwrap());
        assert!(shown.contains("812") && !shown.contains("last-applied"), "{shown}");
        assert!(with_namespace(None).is_none());
    }

    #[test]
    fn each_suspected_secret_has_its_turn_once() {
        let secret = |name: &str| SecretRef { namespace: "shop".into(), name: name.into() };
        let mut suspected = Suspected::default();
        for name in ["a", "a", "b", "a"] {
            suspected.add(secret(name));
        }
        assert_eq!([suspected.next(), suspected.next()], [Some(secret("a")), Some(secret("b"))]);
        assert!(suspected.is_empty());
    }

    #[test]
    fn what_no_watch_tells_of_is_polled() {
        let secret = |namespace: &str| SecretRef { namespace: namespace.into(), name: "s".into() };
        let mut watches = Watches::new(SecretAccess::Watch, vec!["a".to_owned(), "b".to_owned()]);
        assert!(!watches.is_blind_to(&secret("a")));
        let refused =
            CallError::Refused { code: 403, reason: String::new(), message: String::new(), is_contested: false };
        watches.take(1, Err(refused), &mut Ledger::default());
        assert!(!watches.is_blind_to(&secret("a")) && watches.is_blind_to(&secret("b")));
        watches.take(1, Ok(Event::InitDone), &mut Ledger::default());
        assert!(!watches.is_blind_to(&secret("b")));
        assert!(Watches::new(SecretAccess::Get, vec![]).is_blind_to(&secret("a")));
    }
}
