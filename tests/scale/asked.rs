//! What the operator asked of the apiserver, by its audit log.

use std::collections::{BTreeMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::fleet::Endpoint;
use crate::support::apiserver::Apiserver;

/// One request.
#[derive(Clone, Debug)]
struct Request {
    at: Timestamp,
    verb: String,
    /// Plural, with the subresource.
    resource: String,
    /// Namespace and name.
    object: (String, String),
    uri: String,
    code: u64,
}

/// The requests of a span of time.
#[derive(Clone, Debug)]
pub struct Asked(Vec<Request>);

impl Asked {
    /// Those that began in this span.
    pub fn between(server: &Apiserver, from: Timestamp, until: Timestamp) -> Self {
        let mut all: Vec<_> = server.audit().iter().filter_map(request).collect();
        all.retain(|request| request.at >= from && request.at < until);
        all.sort_by_key(|request| request.at);
        Self(all)
    }

    pub fn all(&self) -> usize {
        self.0.len()
    }

    /// Lists, and watches that begin with one.
    pub fn lists(&self) -> usize {
        self.0.iter().filter(|request| request.verb == "list" || request.uri.contains("sendInitialEvents=true")).count()
    }

    /// Reads of Secrets.
    pub fn secrets(&self) -> usize {
        self.0.iter().filter(|request| request.verb == "get" && request.resource == "secrets").count()
    }

    /// Requests about these endpoints, their statuses and their Secrets.
    pub fn about(&self, endpoints: &[&Endpoint]) -> usize {
        let names: HashSet<_> = endpoints.iter().map(|one| (one.namespace.as_str(), one.name.as_str())).collect();
        let is_about = |request: &&Request| names.contains(&(request.object.0.as_str(), request.object.1.as_str()));
        self.0.iter().filter(is_about).count()
    }

    /// Endpoints whose status was written.
    pub fn told(&self) -> usize {
        let written =
            self.0.iter().filter(|request| request.resource == "webhookendpoints/status" && request.code < 400);
        written.map(|request| &request.object).collect::<HashSet<_>>().len()
    }

    /// The most statuses and Events written within one second, whenever that began.
    pub fn writes_per_second(&self) -> usize {
        let mut within = VecDeque::new();
        let mut most = 0;
        for at in self.writes() {
            within.push_back(at);
            while within.front().is_some_and(|first| at.duration_since(*first) >= SignedDuration::from_secs(1)) {
                within.pop_front();
            }
            most = most.max(within.len());
        }
        most
    }

    /// Statuses and Events written in a second, on the average.
    pub fn writes_mean(&self) -> f64 {
        let all: Vec<_> = self.writes().collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return 0.0 };
        all.len() as f64 / last.duration_since(*first).as_secs_f64().max(1.0)
    }

    /// How many of each kind.
    pub fn kinds(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for request in &self.0 {
            let Request { verb, resource, code, .. } = request;
            let failed = if *code >= 400 { format!(" ({code})") } else { String::new() };
            *kinds.entry(format!("{verb} {resource}{failed}")).or_default() += 1;
        }
        kinds
    }

    fn writes(&self) -> impl Iterator<Item = Timestamp> {
        let is_write = |request: &&Request| {
            matches!(request.resource.as_str(), "webhookendpoints/status" | "events") && request.verb != "get"
        };
        self.0.iter().filter(is_write).map(|request| request.at)
    }
}

/// A watch is written down when it begins and when it ends, others when they are answered: each counts once.
fn request(line: &Value) -> Option<Request> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verb = text(&line["verb"]);
    let counts = if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    if line["stage"] != counts {
        return None;
    }
    let of = &line["objectRef"];
    let resource = match of["subresource"].as_str() {
        Some(part) => format!("{}/{part}", text(&of["resource"])),
        None => text(&of["resource"]),
    };
    Some(Request {
        at: line["requestReceivedTimestamp"].as_str()?.parse().ok()?,
        verb,
        resource,
        object: (text(&of["namespace"]), text(&of["name"])),
        uri: text(&line["requestURI"]),
        code: line["responseStatus"]["code"].as_u64().unwrap_or_default(),
    })
}
