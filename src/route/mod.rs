//! An endpoint made ready to serve.

mod bucket;
mod compile;
mod filter;
mod gate;
mod key_host;
mod keys;
mod limit;
mod path;
mod plan;
mod policy;
mod problem;
mod provider;
mod table;
mod target;
mod verification;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use http::Method;
use ipnet::IpNet;

pub use bucket::{BODIES_OUTLIVE_BY, bucket_of, stream_of};
pub use compile::{
    CUSTOM, Claim, Compiled, Facts, Handles, Settings, Source, Surroundings, closed, compile, wanted_path,
};
pub use filter::Filter;
pub use gate::{Gate, Latch, Pass};
pub use key_host::KeyHosts;
pub use keys::{SecretState, SecretView};
pub use limit::RateLimit;
pub use path::check_path;
pub use policy::Policy;
pub use problem::Problem;
pub use provider::ProviderView;
pub use table::{Found, Routes, Table};
pub use target::{Ask, HEADER_ROOM_BYTES, Stream, go_duration, judge_target};

pub use crate::api::{EndpointRef, KeyName};

use crate::event::MessagePlan;
use crate::metrics::{EndpointMetrics, Histogram};
use crate::scheme::{Keyring, Scheme};

/// An endpoint as the receiver serves it.
#[derive(Debug)]
pub struct Route {
    /// Whose route it is.
    pub endpoint: EndpointRef,
    /// The entry's id, or `custom`.
    pub provider: Arc<str>,
    /// The exact raw path.
    pub path: String,
    /// The methods it takes, in the order for `Allow`.
    pub methods: Vec<Method>,
    /// Whether it takes one more path segment as its token.
    pub owns_path_token: bool,
    /// Open, suspended or closed.
    pub state: State,
    /// What it uses of the shared limits now; outlives a recompile of the same endpoint.
    pub usage: Arc<Usage>,
    /// Its counters; outlive a recompile.
    pub metrics: Arc<EndpointMetrics>,
    /// `jethook_delivery_duration_seconds` of its provider.
    pub duration: Arc<Histogram>,
}

impl Route {
    /// Whether its provider is one of the catalogue's, and not described by its owner or by the cluster.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        verification::is_built_in(&self.provider)
    }
}

/// Whether a route serves.
#[derive(Debug)]
pub enum State {
    /// It serves.
    Open(Box<Serving>),
    /// Suspended by its owner: 503.
    Suspended,
    /// Closed: 503. The endpoint's conditions say why.
    Closed,
}

impl State {
    /// In one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }
}

/// All that serving a delivery takes.
#[derive(Debug)]
pub struct Serving {
    /// How it verifies.
    pub scheme: Scheme,
    /// With which keys.
    pub keyring: Keyring,
    /// The keys without the white space around them, where any has some: to tell why no key matches, never to verify.
    pub trimmed_keyring: Option<Keyring>,
    /// Secret and key name of each key, by the index that [`crate::scheme::Verified::keys`] gives.
    pub keys: Vec<KeyName>,
    /// Client addresses that may deliver; empty: all.
    pub source_ranges: Vec<IpNet>,
    /// The largest body in bytes.
    pub body_bytes_max: u64,
    /// What set that limit, for the 413: the endpoint's limit, and NATS's.
    pub limits: BodyLimits,
    /// Rate of verified deliveries.
    pub rate: Option<Arc<governor::DefaultDirectRateLimiter>>,
    /// Which event types are stored.
    pub filter: Filter,
    /// How the message is built.
    pub message: MessagePlan,
    /// How long after the first byte of the request an answer may come at the latest.
    pub time_limit: Duration,
}

/// The two limits on a body, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// `spec.limits.maxBodySize`, or the operator's.
    pub endpoint: u64,
    /// What NATS (or the stream) takes less the room for headers; `None` before the first connection.
    pub nats: Option<u64>,
}

/// Shared limits in use by one endpoint.
#[derive(Debug, Default)]
pub struct Usage {
    /// Publishes in flight.
    pub publishes: AtomicUsize,
    /// Body bytes held.
    pub body_bytes: AtomicU64,
    /// Whether its stream answers.
    pub gate: Gate,
}
