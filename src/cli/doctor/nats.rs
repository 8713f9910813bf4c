//! The NATS server and the streams.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use serde_json::Value;

use super::report::Section;
use super::text;
use crate::config::RunConfig;
use crate::route::{Ask, HEADER_ROOM_BYTES, Stream, judge_target};
use crate::store;

/// How long a connect may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The oldest nats-server 2 that is supported.
const MINOR_MIN: i64 = 10;
/// A server that takes less than the largest body by more than this is told.
const SHORT_BYTES: u64 = 64 * 1024;

/// Connects as the operator would, and looks at the streams that the flags and the endpoints name.
pub(super) async fn check(config: &RunConfig, endpoints: &[Value], section: &mut Section<'_>) {
    let connecting = tokio::time::timeout(CONNECT_MAX, store::open_once(&config.nats)).await;
    let client = match connecting.unwrap_or_else(|_| Err(format!("no answer within {CONNECT_MAX:?}"))) {
        Ok(client) => client,
        Err(error) => {
            let remedy = "give the operator's own --nats-… flags, and run this where NATS can be reached (the operator's pod); \
                          from elsewhere --skip nats";
            section.fail("server", format!("NATS can't be used: {error}"), remedy);
            return;
        }
    };
    server(&client, config, section);
    let servers = client.server_info().connect_urls.len().max(1);
    let context = store::jetstream(client, &config.nats);
    if let Err(error) = context.query_account().await {
        let remedy =
            "turn JetStream on for the server and the account, and see --jetstream-domain and the user's permissions";
        section.fail("jetstream", format!("JetStream does not answer: {error}"), remedy);
        return;
    }
    section.pass("jetstream", "JetStream answers");
    for (name, filters) in wanted(config, endpoints) {
        stream(&context, config, servers, &name, &filters, section).await;
    }
}

fn server(client: &Client, config: &RunConfig, section: &mut Section<'_>) {
    let info = client.server_info();
    if client.is_server_compatible(2, MINOR_MIN, 0) {
        section.pass("server", format!("NATS answers, nats-server {}", info.version));
    } else {
        let remedy = format!("upgrade it to 2.{MINOR_MIN} or later");
        section.fail("server", format!("nats-server is {}, older than 2.{MINOR_MIN}", info.version), remedy);
    }
    let max_payload = u64::try_from(info.max_payload).unwrap_or_default();
    let (takes, wants) = (max_payload.saturating_sub(HEADER_ROOM_BYTES), config.receiver.max_body_size);
    if takes + SHORT_BYTES < wants {
        let message =
            format!("NATS takes bodies of {takes} bytes at most, --max-body-size is {wants}: larger are answered 413");
        section.warn(
            "max-payload",
            message,
            format!("set max_payload of nats-server to {}", wants + HEADER_ROOM_BYTES),
        );
    } else {
        section.pass("max-payload", format!("NATS takes bodies of up to {} bytes", takes.min(wants)));
    }
}

/// The streams to look at, with the subjects that are published to them.
fn wanted(config: &RunConfig, endpoints: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    wanted.entry(config.stream.stream.clone()).or_default().insert(format!("{}.>", config.stream.prefix));
    for endpoint in endpoints {
        let (stream, subject) = (text(endpoint, "/status/stream"), text(endpoint, "/status/subject"));
        if !stream.is_empty() && !subject.is_empty() && *stream != config.stream.stream {
            wanted.entry(stream.to_owned()).or_default().insert(subject.to_owned());
        }
    }
    wanted
}

async fn stream(
    context: &Context,
    config: &RunConfig,
    servers: usize,
    name: &str,
    filters: &BTreeSet<String>,
    section: &mut Section<'_>,
) {
    let state = store::look(context, name).await;
    let known = Stream::judge(&state, &Stream::Unread, servers, config.stream.allow_memory_storage);
    for filter in filters {
        let ask = Ask { stream: name, filter, retry_for: None, captured_by: &[], denied: None };
        let (problems, message) = judge_target(&known, ask);
        for problem in &problems {
            section.fail("stream", &*problem.message, problem.reason.doc().trim());
        }
        if problems.is_empty() {
            section.pass("stream", message.split("; note: ").next().unwrap_or_default());
        }
    }
    for weakness in known.weaknesses() {
        section.warn("stream", format!("stream {name}: {weakness}"), remedy(name, config));
    }
}

fn remedy(name: &str, config: &RunConfig) -> &'static str {
    if name == config.stream.stream {
        "mend it by the operator's --stream-… flags, where the operator made the stream; else with the tool that made it"
    } else {
        "mend it with the tool that made the stream"
    }
}
