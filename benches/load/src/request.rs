//! Signed requests with an id each.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The secret of every family: 32 bytes of text, which are an Ed25519 seed as well.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// HMAC-SHA256 of the body, as GitHub sends it.
    Hmac,
    /// Standard Webhooks, `v1`.
    Standard,
    /// Ed25519 over id and body.
    Ed25519,
    /// A token in a header.
    Token,
}

impl Family {
    /// The last segment of its path, and the name of its endpoint.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Standard => "standard",
            Self::Ed25519 => "ed25519",
            Self::Token => "token",
        }
    }
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing: it is stored.
    None,
    /// Its signature is of another body.
    Signature,
    /// Nobody owns its path.
    Path,
}

impl Flaw {
    /// Whether this status is the answer that such a request is to have.
    pub(crate) const fn expects(self, status: u16) -> bool {
        match self {
            Self::None => status >= 200 && status < 300,
            Self::Signature => status == 401,
            Self::Path => status == 404,
        }
    }
}

/// Writes requests that differ in their id.
#[derive(Debug)]
pub(crate) struct Requests {
    family: Family,
    /// The request line and the headers that never change.
    head: String,
    body: Vec<u8>,
    run: u32,
    sent: u64,
    mac: Hmac<Sha256>,
    pair: Ed25519KeyPair,
    /// The signature, where it does not cover the id.
    signature: String,
}

impl Requests {
    /// `run` keeps the ids of two runs apart.
    pub(crate) fn new(family: Family, flaw: Flaw, body_bytes: usize, run: u32) -> anyhow::Result<Self> {
        let name = if flaw == Flaw::Path { "nobody" } else { family.name() };
        let body = body(body_bytes);
        let length = body.len();
        let head = format!(
            "POST /bench/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nContent-Length: {length}\r\n"
        );
        let secret = if flaw == Flaw::Signature { [b'x'; 32].as_slice() } else { SECRET.as_bytes() };
        let mac = Hmac::<Sha256>::new_from_slice(secret)?;
        let signature = HEXLOWER.encode(&mac.clone().chain_update(&body).finalize().into_bytes());
        let pair = Ed25519KeyPair::from_seed_unchecked(secret).context("the seed makes no key pair")?;
        Ok(Self { family, head, body, run, sent: 0, mac, pair, signature })
    }

    /// Writes the next one.
    pub(crate) fn next(&mut self, request: &mut Vec<u8>) -> anyhow::Result<()> {
        self.sent += 1;
        let id = format!("{:08x}-0000-4000-8000-{:012x}", self.run, self.sent);
        request.clear();
        request.extend_from_slice(self.head.as_bytes());
        match self.family {
            Family::Hmac => {
                write!(request, "X-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: sha256={}\r\n", self.signature)?;
            }
            Family::Standard => {
                let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                let mac = self.mac.clone().chain_update(format!("{id}.{time}.")).chain_update(&self.body);
                let signature = BASE64.encode(&mac.finalize().into_bytes());
                write!(
                    request,
                    "webhook-id: {id}\r\nwebhook-timestamp: {time}\r\nwebhook-signature: v1,{signature}\r\n"
                )?;
            }
            Family::Ed25519 => {
                let signature = self.pair.sign(&[id.as_bytes(), b".", &self.body].concat());
                write!(request, "X-Delivery-Id: {id}\r\nX-Signature: {}\r\n", HEXLOWER.encode(signature.as_ref()))?;
            }
            Family::Token => write!(request, "X-Delivery-Id: {id}\r\nX-Token: {SECRET}\r\n")?,
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&self.body);
        Ok(())
    }
}

/// The public key that belongs to the secret, in hexadecimal.
pub(crate) fn public_key() -> anyhow::Result<String> {
    let pair = Ed25519KeyPair::from_seed_unchecked(SECRET.as_bytes()).context("the seed makes no key pair")?;
    Ok(HEXLOWER.encode(pair.public_key().as_ref()))
}

/// A JSON object of this many bytes, or a few less.
fn body(size: usize) -> Vec<u8> {
    let mut text = r#"{"type":"push","ref":"refs/heads/main","repository":{"full_name":"shop/api","id":7}"#.to_owned();
    for number in 0.. {
        let field = format!(r#","field{number:06}":"0123456789abcdef0123456789abcdef0123456789""#);
        if text.len() + field.len() + 1 > size {
            break;
        }
        text += &field;
    }
    text.push('}');
    text.into_bytes()
}
