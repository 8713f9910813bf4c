//! Identities of a NATS that is run by decentralised JWTs.

use std::fs;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};

pub fn key(kind: KeyPairType) -> KeyPair {
    KeyPair::new_from_raw(kind, std::array::from_fn(|_| fastrand::u8(..))).unwrap()
}

/// A claim about `subject`, signed by `issuer`.
fn claim(issuer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value, expires: Option<i64>) -> String {
    let mut body = json!({
        "jti": uuid::Uuid::new_v4().to_string(),
        "iat": jiff::Timestamp::now().as_second(),
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": name,
        "nats": nats,
    });
    if let Some(expires) = expires {
        body["exp"] = json!(expires);
    }
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), encode(&body));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// An operator with one account that may use JetStream.
pub struct Trust {
    account: KeyPair,
    /// What the server's configuration holds.
    pub configuration: String,
}

impl Trust {
    pub fn new() -> Self {
        let (operator, account, system) =
            (key(KeyPairType::Operator), key(KeyPairType::Account), key(KeyPairType::Account));
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let of_account = |account: &KeyPair, name: &str, limits: &Value| {
            claim(&operator, account, name, &json!({"type": "account", "version": 2, "limits": limits}), None)
        };
        let mut plain = limits.clone();
        plain["mem_storage"] = json!(0);
        plain["disk_storage"] = json!(0);
        let configuration = format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{\n{}: {}\n{}: {}\n}}\n",
            claim(&operator, &operator, "test", &json!({"type": "operator", "version": 2}), None),
            system.public_key(),
            account.public_key(),
            of_account(&account, "webhooks", &limits),
            system.public_key(),
            of_account(&system, "system", &plain),
        );
        Self { account, configuration }
    }

    /// Writes a credentials file of a new user of the account, good until a second or for ever.
    pub fn credentials(&self, path: &Path, expires: Option<i64>) {
        let user = key(KeyPairType::User);
        let nats = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let jwt = claim(&self.account, &user, "jethook", &nats, expires);
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        );
        fs::write(path, text).unwrap();
    }
}
