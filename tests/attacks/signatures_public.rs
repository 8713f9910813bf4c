//! Attacks 6 to 9: tokens and signatures with a public key.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use crate::field::{Field, key};
use crate::report::attack;
use crate::signatures::{BODY, mac_of};
use crate::support::http::Request;
use crate::support::sign::now;

fn encode(text: &str) -> String {
    BASE64URL_NOPAD.encode(text.as_bytes())
}

/// A token whose signature is what `sign` makes of its text.
fn token(header: &Value, claims: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn bearer(path: &str, token: &str) -> Request {
    Request::post(path, BODY).header("Authorization", &format!("Bearer {token}"))
}

fn claims(change: Value) -> String {
    let mut claims = json!({"iss": "https://issuer.example", "aud": "jethook", "iat": now(), "exp": now() + 60});
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims.to_string()
}

/// Claims that must not do, whoever signed them.
fn bad_claims() -> Vec<(&'static str, String)> {
    let text = |exp: &str| format!(r#"{{"iss":"https://issuer.example","aud":"jethook","iat":{},"exp":{exp}}}"#, now());
    vec![
        ("no exp", claims(json!({"exp": null}))),
        ("no aud", claims(json!({"aud": null}))),
        ("no iss", claims(json!({"iss": null}))),
        ("no iat", claims(json!({"iat": null}))),
        ("another aud", claims(json!({"aud": "jethooK"}))),
        ("another iss", claims(json!({"iss": "https://issuer.example.evil"}))),
        ("expired", claims(json!({"exp": now() - 3600}))),
        ("exp as text", claims(json!({"exp": (now() + 60).to_string()}))),
        ("exp as a list", claims(json!({"exp": [now() + 60]}))),
        ("exp null", text("null")),
        ("exp huge", text("1e300")),
        ("exp beyond all numbers", text("1e999")),
        ("exp negative", text("-1")),
        ("exp twice", text(&format!("1,\"exp\":{}", now() + 60))),
        ("nbf in the future", claims(json!({"nbf": now() + 3600}))),
        ("iat in the future", claims(json!({"iat": now() + 3600}))),
        ("iat long ago", claims(json!({"iat": now() - 100_000}))),
        ("a list", "[]".to_owned()),
        ("no JSON", "{".to_owned()),
        ("nothing", String::new()),
    ]
}

#[test]
fn attack_06_tokens_that_choose_their_own_key_or_algorithm() {
    attack(6, "JWT: alg none, key confusion, kid, jku, jwk, odd claims", |tried| {
        let field = Field::new(tried, &[]);
        let jwt = |algorithm: &str| {
            json!({
                "jwt": {"from": ["bearer"], "algorithms": [algorithm], "requireExpiry": true, "maxAge": "10m"},
                "require": {"claim:/aud": ["jethook"], "claim:/iss": ["https://issuer.example"]},
            })
        };
        let (rsa, other) =
            (KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(), KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
        let (pem, der) = (rsa.public_key_pem(), rsa.subject_public_key_info());
        field.serve_custom("hs", jwt("HS256"), &[("signing", &key())]);
        field.serve_custom("rs", jwt("RS256"), &[("signing", &pem)]);
        let by_secret = |secret: Vec<u8>| move |text: &[u8]| mac_of("sha256", &secret, text);
        let (by_hs, by_rs) = (by_secret(key().into_bytes()), |text: &[u8]| rsa.sign(text).unwrap());
        let by_other = |text: &[u8]| other.sign(text).unwrap();
        let path = |name: &str| field.stage.path(name);
        let good = claims(json!({}));
        // No signature at all, or one that the header declares void.
        for alg in ["none", "None", "NONE", "nOnE", "", "HS0", "none\0"] {
            let bare = format!("{}.{}", encode(&json!({"alg": alg}).to_string()), encode(&good));
            for (what, token) in [
                ("two parts", bare.clone()),
                ("an empty signature", format!("{bare}.")),
                ("a blank one", format!("{bare}.AA")),
            ] {
                field.refuses(&format!("{alg}, {what}"), &bearer(&path("hs"), &token), &[401]);
                field.refuses(&format!("{alg}, {what}"), &bearer(&path("rs"), &token), &[401]);
            }
        }
        // The public key as the secret of an HMAC, in each of its spellings.
        for secret in [
            pem.clone().into_bytes(),
            pem.trim_end().as_bytes().to_vec(),
            der.clone(),
            Vec::new(),
            BASE64.encode(&der).into_bytes(),
        ] {
            let forged = token(&json!({"alg": "HS256"}), &good, &by_secret(secret));
            field.refuses("the public key as a secret", &bearer(&path("rs"), &forged), &[401]);
        }
        let swapped = token(&json!({"alg": "RS256"}), &good, &by_hs);
        field.refuses("a MAC said to be RSA", &bearer(&path("rs"), &swapped), &[401]);
        field.refuses("RS256 where HS256 is due", &bearer(&path("hs"), &swapped), &[401]);
        for alg in ["HS384", "HS512", "RS256", "ES256", "PS256"] {
            let other = token(&json!({"alg": alg}), &good, &by_hs);
            field.refuses("another algorithm than the one allowed", &bearer(&path("hs"), &other), &[401]);
        }
        // The attacker's key, named or enclosed.
        let jwk = json!({"kty": "RSA", "e": "AQAB", "n": BASE64URL_NOPAD.encode(&other.subject_public_key_info())});
        for header in [
            json!({"alg": "RS256"}),
            json!({"alg": "RS256", "kid": "../../../../dev/null"}),
            json!({"alg": "RS256", "kid": "https://evil.example/key"}),
            json!({"alg": "RS256", "kid": "' OR 1=1 --"}),
            json!({"alg": "RS256", "jku": "http://127.0.0.1:1/jwks"}),
            json!({"alg": "RS256", "x5u": "http://127.0.0.1:1/cert"}),
            json!({"alg": "RS256", "jwk": jwk}),
            json!({"alg": "RS256", "x5c": [BASE64.encode(&other.subject_public_key_info())]}),
        ] {
            field.refuses("a key of the attacker's", &bearer(&path("rs"), &token(&header, &good, &by_other)), &[401]);
        }
        for (what, claims) in bad_claims() {
            field.refuses(what, &bearer(&path("hs"), &token(&json!({"alg": "HS256"}), &claims, &by_hs)), &[401]);
            field.refuses(what, &bearer(&path("rs"), &token(&json!({"alg": "RS256"}), &claims, &by_rs)), &[401]);
        }
        let crit = token(&json!({"alg": "HS256", "crit": ["x"], "x": 1}), &good, &by_hs);
        field.refuses("an extension that must be understood", &bearer(&path("hs"), &crit), &[401]);
        let right = token(&json!({"alg": "HS256", "typ": "JWT", "kid": "1"}), &good, &by_hs);
        for (what, altered) in [
            ("padding", format!("{right}=")),
            ("a fourth part", format!("{right}.")),
            ("a blank", right.replacen('.', ". ", 1)),
            ("twice", format!("{right},{right}")),
            ("long", format!("{}{right}", "A".repeat(20_000))),
        ] {
            field.refuses(what, &bearer(&path("hs"), &altered), &[401]);
        }
        field.accepts("HS256", &bearer(&path("hs"), &right));
        field.accepts("RS256", &bearer(&path("rs"), &token(&json!({"alg": "RS256"}), &good, &by_rs)));
        field.unharmed();
    });
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `a - b` of 32 big-endian bytes.
fn minus(a: &[u8; 32], b: &[u8]) -> Vec<u8> {
    let b = [&vec![0; 32 - b.len()][..], b].concat();
    let (mut difference, mut borrow) = (vec![0; 32], 0);
    for at in (0..32).rev() {
        let digit = i16::from(a[at]) - i16::from(b[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let sign: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
        let content = [sign, &bytes[start..]].concat();
        [&[2, u8::try_from(content.len()).unwrap()][..], &content].concat()
    };
    let content = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

/// r and s of a signature.
fn parts(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let r_length = usize::from(der[3]);
    let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    (trim(&der[4..4 + r_length]), trim(&der[6 + r_length..]))
}

#[test]
fn attack_07_ecdsa_signatures_out_of_range_or_in_another_encoding() {
    attack(7, "ECDSA: the other s, r or s out of range, BER, trailing bytes", |tried| {
        let field = Field::new(tried, &[]);
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let verification = json!({
            "publicKey": {"algorithm": "ecdsaP256Sha256", "encoding": "base64", "from": ["header:X-Sig"]},
            "event": {"id": "{header:X-Id}"},
        });
        field.serve_custom("hook", verification, &[("signing", &pair.public_key_pem())]);
        let post = |signature: &[u8]| {
            Request::post(&field.path(), BODY).header("X-Sig", &BASE64.encode(signature)).header("X-Id", "one")
        };
        let right = pair.sign(BODY.as_bytes()).unwrap();
        let (r, s) = parts(&right);
        assert_eq!(der(&r, &s), right);
        let one = [&[0; 31][..], &[1]].concat();
        let long = |at: usize| [&right[..at], &[0x81], &right[at..]].concat();
        let padded = {
            let mut padded = right.clone();
            padded.splice(4..4, [0]);
            padded[3] += 1;
            padded[1] += 1;
            padded
        };
        for (what, signature) in [
            ("r = 0", der(&[0], &s)),
            ("s = 0", der(&r, &[0])),
            ("both 0", der(&[0], &[0])),
            ("both 1", der(&one, &one)),
            ("r = n", der(&ORDER, &s)),
            ("s = n", der(&r, &ORDER)),
            ("r = n, s = n", der(&ORDER, &ORDER)),
            ("r and s swapped", der(&s, &r)),
            ("a long length", long(1)),
            ("a long length inside", long(3)),
            ("an indefinite length", [&[0x30, 0x80][..], &right[2..], &[0, 0]].concat()),
            ("a zero in front of r", padded),
            ("a byte behind", [&right[..], &[0]].concat()),
            ("a sequence behind", [&right[..], &right].concat()),
            ("64 plain bytes", [vec![0; 32 - r.len()], r.clone(), vec![0; 32 - s.len()], s.clone()].concat()),
            ("nothing", Vec::new()),
            ("an empty sequence", vec![0x30, 0]),
        ] {
            field.refuses(what, &post(&signature), &[401]);
        }
        for at in 0..right.len() {
            field.refuses("cut", &post(&right[..at]), &[401]);
        }
        field.accepts("the right one", &post(&right));
        // Its mathematical twin may verify, but must not count as another delivery.
        let twin = field.answers("the twin with the other s", &post(&der(&r, &minus(&ORDER, &s))));
        assert_eq!(twin.json()["status"], "duplicate");
        field.unharmed();
    });
}

#[test]
fn attack_08_ed25519_keys_and_signatures_that_prove_nothing() {
    attack(8, "Ed25519: keys of small order, S + L, other spellings", |tried| {
        let field = Field::new(tried, &[]);
        let verification = || {
            json!({
                "keys": {"signing": {"encoding": "hex"}},
                "publicKey": {"algorithm": "ed25519", "from": ["header:X-Sig"]},
            })
        };
        let mut keys = vec![[0; 32], [0xff; 32]];
        let small = [
            "01",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0100000000000000000000000000000000000000000000000000000000000080",
        ];
        keys.extend(small.map(|text| {
            let bytes = HEXLOWER.decode(text.as_bytes()).unwrap();
            <[u8; 32]>::try_from([&bytes[..], &vec![0; 32 - bytes.len()]].concat()).unwrap()
        }));
        // With such a key, R = the key and S = 0 verify for any message in some libraries.
        for (number, public) in keys.iter().enumerate() {
            let name = format!("small{number}");
            field.put_custom(&name, verification(), &[("signing", &HEXLOWER.encode(public))]);
            field.stage.expect(&name, "ResolvedRefs", "False", "InvalidSecret");
            let one = [&[1][..], &[0; 31]].concat();
            for r in [&public[..], &one] {
                let signature = HEXLOWER.encode(&[r, &[0; 32]].concat());
                let forged = Request::post(&field.stage.path(&name), BODY).header("X-Sig", &signature);
                field.refuses("a key of small order", &forged, &[503]);
            }
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        field.serve_custom("hook", verification(), &[("signing", &HEXLOWER.encode(pair.public_key().as_ref()))]);
        let right = pair.sign(BODY.as_bytes()).as_ref().to_vec();
        let post = |signature: &[u8]| Request::post(&field.path(), BODY).header("X-Sig", &HEXLOWER.encode(signature));
        // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
        let order = HEXLOWER.decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut plus_order = right.clone();
        let mut carry = 0;
        for at in 0..32 {
            let digit = u16::from(right[32 + at]) + u16::from(order[at]) + carry;
            plus_order[32 + at] = digit.to_le_bytes()[0];
            carry = digit >> 8;
        }
        field.refuses("S + L", &post(&plus_order), &[401]);
        for (what, signature) in [
            ("no S", right[..32].to_vec()),
            ("S = 0", [&right[..32], &[0; 32]].concat()),
            ("S = L", [&right[..32], &order].concat()),
            ("R = 0", [&[0; 32], &right[32..]].concat()),
            ("a byte more", [&right[..], &[0]].concat()),
            ("swapped", [&right[32..], &right[..32]].concat()),
            ("all bits", vec![0xff; 64]),
        ] {
            field.refuses(what, &post(&signature), &[401]);
        }
        for at in 0..64 {
            let mut edited = right.clone();
            edited[at] ^= 1 << (at % 8);
            field.refuses("a bit", &post(&edited), &[401]);
        }
        field.accepts("the right one", &post(&right));
        field.unharmed();
    });
}

#[test]
fn attack_09_rsa_forgeries_with_a_small_exponent() {
    attack(9, "RSA: e = 3 with garbage padding, wrong digest, short key", |tried| {
        let field = Field::new(tried, &[]);
        let verification =
            || json!({"publicKey": {"algorithm": "rsaSha256", "encoding": "base64", "from": ["header:X-Sig"]}});
        field.serve_custom("hook", verification(), &[("signing", include_str!("keys/rsa-e3.pem"))]);
        let post = |signature: &str| Request::post(&field.path(), BODY).header("X-Sig", signature.trim_end());
        for (what, signature) in [
            ("garbage behind the digest", include_str!("keys/rsa-e3-garbage.sig")),
            ("one byte of padding", include_str!("keys/rsa-e3-short-padding.sig")),
            ("a digest info without its NULL", include_str!("keys/rsa-e3-no-null.sig")),
            ("the digest info of another hash", include_str!("keys/rsa-e3-wrong-oid.sig")),
            ("a bare digest", include_str!("keys/rsa-e3-no-digest-info.sig")),
            ("padding of type 2", include_str!("keys/rsa-e3-type-2.sig")),
        ] {
            field.refuses(what, &post(signature), &[401]);
        }
        for signature in
            [vec![0; 256], vec![1; 256], vec![0xff; 256], vec![0; 255], [&[0; 255][..], &[1]].concat(), Vec::new()]
        {
            field.refuses("no signature at all", &post(&BASE64.encode(&signature)), &[401]);
        }
        field.accepts("the right one", &post(include_str!("keys/rsa-e3-right.sig")));
        field.put_custom("short", verification(), &[("signing", include_str!("keys/rsa-1024.pem"))]);
        let message = field.stage.expect("short", "ResolvedRefs", "False", "InvalidSecret");
        assert!(message.contains("2048"), "{message}");
        field.refuses(
            "a key of 1024 bits",
            &Request::post(&field.stage.path("short"), BODY).header("X-Sig", "AAAA"),
            &[503],
        );
        field.unharmed();
    });
}
