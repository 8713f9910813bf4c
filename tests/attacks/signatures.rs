//! Attacks 1 to 5 and 10 to 14: signatures by a shared secret.

use std::path::PathBuf;
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::HeaderValue;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::canary::CANARY;
use crate::entry::{Entry, deliveries};
use crate::field::{Field, key};
use crate::report::attack;
use crate::scale;
use crate::support::eventually::eventually;
use crate::support::http::{Connection, Request};
use crate::support::reaper;
use crate::support::sign::{self, hmac_sha256, now};
use crate::vector;

const PUBLIC_URL: &str = "https://hooks.example.com";
/// A body with the canary in it.
pub const BODY: &str = r#"{"type":"order.paid","id":"evt_1","note":"kanarienvogel-7Qx"}"#;
const ALGORITHM: &str = "X-Hub-Signature-256";

/// A request of a vector, sent to a path of the field.
fn wire(request: &vector::Request, target: &str) -> Vec<u8> {
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        request.method,
        request.body.len()
    )
    .into_bytes();
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        head.extend_from_slice(format!("{name}: ").as_bytes());
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&request.body);
    head
}

/// Serves every vector under a name of its own and waits until each is judged; whether it is served.
fn serve_all(field: &Field<'_>, entries: &[Entry]) -> Vec<bool> {
    for (number, entry) in entries.iter().enumerate() {
        let name = format!("e{number}");
        let (spec, keys) = entry.endpoint(&name);
        field.stage.secret(&name, &keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>());
        field.stage.endpoint(&name, spec);
    }
    let judged = || {
        let all = Request::get("/endpoints").send(field.operator.admin).unwrap().json();
        let ready = |number: usize| {
            let name = format!("e{number}");
            let one = all.as_array()?.iter().find(|one| one["name"] == name || one["metadata"]["name"] == name)?;
            let conditions = one["status"]["conditions"].as_array()?;
            let of =
                |kind: &str| conditions.iter().find(|one| one["type"] == kind).and_then(|one| one["status"].as_str());
            match of("Ready")? {
                "True" => Some(true),
                // What is judged for good; what only waits for NATS, for a Secret or for its turn is not.
                _ if of("TargetReady") == Some("True")
                    && (of("Accepted") == Some("False") || of("ResolvedRefs") == Some("False")) =>
                {
                    Some(false)
                }
                _ => None,
            }
        };
        let all: Vec<_> = (0..entries.len()).map(ready).collect();
        let missing: Vec<_> =
            all.iter().zip(entries).filter(|(one, _)| one.is_none()).map(|(_, entry)| &entry.vector.file).collect();
        // Keys that have to be fetched can't be here.
        let is_done = all.iter().zip(entries).all(|(one, entry)| one.is_some() || entry.fetches());
        if is_done { Ok(all.iter().map(|one| *one == Some(true)).collect()) } else { Err(format!("{missing:?}")) }
    };
    eventually(Duration::from_secs(120), "every entry is judged", judged).0
}

#[test]
fn attack_01_missing_empty_and_prefix_only_signatures_of_every_entry() {
    attack(1, "no signature, an empty one, its prefix alone: every entry", |tried| {
        let field = Field::new(tried, &["--public-url", PUBLIC_URL]);
        let entries = deliveries();
        let open = serve_all(&field, &entries);
        for ((number, entry), is_open) in entries.iter().enumerate().zip(open) {
            let what = &entry.vector.file;
            let base = field.stage.path(&format!("e{number}"));
            let mut bare = entry.request.clone();
            let proofs = entry.proofs();
            proofs.iter().for_each(|name| drop(bare.headers.remove(name)));
            (bare.query, bare.path_token) = (None, None);
            let mut altered = Vec::new();
            // Whatever proof is in the body stays there; such entries are for the mutants.
            if !proofs.is_empty() || entry.request.query.is_some() || entry.request.path_token.is_some() {
                altered.push(bare.clone());
            }
            let values = [String::new()].into_iter().chain(entry.prefixes());
            for value in values.filter(|_| !proofs.is_empty()) {
                let mut request = bare.clone();
                for name in &proofs {
                    request.headers.insert(name.clone(), HeaderValue::from_str(&value).unwrap());
                }
                altered.push(request);
            }
            for request in altered {
                let statuses: &[u16] = match (is_open, entry.fetches()) {
                    (_, true) => &[401, 400, 503],
                    (true, false) => &[401, 400, 403],
                    (false, false) => &[503],
                };
                field.refuses_bytes(what, &wire(&request, &base), statuses);
            }
            field.nothing_stored(what);
            let is_signable = is_open && !entry.fetches();
            let signed =
                is_signable.then(|| entry.signed_anew(&format!("{PUBLIC_URL}{base}"), Timestamp::now())).flatten();
            if let Some((behind, twin)) = signed {
                let target = &format!("{base}{behind}");
                let mut connection = Connection::open(field.operator.receiver).unwrap();
                connection.write(&wire(&twin, target)).unwrap();
                let answer = connection.read_answer().unwrap();
                // The vector may name a URL whose path is not this endpoint's.
                if answer.status == 401 && entry.reads_url() && entry.vector.parameters.contains_key("publicUrl") {
                    continue;
                }
                assert!((200..300).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
                field.also_stored(1);
                field.nothing_stored(what);
            }
        }
        field.unharmed();
    });
}

#[test]
fn attack_02_a_secret_that_is_empty_blank_malformed_or_not_there() {
    attack(2, "a secret that is empty, blank, malformed or not there", |tried| {
        let field = Field::new(tried, &[]);
        let standard = format!("whsec_{}", BASE64.encode(CANARY.as_bytes()));
        let rows: [(&str, &str, Option<(&str, &str)>, &str); 8] = [
            ("empty", "github", Some(("secret", "")), "InvalidSecret"),
            ("blank", "github", Some(("secret", " \t\n ")), "InvalidSecret"),
            ("newline", "github", Some(("secret", "\n")), "InvalidSecret"),
            ("nobase64", "standard-webhooks", Some(("secret", "whsec_no base64!")), "InvalidSecret"),
            ("noprefix", "standard-webhooks", Some(("secret", "")), "InvalidSecret"),
            ("prefixonly", "standard-webhooks", Some(("secret", "whsec_")), "InvalidSecret"),
            ("otherkey", "github", Some(("other", "x")), "SecretKeyNotFound"),
            ("absent", "github", None, "SecretNotFound"),
        ];
        for (name, provider, secret, reason) in rows {
            if let Some(pair) = secret {
                field.stage.secret(name, &[pair]);
            }
            field.stage.endpoint(name, json!({"provider": provider, "secretRefs": [{"name": name}]}));
            field.stage.expect(name, "ResolvedRefs", "False", reason);
            let path = field.stage.path(name);
            for guess in ["", " \t\n ", "\n", secret.map_or("", |(_, value)| value), "whsec_"] {
                let forged = match provider {
                    "github" => sign::github(&path, guess, "push", "1", BODY),
                    _ => {
                        let mac = hmac_sha256(guess.as_bytes(), &[format!("1.{}.{BODY}", now()).as_bytes()]);
                        Request::post(&path, BODY)
                            .header("webhook-id", "1")
                            .header("webhook-timestamp", &now().to_string())
                            .header("webhook-signature", &format!("v1,{}", BASE64.encode(&mac)))
                    }
                };
                field.refuses(name, &forged, &[503]);
            }
            field.refuses(name, &Request::post(&path, BODY), &[503]);
        }
        field.provider("absent", "github", &key(), json!({}));
        field.accepts("a Secret came", &sign::github(&field.stage.path("absent"), &key(), "push", "1", BODY));
        field.provider("prefixonly", "standard-webhooks", &standard, json!({}));
        let twin = sign::standard(&field.stage.path("prefixonly"), &standard, "1", now(), BODY);
        field.accepts("the Secret was mended", &twin);
        field.unharmed();
    });
}

#[test]
fn attack_03_a_newline_at_the_end_of_the_secret() {
    attack(3, "a newline at the end of the secret", |tried| {
        let field = Field::new(tried, &[]);
        for (name, stored, right, wrong) in [
            ("lf", format!("{}\n", key()), key(), format!("{}\n", key())),
            ("lflf", format!("{}\n\n", key()), format!("{}\n", key()), key()),
            ("crlf", format!("{}\r\n", key()), key(), format!("{}\r", key())),
            ("blank", format!("{} ", key()), format!("{} ", key()), key()),
        ] {
            field.provider(name, "github", &stored, json!({}));
            let path = field.stage.path(name);
            field.refuses(name, &sign::github(&path, &wrong, "push", "1", BODY), &[401]);
            field.refuses(name, &sign::github(&path, "", "push", "1", BODY), &[401]);
            field.accepts(name, &sign::github(&path, &right, "push", "1", BODY));
        }
        let message = field.stage.condition("lf", "ResolvedRefs").unwrap().message;
        assert!(message.contains("newline"), "it is told: {message}");
        field.unharmed();
    });
}

/// Requests to a path that differ in one header, whose value is any bytes.
fn with_values(path: &str, name: &str, values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{name}: ", BODY.len());
    let tail = format!("\r\n\r\n{BODY}");
    values.into_iter().map(|value| [head.as_bytes(), &value, tail.as_bytes()].concat()).collect()
}

/// Spellings of a signature that some decoders take for the same.
fn spellings(mac: &[u8]) -> Vec<String> {
    let (hex, base64) = (HEXLOWER.encode(mac), BASE64.encode(mac));
    let mut all = vec![
        HEXUPPER.encode(mac),
        format!("0x{hex}"),
        hex[..63].to_owned(),
        format!("{hex}0"),
        format!("{hex}00"),
        format!("{hex}{hex}"),
        format!("{} {}", &hex[..32], &hex[32..]),
        format!("\u{feff}{hex}"),
        format!("\"{hex}\""),
        hex.chars().map(|c| format!("%{:02x}", c as u32)).collect(),
        hex.replace('0', "٠"),
        BASE64URL.encode(mac),
        BASE64URL_NOPAD.encode(mac),
        base64.trim_end_matches('=').to_owned(),
        format!("{base64}="),
        format!("{base64}{base64}"),
        format!("{} {}", &base64[..20], &base64[20..]),
        format!("{}\t{}", &base64[..20], &base64[20..]),
    ];
    // The last character before the padding carries two bits that decoders may throw away.
    let last = base64.as_bytes()[42];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for other in alphabet.iter().filter(|other| **other != last) {
        all.push(format!("{}{}=", &base64[..42], char::from(*other)));
    }
    all.extend((0..hex.len()).map(|at| hex[..at].to_owned()));
    all.extend((0..base64.len()).map(|at| base64[..at].to_owned()));
    all
}

#[test]
fn attack_04_every_other_spelling_and_every_edit_of_a_signature() {
    attack(4, "every byte edit and other spelling of a signature", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("shop", "shopify", &key(), json!({}));
        let mac = hmac_sha256(key().as_bytes(), &[BODY.as_bytes()]);
        for (name, header, prefix, right) in [
            ("hook", ALGORITHM, "sha256=", HEXLOWER.encode(&mac)),
            ("shop", "X-Shopify-Hmac-Sha256", "", BASE64.encode(&mac)),
        ] {
            let path = field.stage.path(name);
            let right = format!("{prefix}{right}").into_bytes();
            let mut values: Vec<Vec<u8>> =
                spellings(&mac).into_iter().map(|text| format!("{prefix}{text}").into_bytes()).collect();
            values.extend(spellings(&mac).into_iter().map(String::into_bytes));
            values.retain(|value| *value != right);
            let step = if scale::is_long() { 1 } else { 7 };
            for at in 0..right.len() {
                // Bytes that can stand in a header; what ends a line is the business of attack 19.
                let bytes = (0x20..=0xff).filter(|byte| *byte != 0x7f && *byte != right[at]);
                for byte in bytes.skip(at % step).step_by(step) {
                    let mut edited = right.clone();
                    edited[at] = byte;
                    // Blanks at the edges are no part of a header's value.
                    if edited.trim_ascii() != right.trim_ascii() && edited.trim_ascii().len() == right.len() {
                        values.push(edited);
                    }
                }
            }
            field.refuses_all(name, &with_values(&path, header, values), 401);
            let twin = Request::post(&path, BODY).header(header, std::str::from_utf8(&right).unwrap());
            field.accepts(name, &twin);
        }
        field.unharmed();
    });
}

#[test]
fn attack_05_a_weaker_algorithm_beside_or_in_place_of_the_right_one() {
    attack(5, "a weaker or another algorithm", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let sha1 = {
            use hmac::{Hmac, KeyInit as _, Mac as _};
            let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key().as_bytes()).unwrap();
            mac.update(BODY.as_bytes());
            HEXLOWER.encode(&mac.finalize().into_bytes())
        };
        let sha512 = {
            use hmac::{Hmac, KeyInit as _, Mac as _};
            let mut mac = Hmac::<sha2::Sha512>::new_from_slice(key().as_bytes()).unwrap();
            mac.update(BODY.as_bytes());
            HEXLOWER.encode(&mac.finalize().into_bytes())
        };
        let sha256 = HEXLOWER.encode(&hmac_sha256(key().as_bytes(), &[BODY.as_bytes()]));
        let plain = HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(format!("{}{BODY}", key())));
        let post = || Request::post(&field.path(), BODY).header("X-GitHub-Event", "push");
        let wrong = "0".repeat(64);
        for (what, request) in [
            ("SHA-1 alone", post().header("X-Hub-Signature", &format!("sha1={sha1}"))),
            (
                "SHA-1 beside a wrong one",
                post().header("X-Hub-Signature", &format!("sha1={sha1}")).header(ALGORITHM, &format!("sha256={wrong}")),
            ),
            ("SHA-1 in the header of SHA-256", post().header(ALGORITHM, &format!("sha1={sha1}"))),
            ("SHA-1 said to be SHA-256", post().header(ALGORITHM, &format!("sha256={sha1}"))),
            ("SHA-512 said to be SHA-256", post().header(ALGORITHM, &format!("sha256={sha512}"))),
            ("a half of SHA-512", post().header(ALGORITHM, &format!("sha256={}", &sha512[..64]))),
            ("another prefix", post().header(ALGORITHM, &format!("sha512={sha256}"))),
            ("an upper-case prefix", post().header(ALGORITHM, &format!("SHA256={sha256}"))),
            ("no prefix", post().header(ALGORITHM, &sha256)),
            ("a plain digest", post().header(ALGORITHM, &format!("sha256={plain}"))),
            ("the SHA-256 one in the header of SHA-1", post().header("X-Hub-Signature", &format!("sha256={sha256}"))),
        ] {
            field.refuses(what, &request, &[401]);
        }
        let both = post().header("X-Hub-Signature", "sha1=0").header(ALGORITHM, &format!("sha256={sha256}"));
        field.accepts("the right one beside a wrong SHA-1", &both);
        field.unharmed();
    });
}

#[test]
fn attack_10_a_part_of_the_right_mac() {
    attack(10, "a part of the right MAC, or more than it", |tried| {
        let field = Field::new(tried, &[]);
        for (hash, length) in [("sha1", 20), ("sha256", 32), ("sha384", 48), ("sha512", 64)] {
            let verification = json!({"hmac": {"hash": hash, "from": ["header:X-Sig"]}});
            field.serve_custom(hash, verification, &[("signing", &key())]);
            let full = mac_of(hash, key().as_bytes(), BODY.as_bytes());
            assert_eq!(full.len(), length);
            let path = field.stage.path(hash);
            let mut values: Vec<Vec<u8>> = (0..length).map(|at| HEXLOWER.encode(&full[..at]).into_bytes()).collect();
            values.extend((1..length).map(|at| HEXLOWER.encode(&full[at..]).into_bytes()));
            values.push(HEXLOWER.encode(&[&full[..], &[0]].concat()).into_bytes());
            values.push(HEXLOWER.encode(&[&full[..], &full[..]].concat()).into_bytes());
            field.refuses_all(hash, &with_values(&path, "X-Sig", values), 401);
            field.accepts(hash, &Request::post(&path, BODY).header("X-Sig", &HEXLOWER.encode(&full)));
        }
        field.unharmed();
    });
}

/// A MAC by the test's own hand.
pub fn mac_of(hash: &str, key: &[u8], text: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    macro_rules! mac {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key).unwrap();
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match hash {
        "md5" => mac!(md5::Md5),
        "sha1" => mac!(sha1::Sha1),
        "sha256" => mac!(sha2::Sha256),
        "sha384" => mac!(sha2::Sha384),
        "sha512" => mac!(sha2::Sha512),
        other => panic!("{other}"),
    }
}

/// CPU time that a process has taken, in clock ticks.
fn ticks(pid: u32) -> u64 {
    let stat = reaper::text(&PathBuf::from(format!("/proc/{pid}/stat")));
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn attack_11_ten_thousand_signatures_in_a_header() {
    attack(11, "very many signatures in one header, very many keys", |tried| {
        let field = Field::new(tried, &[]);
        field.provider("stripe", "stripe", &key(), json!({"deduplication": {"key": "none"}}));
        let path = field.stage.path("stripe");
        let right = sign::stripe(&path, &key(), now(), BODY);
        let signature = right.headers.last().unwrap().1.clone();
        let (time, mac) = signature.split_once(",v1=").unwrap();
        let bad = format!(",v1={}", "0".repeat(64));
        let listed = |before: usize, after: usize| {
            let value = format!("{time}{},v1={mac}{}", bad.repeat(before), bad.repeat(after));
            Request::post(&path, BODY).header("Content-Type", "application/json").header("Stripe-Signature", &value)
        };
        field.refuses("10,000 of them", &listed(10_000, 0), &[431]);
        field.refuses("the right one as the eleventh", &listed(10, 0), &[401]);
        field.refuses("the right one as the 401st", &listed(400, 0), &[401]);
        field.accepts("the right one as the tenth", &listed(9, 0));
        field.accepts("the right one before 400 others", &listed(0, 400));
        // Each MAC is computed once for a key, so that a refusal costs no more than what is stored.
        let rounds = scale::of(300, 2000);
        let cost = |request: &Request, status: u16| {
            let before = ticks(field.operator.pid());
            for _ in 0..rounds {
                assert_eq!(field.operator.send(request).status, status);
            }
            ticks(field.operator.pid()) - before
        };
        let (valid, refused) = (cost(&listed(0, 400), 200), cost(&listed(400, 0), 401));
        field.also_stored(rounds as u64);
        assert!(refused <= 2 * valid + 5, "a refusal took {refused} ticks, a stored delivery {valid}, over {rounds}");
        field.unharmed();
    });
}

#[test]
fn attack_12_what_is_not_signed_decides_nothing_but_names() {
    attack(12, "altered parts: the signed ones refuse, others only name", |tried| {
        let field = Field::github(tried, &[], json!({}));
        field.provider("slack", "slack", &key(), json!({}));
        field.provider("stripe", "stripe", &key(), json!({}));
        for (name, header, level) in
            [("slack", "X-Slack-Request-Timestamp", "body"), ("stripe", "Stripe-Signature", "body")]
        {
            assert_eq!(field.stage.status(name)["authenticates"], level);
            let path = field.stage.path(name);
            let right = match name {
                "slack" => sign::slack(&path, &key(), now(), BODY),
                _ => sign::stripe(&path, &key(), now(), BODY),
            };
            for other in [now() - 1, now() + 1, now() - 299] {
                let mut altered = right.clone();
                let value = &mut altered.headers.iter_mut().find(|(name, _)| name == header).unwrap().1;
                let signed = value.trim_start_matches("t=").split(',').next().unwrap().to_owned();
                *value = value.replacen(&signed, &other.to_string(), 1);
                if other.to_string() != signed {
                    field.refuses(&format!("{name}: another time under the signature"), &altered, &[401]);
                }
            }
            field.accepts(name, &right);
        }
        // GitHub signs neither event nor id: they name, and no more.
        let prefix = format!("{}.{}.hook.", field.stage.prefix, field.stage.namespace);
        for (event, id) in [("issues", "a"), ("../../x", "b"), ("push", "$JS.API.STREAM.DELETE.X"), (">", "*")] {
            let named = sign::github(&field.path(), &key(), event, id, BODY);
            field.accepts(&format!("{event} {id}"), &named);
            let stored = field.stage.stored().pop().unwrap();
            assert!(stored.subject.starts_with(&prefix), "{}", stored.subject);
            assert_eq!(
                stored.header("ce-source"),
                format!("/namespaces/{}/webhookendpoints/hook", field.stage.namespace)
            );
        }
        field.unharmed();
    });
}

#[test]
fn attack_13_a_body_that_was_written_anew() {
    attack(13, "a body re-encoded on its way; odd bytes", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let bodies: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"\0".to_vec(),
            b"{\"a\":1}\r\n".to_vec(),
            b"\xef\xbb\xbf{\"a\":1}".to_vec(),
            b"{\"a\":\"\xff\xfe\xc3\x28\"}".to_vec(),
            "{\"a\":\"\\u00e9\",\"b\":1.0,\"b\":2,\"z\":{\"y\":1,\"x\":[1, 2]}}".into(),
            "{\"a\":\"é\"}".into(),
            (0..=255).collect(),
            vec![b' '; 70_000],
        ];
        for (number, body) in bodies.iter().enumerate() {
            let mut right = field.push(&number.to_string(), body.clone());
            // What is sent as JSON must also parse; here it is about the bytes.
            right.headers.retain(|(name, _)| name != "Content-Type");
            let mut anew: Vec<Vec<u8>> = vec![
                [body.as_slice(), b"\n"].concat(),
                [b"\xef\xbb\xbf", body.as_slice()].concat(),
                body.iter().copied().filter(|byte| *byte != b'\r').collect(),
                body.iter().copied().filter(|byte| *byte != b' ').collect(),
                String::from_utf8_lossy(body).into_owned().into_bytes(),
                body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).to_vec(),
                body.trim_ascii().to_vec(),
            ];
            if let Ok(value) = serde_json::from_slice::<Value>(body) {
                anew.extend([value.to_string().into_bytes(), serde_json::to_vec_pretty(&value).unwrap()]);
            }
            for body in anew.into_iter().filter(|anew| anew != body) {
                field.refuses("written anew", &Request { body, ..right.clone() }, &[401]);
            }
            field.accepts("as it was signed", &right);
        }
        field.unharmed();
    });
}

#[test]
fn attack_14_a_signed_url_is_the_configured_one_whatever_the_headers_say() {
    attack(14, "a signed URL with Host and X-Forwarded-* of the attacker's", |tried| {
        let field = Field::new(tried, &["--public-url", PUBLIC_URL]);
        let verification = json!({"hmac": {"hash": "sha256", "from": ["header:X-Sig"], "signed": "{url}{body}"}});
        field.serve_custom("hook", verification, &[("signing", &key())]);
        let path = field.path();
        let signed_for =
            |url: &str| HEXLOWER.encode(&hmac_sha256(key().as_bytes(), &[url.as_bytes(), BODY.as_bytes()]));
        let hosts = [
            vec![("Host", "evil.example")],
            vec![("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")],
            vec![("Forwarded", "host=evil.example;proto=https"), ("X-Original-URL", "/x"), ("X-Rewrite-URL", "/x")],
            vec![("X-Forwarded-Prefix", "/x"), ("X-Forwarded-Port", "81"), ("X-Forwarded-Path", "/x")],
        ];
        for headers in hosts {
            let post = |signature: &str| {
                let request = Request::post(&path, BODY).header("X-Sig", signature);
                headers.iter().fold(request, |request, (name, value)| request.header(name, value))
            };
            for url in [
                format!("https://evil.example{path}"),
                format!("http://evil.example{path}"),
                path.clone(),
                format!("{PUBLIC_URL}/x"),
            ] {
                field.refuses(&url, &post(&signed_for(&url)), &[401]);
            }
            field.accepts("the configured URL", &post(&signed_for(&format!("{PUBLIC_URL}{path}"))));
        }
        let with_query = Request::post(&format!("{path}?a=1"), BODY);
        let other = with_query.clone().header("X-Sig", &signed_for(&format!("{PUBLIC_URL}{path}")));
        field.refuses("a query that was not signed", &other, &[401]);
        field.accepts("a signed query", &with_query.header("X-Sig", &signed_for(&format!("{PUBLIC_URL}{path}?a=1"))));
        field.unharmed();
    });
}
