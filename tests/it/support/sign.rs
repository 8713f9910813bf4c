//! Deliveries signed as the providers' documentation says, with none of jethook's own code.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::http::Request;

pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

pub fn github_signature(key: &str, body: &[u8]) -> String {
    format!("sha256={}", HEXLOWER.encode(&hmac_sha256(key.as_bytes(), &[body])))
}

pub fn github(path: &str, key: &str, event: &str, id: &str, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = github_signature(key, &body);
    Request::post(path, body)
        .header("Content-Type", "application/json")
        .header("User-Agent", "GitHub-Hookshot/044aadd")
        .header("X-GitHub-Event", event)
        .header("X-GitHub-Delivery", id)
        .header("X-Hub-Signature-256", &signature)
}

/// The value of `Stripe-Signature`.
pub fn stripe_signature(key: &str, at: i64, body: &[u8]) -> String {
    let mac = hmac_sha256(key.as_bytes(), &[at.to_string().as_bytes(), b".", body]);
    format!("t={at},v1={}", HEXLOWER.encode(&mac))
}

pub fn stripe(path: &str, key: &str, at: i64, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = stripe_signature(key, at, &body);
    Request::post(path, body).header("Content-Type", "application/json").header("Stripe-Signature", &signature)
}

/// The value of `X-Slack-Signature`.
pub fn slack_signature(key: &str, at: i64, body: &[u8]) -> String {
    let mac = hmac_sha256(key.as_bytes(), &[b"v0:", at.to_string().as_bytes(), b":", body]);
    format!("v0={}", HEXLOWER.encode(&mac))
}

pub fn slack(path: &str, key: &str, at: i64, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = slack_signature(key, at, &body);
    Request::post(path, body)
        .header("Content-Type", "application/json")
        .header("X-Slack-Request-Timestamp", &at.to_string())
        .header("X-Slack-Signature", &signature)
}

pub fn shopify(path: &str, key: &str, topic: &str, id: &str, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = BASE64.encode(&hmac_sha256(key.as_bytes(), &[&body]));
    Request::post(path, body)
        .header("Content-Type", "application/json")
        .header("X-Shopify-Topic", topic)
        .header("X-Shopify-Webhook-Id", id)
        .header("X-Shopify-Hmac-Sha256", &signature)
}

/// `key` is base64 behind `whsec_`.
pub fn standard(path: &str, key: &str, id: &str, at: i64, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let key = BASE64.decode(key.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let at = at.to_string();
    let mac = hmac_sha256(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", &body]);
    Request::post(path, body)
        .header("Content-Type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", &at)
        .header("webhook-signature", &format!("v1,{}", BASE64.encode(&mac)))
}

/// A JSON body signed with base64 of its HMAC in one header, as two Salesforce products do it.
pub fn base64_hmac(path: &str, header: &str, key: &[u8], body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = BASE64.encode(&hmac_sha256(key, &[&body]));
    Request::post(path, body).header("Content-Type", "application/json").header(header, &signature)
}

/// GitLab's older way: the secret itself in a header.
pub fn gitlab_token(path: &str, token: &str, id: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path, body)
        .header("Content-Type", "application/json")
        .header("X-Gitlab-Event", "Push Hook")
        .header("X-Gitlab-Token", token)
        .header("Idempotency-Key", id)
}

/// A request of the Slack documentation, word for word, and its signature there.
#[test]
fn the_signer_agrees_with_the_documentation_of_slack() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    assert_eq!(
        slack_signature("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body.as_bytes()),
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    );
}
