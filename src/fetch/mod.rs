//! Keys by URL: fetched once for all routes, kept, and fetched again when a delivery names a key that is not known.

mod address;
mod cache;
mod client;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout_at};

pub use cache::Fetched;

use self::cache::{Cache, Rates, Run, Step};
use self::client::Client;
use crate::cause::chain;
use crate::route::KeyHosts;
use crate::scheme::{FetchedKeys, KeyRequest};

/// Fetches that may wait to be begun.
const JOBS_MAX: usize = 64;

/// How keys are fetched.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Hosts beside those that the catalogue names.
    pub hosts: KeyHosts,
    /// A PEM file with CAs to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy, and the hosts that are reached without it, as the environment has them.
    pub https_proxy: Option<String>,
    /// See `https_proxy`.
    pub no_proxy: Option<String>,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds of fetching.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time of one fetch.
    pub timeout: Duration,
    /// Between two fetches of the same URL.
    pub cooldown: Duration,
    /// The age at which keys are fetched again while they go on serving.
    pub refresh: Duration,
    /// The age at which they no longer serve.
    pub expiry: Duration,
    /// How many deliveries wait for one fetch.
    pub waiters: usize,
    /// How many fetches go on at a time.
    pub fetches: usize,
    /// How many fetches of one host are begun in a minute.
    pub per_host_and_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(4),
            cooldown: Duration::from_secs(30),
            refresh: Duration::from_hours(1),
            expiry: Duration::from_hours(24),
            waiters: 64,
            fetches: 16,
            per_host_and_minute: 30,
        }
    }
}

/// Who answers for the URL of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// An entry of the catalogue.
    Catalogue,
    /// A namespace or the cluster, by a description of its own.
    Namespace,
}

/// The keys can't be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sender's keys can't be fetched now")]
pub struct Away;

/// Fetches keys, on a thread of its own. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Fetcher {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

struct Shared {
    cache: Mutex<Cache>,
    rates: Mutex<Rates>,
    hosts: KeyHosts,
    limits: Limits,
}

enum Job {
    Keys(KeyRequest),
    Visit(String, tokio::sync::oneshot::Sender<bool>),
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// What is wrong with the configuration, naming the flag; or why there is no thread.
    pub fn start(settings: &Settings) -> Result<Self, String> {
        let client = Client::new(settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime to fetch keys: {error}"))?;
        let (jobs, received) = mpsc::channel(JOBS_MAX);
        let shared = Arc::new(Shared {
            cache: Mutex::new(Cache::new(settings.limits)),
            rates: Mutex::new(Rates::new()),
            hosts: settings.hosts.clone(),
            limits: settings.limits,
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || runtime.block_on(run(received, own, client)))
            .map_err(|error| format!("no thread to fetch keys: {error}"))?;
        Ok(Self { shared, jobs })
    }

    /// The keys for a delivery: at once where they are known, otherwise after one fetch that all who wait share.
    ///
    /// # Errors
    /// [`Away`] when the keys may not be fetched, the fetch failed, was not over by the deadline, or is not due yet.
    pub async fn keys(&self, request: &KeyRequest, trust: Trust, deadline: Instant) -> Result<Fetched, Away> {
        self.after(request, trust, None, deadline).await
    }

    /// The keys of a fetch begun at `arrived` or later, for a delivery that those known do not verify.
    ///
    /// # Errors
    /// See [`Self::keys`].
    pub async fn newer(
        &self,
        request: &KeyRequest,
        trust: Trust,
        arrived: Instant,
        deadline: Instant,
    ) -> Result<Fetched, Away> {
        self.after(request, trust, Some(arrived), deadline).await
    }

    /// Visits a URL once.
    ///
    /// # Errors
    /// [`Away`] when the answer is not 200.
    pub async fn visit(&self, url: &str, trust: Trust, deadline: Instant) -> Result<(), Away> {
        let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', ':']).next()).unwrap_or_default();
        let is_allowed = trust == Trust::Catalogue || self.shared.hosts.allows(host);
        if !is_allowed || !self.admits(host) {
            return Err(Away);
        }
        let (done, is_done) = tokio::sync::oneshot::channel();
        self.jobs.try_send(Job::Visit(url.to_owned(), done)).map_err(|_| Away)?;
        match timeout_at(deadline, is_done).await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(Away),
        }
    }

    async fn after(
        &self,
        request: &KeyRequest,
        trust: Trust,
        after: Option<Instant>,
        deadline: Instant,
    ) -> Result<Fetched, Away> {
        let is_known = trust == Trust::Catalogue && request.is_pinned;
        if !is_known && !self.shared.hosts.allows(request.host()) {
            return Err(Away);
        }
        let now = Instant::now();
        let step = lock(&self.shared.cache).step(request, after, now);
        let (waiting, begun) = match step {
            Step::Take(fetched, is_due) => {
                if is_due {
                    self.begin(request);
                }
                return Ok(fetched);
            }
            Step::Away => return Err(Away),
            Step::Fetch(waiting) => {
                self.begin(request);
                (waiting, now)
            }
            // A fetch that was begun before the delivery came tells nothing of a key that is newer.
            Step::Wait(waiting) => (waiting, lock(&self.shared.cache).begun(request).unwrap_or(now)),
        };
        wait(waiting, deadline).await?;
        let fetched = lock(&self.shared.cache).brought(request, begun).ok_or(Away)?;
        let is_newer = after.is_none_or(|after| fetched.begun >= after);
        let has_key = request.key_id.as_deref().is_none_or(|id| fetched.keys.has(id));
        // Only what was fetched after the delivery came can say that there is no such key.
        if is_newer && (has_key || begun >= now) { Ok(fetched) } else { Err(Away) }
    }

    fn begin(&self, request: &KeyRequest) {
        let is_begun = self.admits(request.host()) && self.jobs.try_send(Job::Keys(request.clone())).is_ok();
        if !is_begun {
            lock(&self.shared.cache).finish(request, None);
        }
    }

    fn admits(&self, host: &str) -> bool {
        lock(&self.shared.rates).admits(host, self.shared.limits.per_host_and_minute, Instant::now())
    }
}

async fn wait(mut waiting: watch::Receiver<Run>, deadline: Instant) -> Result<(), Away> {
    let over = waiting.wait_for(|run| matches!(run, Run::Over));
    match timeout_at(deadline, over).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Away),
    }
}

/// Takes jobs until nobody can give any.
async fn run(mut jobs: mpsc::Receiver<Job>, shared: Arc<Shared>, client: Client) {
    let (client, permits) = (Arc::new(client), Arc::new(Semaphore::new(shared.limits.fetches)));
    while let Some(job) = jobs.recv().await {
        let (client, shared, permits) = (Arc::clone(&client), Arc::clone(&shared), Arc::clone(&permits));
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            match job {
                Job::Keys(request) => {
                    let keys = get_keys(&client, &request).await;
                    lock(&shared.cache).finish(&request, keys.map(Arc::new));
                }
                Job::Visit(url, done) => {
                    let visited = client.get(&url).await;
                    if let Err(error) = &visited {
                        tracing::warn!(host = host(&url), error = %chain(error), "a subscription is not confirmed");
                    }
                    // Nobody waits any more: the sender will ask again.
                    let _ = done.send(visited.is_ok());
                }
            }
        });
    }
}

async fn get_keys(client: &Client, request: &KeyRequest) -> Option<FetchedKeys> {
    let document = match client.get(&request.url).await {
        Ok(document) => document,
        Err(error) => {
            tracing::warn!(host = request.host(), error = %chain(&error), "keys are not fetched");
            return None;
        }
    };
    match FetchedKeys::parse(request.format, &request.pointer, &document) {
        Ok(keys) => {
            tracing::info!(host = request.host(), "keys are fetched");
            Some(keys)
        }
        Err(error) => {
            tracing::warn!(host = request.host(), error, "the document holds no keys");
            None
        }
    }
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
