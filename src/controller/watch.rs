//! Watches that outlive every outage of the apiserver.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, SelectAll, Stream, StreamExt, select_all, unfold};
use jiff::Timestamp;
use kube::api::{Api, Resource};
use kube::runtime::watcher::{self, Event, InitialListStrategy};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::kube::{Backoff, CallError, READ_MAX, WATCH_SECONDS};
use crate::metrics::Metrics;

/// Streaming lists that were begun and not finished before pages are asked for instead: a list that takes longer than the
/// server's timeout would otherwise never end.
const UNFINISHED_LISTS_MAX: u32 = 3;
/// A watch that goes on failing is told again after so long.
const TELL_EVERY: Duration = Duration::from_secs(300);

/// Of a quiet watch nothing is seen: the server ends it every [`WATCH_SECONDS`], and it is begun anew. Had that failed, or not
/// been answered in [`READ_MAX`], an error would have come within this time.
const QUIET: Duration = Duration::from_secs(3 * READ_MAX.as_secs());

/// Notes that the apiserver was heard.
#[derive(Clone)]
pub(super) struct Ear(Arc<dyn Fn() + Send + Sync>);

impl Ear {
    /// One that sets `jethook_watch_last_event_timestamp_seconds` of a kind.
    pub(super) fn new(metrics: &Arc<Metrics>, kind: &'static str) -> Self {
        let metrics = Arc::clone(metrics);
        Self(Arc::new(move || metrics.watch_event(kind, Timestamp::now())))
    }

    fn heard(&self) {
        (self.0)();
    }
}

/// A watch by streaming lists, or by pages where the apiserver has none (Kubernetes 1.33); it never ends, and waits a
/// little after each failure.
struct Watch<K> {
    api: Api<K>,
    config: watcher::Config,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    ear: Ear,
    backoff: Backoff,
    pause: Option<Duration>,
    unfinished_lists: u32,
}

impl<K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + 'static> Watch<K> {
    fn new(api: Api<K>, selector: Option<&str>, ear: Ear) -> Self {
        let mut config = watcher::Config::default().streaming_lists().timeout(WATCH_SECONDS);
        config.label_selector = selector.map(str::to_owned);
        let events = watcher::watcher(api.clone(), config.clone()).boxed();
        Self { api, config, events, ear, backoff: Backoff::quick(), pause: None, unfinished_lists: 0 }
    }

    fn restart_in_pages(&mut self) {
        self.config.initial_list_strategy = InitialListStrategy::ListWatch;
        self.events = watcher::watcher(self.api.clone(), self.config.clone()).boxed();
    }

    fn is_streaming(&self) -> bool {
        self.config.initial_list_strategy == InitialListStrategy::StreamingList
    }

    async fn next(&mut self) -> Option<Result<Event<K>, CallError>> {
        if let Some(pause) = self.pause.take() {
            sleep(pause).await;
        }
        loop {
            let event = match next_of(&mut self.events, &self.ear).await? {
                Ok(event) => event,
                Err(error) => {
                    let error = call_error(error);
                    if self.is_streaming() && matches!(error.code(), 400 | 422) {
                        self.restart_in_pages();
                        continue;
                    }
                    self.pause = Some(self.backoff.wait());
                    return Some(Err(error));
                }
            };
            if !matches!(event, Event::Init) {
                self.ear.heard();
            }
            match &event {
                // A paged list says so before it has asked for anything: no reason yet to think that all is well.
                Event::Init => self.unfinished_lists += 1,
                Event::InitDone => {
                    self.unfinished_lists = 0;
                    self.backoff.reset();
                }
                Event::Apply(_) | Event::Delete(_) | Event::InitApply(_) => self.backoff.reset(),
            }
            if self.is_streaming() && self.unfinished_lists > UNFINISHED_LISTS_MAX {
                self.restart_in_pages();
                continue;
            }
            return Some(Ok(event));
        }
    }
}

/// The next of a watch's events; meanwhile a quiet one is heard.
async fn next_of<T>(events: &mut (impl Stream<Item = T> + Unpin), ear: &Ear) -> Option<T> {
    loop {
        match timeout(QUIET, events.next()).await {
            Ok(event) => return event,
            Err(_) => ear.heard(),
        }
    }
}

fn call_error(error: watcher::Error) -> CallError {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => CallError::from(error),
        watcher::Error::WatchError(status) => CallError::from(*status),
        watcher::Error::NoResourceVersion => {
            CallError::Unreachable("an object came without resourceVersion".to_owned())
        }
    }
}

/// An event of one of several watches, with the watch's number.
type Numbered<T> = (usize, Result<Event<T>, CallError>);

/// One watch for each namespace, or one over all where none is given, merged; `strip` keeps of an object what is needed.
pub(super) fn watch_each<K, T>(
    client: &kube::Client,
    namespaces: &[String],
    selector: Option<&str>,
    ear: &Ear,
    strip: fn(K) -> Option<T>,
) -> SelectAll<BoxStream<'static, Numbered<T>>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + fmt::Debug
        + Send
        + 'static,
    T: Send + 'static,
{
    let apis = if namespaces.is_empty() {
        vec![Api::all(client.clone())]
    } else {
        namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect()
    };
    select_all(
        apis.into_iter().enumerate().map(|(number, api)| {
            watch_one(api, selector, ear.clone(), strip).map(move |event| (number, event)).boxed()
        }),
    )
}

/// One watch over all that an API has; `strip` keeps of an object what is needed.
pub(super) fn watch_one<K, T>(
    api: Api<K>,
    selector: Option<&str>,
    ear: Ear,
    strip: fn(K) -> Option<T>,
) -> BoxStream<'static, Result<Event<T>, CallError>>
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + 'static,
    T: Send + 'static,
{
    let watch = Watch::new(api, selector, ear);
    let events = unfold(watch, |mut watch| async { Some((watch.next().await?, watch)) });
    events
        .filter_map(move |event| async move {
            let event = match event {
                Ok(Event::Init) => Ok(Event::Init),
                Ok(Event::InitDone) => Ok(Event::InitDone),
                Ok(Event::InitApply(object)) => Ok(Event::InitApply(strip(object)?)),
                Ok(Event::Apply(object)) => Ok(Event::Apply(strip(object)?)),
                Ok(Event::Delete(object)) => Ok(Event::Delete(strip(object)?)),
                Err(error) => Err(error),
            };
            Some(event)
        })
        .boxed()
}

/// What is told of one watch that fails: its begin, another cause, every five minutes, and its end.
#[derive(Debug)]
pub(super) struct Trouble {
    kind: &'static str,
    namespace: String,
    failures: u32,
    code: u16,
    told: Option<Instant>,
}

impl Trouble {
    /// `namespace` is empty for a watch over all.
    pub(super) fn new(kind: &'static str, namespace: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), failures: 0, code: 0, told: None }
    }

    /// One for each watch that [`watch_each`] makes.
    pub(super) fn each(kind: &'static str, namespaces: &[String]) -> Vec<Self> {
        if namespaces.is_empty() {
            return vec![Self::new(kind, "")];
        }
        namespaces.iter().map(|namespace| Self::new(kind, namespace)).collect()
    }

    pub(super) fn failed(&mut self, error: &CallError, now: Instant) {
        // A watch that is too old for the apiserver's memory is listed anew: that is how it works.
        if error.code() == 410 {
            return;
        }
        let is_new = self.told.is_none_or(|told| now >= told + TELL_EVERY) || self.code != error.code();
        self.failures = self.failures.saturating_add(1);
        self.code = error.code();
        let (kind, namespace, failures) = (self.kind, self.namespace.as_str(), self.failures);
        if !is_new {
            tracing::debug!(kind, namespace, failures, %error, "the watch failed; trying again");
            return;
        }
        self.told = Some(now);
        let hint = match error.code() {
            401 | 403 => "; grant the operator get, list and watch",
            404 => "; install the CRDs (jethook crd | kubectl apply --server-side -f -)",
            _ => "",
        };
        tracing::warn!(kind, namespace, failures, %error, "the watch failed; what is known stays{hint}");
    }

    pub(super) fn is_well(&mut self) {
        if self.told.take().is_some() {
            let (kind, namespace, failures) = (self.kind, self.namespace.as_str(), self.failures);
            tracing::info!(kind, namespace, failures, "the watch is back");
        }
        self.failures = 0;
    }
}

/// The namespaces to watch, each once.
pub(super) fn distinct(namespaces: &[String]) -> Vec<String> {
    namespaces.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::stream::{iter, pending};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_is_heard_and_one_that_fails_is_not() {
        let count = Arc::new(AtomicU32::new(0));
        let of_ear = Arc::clone(&count);
        let ear = Ear(Arc::new(move || {
            of_ear.fetch_add(1, Ordering::Relaxed);
        }));
        let heard = || count.swap(0, Ordering::Relaxed);

        let mut quiet = pending::<u32>();
        let ten_and_a_bit = QUIET * 10 + Duration::from_secs(1);
        assert!(timeout(ten_and_a_bit, next_of(&mut quiet, &ear)).await.is_err());
        assert_eq!(heard(), 10);

        let fails = iter([Err::<u32, _>("refused"); 60]).then(|error| async move {
            sleep(READ_MAX * 2).await;
            error
        });
        let mut fails = fails.boxed();
        while let Some(error) = next_of(&mut fails, &ear).await {
            assert_eq!(error, Err("refused"));
        }
        assert_eq!(heard(), 0);
    }
}
