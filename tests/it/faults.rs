//! Every fault of `make test-faults`, a few seconds of each.

#[path = "../faults/nats_rows.rs"]
mod nats_rows;
#[path = "../faults/overload.rs"]
mod overload;
#[path = "../faults/rows.rs"]
mod rows;

use std::time::Duration;

use crate::rig::{Row, Scale};

const SHORT: Scale = Scale {
    rate: 150,
    jethook_kills: 6,
    nats_kills: 3,
    freezes: &[Duration::from_millis(300), Duration::from_secs(4)],
    leader_kills: 1,
    wire_rounds: 1,
    apiserver_away: Duration::from_secs(4),
    rolled: 2,
    outage: Duration::from_secs(5),
    outage_rate: 1000,
    slow: 250,
    // Of which the code of a debug build takes a good part.
    rss_max: 192,
    silent: 500,
    p99_floor: Duration::from_millis(250),
    spool_outage: Duration::from_secs(6),
    // Debug builds, and other tests beside them.
    late_max: Duration::from_secs(5),
    tells: false,
};

#[track_caller]
fn check(fault: fn(&Scale) -> Row) {
    let row = fault(&SHORT);
    assert!(row.is_well(), "{}: {row:?}", row.fault);
    let acknowledged = row.counts.acknowledged as usize;
    assert!(acknowledged > 50 && row.stored >= acknowledged, "{}: {row:?}", row.fault);
}

#[test]
fn nothing_is_lost_or_doubled_when_jethook_is_killed() {
    check(rows::jethook_killed);
}

#[test]
fn nothing_is_lost_or_doubled_when_nats_is_killed() {
    check(nats_rows::nats_killed);
}

#[test]
fn nothing_is_lost_or_doubled_when_nats_is_frozen() {
    check(nats_rows::nats_frozen);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_leader_of_the_stream_is_killed() {
    check(nats_rows::leader_killed);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_leader_is_killed_before_a_replica_with_a_spool() {
    check(nats_rows::leader_killed_with_a_spool);
}

#[test]
fn nothing_is_lost_or_doubled_when_acks_are_lost_or_late() {
    check(nats_rows::wire_faults);
}

#[test]
fn nothing_is_lost_or_doubled_while_the_apiserver_is_away() {
    check(rows::apiserver_away);
}

#[test]
fn no_request_fails_in_a_rolling_restart() {
    check(rows::rolling_restart);
}

#[test]
fn memory_does_not_grow_while_nats_is_away_under_load() {
    check(rows::nats_away_under_load);
}

#[test]
fn slow_senders_cost_little_and_are_closed_in_time() {
    check(overload::slow_senders);
}

#[test]
fn silent_connections_keep_nobody_out() {
    check(overload::silent_connections);
}

#[test]
fn an_endpoint_at_ten_times_its_load_does_not_starve_another() {
    check(overload::fair_shares);
}

#[test]
fn nothing_is_lost_or_doubled_with_a_spool_when_jethook_is_killed_while_nats_is_away() {
    check(nats_rows::away_with_a_spool);
}
