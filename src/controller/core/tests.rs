use serde_json::json;

use super::bench::*;
use super::*;
use crate::stream::{Connection, StreamFacts, StreamState};

#[test]
fn a_sound_endpoint_is_served_and_ready() {
    let mut bench = Bench::new();
    let round = bench.start(vec![observed("a", 1, json!({}))]);
    assert!(bench.table.is_complete);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    let status = report(&round, "a");
    let conditions: Vec<_> =
        status.conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str())).collect();
    assert_eq!(
        conditions,
        [
            ("Accepted", "True", "Accepted"),
            ("ResolvedRefs", "True", "ResolvedRefs"),
            ("TargetReady", "True", "StreamReady"),
            ("Programmed", "True", "Programmed"),
            ("Ready", "True", "Ready"),
        ]
    );
    assert!(status.conditions.iter().all(|c| c.observed_generation == Some(1) && c.last_transition_time.0 == at(1000)));
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.subject.as_deref(), Some("webhooks.shop.a.>"));
    assert_eq!(status.duplicate_window.as_deref(), Some("2h"));
    assert_eq!(status.max_body_size, Some((1 << 20) - 20 * 1024));
    assert_eq!(round.reports[0].uid, "uid-a");
    assert!(bench.metrics.render(at(1000)).contains(r#"jethook_endpoint_ready{namespace="shop",endpoint="a"} 1"#));
}

#[test]
fn nothing_is_served_or_told_before_the_first_full_list() {
    let mut bench = Bench::new();
    let round = bench.tell([Update::Leading(true), Update::Secret(secret_ref("hook"), None)]);
    assert!(round.named_secrets.is_none(), "what to read is not known before the list");
    let round = bench.tell([Update::Endpoints(vec![observed("a", 1, json!({}))])]);
    assert!(round.reports.is_empty());
    assert!(!bench.table.is_complete);
    assert_eq!(bench.named.as_ref().unwrap().all().get(&secret_ref("hook")).unwrap().len(), 1);
    assert_eq!(bench.wanted.streams["WEBHOOKS"], ["webhooks.shop.a.>".to_owned()].into());
    let round = bench.tell([Update::SecretsRead]);
    assert!(bench.table.is_complete);
    assert_eq!(round.reports.len(), 1);
    let mut empty = Bench::new();
    empty.tell([Update::Endpoints(vec![]), Update::SecretsRead]);
    assert!(empty.table.is_complete, "no endpoint at all is a full list too");
    assert!(empty.named.unwrap().all().is_empty());
}

#[test]
fn a_deleted_endpoint_leaves_the_table() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([Update::EndpointGone(named("a"))]);
    assert_eq!(bench.route("/shop/a"), None);
    assert!(bench.named.as_ref().unwrap().all().is_empty());
    assert!(bench.wanted.streams.is_empty());
    let mut bench = Bench::running(vec![observed("a", 1, json!({})), observed("b", 1, json!({}))]);
    bench.tell([Update::Endpoints(vec![observed("b", 1, json!({}))])]);
    assert_eq!(bench.route("/shop/a"), None, "a list without it is a deletion too");
    assert_eq!(bench.route("/shop/b"), Some(("b", "open")));
}

#[test]
fn a_moved_endpoint_leaves_its_old_path() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([Update::Endpoint(observed("a", 1, json!({"path": "/shop/new"})))]);
    assert_eq!(bench.route("/shop/a"), None);
    assert_eq!(bench.route("/shop/new"), Some(("a", "open")));
}

#[test]
fn two_endpoints_may_swap_their_paths() {
    let path = |path| json!({"path": path});
    let mut bench = Bench::running(vec![observed("a", 1, path("/shop/1")), observed("b", 2, path("/shop/2"))]);
    bench.tell([
        Update::Endpoint(observed("b", 2, path("/shop/1"))),
        Update::Endpoint(observed("a", 1, path("/shop/2"))),
    ]);
    assert_eq!(bench.route("/shop/1"), Some(("b", "open")));
    assert_eq!(bench.route("/shop/2"), Some(("a", "open")));
}

#[test]
fn the_older_keeps_a_path_through_any_fault_and_the_younger_inherits() {
    let path = json!({"path": "/shop/hooks"});
    let mut broken = path.clone();
    broken["provider"] = json!("nonsense");
    let mut bench = Bench::new();
    let round = bench.start(vec![observed("old", 1, path.clone()), observed("young", 2, path.clone())]);
    assert_eq!(bench.route("/shop/hooks"), Some(("old", "open")));
    assert_eq!(ready(&round, "young"), ("False", "PathConflict"));
    assert!(
        status::find(report(&round, "young"), ConditionType::Stalled).is_none(),
        "it heals when the older one goes"
    );
    bench.tell([Update::Endpoint(observed("old", 1, broken))]);
    assert_eq!(bench.route("/shop/hooks"), Some(("old", "closed")));
    let unparsed = Observed { spec: Err("spec.path: not a string".to_owned()), ..observed("old", 1, path.clone()) };
    let round = bench.tell([Update::Endpoint(unparsed)]);
    assert_eq!(bench.route("/shop/hooks"), Some(("old", "closed")));
    assert_eq!(ready(&round, "old"), ("False", "Invalid"));
    assert!(report(&round, "old").conditions[0].message.contains("spec.path: not a string"));
    let mut refused = path.clone();
    refused["path"] = json!("/other/hooks");
    bench.tell([Update::Endpoint(observed("old", 1, refused))]);
    assert_eq!(bench.route("/shop/hooks"), Some(("old", "closed")), "a path that is not allowed gives none away");
    let round = bench.tell([Update::EndpointGone(named("old"))]);
    assert_eq!(bench.route("/shop/hooks"), Some(("young", "open")));
    assert_eq!(ready(&round, "young"), ("True", "Ready"));
}

#[test]
fn an_older_endpoint_that_comes_later_takes_the_path() {
    let path = json!({"path": "/shop/hooks"});
    let mut bench = Bench::running(vec![observed("young", 2, path.clone())]);
    let round = bench.tell([Update::Endpoint(observed("old", 1, path))]);
    assert_eq!(bench.route("/shop/hooks"), Some(("old", "open")));
    assert_eq!(ready(&round, "young"), ("False", "PathConflict"));
    assert!(report(&round, "young").path.is_none());
}

#[test]
fn an_object_made_again_has_no_claim_by_its_predecessor() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({"path": "/shop/hooks"}))]);
    let again = Observed { uid: "uid-new".to_owned(), spec: Err("broken".to_owned()), ..observed("a", 5, json!({})) };
    bench.tell([Update::Endpoint(again)]);
    assert_eq!(bench.route("/shop/hooks"), None);
}

#[test]
fn an_object_that_does_not_parse_keeps_the_path_that_its_status_tells() {
    let told = |path: &str| Some(Arc::new(WebhookEndpointStatus { path: Some(path.to_owned()), ..Default::default() }));
    let broken = |path| Observed { spec: Err("broken".to_owned()), status: told(path), ..observed("a", 1, json!({})) };
    let bench = Bench::running(vec![broken("/shop/before")]);
    assert_eq!(bench.route("/shop/before"), Some(("a", "closed")));
    let bench = Bench::running(vec![broken("/other/path")]);
    assert!(bench.table.routes.is_empty(), "a forged status claims nothing that the policy does not allow");
}

#[test]
fn a_bad_endpoint_disturbs_no_other() {
    let bad = Observed { spec: Err("broken".to_owned()), ..observed("bad", 1, json!({})) };
    let bench =
        Bench::running(vec![bad, observed("good", 2, json!({})), observed("worse", 3, json!({"events": ["*x"]}))]);
    assert_eq!(bench.route("/shop/good"), Some(("good", "open")));
    assert_eq!(bench.route("/shop/worse"), Some(("worse", "closed")));
}

#[test]
fn a_secret_heals_and_breaks_what_names_it() {
    let mut bench =
        Bench::running(vec![observed("a", 1, json!({})), observed("b", 1, json!({"secretRefs": [{"name": "other"}]}))]);
    let round = bench.tell([Update::Secret(secret_ref("hook"), None)]);
    assert_eq!(bench.route("/shop/a"), Some(("a", "closed")));
    assert_eq!(ready(&round, "a"), ("False", "SecretNotFound"));
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(data("2", &[("secret", CANARY)])))]);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
    assert_eq!(report(&round, "a").secrets[0].resource_version, "2");
    assert!(round.reports.iter().all(|report| &*report.endpoint.name == "a"), "b does not name it");
}

#[test]
fn a_secret_that_nobody_names_changes_nothing() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let round = bench.tell([Update::Secret(secret_ref("stranger"), Some(data("1", &[("secret", "x")])))]);
    assert!(round.reports.is_empty() && round.notices.is_empty());
    assert!(bench.core.take_table().is_none());
}

#[test]
fn a_secret_that_is_not_named_for_a_moment_is_not_lost() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([Update::EndpointGone(named("a"))]);
    // What is read meanwhile counts: the reader may not have noticed.
    bench.tell([Update::Secret(secret_ref("hook"), Some(data("2", &[("secret", "another")])))]);
    let round = bench.tell([Update::Endpoint(observed("b", 1, json!({})))]);
    assert_eq!(report(&round, "b").secrets[0].resource_version, "2");
    bench.tell([Update::EndpointGone(named("b"))]);
    bench.wait(60);
    let round = bench.tell([Update::Endpoint(observed("c", 1, json!({})))]);
    assert_eq!(condition(report(&round, "c"), ConditionType::ResolvedRefs), ("Unknown", "Pending"));
}

#[test]
fn a_rotated_key_is_told_once_by_whoever_leads() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let rotated = data("2", &[("secret", "another")]);
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(rotated.clone()))]);
    assert_eq!(round.notices.iter().map(|notice| notice.reason).collect::<Vec<_>>(), ["SecretRotated"]);
    assert!(!round.notices[0].is_warning);
    assert!(round.notices[0].note.contains("resourceVersion 2"));
    assert!(!format!("{round:?}").contains("another"));
    let touched = SecretData { resource_version: "3".to_owned(), ..rotated };
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(touched))]);
    assert!(round.notices.is_empty(), "the same value under a new version is no rotation");
    assert_eq!(report(&round, "a").secrets[0].resource_version, "3");
    bench.tell([Update::Leading(false)]);
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(data("4", &[("secret", "third")])))]);
    assert!(round.notices.is_empty() && round.reports.is_empty());
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
}

#[test]
fn a_key_that_is_gone_serves_for_its_grace() {
    let mut bench = Bench::with(|settings| settings.secret_grace = Duration::from_mins(1));
    bench.start(vec![observed("a", 1, json!({}))]);
    let round = bench.tell([Update::Secret(secret_ref("hook"), None)]);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    assert_eq!(condition(report(&round, "a"), ConditionType::ResolvedRefs), ("True", "DegradedRefs"));
    assert_eq!(bench.core.wakes_at(at(bench.now)), Some(at(1060)));
    bench.wait(59);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    let round = bench.wait(1);
    assert_eq!(bench.route("/shop/a"), Some(("a", "closed")));
    assert_eq!(ready(&round, "a"), ("False", "SecretNotFound"));
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(data("9", &[("secret", CANARY)])))]);
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
}

#[test]
fn a_stream_is_judged_for_all_that_publish_to_it() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    for (state, reason, is_open) in [
        (StreamState::Missing, "StreamNotFound", true),
        (StreamState::Found(StreamFacts { no_ack: true, ..facts() }), "StreamUnsafe", false),
        (StreamState::Found(StreamFacts { subjects: vec![], ..facts() }), "SubjectNotCaptured", true),
        (StreamState::Found(facts()), "Ready", true),
    ] {
        let round = bench.tell([Update::View(Arc::new(view(&[("WEBHOOKS", state)])))]);
        assert_eq!(ready(&round, "a").1, reason);
        assert_eq!(bench.route("/shop/a").unwrap().1 == "open", is_open, "{reason}");
        let stalled = status::find(report(&round, "a"), ConditionType::Stalled);
        assert!(stalled.is_none(), "{reason} heals without the spec");
    }
    let mut captured = view(&[("WEBHOOKS", StreamState::Found(StreamFacts { subjects: vec![], ..facts() }))]);
    bench.tell([Update::View(Arc::new(captured.clone()))]);
    captured.captured_by.insert("webhooks.shop.a.>".to_owned(), vec!["ALL".to_owned()]);
    let round = bench.tell([Update::View(Arc::new(captured))]);
    assert_eq!(ready(&round, "a"), ("False", "SubjectCapturedByOther"));
}

#[test]
fn counts_of_a_stream_cost_nothing() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let counted = StreamFacts { bytes: 1 << 20, messages: 7, ..facts() };
    let round = bench.tell([Update::View(Arc::new(view(&[("WEBHOOKS", StreamState::Found(counted))])))]);
    assert!(round.reports.is_empty());
    assert!(bench.core.take_table().is_none());
}

#[test]
fn a_refused_publish_is_told_where_it_happened() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({})), observed("b", 1, json!({}))]);
    let mut denied = view(&[("WEBHOOKS", StreamState::Found(facts()))]);
    denied.denied.insert("webhooks.shop.a.push".to_owned());
    let round = bench.tell([Update::View(Arc::new(denied))]);
    assert_eq!(ready(&round, "a"), ("False", "PublishNotPermitted"));
    assert_eq!(round.reports.len(), 1);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
}

#[test]
fn nats_is_told_to_be_away_after_30_s_and_closes_nothing() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let down =
        View { connection: Connection::Down { since: at(1000) }, ..view(&[("WEBHOOKS", StreamState::Found(facts()))]) };
    let round = bench.tell([Update::View(Arc::new(down))]);
    assert!(round.reports.is_empty());
    assert_eq!(bench.core.wakes_at(at(1000)), Some(at(1030)));
    assert!(bench.wait(29).reports.is_empty());
    let round = bench.wait(1);
    let target = status::find(report(&round, "a"), ConditionType::TargetReady).unwrap();
    assert_eq!((target.status.as_str(), target.reason.as_str()), ("Unknown", "NatsUnavailable"));
    assert_eq!(ready(&round, "a"), ("Unknown", "NatsUnavailable"));
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    let round = bench.tell([Update::View(Arc::new(view(&[("WEBHOOKS", StreamState::Found(facts()))])))]);
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
}

#[test]
fn a_restart_tells_nothing_new() {
    let mut first = Bench::new();
    let told = report(&first.start(vec![observed("a", 1, json!({}))]), "a").clone();
    let known = Observed { status: Some(told.clone()), ..observed("a", 1, json!({})) };
    // NATS comes last, the Lease in between: nothing differs from what the object shows at any time.
    let mut bench = Bench::new();
    bench.now = 1010;
    for update in [
        Update::Endpoints(vec![known]),
        Update::Secret(secret_ref("hook"), Some(data("1", &[("secret", CANARY)]))),
        Update::SecretsRead,
        Update::Leading(true),
        Update::View(Arc::new(view(&[]))),
        Update::View(Arc::new(view(&[("WEBHOOKS", StreamState::Found(facts()))]))),
    ] {
        let round = bench.tell([update.clone()]);
        assert_eq!(round.reports, [], "after {update:?}");
        assert_eq!(round.notices, []);
    }
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    let round = bench.tell([Update::Secret(secret_ref("hook"), None)]);
    let times: BTreeMap<_, _> =
        report(&round, "a").conditions.iter().map(|c| (c.type_.as_str(), c.last_transition_time.0)).collect();
    assert_eq!((times["Accepted"], times["ResolvedRefs"], times["Ready"]), (at(1000), at(1010), at(1010)));
}

#[test]
fn a_route_is_closed_until_this_replica_has_checked_its_stream() {
    let mut bench = Bench::new();
    bench.tell([Update::Leading(true), Update::Endpoints(vec![observed("a", 1, json!({}))])]);
    let round =
        bench.tell([Update::Secret(secret_ref("hook"), Some(data("1", &[("secret", CANARY)]))), Update::SecretsRead]);
    assert_eq!(bench.route("/shop/a"), Some(("a", "closed")));
    assert_eq!(condition(report(&round, "a"), ConditionType::TargetReady), ("Unknown", "Pending"));
    let round = bench.wait(30);
    assert_eq!(ready(&round, "a"), ("Unknown", "NatsUnavailable"));
    let round = bench.tell([Update::View(Arc::new(view(&[("WEBHOOKS", StreamState::Found(facts()))])))]);
    assert_eq!(bench.route("/shop/a"), Some(("a", "open")));
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
}

#[test]
fn a_stream_that_was_read_for_others_is_known_at_once() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([Update::EndpointGone(named("a"))]);
    bench.tell([Update::Endpoint(observed("b", 1, json!({})))]);
    bench.tell([Update::Secret(secret_ref("hook"), Some(data("1", &[("secret", CANARY)])))]);
    assert_eq!(bench.route("/shop/b"), Some(("b", "open")));
}

#[test]
fn followers_serve_and_tell_nothing_until_they_lead() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([Update::Leading(false)]);
    let round = bench.tell([Update::Endpoint(observed("b", 1, json!({})))]);
    assert!(round.reports.is_empty());
    assert_eq!(bench.route("/shop/b"), Some(("b", "open")));
    // The status of a was told, but its object never showed it: whoever leads writes it.
    let round = bench.tell([Update::Leading(true)]);
    assert_eq!(round.reports.len(), 2);
    assert!(bench.tell([Update::Leading(true)]).reports.is_empty());
}

#[test]
fn a_status_that_someone_else_changed_is_written_again() {
    let mut bench = Bench::new();
    let told = report(&bench.start(vec![observed("a", 1, json!({}))]), "a").clone();
    let with = |status: &Arc<WebhookEndpointStatus>| {
        Update::Endpoint(Observed { status: Some(Arc::clone(status)), ..observed("a", 1, json!({})) })
    };
    assert!(bench.tell([with(&told)]).reports.is_empty(), "our own write comes back");
    let mut forged = told.clone();
    Arc::make_mut(&mut forged).path = Some("/forged".to_owned());
    let round = bench.tell([with(&forged)]);
    assert_eq!(report(&round, "a").path.as_deref(), Some("/shop/a"));
    assert!(bench.tell([with(&told)]).reports.is_empty());
}

#[test]
fn changed_generations_are_told_first() {
    let mut bench = Bench::new();
    let round = bench.start((0..5).map(|n| observed(&format!("e{n}"), 1, json!({}))).collect());
    assert_eq!(round.reports.len(), 5);
    let changed = Observed { generation: 2, ..observed("e3", 1, json!({"events": ["push"]})) };
    let round = bench.tell([Update::Endpoint(changed), Update::Secret(secret_ref("hook"), None)]);
    assert_eq!(round.reports.len(), 5);
    assert_eq!(&*round.reports[0].endpoint.name, "e3");
    assert_eq!(round.reports[0].generation, 2);
}

#[test]
fn stalled_is_there_only_while_nothing_but_the_spec_can_mend_it() {
    let mut bench = Bench::running(vec![]);
    for (change, stalled) in [
        (json!({"provider": "nonsense", "verification": null}), Some("UnknownProvider")),
        (json!({"path": "/other/x"}), Some("PathNotAllowed")),
        (json!({"secretRefs": []}), Some("SecretKeyNotFound")),
        (json!({"secretRefs": [{"name": "gone"}]}), None),
    ] {
        bench.tell([Update::EndpointGone(named("a"))]);
        bench.tell([Update::Endpoint(observed("a", 1, change.clone()))]);
        let round = bench.tell([Update::Leading(false), Update::Leading(true)]);
        let round =
            if round.reports.is_empty() { bench.tell([Update::Secret(secret_ref("gone"), None)]) } else { round };
        let found = status::find(report(&round, "a"), ConditionType::Stalled);
        assert_eq!(
            found.map(|c| (c.status.as_str(), c.reason.as_str())),
            stalled.map(|reason| ("True", reason)),
            "{change}"
        );
        if let Some(stalled) = stalled {
            assert_eq!(ready(&round, "a"), ("False", stalled));
        }
    }
}

#[test]
fn suspending_and_resuming_are_told_and_stay_ready() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let round =
        bench.tell([Update::Endpoint(Observed { generation: 2, ..observed("a", 1, json!({"suspend": true})) })]);
    assert_eq!(ready(&round, "a"), ("True", "Suspended"));
    assert_eq!(bench.route("/shop/a"), Some(("a", "suspended")));
    assert_eq!(round.notices[0].reason, "Suspended");
    let round = bench.tell([Update::Endpoint(Observed { generation: 3, ..observed("a", 1, json!({})) })]);
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
    assert_eq!((round.notices[0].reason, round.notices[0].is_warning), ("Resumed", false));
}

#[test]
fn transitions_are_told_once_and_warn_when_they_are_bad() {
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    let round = bench.tell([Update::Secret(secret_ref("hook"), None)]);
    let [notice] = round.notices.as_slice() else { panic!("{:?}", round.notices) };
    assert_eq!((notice.reason, notice.is_warning, notice.uid.as_str()), ("SecretNotFound", true, "uid-a"));
    assert!(notice.note.contains("shop/hook not found"));
    assert!(bench.tell([Update::Secret(secret_ref("hook"), None)]).notices.is_empty());
    let round = bench.tell([Update::Secret(secret_ref("hook"), Some(data("2", &[("secret", CANARY)])))]);
    assert_eq!(
        round.notices.iter().map(|notice| (notice.reason, notice.is_warning)).collect::<Vec<_>>(),
        [("Ready", false)]
    );
}

#[test]
fn no_secret_is_in_what_the_core_says_or_prints() {
    let mut bench = Bench::new();
    let round = bench.start(vec![observed("a", 1, json!({}))]);
    assert!(!format!("{round:?} {:?} {:?}", bench.core, bench.table).contains(CANARY));
}

#[test]
fn an_update_touches_what_depends_on_it_and_no_more() {
    let many = (0..200).map(|n| observed(&format!("e{n}"), 1, json!({"secretRefs": [{"name": format!("s{n}")}]})));
    let mut bench = Bench::running(many.collect());
    let routes: Vec<_> = (0..200).map(|n| Arc::clone(&bench.table.routes[&format!("/shop/e{n}")])).collect();
    bench.tell([Update::Secret(secret_ref("s7"), Some(data("1", &[("secret", CANARY)])))]);
    for (n, route) in routes.iter().enumerate() {
        let is_kept = Arc::ptr_eq(route, &bench.table.routes[&format!("/shop/e{n}")]);
        assert_eq!(is_kept, n != 7, "e{n}");
    }
}

fn roster(others: &[&Bench]) -> Update {
    let others = others.iter().map(|bench| bench.core.digest().unwrap()).collect();
    Update::Replicas(Arc::new(Roster { is_settled: true, others }))
}

#[test]
fn programmed_means_that_every_replica_serves_the_route() {
    let mut other = Bench::running(vec![]);
    let mut bench = Bench::running(vec![]);
    bench.tell([roster(&[&other])]);
    let round = bench.tell([Update::Endpoint(observed("a", 1, json!({})))]);
    assert!(round.reports.is_empty(), "the other one is nearly always there in time");
    let round = bench.wait(1);
    assert_eq!(ready(&round, "a"), ("False", "Pending"));
    let message = &status::find(report(&round, "a"), ConditionType::Ready).unwrap().message;
    assert!(message.contains("1 of 2 replicas"), "{message}");
    other.tell([Update::Endpoint(observed("a", 1, json!({})))]);
    let round = bench.tell([roster(&[&other])]);
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
    // One more that lags behind is no news; it is not ready before it has the full table.
    assert!(bench.tell([roster(&[&other, &Bench::running(vec![])])]).reports.is_empty());
    assert!(bench.wait(30).reports.is_empty());
}

#[test]
fn a_replica_that_is_in_time_costs_no_second_write() {
    let mut other = Bench::running(vec![]);
    let mut bench = Bench::running(vec![]);
    bench.tell([roster(&[&other])]);
    bench.tell([Update::Endpoint(observed("a", 1, json!({})))]);
    other.tell([Update::Endpoint(observed("a", 1, json!({})))]);
    assert_eq!(ready(&bench.tell([roster(&[&other])]), "a"), ("True", "Ready"));
    assert!(bench.wait(10).reports.is_empty());
}

#[test]
fn a_replica_that_serves_it_otherwise_does_not_serve_it() {
    let mut other = Bench::running(vec![observed("a", 1, json!({}))]);
    let mut bench = Bench::running(vec![observed("a", 1, json!({}))]);
    bench.tell([roster(&[&other])]);
    bench.tell([Update::Endpoint(Observed { generation: 2, ..observed("a", 1, json!({"path": "/shop/b"})) })]);
    assert_eq!(ready(&bench.wait(1), "a"), ("False", "Pending"));
    // It has the new spec, and no key to serve it with.
    other.tell([
        Update::Endpoint(Observed { generation: 2, ..observed("a", 1, json!({"path": "/shop/b"})) }),
        Update::Secret(secret_ref("hook"), None),
    ]);
    assert!(bench.tell([roster(&[&other])]).reports.is_empty());
    other.tell([Update::Secret(secret_ref("hook"), Some(data("1", &[("secret", CANARY)])))]);
    assert_eq!(ready(&bench.tell([roster(&[&other])]), "a"), ("True", "Ready"));
}

#[test]
fn until_the_others_were_heard_nothing_new_is_programmed_and_nothing_old_is_taken_back() {
    let unheard = || Update::Replicas(Arc::new(Roster { is_settled: false, others: Vec::new() }));
    let mut before = Bench::new();
    let status = report(&before.start(vec![observed("old", 1, json!({}))]), "old").clone();
    let mut bench = Bench::new();
    bench.tell([unheard()]);
    let found = Observed { status: Some(status), ..observed("old", 1, json!({})) };
    let round = bench.start(vec![found, observed("new", 1, json!({}))]);
    assert!(round.reports.is_empty());
    let round = bench.wait(1);
    assert_eq!(round.reports.len(), 1);
    assert_eq!(ready(&round, "new"), ("False", "Pending"));
    assert_eq!(ready(&bench.tell([roster(&[])]), "new"), ("True", "Ready"));
}

#[test]
fn two_writers_that_see_the_same_say_the_same() {
    let mut one = Bench::new();
    let status = report(&one.start(vec![observed("a", 1, json!({}))]), "a").clone();
    let mut two = Bench::new();
    let found = Observed { status: Some(status.clone()), ..observed("a", 1, json!({})) };
    assert!(two.start(vec![found.clone()]).reports.is_empty());
    for bench in [&mut one, &mut two] {
        assert!(bench.tell([Update::Endpoint(found.clone())]).reports.is_empty());
        assert!(bench.wait(60).reports.is_empty());
    }
}

#[test]
fn a_stream_that_does_not_answer_one_endpoint_is_away_for_all_of_its_endpoints() {
    let target = json!({"target": {"stream": "OTHER", "subject": "webhooks.shop.c"}});
    let endpoints = vec![observed("a", 1, json!({})), observed("b", 1, json!({})), observed("c", 1, target)];
    let mut bench = Bench::running(endpoints);
    let gate = |bench: &Bench, path: &str| Arc::clone(&bench.table.routes[path].usage);
    let (a, b, c) = (gate(&bench, "/shop/a"), gate(&bench, "/shop/b"), gate(&bench, "/shop/c"));
    (0..3).for_each(|_| a.gate.unanswered(a.gate.pass(0).unwrap(), 0));
    assert!(b.gate.is_away() && !c.gate.is_away());
    // One that comes meanwhile, or is compiled again, knows it, too.
    bench.tell([Update::Endpoint(observed("d", 1, json!({}))), Update::EndpointGone(named("a"))]);
    assert!(gate(&bench, "/shop/d").gate.is_away());
    b.gate.answered();
    assert!(!gate(&bench, "/shop/d").gate.is_away());
}

#[test]
fn nothing_is_served_before_the_clusters_providers_were_listed() {
    let mut bench = Bench::with(|settings| settings.reads_cluster_providers = true);
    let own = json!({"provider": "acme.example.com", "verification": null});
    bench.start(vec![observed("a", 1, own), observed("b", 1, json!({}))]);
    assert!(!bench.table.is_complete);
    let round = bench.tell([Update::Providers(BTreeMap::new())]);
    assert!(bench.table.is_complete, "none at all is a full list, too");
    assert_eq!(ready(&round, "a"), ("False", "UnknownProvider"));
    assert_eq!(bench.route("/shop/b"), Some(("b", "open")));
}

#[test]
fn a_changed_provider_recompiles_the_endpoints_that_use_it_alone() {
    let provider = |header: &str| -> ClusterProvider {
        let verification = json!({"token": {"from": [format!("header:{header}")]}});
        Ok(Arc::new(serde_json::from_value(json!({"verification": verification})).unwrap()))
    };
    let own = |name: &str| json!({"provider": name, "verification": null});
    let mut bench = Bench::with(|settings| settings.reads_cluster_providers = true);
    bench.tell([Update::Providers(BTreeMap::from([
        ("a.example.com".to_owned(), provider("X-A")),
        ("b.example.com".to_owned(), provider("X-B")),
    ]))]);
    bench.start(vec![observed("a", 1, own("a.example.com")), observed("b", 1, own("b.example.com"))]);
    let routes = |bench: &Bench| ["/shop/a", "/shop/b"].map(|path| Arc::clone(&bench.table.routes[path]));
    let before = routes(&bench);
    bench.tell([Update::Provider("a.example.com".to_owned(), Some(provider("X-C")))]);
    let after = routes(&bench);
    assert!(!Arc::ptr_eq(&before[0], &after[0]) && Arc::ptr_eq(&before[1], &after[1]));
    let round = bench.tell([Update::Provider("a.example.com".to_owned(), Some(Err("spec: torn".to_owned())))]);
    assert_eq!(ready(&round, "a"), ("False", "Invalid"));
    assert_eq!(bench.route("/shop/a"), Some(("a", "closed")));
    let round = bench.tell([Update::Provider("a.example.com".to_owned(), None)]);
    assert_eq!(ready(&round, "a"), ("False", "UnknownProvider"));
    let message = &report(&round, "a").conditions[0].message;
    assert!(message.contains("did you mean \"b.example.com\"?"), "{message}");
    let round = bench.tell([Update::Provider("a.example.com".to_owned(), Some(provider("X-A")))]);
    assert_eq!(ready(&round, "a"), ("True", "Ready"));
}
