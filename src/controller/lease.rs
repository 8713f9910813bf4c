//! Which replica writes: a Lease, by client-go's rules.
//!
//! A lease is foreign until it was seen unchanged for its own duration by the local clock: the holder's clock is never
//! believed. Leadership ends by itself at the renew deadline, counted from the moment at which the last successful call
//! was begun, whatever the apiserver does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::core::Update;
use super::kube::{CALL_MAX, CallError, Cluster, within};
use crate::metrics::Metrics;

/// For how long others respect a lease that is not renewed.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// For how long the holder leads without a renewal.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the holder renews, and the others look.
pub const RETRY_PERIOD: Duration = Duration::from_secs(2);
/// How long giving the lease back may take at the end.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// What is to be done about the lease.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Write this lease: it becomes, or stays, ours.
    Write(Box<Lease>),
    /// Another holds it.
    Wait,
}

/// The rules, without clock or client.
#[derive(Clone, Debug)]
struct Machine {
    namespace: String,
    name: String,
    identity: String,
    /// The lease as it was last read or written, and when it was first seen so.
    seen: Option<(LeaseSpec, Instant)>,
    /// Our own lease as it was last written: it can be renewed without being read.
    held: Option<Lease>,
    leads_until: Option<Instant>,
    /// The object's, as it was last read or written.
    uid: Option<Arc<str>>,
}

impl Machine {
    fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
            held: None,
            leads_until: None,
            uid: None,
        }
    }

    fn is_leading(&self, now: Instant) -> bool {
        self.leads_until.is_some_and(|until| now < until)
    }

    /// Takes note of the lease as it was read at `now`, and says what to do about it.
    fn read(&mut self, found: Option<Lease>, now: Instant, wall: Timestamp) -> Step {
        let Some(found) = found else {
            return Step::Write(Box::new(self.lease(ObjectMeta::default(), None, wall)));
        };
        let spec = found.spec.unwrap_or_default();
        self.uid = found.metadata.uid.as_deref().map(Arc::from);
        if self.seen.as_ref().is_none_or(|(known, _)| *known != spec) {
            self.seen = Some((spec.clone(), now));
        }
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if !holder.is_empty() && holder != self.identity && self.foreign_until().is_some_and(|until| now < until) {
            self.leads_until = None;
            return Step::Wait;
        }
        Step::Write(Box::new(self.lease(found.metadata, Some(&spec), wall)))
    }

    /// The renewal of the lease as it was last written; `None` where it must be read first.
    fn renewal(&self, wall: Timestamp) -> Option<Lease> {
        let held = self.held.as_ref()?;
        Some(self.lease(held.metadata.clone(), held.spec.as_ref(), wall))
    }

    /// The lease was written by a call that was begun at `asked`.
    fn written(&mut self, lease: Lease, asked: Instant, now: Instant) {
        self.seen = lease.spec.clone().map(|spec| (spec, now));
        self.uid = lease.metadata.uid.as_deref().map(Arc::from);
        self.held = Some(lease);
        self.leads_until = Some(asked + RENEW_DEADLINE);
    }

    /// A call failed: the lease is read before it is written again.
    fn failed(&mut self) {
        self.held = None;
    }

    /// The lease given back, so that another takes over at once; `None` where it is not ours.
    fn release(&mut self, wall: Timestamp) -> Option<Lease> {
        self.leads_until = None;
        let mut lease = self.held.take()?;
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(wall));
        spec.acquire_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// Until when a lease of another is respected.
    fn foreign_until(&self) -> Option<Instant> {
        let (spec, since) = self.seen.as_ref()?;
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default();
        Some(*since + Duration::from_secs(seconds))
    }

    /// When to look again: after the retry period, or when another's lease runs out before that.
    fn wakes_at(&self, now: Instant) -> Instant {
        let retry = now + RETRY_PERIOD;
        match self.foreign_until() {
            Some(until) if !self.is_leading(now) && until > now => retry.min(until),
            _ => retry,
        }
    }

    fn lease(&self, metadata: ObjectMeta, before: Option<&LeaseSpec>, wall: Timestamp) -> Lease {
        let ours = before.filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: ours.map_or(Some(MicroTime(wall)), |spec| spec.acquire_time.clone()),
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(if before.is_some() && ours.is_none() {
                transitions.saturating_add(1)
            } else {
                transitions
            }),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            resource_version: metadata.resource_version,
            uid: metadata.uid,
            labels: metadata.labels,
            annotations: metadata.annotations,
            ..ObjectMeta::default()
        };
        Lease { metadata, spec: Some(spec) }
    }
}

/// This process as a candidate: the host's name, which is the pod's, with something of its own.
#[must_use]
pub fn identity() -> String {
    let host = hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "jethook".to_owned());
    format!("{host}_{}", uuid::Uuid::new_v4())
}

/// Stands for election until `stop`, then gives the lease back; `leading` holds whether this replica leads, `uid` the uid of
/// the lease, by which replicas that share it know each other.
pub async fn run(
    cluster: Cluster,
    name: String,
    identity: String,
    leading: watch::Sender<bool>,
    uid: watch::Sender<Option<Arc<str>>>,
    stop: CancellationToken,
) {
    let api: Api<Lease> = Api::namespaced(cluster.client, &cluster.lease_namespace);
    let mut machine = Machine::new(&cluster.lease_namespace, &name, &identity);
    let mut told: Option<CallError> = None;
    while !stop.is_cancelled() {
        let leads_until = machine.leads_until;
        let attempt = async {
            let before = Instant::now();
            let outcome = attempt(&api, &mut machine).await;
            tell_failure(&name, &mut told, outcome.err());
            uid.send_if_modified(|known| {
                machine.uid.is_some() && std::mem::replace(known, machine.uid.clone()) != machine.uid
            });
            let wake = machine.wakes_at(Instant::now());
            publish(&leading, machine.is_leading(Instant::now()));
            // A little jitter keeps replicas from asking in step.
            sleep_until(wake.max(before) + Duration::from_millis(fastrand::u64(0..200))).await;
        };
        tokio::select! {
            () = attempt => {}
            () = expired(leads_until, &leading) => {}
            () = stop.cancelled() => {}
        }
        if !machine.is_leading(Instant::now()) {
            publish(&leading, false);
        }
    }
    publish(&leading, false);
    if let Some(lease) = machine.release(Timestamp::now()) {
        match within(RELEASE_MAX, api.replace(&name, &PostParams::default(), &lease)).await {
            Ok(_) => tracing::info!(lease = name, "gave the lease back"),
            Err(error) => tracing::warn!(lease = name, %error, "the lease was not given back; it runs out by itself"),
        }
    }
}

/// Ends when leadership that was held until then is over; never where there was none.
async fn expired(leads_until: Option<Instant>, leading: &watch::Sender<bool>) {
    match leads_until {
        Some(until) if *leading.borrow() => sleep_until(until).await,
        _ => std::future::pending().await,
    }
}

/// One round: renews, takes or respects the lease.
async fn attempt(api: &Api<Lease>, machine: &mut Machine) -> Result<(), CallError> {
    let asked = Instant::now();
    if machine.is_leading(asked)
        && let Some(renewal) = machine.renewal(Timestamp::now())
        && let Ok(lease) = within(CALL_MAX, api.replace(&machine.name, &PostParams::default(), &renewal)).await
    {
        machine.written(lease, asked, Instant::now());
        return Ok(());
    }
    machine.failed();
    let found = within(CALL_MAX, api.get_opt(&machine.name)).await?;
    let is_new = found.is_none();
    let Step::Write(lease) = machine.read(found, Instant::now(), Timestamp::now()) else { return Ok(()) };
    let asked = Instant::now();
    let written = if is_new {
        within(CALL_MAX, api.create(&PostParams::default(), &lease)).await
    } else {
        within(CALL_MAX, api.replace(&machine.name, &PostParams::default(), &lease)).await
    };
    match written {
        Ok(lease) => machine.written(lease, asked, Instant::now()),
        // Another was faster: the next round sees whom it belongs to.
        Err(error) if error.code() == 409 => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn publish(leading: &watch::Sender<bool>, is_leading: bool) {
    let changed = leading.send_if_modified(|value| std::mem::replace(value, is_leading) != is_leading);
    if changed {
        tracing::info!(is_leading, "leadership changed");
    }
}

/// Tells a failure once, and when it is over.
fn tell_failure(lease: &str, told: &mut Option<CallError>, failure: Option<CallError>) {
    match (&failure, &told) {
        (Some(error), Some(known)) if error.code() == known.code() => {
            tracing::debug!(lease, %error, "the lease can't be read or written");
            return;
        }
        (Some(error), _) => tracing::warn!(lease, %error, "the lease can't be read or written; trying again"),
        (None, Some(_)) => tracing::info!(lease, "the lease can be read and written again"),
        (None, None) => {}
    }
    *told = failure;
}

/// Passes leadership on to the controller and the metrics, as long as anyone listens.
pub async fn follow(mut leading: watch::Receiver<bool>, updates: mpsc::Sender<Update>, metrics: Arc<Metrics>) {
    loop {
        let is_leading = *leading.borrow_and_update();
        metrics.set_leader(is_leading);
        if updates.send(Update::Leading(is_leading)).await.is_err() || leading.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(holder: &str, renewed: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(renewed.parse().unwrap())),
            acquire_time: Some(MicroTime("2026-01-01T00:00:00Z".parse().unwrap())),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }
    }

    fn lease(holder: &str, renewed: &str, version: &str) -> Lease {
        let metadata = ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() };
        Lease { metadata, spec: Some(spec(holder, renewed)) }
    }

    const WALL: &str = "2026-01-02T00:00:00Z";

    fn wall() -> Timestamp {
        WALL.parse().unwrap()
    }

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    fn written(step: Step) -> Lease {
        match step {
            Step::Write(lease) => *lease,
            Step::Wait => panic!("waits"),
        }
    }

    #[test]
    fn a_missing_lease_is_created_and_led_for_ten_seconds() {
        let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
        let lease = written(machine.read(None, start, wall()));
        assert_eq!(lease.metadata.resource_version, None);
        assert_eq!(lease.spec.as_ref().unwrap().lease_transitions, Some(0));
        assert!(!machine.is_leading(start), "nothing is led before it is written");
        machine.written(lease, start, at(start, 1.0));
        for (seconds, leads) in [(0.0, true), (9.9, true), (10.0, false), (10.1, false)] {
            assert_eq!(machine.is_leading(at(start, seconds)), leads, "{seconds}");
        }
    }

    #[test]
    fn a_foreign_lease_is_taken_after_fifteen_seconds_without_change() {
        // The holder's clock runs a day ahead, or stands years behind: neither matters.
        for renewed in ["2026-01-03T00:00:00Z", "2001-01-01T00:00:00Z", WALL] {
            let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
            for seconds in [0.0, 2.0, 14.9] {
                let step = machine.read(Some(lease("other", renewed, "5")), at(start, seconds), wall());
                assert_eq!(step, Step::Wait, "{renewed} {seconds}");
            }
            let taken = written(machine.read(Some(lease("other", renewed, "5")), at(start, 15.0), wall()));
            let spec = taken.spec.unwrap();
            assert_eq!(taken.metadata.resource_version.as_deref(), Some("5"), "written only if it is still that one");
            assert_eq!(spec.holder_identity.as_deref(), Some("me"));
            assert_eq!(spec.lease_transitions, Some(4));
            assert_eq!(spec.acquire_time, Some(MicroTime(wall())));
        }
    }

    #[test]
    fn a_renewed_lease_is_respected_anew() {
        let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
        for (seconds, renewed) in [(0.0, "2026-01-01T00:00:00Z"), (14.0, "2026-01-01T00:00:02Z")] {
            assert_eq!(machine.read(Some(lease("other", renewed, "5")), at(start, seconds), wall()), Step::Wait);
        }
        let renewed = "2026-01-01T00:00:02Z";
        assert_eq!(machine.read(Some(lease("other", renewed, "6")), at(start, 28.9), wall()), Step::Wait);
        written(machine.read(Some(lease("other", renewed, "6")), at(start, 29.0), wall()));
    }

    #[test]
    fn a_lease_given_back_is_taken_at_once() {
        let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
        let taken = written(machine.read(Some(lease("", WALL, "5")), start, wall()));
        machine.written(taken, start, start);
        let released = machine.release(wall()).unwrap();
        assert!(!machine.is_leading(start));
        let spec = released.spec.unwrap();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some(""), Some(1)));
        assert_eq!(machine.release(wall()), None, "what is not ours is not given back");
    }

    #[test]
    fn a_renewal_keeps_when_it_was_acquired_and_needs_no_read() {
        let (mut machine, start) = (Machine::new("ns", "l", "other"), Instant::now());
        let renewed = written(machine.read(Some(lease("other", "2026-01-01T00:00:00Z", "5")), start, wall()));
        let spec = renewed.spec.clone().unwrap();
        assert_eq!(spec.acquire_time, Some(MicroTime("2026-01-01T00:00:00Z".parse().unwrap())));
        assert_eq!((spec.renew_time, spec.lease_transitions), (Some(MicroTime(wall())), Some(3)));
        machine.written(renewed, start, start);
        assert_eq!(machine.renewal(wall()).unwrap().metadata.resource_version.as_deref(), Some("5"));
        machine.failed();
        assert_eq!(machine.renewal(wall()), None);
        assert!(machine.is_leading(at(start, 9.0)), "a failed renewal alone ends nothing before the deadline");
    }

    #[test]
    fn leadership_ends_at_once_when_another_holds_the_lease() {
        let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
        let mine = written(machine.read(None, start, wall()));
        machine.written(mine, start, start);
        assert_eq!(machine.read(Some(lease("other", WALL, "9")), at(start, 2.0), wall()), Step::Wait);
        assert!(!machine.is_leading(at(start, 2.0)));
    }

    #[test]
    fn a_follower_wakes_when_the_lease_runs_out() {
        let (mut machine, start) = (Machine::new("ns", "l", "me"), Instant::now());
        machine.read(Some(lease("other", WALL, "5")), start, wall());
        assert_eq!(machine.wakes_at(at(start, 1.0)), at(start, 3.0));
        assert_eq!(machine.wakes_at(at(start, 14.5)), at(start, 15.0));
        assert_eq!(machine.wakes_at(at(start, 15.5)), at(start, 17.5));
    }
}
