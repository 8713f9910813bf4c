//! What comes out: the event, answers, handshakes, the sender's patience.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Method, Text, Unit, Values, is_default};

/// What a delivery reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// The event type, a template such as `{json:/type}`. Absent values give no type, which is no fault.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub type_: String,
    /// The delivery's id: the same when the sender tries again, another for another event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub id: String,
    /// When the event happened. Counts only where it is signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub time: String,
    /// How the time is written: s (default), ms, rfc3339, httpDate, or none where it is not to be read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub time_unit: Unit,
    /// The reference to the list, where one delivery brings several events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub batch: String,
    /// True: no two events have the same body, so the body's digest identifies a delivery without an id.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unique_bodies: bool,
}

/// A request by which the provider checks that the URL is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handshake {
    /// Its method: GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// True: it comes without a signature. Otherwise it is answered only after verification.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsigned: bool,
    /// What tells it: references and the values they may have, as in require. All must fit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub when: BTreeMap<String, Values>,
    /// What proves it, such as {secret:verifyToken}; otherwise it is refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub require: BTreeMap<String, Values>,
    /// The status of a refusal: 401 (default), 403 or 404.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 401, max = 404))]
    pub refusal: Option<u16>,
    /// The pattern that a value must have to be answered with a keyed digest. Absent: [A-Za-z0-9_-]{1,128}.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub challenge: String,
    /// The answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer: Answer,
    /// A URL that is visited before the answer is given, which confirms a subscription. Only for what verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
}

/// A URL in a verified request that is visited (GET, no redirect).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Confirm {
    /// The URL: a value of the request, such as {json:/SubscribeURL}.
    #[schemars(length(min = 1, max = 256))]
    pub url: String,
    /// The hosts that it may have; * stands for one label.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 253)))]
    pub hosts: Vec<String>,
}

/// An answer. Values of the request may stand in body (then it is text/plain), in json, and in headers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// The status, 200 to 299. Absent: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 299))]
    pub status: Option<u16>,
    /// The content type. Absent: text/plain, with json application/json, without a body none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub content_type: String,
    /// The body, a template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub body: String,
    /// The members of a JSON object, each a template whose text becomes a JSON string.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub json: BTreeMap<String, Text>,
    /// Headers, each a template. Not Set-Cookie, Location, Access-Control-… or what frames the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub headers: BTreeMap<String, Text>,
}

/// What is known of the sender's patience.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sender {
    /// How long it waits for an answer (3s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub time_limit: Option<String>,
    /// For how long it tries again (72h); 0s: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    pub retry_for: Option<String>,
    /// The largest body it sends, a quantity (25Mi).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub body_max: Option<String>,
    /// The addresses it sends from (CIDR).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    pub ranges: Vec<String>,
    /// Where it publishes them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub ranges_url: String,
}
