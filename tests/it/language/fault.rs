//! Faults of a description: each with its field, all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use jethook::scheme::{Context, Fault, FaultKind, Scheme, Verification};

use super::scheme::compile;

const HMAC: &str = r#"hmac = { hash = "sha256", from = ["header:X-Signature"] }"#;

fn faults(text: &str) -> Vec<Fault> {
    compile(text, &BTreeMap::new(), None).err().unwrap_or_default()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_fault_names_its_field_and_says_how_to_mend_it() {
    let hmac = |rest: &str| format!(r#"hmac = {{ hash = "sha256", from = ["header:X-Signature"], {rest} }}"#);
    let with = |rest: &str| format!("{HMAC}\n{rest}");
    let answer =
        |rest: &str| with(&format!(r#"handshakes = [{{ method = "GET", unsigned = true, answer = {{ {rest} }} }}]"#));
    let fetch = |rest: &str| {
        let jwt = r#"jwt = { from = ["bearer"], algorithms = ["RS256"] }"#;
        format!("keys = {{ signing = {{ fetch = {{ format = \"jwks\", {rest} }} }} }}\n{jwt}")
    };
    let rows: Vec<(String, &str, &str)> = vec![
        (String::new(), "hmac", "nothing is verified"),
        (with("none = {}"), "none", "stands alone"),
        (fetch(r#"url = "http://a.example/k""#), "keys.signing.fetch.url", "no https URL"),
        (fetch(r#"url = "https://u@a.example/k""#), "keys.signing.fetch.url", "no https URL"),
        (fetch(r#"url = "{header:X-Url}""#), "keys.signing.fetch.hosts", "pin its hosts"),
        (fetch(r#"url = "{header:X-Url}", hosts = ["a.example"]"#), "keys.signing.fetch.hosts", "pin its hosts"),
        (
            fetch(r#"url = "{header:X-Url}", hosts = ["*.com"], path = "/k""#),
            "keys.signing.fetch.hosts[0]",
            "no host pattern",
        ),
        (
            fetch(r#"url = "https://a.example/k", hosts = ["a.example"]"#),
            "keys.signing.fetch.hosts",
            "a URL with a parameter or of the request",
        ),
        (fetch(r#"url = "https://a.example/k", pointer = "/a""#), "keys.signing.fetch.pointer", "PEM"),
        (fetch(r#"url = "https://a.example/k""#), "keys.signing.fetch", "all customers"),
        (
            with(r#"keys = { signing = { fetch = { format = "pem", url = "https://a.example/k" } } }"#),
            "keys.signing",
            "nothing else",
        ),
        (
            r#"keys = { signing = { encoding = "pem", fetch = { format = "pem", url = "https://a.example/k" } } }
            jwt = { from = ["bearer"], algorithms = ["RS256"] }"#
                .into(),
            "keys.signing",
            "one place",
        ),
        (
            r#"keys = { signing = { x5c = { roots = ["ab"] } } }
            jwt = { from = ["bearer"], algorithms = ["RS256"] }"#
                .into(),
            "keys.signing.x5c.roots",
            "no SHA-256 digest",
        ),
        (
            r#"keys = { signing = { fetch = { format = "jwks", url = "https://a.example/k" } } }
            jwt = { from = ["bearer"], algorithms = ["HS256"] }"#
                .into(),
            "jwt.algorithms",
            "public key",
        ),
        (
            with(
                r#"handshakes = [{ method = "GET", unsigned = true, confirm = { url = "{query:u}", hosts = ["a.example"] } }]"#,
            ),
            "handshakes[0].confirm",
            "only for what verified",
        ),
        (hmac(r#"signed = "{timestmap}{body}""#), "hmac.signed", "did you mean `timestamp`"),
        (hmac(r#"signed = "{shaa256:body}""#), "hmac.signed", "did you mean `sha256`"),
        (hmac(r#"signed = "{haeder:X-A}""#), "hmac.signed", "did you mean `header`"),
        (hmac(r#"signed = "{hex:sha256:lower:body}""#), "hmac.signed", "at most 2 functions"),
        (hmac(r#"signed = "[[a[[{body}]]]]""#), "hmac.signed", "do not nest"),
        (hmac(r#"signed = "{body""#), "hmac.signed", "without `}`"),
        (hmac(r#"signed = "constant""#), "hmac.signed", "the same for every delivery"),
        (hmac(r#"signed = "{hmacSha256:body}""#), "hmac.signed", "keyed function"),
        (hmac(r#"signed = "{timestamp}{body}""#), "hmac.signed", "needs `timestamp`"),
        (hmac(r#"signed = "{item:/a}""#), "hmac.signed", "give `each`"),
        (hmac(r#"signed = "{claim:/a}""#), "hmac.signed", "after a token"),
        (hmac(r#"signed = "{param:x}{body}""#), "hmac.signed", "not declared"),
        (hmac(r#"signed = "{let:x}{body}""#), "hmac.signed", "not defined under `let`"),
        (hmac(r#"signed = "{id}{body}""#), "hmac.signed", "`event.id`"),
        (hmac(r#"signed = "{header}{body}""#), "hmac.signed", "needs a name"),
        (hmac(r#"signed = "{header:a b}{body}""#), "hmac.signed", "no header name"),
        (hmac(r#"signed = "{json:a}""#), "hmac.signed", "begins with `/`"),
        (hmac(r#"signed = "{form:a/b}""#), "hmac.signed", "/!json"),
        (hmac(r#"signed = "{secret:signing}{body}""#), "hmac.signed", "compared with"),
        (hmac(r#"signed = "{headerList}{body}""#), "hmac.signed", "needs `headerList`"),
        (hmac(r#"prefix = "{header:X-A}""#), "hmac.prefix", "text and {param:NAME} only"),
        (r#"hmac = { hash = "sha1", from = [] }"#.into(), "hmac.from", "at least one"),
        (r#"hmac = { hash = "sha1", from = ["body"] }"#.into(), "hmac.from[0]", "no place"),
        (r#"hash = { hash = "sha1", from = ["header:X-A"] }"#.into(), "hash.signed", "{secret}"),
        (r#"token = { from = ["method"] }"#.into(), "token.from[0]", "no place"),
        (r#"jwt = { from = ["bearer"], algorithms = ["HS256", "RS256"] }"#.into(), "jwt.algorithms", "one sort"),
        (r#"jwt = { from = ["bearer"], algorithms = [] }"#.into(), "jwt.algorithms", "one sort"),
        (
            r#"httpSignature = { dialect = "rfc9421", algorithms = ["hmacSha256"], components = [] }"#.into(),
            "httpSignature.components",
            "must not choose",
        ),
        (r#"publicKey = { from = ["header:X-A"] }"#.into(), "publicKey.algorithm", "either"),
        (
            r#"publicKey = { algorithm = "ed25519", from = ["header:X-A"], signed = "{secret}{body}" }"#.into(),
            "publicKey.signed",
            "no secret",
        ),
        (with(r#"timestamp = { from = ["header:X-T"] }"#), "timestamp", "no signed text holds the time"),
        (with(r#"timestamp = { from = ["json:/t"], tolerance = "5" }"#), "timestamp.tolerance", "no duration"),
        (
            with(r#"timestamp = { from = ["json:/t"], unit = "none", tolerance = "5m" }"#),
            "timestamp.tolerance",
            "no time",
        ),
        (with(r#"sender = { timeLimit = "5 s" }"#), "sender.timeLimit", "no duration"),
        (with(r#"sender = { ranges = ["1.2.3"] }"#), "sender.ranges[0]", "no address range"),
        (with(r#"sender = { bodyMax = "1MB" }"#), "sender.bodyMax", "quantity"),
        (with(r"keys = { signning = {} }"), "keys.signning", "did you mean `signing`"),
        (with(r#"require = { "heeder:X-A" = ["a"] }"#), "require[heeder:X-A]", "did you mean `header`"),
        (with(r#"require = { "header:X-A" = ["~[a"] }"#), "require[header:X-A][0]", "no `]`"),
        (with(r#"require = { "header:X-A" = ["{secret:other}"] }"#), "require[header:X-A][0]", "no key has the use"),
        (with("parameters = { account = {} }"), "parameters.account", "nothing uses"),
        (with(r#"each = "/a""#), "each", "one `*`"),
        (with(r#"event = { type = "{item:/a}" }"#), "event.type", "give `each`"),
        (with(r#"event = { type = "{url}" }"#), "publicUrl", "covers the URL"),
        (with(r#"event = { type = "{secret}" }"#), "event.type", "{secret}"),
        (with(r#"answer = { body = "{json:/a}" }"#), "answer", "nothing of the request"),
        (with(r"answer = { status = 302 }"), "answer.status", "200 to 299"),
        (with(r#"handshakes = [{ method = "POST", unsigned = true }]"#), "handshakes[0].when", "told from"),
        (with(r#"handshakes = [{ method = "GET", refusal = 402 }]"#), "handshakes[0].refusal", "401, 403 or 404"),
        (
            with(r#"handshakes = [{ method = "GET", challenge = "[a-z.]{1,9}" }]"#),
            "handshakes[0].challenge",
            "letters, digits",
        ),
        (with(r#"handshakes = [{ method = "GET", challenge = "[a-z]+" }]"#), "handshakes[0].challenge", "at most 128"),
        (
            answer(r#"body = "{query:c}", contentType = "text/html""#),
            "handshakes[0].answer.contentType",
            "text/plain only",
        ),
        (answer(r#"body = "{query:c}", json = { a = "b" }"#), "handshakes[0].answer.json", "either body or json"),
        (answer(r#"headers = { Set-Cookie = "{query:c}" }"#), "handshakes[0].answer.headers[Set-Cookie]", "can't have"),
        (answer(r#"headers = { Location = "{query:c}" }"#), "handshakes[0].answer.headers[Location]", "can't have"),
        (
            answer(r#"headers = { Access-Control-Allow-Origin = "*" }"#),
            "handshakes[0].answer.headers[Access-Control-Allow-Origin]",
            "can't have",
        ),
        (answer(r#"headers = { content-length = "1" }"#), "handshakes[0].answer.headers[content-length]", "can't have"),
        (answer(r#"body = "{secret:signing}""#), "handshakes[0].answer.body", "compared with"),
        (answer(r#"body = "{hex:hmacSha256:body}""#), "handshakes[0].answer.body", "directly"),
        (answer(r#"body = "{hmacSha256:hex:query:c}""#), "handshakes[0].answer.body", "directly"),
        (answer(r#"body = "{timestamp}""#), "handshakes[0].answer.body", "`timestamp`"),
        (
            with(
                r#"encoded = true
            content = "json""#,
            ),
            "encoded",
            "not read",
        ),
        (
            r#"hmac = { hash = "sha1", from = ["header:X-A"] }
            keys = { signing = { constant = ["k"] } }"#
                .into(),
            "keys.signing.constant",
            "no secret",
        ),
    ];
    for (text, field, part) in rows {
        let faults = faults(&text);
        let hit = faults.iter().any(|fault| fault.field == field && fault.message.contains(part));
        assert!(hit, "{text}\nexpected {field}: … {part} …, got {faults:#?}");
        for fault in &faults {
            assert!(!fault.message.ends_with('.') && !fault.message.starts_with(char::is_uppercase), "{fault:?}");
        }
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = r#"
        hmac = { hash = "sha256", from = ["haeder:X-A"], prefix = "{body}", signed = "{timestmap}" }
        event = { type = "{jsn:/a}" }
        sender = { timeLimit = "soon" }
    "#;
    let fields: Vec<_> = faults(text).into_iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["event.type", "hmac.from[0]", "hmac.prefix", "hmac.signed", "sender.timeLimit"]);
}

#[test]
fn unknown_fields_and_values_do_not_parse() {
    for text in [
        "hmca = 1",
        r#"hmac = { hash = "sha3", from = ["header:X-A"] }"#,
        r#"hmac = { hash = "sha256", from = ["header:X-A"], fron = 1 }"#,
        r#"keys = { signing = { fetch = { url = "https://example.com" } } }"#,
        r"keys = { signing = { x5c = {} } }",
        r#"handshakes = [{ method = "POST", confirm = {} }]"#,
        r#"handshakes = [{ method = "TRACE" }]"#,
        r"none = { a = 1 }",
    ] {
        assert!(toml::from_str::<Verification>(text).is_err(), "{text}");
    }
}

#[test]
fn parameters_are_checked_and_put_in() {
    let text = r#"
        token = { from = ["header:{param:header}", "query:token"] }
        parameters = { header = { default = "X-Token" }, org = { required = true, pattern = "00D[0-9]{3}", description = "the organisation" }, note = {} }
        require = { "json:/org" = ["{param:org}"], "json:/note" = ["{param:note}"] }
    "#;
    let check = |given: &[(&str, &str)]| {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        compile(text, &given, None)
    };
    assert!(check(&[("org", "00D123")]).is_ok(), "without `note` nothing is asked of it");
    for (given, field, part) in [
        (&[][..], "org", "the organisation"),
        (&[("org", "")], "org", "empty"),
        (&[("org", "00D12")], "org", "00D[0-9]{3}"),
        (&[("org", "00D123"), ("orgg", "x")], "orgg", "did you mean `org`"),
        (&[("org", "00D123"), ("header", "a b")], "token.from[0]", "letters, digits"),
    ] {
        let faults = check(given).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].field == field && faults[0].message.contains(part), "{faults:?}");
        assert_eq!(faults[0].kind == FaultKind::Parameter, field != "token.from[0]");
    }
    let scheme = check(&[("org", "00D123"), ("header", "X-Own")]).unwrap();
    let (keys, _) = scheme.keyring(super::scheme::keys(&[("signing", "k")]));
    assert_eq!(scheme.label(&keys), "token");
    assert!(scheme.evidence().is_empty(), "a header with a token is no evidence");
}

#[test]
fn a_parameter_never_becomes_part_of_the_language() {
    let text = r#"
        hmac = { hash = "sha256", from = ["header:X-Signature"], prefix = "{param:p}", signed = "{param:p}{body}" }
        parameters = { p = { required = true } }
    "#;
    let value = "{secret}[[x]]{{";
    let scheme = compile(text, &[("p".to_owned(), value.to_owned())].into(), None).unwrap();
    let (keys, _) = scheme.keyring(super::scheme::keys(&[("signing", "k")]));
    let signed = scheme.sign(&keys, super::draft("POST", "body", None, None), super::now()).unwrap();
    let signature = signed.headers.iter().find(|(name, _)| name == "x-signature").unwrap();
    assert!(signature.1.starts_with(value));
}

#[test]
fn a_tolerance_needs_a_signed_time() {
    let parse = |text: &str| toml::from_str::<Verification>(text).unwrap();
    let parameters = BTreeMap::new();
    let context = Context { parameters: &parameters, url: None, tolerance: Some(Duration::from_secs(60)) };
    let faults = Scheme::compile(&parse(HMAC), context).unwrap_err();
    assert_eq!((faults[0].kind, faults[0].field.as_str()), (FaultKind::Tolerance, "timestampTolerance"));
    assert!(Scheme::compile(&parse("standardWebhooks = {}"), context).is_ok());
}

#[test]
fn a_key_that_all_customers_share_needs_something_to_bind() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().public_key_pem();
    let open = format!(
        r#"publicKey = {{ algorithm = "ed25519", from = ["header:X-Signature"] }}
        parameters = {{ account = {{ required = true }} }}
        keys = {{ signing = {{ constant = ['''{key}'''] }} }}"#
    );
    let given = [("account".to_owned(), "a1".to_owned())].into();
    let faults = compile(&open, &given, None).unwrap_err();
    assert_eq!(faults[0].field, "keys.signing.constant");
    let bound = format!("{open}\nrequire = {{ \"json:/account\" = [\"{{param:account}}\"] }}");
    let scheme = compile(&bound, &given, None).unwrap();
    assert!(scheme.uses().is_empty(), "no Secret is asked for");
    let (keys, _) = scheme.keyring(Vec::new());
    assert!(keys.is_armed());
    let half = format!("{open}\nrequire = {{ \"json:/account\" = [\"{{param:account}}\", \"any\"] }}");
    assert!(compile(&half, &given, None).is_err());
}

#[test]
fn secrets_of_a_wrong_form_are_told_and_never_shown() {
    let form = |key: &str| format!("{HMAC}\nkeys = {{ signing = {{ {key} }} }}");
    for (spec, secret, part) in [
        ("", "", "empty"),
        ("", " \n", "empty"),
        (r#"encoding = "base64""#, "s3cr3t!", "base64"),
        (r#"encoding = "hex""#, "s3cr3t!", "hexadecimal"),
        (r#"encoding = "base64url""#, "s3cr3t!", "URL-safe"),
        (r#"prefix = "v1,whsec_", encoding = "base64""#, "s3cr3t!", "v1,whsec_"),
        (r#"prefix = "s3cr3t!""#, "s3cr3t!", "empty"),
    ] {
        let scheme = compile(&form(spec), &BTreeMap::new(), None).unwrap();
        let (keys, faults) = scheme.keyring(super::scheme::keys(&[("signing", secret)]));
        assert!(faults.len() == 1 && faults[0].message.contains(part), "{spec}: {faults:?}");
        assert!(!keys.is_armed());
        assert!(!format!("{faults:?}{keys:?}").contains("s3cr3t!") || spec.contains("s3cr3t!"));
    }
    let scheme = compile(HMAC, &BTreeMap::new(), None).unwrap();
    let (keys, _) = scheme.keyring(super::scheme::keys(&[("signing", "s3cr3t!\n")]));
    assert!(!format!("{keys:?}").contains("s3cr3t") && !format!("{keys:?}").contains("115"));
    let signature = |keys| scheme.sign(keys, super::draft("POST", "b", None, None), super::now()).unwrap().headers;
    let (stripped, _) = scheme.keyring(super::scheme::keys(&[("signing", "s3cr3t!")]));
    assert_eq!(signature(&keys), signature(&stripped), "one final newline is no part of a text key");
    let (_, faults) = scheme.keyring(super::scheme::keys(&[("verifyToken", "k")]));
    assert_eq!(faults.len(), 1, "a use that the scheme does not have");
}
