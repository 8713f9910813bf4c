//! What was fetched, and what is being fetched: one fetch for all who wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Limits;
use crate::scheme::{FetchedKeys, KeyRequest, UrlOrigin};

/// The most URLs, and of those the most that requests named.
const URLS_MAX: usize = 512;
const REQUEST_URLS_MAX: usize = 64;

/// Keys, and when the fetch that brought them was begun.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The keys.
    pub keys: Arc<FetchedKeys>,
    /// When the fetch was begun.
    pub begun: Instant,
}

/// How the last fetch of a URL stands.
#[derive(Clone, Debug)]
pub(super) enum Run {
    /// It goes on.
    Going,
    /// It is over.
    Over,
}

/// What is known of one URL.
pub(super) struct Entry {
    pub(super) fetched: Option<Fetched>,
    /// When the last fetch was begun.
    pub(super) begun: Instant,
    pub(super) run: watch::Sender<Run>,
    used: Instant,
    origin: UrlOrigin,
}

/// What a delivery is to do.
pub(super) enum Step {
    /// Take these; refresh them meanwhile, where true.
    Take(Fetched, bool),
    /// Begin a fetch and wait for it.
    Fetch(watch::Receiver<Run>),
    /// Wait for the fetch that goes on.
    Wait(watch::Receiver<Run>),
    /// There is nothing to wait for: the last fetch was too short a time ago.
    Away,
}

/// Every URL that was asked for.
pub(super) struct Cache {
    entries: HashMap<(String, String), Entry>,
    limits: Limits,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        Self { entries: HashMap::new(), limits }
    }

    /// What to do for keys. `after`: what was fetched before then does not do.
    pub(super) fn step(&mut self, request: &KeyRequest, after: Option<Instant>, now: Instant) -> Step {
        let id = key(request);
        if !self.entries.contains_key(&id) {
            self.make_room(request.origin);
            let entry = Entry::new(now, request.origin);
            let waiting = entry.run.subscribe();
            self.entries.insert(id, entry);
            return Step::Fetch(waiting);
        }
        let Limits { cooldown, refresh, expiry, .. } = self.limits;
        let Some(entry) = self.entries.get_mut(&id) else { return Step::Away };
        entry.used = now;
        let is_going = matches!(*entry.run.borrow(), Run::Going);
        let may_fetch = !is_going && now.duration_since(entry.begun) >= cooldown;
        let age = |fetched: &Fetched| now.duration_since(fetched.begun);
        let known = entry.fetched.clone().filter(|fetched| age(fetched) < expiry);
        let does = |fetched: &Fetched| match after {
            Some(after) => fetched.begun >= after,
            None => request.key_id.as_deref().is_none_or(|id| fetched.keys.has(id)),
        };
        if let Some(fetched) = known.filter(does) {
            let is_due = may_fetch && age(&fetched) >= refresh && request.origin != UrlOrigin::Request;
            if is_due {
                entry.begin(now);
            }
            return Step::Take(fetched, is_due);
        }
        if is_going {
            return if entry.run.receiver_count() < self.limits.waiters {
                Step::Wait(entry.run.subscribe())
            } else {
                Step::Away
            };
        }
        if may_fetch {
            entry.begin(now);
            return Step::Fetch(entry.run.subscribe());
        }
        Step::Away
    }

    /// What a fetch brought; `None`: it failed, and what was known stays.
    pub(super) fn finish(&mut self, request: &KeyRequest, keys: Option<Arc<FetchedKeys>>) {
        let Some(entry) = self.entries.get_mut(&key(request)) else { return };
        if let Some(keys) = keys {
            entry.fetched = Some(Fetched { keys, begun: entry.begun });
        }
        entry.run.send_replace(Run::Over);
    }

    /// What the fetch that was waited for brought, if it did: keys of a fetch begun at `begun` or later.
    pub(super) fn brought(&self, request: &KeyRequest, begun: Instant) -> Option<Fetched> {
        let fetched = self.entries.get(&key(request))?.fetched.clone()?;
        (fetched.begun >= begun).then_some(fetched)
    }

    /// When the last fetch of these keys was begun.
    pub(super) fn begun(&self, request: &KeyRequest) -> Option<Instant> {
        self.entries.get(&key(request)).map(|entry| entry.begun)
    }

    /// Forgets the URL that was not used for the longest time, where there are too many.
    fn make_room(&mut self, origin: UrlOrigin) {
        let of_requests = self.entries.values().filter(|entry| entry.origin == UrlOrigin::Request).count();
        let is_full = self.entries.len() >= URLS_MAX;
        let has_too_many = origin == UrlOrigin::Request && of_requests >= REQUEST_URLS_MAX;
        if !is_full && !has_too_many {
            return;
        }
        let goes = |entry: &Entry| !has_too_many || entry.origin == UrlOrigin::Request;
        let oldest = self.entries.iter().filter(|(_, entry)| goes(entry)).min_by_key(|(_, entry)| entry.used);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.entries.remove(&id);
        }
    }
}

impl Entry {
    fn new(now: Instant, origin: UrlOrigin) -> Self {
        Self { fetched: None, begun: now, run: watch::Sender::new(Run::Going), used: now, origin }
    }

    fn begin(&mut self, now: Instant) {
        self.begun = now;
        self.run.send_replace(Run::Going);
    }
}

fn key(request: &KeyRequest) -> (String, String) {
    (request.url.clone(), request.pointer.clone())
}

/// How many fetches of one host were begun of late.
pub(super) struct Rates {
    hosts: HashMap<String, (Instant, u32)>,
}

impl Rates {
    const PERIOD: Duration = Duration::from_secs(60);

    pub(super) fn new() -> Self {
        Self { hosts: HashMap::new() }
    }

    /// Counts a fetch; false where there were too many in this minute.
    pub(super) fn admits(&mut self, host: &str, most: u32, now: Instant) -> bool {
        self.hosts.retain(|_, (since, _)| now.duration_since(*since) < Self::PERIOD);
        if self.hosts.len() >= URLS_MAX && !self.hosts.contains_key(host) {
            return false;
        }
        let (_, count) = self.hosts.entry(host.to_owned()).or_insert((now, 0));
        *count += 1;
        *count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::KeyFormat;

    const SET: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn request(url: &str, origin: UrlOrigin, id: Option<&str>) -> KeyRequest {
        let (pointer, key_id) = (String::new(), id.map(str::to_owned));
        KeyRequest { url: url.to_owned(), format: KeyFormat::Jwks, pointer, origin, is_pinned: true, key_id }
    }

    fn keys() -> Arc<FetchedKeys> {
        Arc::new(FetchedKeys::parse(KeyFormat::Jwks, "", SET.as_bytes()).unwrap())
    }

    fn name(step: &Step) -> &'static str {
        match step {
            Step::Take(_, false) => "take",
            Step::Take(_, true) => "take and refresh",
            Step::Fetch(_) => "fetch",
            Step::Wait(_) => "wait",
            Step::Away => "away",
        }
    }

    #[test]
    fn keys_are_fetched_once_and_again_for_an_unknown_id() {
        let mut cache = Cache::new(Limits::default());
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let (known, unknown) = (
            request("https://a.example/k", UrlOrigin::Description, Some("ed")),
            request("https://a.example/k", UrlOrigin::Description, Some("new")),
        );
        let mut check = |request: &KeyRequest, after: Option<u64>, seconds: u64, expected: &str| {
            let step = cache.step(request, after.map(at), at(seconds));
            assert_eq!(name(&step), expected, "at {seconds} s");
            if expected.contains("fetch") || expected.contains("refresh") {
                cache.finish(request, Some(keys()));
            }
        };
        check(&known, None, 0, "fetch");
        check(&known, None, 1, "take");
        check(&unknown, None, 29, "away");
        check(&unknown, None, 30, "fetch");
        check(&unknown, None, 31, "away");
        check(&known, Some(31), 59, "away");
        check(&known, Some(61), 61, "fetch");
        check(&known, Some(61), 62, "take");
        check(&known, None, 61 + 3_599, "take");
        check(&known, None, 61 + 3_600, "take and refresh");
        check(&known, None, 61 + 3_601, "take");
        check(&known, None, 61 + 3_600 + 86_400, "fetch");
    }

    #[test]
    fn all_wait_for_one_fetch_and_a_failed_one_leaves_what_was_known() {
        let mut cache = Cache::new(Limits { waiters: 2, ..Limits::default() });
        let start = Instant::now();
        let request = request("https://a.example/k", UrlOrigin::Description, None);
        let mut waiting = Vec::new();
        for expected in ["fetch", "wait", "away"] {
            let step = cache.step(&request, None, start);
            assert_eq!(name(&step), expected);
            if let Step::Fetch(waiter) | Step::Wait(waiter) = step {
                waiting.push(waiter);
            }
        }
        cache.finish(&request, None);
        assert!(waiting.iter().all(|waiter| waiter.has_changed().unwrap()));
        assert!(cache.brought(&request, start).is_none());
        drop(waiting);
        assert_eq!(name(&cache.step(&request, None, start + Duration::from_secs(1))), "away");
        let later = start + Duration::from_secs(30);
        assert_eq!(name(&cache.step(&request, None, later)), "fetch");
        cache.finish(&request, Some(keys()));
        assert_eq!(cache.brought(&request, later).unwrap().begun, later);
        assert!(cache.brought(&request, later + Duration::from_secs(1)).is_none());
    }

    #[test]
    fn urls_that_requests_name_push_out_one_another_only() {
        let mut cache = Cache::new(Limits::default());
        let start = Instant::now();
        let own = request("https://a.example/k", UrlOrigin::Description, None);
        cache.step(&own, None, start);
        cache.finish(&own, Some(keys()));
        for number in 0..200_u64 {
            let url = format!("https://sns.example/{number}");
            cache.step(&request(&url, UrlOrigin::Request, None), None, start + Duration::from_secs(number));
        }
        assert_eq!(cache.entries.len(), 1 + REQUEST_URLS_MAX);
        assert_eq!(name(&cache.step(&own, None, start)), "take");
    }

    #[test]
    fn a_host_is_asked_so_often_in_a_minute() {
        let mut rates = Rates::new();
        let start = Instant::now();
        let admitted = (0..10).filter(|_| rates.admits("a", 3, start)).count();
        assert_eq!(admitted, 3);
        assert!(rates.admits("b", 3, start));
        assert!(rates.admits("a", 3, start + Rates::PERIOD));
    }
}
