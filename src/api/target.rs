//! Where events go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where events go.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The JetStream stream. Absent: the operator's (`--stream`), which it creates; a stream named here belongs to
    /// someone else, is checked and never changed. Letters, digits, `-` and `_`. Example: `WEBHOOKS`. One that the
    /// policy (`--allow-stream`) does not give to this namespace is `Accepted=False`, `StreamNotAllowed`; one that does
    /// not exist, does not capture the subject or could lose events is `TargetReady=False`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub stream: Option<String>,
    /// The subject of an event: letters, digits, `-` and `_`, dots between tokens, and the placeholders `{prefix}`,
    /// `{namespace}`, `{name}`, `{provider}`, `{cluster}` and `{event}` (whose dots separate tokens too). Absent:
    /// `{prefix}.{namespace}.{name}.{event}`. One outside of what the policy (`--allow-subject`) gives to this
    /// namespace is `Accepted=False`, `SubjectNotAllowed`. Example: `webhooks.shop.{event}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(
        validation = (
            "self.matches('^([A-Za-z0-9._-]|[{](prefix|namespace|name|provider|cluster|event)[}])*$')",
            "must hold only letters, digits, -, _, dots and {prefix}, {namespace}, {name}, {provider}, {cluster}, {event}"
        ),
        validation = (
            "!self.startsWith('.') && !self.endsWith('.') && !self.contains('..')",
            "must have no empty token: no dot at either end, no two dots in a row"
        ),
        validation = ("!self.startsWith('_INBOX')", "must not begin with _INBOX, where NATS keeps replies")
    )]
    pub subject: Option<String>,
    /// More request headers to store with each event, as `http-{name}`, beside those that the provider's entry names,
    /// `User-Agent` and `Content-Type`. Never credentials, `Nats-*`, or `method`, `query`, `truncated`, which would
    /// hide what jethook itself tells there. Up to 32. Example: `["X-Request-Id"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("items" = {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "x-kubernetes-validations": [
                {
                    "rule": "self.matches('^[A-Za-z0-9!#$%&\\'*+.^_`|~-]+$')",
                    "message": "must be the name of a request header",
                },
                {
                    "rule": "!self.matches('^(?i)(authorization|proxy-authorization|cookie|set-cookie\
                             |method|query|truncated|nats-.*)$')",
                    "message": "must not carry credentials, nor begin with Nats-, nor be method, query or truncated",
                },
            ],
        })
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub forward_headers: Vec<String>,
    /// What to do with a body that is larger than NATS takes. `refuse`: answer 413. `objectStore`: put the body into the
    /// object store bucket `{stream}-bodies` and a reference to it into the message; `limits.maxBodySize` says how large it
    /// may be. The operator makes the bucket of its own stream; that of another must be there. Absent: `refuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LargeBodies")]
    pub large_bodies: Option<LargeBodies>,
}

/// What to do with a body larger than NATS takes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum LargeBodies {
    /// Answer 413.
    #[default]
    Refuse,
    /// Store the body in an object store bucket first.
    ObjectStore,
}
