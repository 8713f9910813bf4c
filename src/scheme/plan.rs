//! A compiled scheme: everything that does not depend on the request, worked out.

use std::time::Duration;

use http::{HeaderName, Method, StatusCode};

use super::encoding::Encoding;
use super::host::HostPattern;
use super::json::PointerSet;
use super::pattern::Pattern;
use super::public_key::Algorithm;
use super::spec::{Content, KeyFormat, KeySpec, MacHash, Unit};
use super::template::{Expr, Reference, Template};
use super::x5c::ChainPlan;
use super::xml::XmlPath;
use super::{KeyUse, Reply, UrlOrigin};

/// A compiled scheme.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) content: Content,
    pub(super) signs_encoded: bool,
    /// Methods of deliveries.
    pub(super) delivered_by: Vec<Method>,
    /// Those and the handshakes', for `Allow`.
    pub(super) methods: Vec<Method>,
    pub(super) json: PointerSet,
    pub(super) reads_json: bool,
    pub(super) claims: PointerSet,
    pub(super) xml: Vec<XmlPath>,
    pub(super) forms: Vec<(String, PointerSet)>,
    /// Which of the JSON pointers stands for the items.
    pub(super) each: Option<usize>,
    /// The pointer to them as the entry writes it.
    pub(super) each_text: Option<String>,
    pub(super) url: Option<PublicUrl>,
    pub(super) time: Option<TimePlan>,
    pub(super) header_list: Option<HeaderListPlan>,
    pub(super) hmac: Option<MacPlan>,
    pub(super) hash: Option<MacPlan>,
    pub(super) public_key: Option<PublicKeyPlan>,
    pub(super) standard: Option<StandardPlan>,
    pub(super) token: Option<TokenPlan>,
    pub(super) jwt: Option<JwtPlan>,
    pub(super) http: Option<HttpPlan>,
    pub(super) is_none: bool,
    pub(super) require: Vec<Condition>,
    pub(super) event: EventPlan,
    pub(super) handshakes: Vec<HandshakePlan>,
    pub(super) answer: Option<Reply>,
    pub(super) time_limit: Option<Duration>,
    pub(super) retry_for: Option<Duration>,
    pub(super) uses: Vec<KeyUse>,
    pub(super) keys: Vec<KeyPlan>,
    /// Where keys are fetched, where any are.
    pub(super) fetch: Option<FetchPlan>,
    pub(super) evidence: Vec<HeaderName>,
    pub(super) secret_query: Vec<String>,
}

/// The URL at which the provider reaches the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicUrl {
    /// Without a query.
    pub(super) base: String,
    pub(super) host: String,
    pub(super) path: String,
}

/// Where a value with several items stands, and which items count.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) from: Vec<Reference>,
    pub(super) lines: bool,
    pub(super) split: Vec<u8>,
    pub(super) prefix: Vec<u8>,
    pub(super) skip: usize,
}

/// The signed time.
#[derive(Clone, Debug)]
pub(super) struct TimePlan {
    pub(super) source: Source,
    pub(super) unit: Unit,
    pub(super) tolerance: Option<Duration>,
    /// Whether a signed text names it, so that it must be read before the signature.
    pub(super) is_in_text: bool,
}

/// Headers that the request itself names.
#[derive(Clone, Debug)]
pub(super) struct HeaderListPlan {
    pub(super) source: Source,
    pub(super) between: String,
    pub(super) sort: bool,
    /// Text before the name, between name and value, … cut at `{name}` and `{value}`.
    pub(super) item: Vec<ItemPart>,
    pub(super) join: String,
    pub(super) required: Vec<HeaderName>,
}

/// A piece of a header's text in a header list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ItemPart {
    Text(String),
    Name,
    Value,
}

/// HMAC, or a plain digest.
#[derive(Clone, Debug)]
pub(super) struct MacPlan {
    pub(super) key: String,
    pub(super) hash: MacHash,
    pub(super) source: Source,
    pub(super) encoding: Encoding,
    pub(super) signed: Template,
    /// Whether the key is part of the text.
    pub(super) has_secret: bool,
    pub(super) is_per_item: bool,
}

/// A signature with a public key.
#[derive(Clone, Debug)]
pub(super) struct PublicKeyPlan {
    pub(super) key: String,
    pub(super) algorithm: AlgorithmPlan,
    pub(super) source: Source,
    pub(super) encoding: Encoding,
    pub(super) signed: Template,
    pub(super) is_per_item: bool,
}

/// Which algorithm a signature has.
#[derive(Clone, Debug)]
pub(super) enum AlgorithmPlan {
    Fixed(Algorithm),
    Named { from: Reference, names: Vec<(String, Algorithm)> },
}

impl AlgorithmPlan {
    /// All that it can be.
    pub(super) fn all(&self) -> Vec<Algorithm> {
        match self {
            Self::Fixed(algorithm) => vec![*algorithm],
            Self::Named { names, .. } => names.iter().map(|(_, algorithm)| *algorithm).collect(),
        }
    }
}

/// Standard Webhooks.
#[derive(Clone, Debug)]
pub(super) struct StandardPlan {
    pub(super) key: String,
    pub(super) headers: Vec<StandardHeaders>,
    pub(super) tolerance: Duration,
}

/// One set of its headers.
#[derive(Clone, Debug)]
pub(super) struct StandardHeaders {
    pub(super) id: HeaderName,
    pub(super) timestamp: HeaderName,
    pub(super) signature: HeaderName,
}

/// A secret that the sender repeats.
#[derive(Clone, Debug)]
pub(super) struct TokenPlan {
    pub(super) key: String,
    pub(super) from: Vec<Reference>,
    pub(super) prefix: Vec<u8>,
    pub(super) is_per_item: bool,
}

/// A JSON Web Token.
#[derive(Clone, Debug)]
pub(super) struct JwtPlan {
    pub(super) key: String,
    pub(super) from: Vec<Reference>,
    pub(super) prefix: Vec<u8>,
    pub(super) check: super::jwt::JwtCheck,
    pub(super) is_symmetric: bool,
    /// The chain that brings the key.
    pub(super) chain: Option<ChainPlan>,
}

/// HTTP message signatures.
#[derive(Clone, Debug)]
pub(super) struct HttpPlan {
    pub(super) key: String,
    pub(super) check: super::http_signature::HttpSignatureCheck,
    pub(super) components: Vec<String>,
}

/// A reference and the values it may have.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// As the entry writes it.
    pub(super) text: String,
    /// `None`: it refers to a parameter without a value and is never present.
    pub(super) expr: Option<Expr>,
    /// Empty: present and not empty.
    pub(super) values: Vec<Accepted>,
}

/// A value that a reference may have.
#[derive(Clone, Debug)]
pub(super) enum Accepted {
    Text(Template),
    Pattern(Pattern),
}

/// What a delivery reports.
#[derive(Clone, Debug)]
pub(super) struct EventPlan {
    pub(super) r#type: Option<Template>,
    pub(super) id: Option<Template>,
    pub(super) time: Option<Template>,
    pub(super) time_unit: Unit,
    pub(super) has_unique_bodies: bool,
}

/// A handshake.
#[derive(Clone, Debug)]
pub(super) struct HandshakePlan {
    pub(super) method: Method,
    pub(super) is_unsigned: bool,
    pub(super) when: Vec<Condition>,
    pub(super) require: Vec<Condition>,
    pub(super) refusal: u16,
    pub(super) challenge: Pattern,
    pub(super) answer: AnswerPlan,
    pub(super) confirm: Option<ConfirmPlan>,
    pub(super) reads_body: bool,
}

/// A URL that is visited.
#[derive(Clone, Debug)]
pub(super) struct ConfirmPlan {
    pub(super) url: Template,
    pub(super) hosts: Vec<HostPattern>,
}

/// Where keys are fetched.
#[derive(Clone, Debug)]
pub(super) struct FetchPlan {
    /// The use of the key.
    pub(super) key: String,
    pub(super) format: KeyFormat,
    pub(super) pointer: String,
    pub(super) url: Template,
    pub(super) origin: UrlOrigin,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) path: Option<Pattern>,
}

/// The answer to a handshake.
#[derive(Clone, Debug)]
pub(super) struct AnswerPlan {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<http::HeaderValue>,
    /// Whether it is told even where there is no body.
    pub(super) keeps_type: bool,
    pub(super) body: Template,
    pub(super) json: Vec<(String, Template)>,
    pub(super) headers: Vec<(HeaderName, Template)>,
}

/// How keys of one use are made of Secrets.
#[derive(Clone, Debug)]
pub(super) struct KeyPlan {
    pub(super) r#use: String,
    pub(super) spec: KeySpec,
    pub(super) text: Option<Template>,
}

impl HttpPlan {
    /// The public key algorithms that count; none where the key is a shared secret.
    pub(super) fn public_algorithms(&self) -> Vec<Algorithm> {
        self.check.algorithms.iter().filter_map(|algorithm| algorithm.public(self.check.dialect)).collect()
    }
}

impl FetchPlan {
    /// Whether the description writes the host out or pins it.
    pub(super) fn is_pinned(&self) -> bool {
        self.origin != UrlOrigin::Parameter || !self.hosts.is_empty()
    }
}

impl Plan {
    /// Whether a family's key does not come from the ring.
    pub(super) fn is_remote(&self, key: &str) -> bool {
        let is_fetched = self.fetch.as_ref().is_some_and(|fetch| fetch.key == key);
        is_fetched || self.jwt.as_ref().is_some_and(|jwt| jwt.key == key && jwt.chain.is_some())
    }

    /// The use of the key with which answers to handshakes are computed, where any is.
    pub(super) fn answer_use(&self) -> Option<&str> {
        let is_keyed = self.handshakes.iter().any(|handshake| handshake.answer.is_keyed());
        is_keyed.then(|| self.hmac.as_ref().map_or("signing", |hmac| hmac.key.as_str()))
    }
}

impl AnswerPlan {
    /// Every template in it.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let json = self.json.iter().map(|(_, template)| template);
        let headers = self.headers.iter().map(|(_, template)| template);
        std::iter::once(&self.body).chain(json).chain(headers)
    }

    /// Whether a key takes part in it.
    pub(super) fn is_keyed(&self) -> bool {
        self.templates().any(|template| template.exprs().iter().any(|(expr, _)| expr.is_keyed()))
    }
}
