//! The floor: an HTTP server, one signature, one acknowledged publish, and nothing else. No routes but one for each family,
//! no limits, no metrics, no headers but the id. Arguments: the address to listen on, NATS's URL.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, Context};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

/// The secret of every family: 32 bytes of text, which are an Ed25519 seed as well.
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

struct Floor {
    jetstream: Context,
    mac: Hmac<Sha256>,
    public_key: UnparsedPublicKey<Vec<u8>>,
}

impl Floor {
    /// Stores the body and answers once `JetStream` has it.
    async fn store(&self, subject: &'static str, id: Option<&str>, body: Bytes) -> StatusCode {
        let mut headers = async_nats::HeaderMap::new();
        if let Some(id) = id {
            headers.insert("Nats-Msg-Id", id);
        }
        let Ok(ack) = self.jetstream.publish_with_headers(subject, headers, body).await else {
            return StatusCode::SERVICE_UNAVAILABLE;
        };
        if ack.await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn hmac(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let sent = text(&headers, "x-hub-signature-256").and_then(|value| value.strip_prefix("sha256="));
    let Some(sent) = sent.and_then(|sent| HEXLOWER.decode(sent.as_bytes()).ok()) else {
        return StatusCode::UNAUTHORIZED;
    };
    if floor.mac.clone().chain_update(&body).verify_slice(&sent).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    floor.store("webhooks.bench.hmac.push", text(&headers, "x-github-delivery"), body).await
}

async fn standard(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let parts =
        (text(&headers, "webhook-id"), text(&headers, "webhook-timestamp"), text(&headers, "webhook-signature"));
    let (Some(id), Some(time), Some(signature)) = parts else { return StatusCode::UNAUTHORIZED };
    let Some(sent) = signature.strip_prefix("v1,").and_then(|sent| BASE64.decode(sent.as_bytes()).ok()) else {
        return StatusCode::UNAUTHORIZED;
    };
    let mut mac = floor.mac.clone();
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", &body] {
        mac.update(part);
    }
    if mac.verify_slice(&sent).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    floor.store("webhooks.bench.standard.push", Some(id), body).await
}

async fn ed25519(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (Some(id), Some(sent)) = (text(&headers, "x-delivery-id"), text(&headers, "x-signature")) else {
        return StatusCode::UNAUTHORIZED;
    };
    let Ok(sent) = HEXLOWER.decode(sent.as_bytes()) else { return StatusCode::UNAUTHORIZED };
    let signed = [id.as_bytes(), b".", &body].concat();
    if floor.public_key.verify(&signed, &sent).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    floor.store("webhooks.bench.ed25519.push", Some(id), body).await
}

async fn token(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_right = headers.get("x-token").is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(SECRET)));
    if !is_right {
        return StatusCode::UNAUTHORIZED;
    }
    floor.store("webhooks.bench.token.push", text(&headers, "x-delivery-id"), body).await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let [listen, nats_url] =
        env::args().skip(1).collect::<Vec<_>>().try_into().ok().context("usage: floor ADDRESS NATS_URL")?;
    let jetstream = jetstream::new(async_nats::connect(nats_url).await?);
    // The stream that jethook makes for itself.
    let stream = Config {
        name: "WEBHOOKS".to_owned(),
        subjects: vec!["webhooks.>".to_owned()],
        discard: DiscardPolicy::New,
        max_age: Duration::from_hours(168),
        duplicate_window: Duration::from_hours(2),
        ..Config::default()
    };
    jetstream.get_or_create_stream(stream).await?;
    let pair = Ed25519KeyPair::from_seed_unchecked(SECRET)?;
    let floor = Floor {
        jetstream,
        mac: Hmac::new_from_slice(SECRET)?,
        public_key: UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec()),
    };
    let router = Router::new()
        .route("/bench/hmac", post(hmac))
        .route("/bench/standard", post(standard))
        .route("/bench/ed25519", post(ed25519))
        .route("/bench/token", post(token))
        .layer(DefaultBodyLimit::max(1 << 20))
        .with_state(Arc::new(floor));
    axum::serve(TcpListener::bind(listen).await?, router).await?;
    Ok(())
}
