//! A body that is larger than NATS takes: an object of a `JetStream` object store bucket, as ADR-20 of NATS lays it out, and
//! what the message says of it in its place.

use bytes::Bytes;
use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::headers::{EXPECTED_STREAM, Headers};

const REFERENCE: &str = "ce-dataref";
const DIGEST: &str = "ce-datadigest";
const SCHEME: &str = "nats-object://";

/// Where the body of an event is, or is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LargeBody {
    bucket: String,
    name: String,
    /// `SHA-256=` and base64, as the object store itself writes it.
    digest: String,
}

/// A message that is part of an object.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

impl LargeBody {
    /// The object for a body. Its name follows from the message's id and the body: the same delivery again is the same
    /// object, and no other ever takes its place.
    pub(super) fn of(bucket: &str, message_id: &str, body: &[u8]) -> Self {
        let digest = Sha256::digest(body);
        let name = Sha256::new().chain_update(message_id).chain_update([0]).chain_update(digest).finalize();
        Self {
            bucket: bucket.to_owned(),
            name: BASE64URL_NOPAD.encode(&name),
            digest: format!("SHA-256={}", BASE64URL.encode(&digest)),
        }
    }

    /// That of headers which [`Self::tell`] wrote; `None` where the body is in the message.
    pub(super) fn told(headers: &Headers) -> Option<Self> {
        let (bucket, name) = headers.get(REFERENCE)?.strip_prefix(SCHEME)?.split_once('/')?;
        Some(Self { bucket: bucket.to_owned(), name: name.to_owned(), digest: headers.get(DIGEST)?.to_owned() })
    }

    /// Says in the message where the body is.
    pub(super) fn tell(&self, headers: &mut Headers) {
        headers.add_attribute(REFERENCE, &format!("{SCHEME}{}/{}", self.bucket, self.name));
        headers.add_attribute(DIGEST, &self.digest);
    }

    /// The stream behind the bucket.
    pub(crate) fn stream(&self) -> String {
        format!("OBJ_{}", self.bucket)
    }

    /// Where the object's description is.
    pub(crate) fn description_subject(&self) -> String {
        format!("$O.{}.M.{}", self.bucket, BASE64URL.encode(self.name.as_bytes()))
    }

    /// A piece of the body; `upload` tells one upload from another.
    pub(crate) fn chunk(&self, upload: &str, number: usize, payload: Bytes) -> Part {
        let subject = format!("$O.{}.C.{upload}", self.bucket);
        Part { subject, headers: self.headers(&format!("{upload}.{number}")), payload }
    }

    /// What makes the pieces of an upload the object. It takes the place of an earlier one of the same body.
    pub(crate) fn description(
        &self,
        upload: &str,
        chunks: usize,
        bytes: usize,
        chunk_bytes: usize,
        now: Timestamp,
    ) -> Part {
        let mut headers = self.headers(&format!("{upload}.object"));
        headers.add("Nats-Rollup", "sub");
        let description = json!({
            "name": self.name,
            "bucket": self.bucket,
            "nuid": upload,
            "size": bytes,
            "chunks": chunks,
            "digest": self.digest,
            "mtime": now.to_string(),
            "options": {"max_chunk_size": chunk_bytes},
        });
        Part { subject: self.description_subject(), headers, payload: Bytes::from(description.to_string()) }
    }

    /// Whether a description that was read speaks of this very body.
    pub(crate) fn is_described_by(&self, description: &[u8]) -> bool {
        let Ok(description) = serde_json::from_slice::<serde_json::Value>(description) else { return false };
        description["digest"] == self.digest.as_str() && description["deleted"] != true
    }

    fn headers(&self, id: &str) -> Headers {
        let mut headers = Headers::of(id, &Headers::default());
        headers.add(EXPECTED_STREAM, &self.stream());
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_delivery_is_the_same_object_and_any_other_is_another() {
        let body = LargeBody::of("B", "uid.1", b"body");
        assert_eq!(LargeBody::of("B", "uid.1", b"body"), body);
        for other in [LargeBody::of("B", "uid.2", b"body"), LargeBody::of("B", "uid.1", b"bodz")] {
            assert_ne!(other.name, body.name);
        }
        // The digest of `body` by sha256sum and base64.
        assert_eq!(body.digest, "SHA-256=Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=");
    }

    #[test]
    fn the_message_tells_where_the_body_is() {
        let body = LargeBody::of("B", "uid.1", b"body");
        let mut headers = Headers::of("uid.1", &Headers::default());
        assert_eq!(LargeBody::told(&headers), None);
        body.tell(&mut headers);
        assert_eq!(headers.get("ce-dataref"), Some(format!("nats-object://B/{}", body.name).as_str()));
        assert_eq!(LargeBody::told(&headers), Some(body));
    }

    #[test]
    fn a_description_is_taken_for_this_body_only() {
        let body = LargeBody::of("B", "uid.1", b"body");
        let part = body.description("u1", 1, 4, 100, Timestamp::UNIX_EPOCH);
        assert_eq!(part.subject, body.description_subject());
        assert!(body.is_described_by(&part.payload));
        assert!(!LargeBody::of("B", "uid.1", b"bodz").is_described_by(&part.payload));
        let text = String::from_utf8(part.payload.to_vec()).unwrap();
        assert!(!body.is_described_by(text.replace("\"name\"", "\"deleted\":true,\"name\"").as_bytes()));
        assert!(!body.is_described_by(b"{}") && !body.is_described_by(b"x"));
    }
}
