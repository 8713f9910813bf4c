//! Attacks 29 to 33: what tenants could write into their resources.

use std::fs;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::field::{Field, key};
use crate::report::attack;
use crate::signatures::BODY;
use crate::support::apiserver::apiserver;
use crate::support::http::Request;
use crate::support::runtime::block_on;
use crate::support::sign::{self, hmac_sha256};
use crate::support::stage::{Stage, endpoint};

/// Sends an object to the apiserver as admin, with unknown fields refused.
fn create(client: &kube::Client, url: &str, object: &Value) -> Result<Value, kube::Error> {
    let request = http::Request::post(format!("{url}?fieldValidation=Strict"));
    let request = request.header("Content-Type", "application/json").body(object.to_string().into_bytes()).unwrap();
    block_on(client.request(request))
}

#[test]
fn attack_29_a_secret_of_another_namespace() {
    attack(29, "a Secret of another namespace", |tried| {
        let field = Field::on(Stage::new(), tried, &[]);
        let (foreign, client) = block_on(apiserver().namespace());
        let theirs = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}, "stringData": {"secret": key()}});
        create(&client, &format!("/api/v1/namespaces/{foreign}/secrets"), &theirs).unwrap();
        let own = format!("/apis/jethook.dev/v1alpha1/namespaces/{}/webhookendpoints", field.stage.namespace);
        for reference in [
            json!({"name": "theirs", "namespace": foreign}),
            json!({"name": format!("{foreign}/theirs")}),
            json!({"name": format!("../{foreign}/theirs")}),
            json!({"name": format!("../../namespaces/{foreign}/secrets/theirs")}),
            json!({"name": "theirs?namespace=x"}),
            json!({"name": ""}),
        ] {
            let object = endpoint("thief", json!({"provider": "github", "secretRefs": [reference]}));
            let refused = create(&client, &own, &object).unwrap_err().to_string();
            assert!(refused.contains("secretRefs"), "{reference}: {refused}");
            field.held();
        }
        field.stage.endpoint("hook", json!({"provider": "github", "secretRefs": [{"name": "theirs"}]}));
        field.stage.expect("hook", "ResolvedRefs", "False", "SecretNotFound");
        let path = field.path();
        field.refuses("signed with the foreign key", &sign::github(&path, &key(), "push", "1", BODY), &[503]);
        field.refuses("signed with nothing", &sign::github(&path, "", "push", "1", BODY), &[503]);
        field.stage.secret("theirs", &[("secret", "a Secret of the same name here")]);
        field.stage.ready("hook");
        field.refuses("signed with the foreign key", &sign::github(&path, &key(), "push", "1", BODY), &[401]);
        field.accepts("signed with its own", &sign::github(&path, "a Secret of the same name here", "push", "1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_30_a_subject_or_stream_of_another_tenant() {
    attack(30, "a subject or stream of another tenant", |tried| {
        // Files are judged by the compile step alone: what admission would refuse gets there as well.
        let field = Field::new(tried, &[]);
        let (prefix, own) = (&field.stage.prefix, &field.stage.namespace);
        let targets = [
            json!({"subject": format!("{prefix}.victim.{{event}}")}),
            json!({"subject": format!("{prefix}.{{event}}")}),
            json!({"subject": format!("{prefix}.{own}x.{{event}}")}),
            json!({"subject": format!("{prefix}.{}.{{event}}", &own[..own.len() - 1])}),
            json!({"subject": "{event}"}),
            json!({"subject": "{event}.x"}),
            json!({"subject": "$JS.API.STREAM.DELETE.X"}),
            json!({"subject": "_INBOX.{event}"}),
            json!({"subject": ">"}),
            json!({"subject": format!("{prefix}.*.{{event}}")}),
            json!({"subject": format!("{prefix}..{{event}}")}),
            json!({"subject": format!("{prefix}.{own}.a b")}),
            json!({"subject": format!("{prefix}.{own}.{{event}}.{{event}}")}),
            json!({"subject": format!("{prefix}.{own}.{{secret}}")}),
            json!({"subject": "other.{namespace}.{event}"}),
            json!({"stream": "OTHER"}),
            json!({"stream": "KV_x"}),
            json!({"stream": "../x"}),
            json!({"stream": "*"}),
        ];
        for (number, target) in targets.iter().enumerate() {
            field.stage.secret(&format!("t{number}"), &[("secret", &key())]);
            let spec = json!({"provider": "github", "secretRefs": [{"name": format!("t{number}")}], "target": target});
            field.stage.endpoint(&format!("t{number}"), spec);
        }
        field.provider("hook", "github", &key(), json!({}));
        for (number, target) in targets.iter().enumerate() {
            let request = sign::github(&field.stage.path(&format!("t{number}")), &key(), "push", "1", BODY);
            let (answer, _) = crate::support::eventually::eventually(Duration::from_secs(10), "it is judged", || {
                let answer = field.operator.send(&request);
                if answer.status != 404 || field.operator.log().contains(&format!("t{number}")) {
                    Ok(answer)
                } else {
                    Err(answer.text())
                }
            });
            assert!([503, 404].contains(&answer.status), "{target}: {} {}", answer.status, answer.text());
            field.refuses(&target.to_string(), &request, &[503, 404]);
        }
        let own = json!({"target": {"subject": format!("{prefix}.{own}.mine.{{event}}")}});
        field.provider("own", "github", &key(), own);
        field.accepts("a subject of its own", &sign::github(&field.stage.path("own"), &key(), "push", "1", BODY));
        field.accepts("the default", &field.push("1", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_31_a_path_of_another_endpoint() {
    attack(31, "a path that someone else has, or nobody may", |tried| {
        let field = Field::on(Stage::new(), tried, &[]);
        field.provider("hook", "github", &key(), json!({}));
        let thief = |path: &str| {
            field.stage.secret("thief", &[("secret", "the thief's")]);
            field
                .stage
                .endpoint("thief", json!({"provider": "github", "secretRefs": [{"name": "thief"}], "path": path}));
        };
        let forged = || sign::github(&field.path(), "the thief's", "push", "1", BODY);
        thief(&field.path());
        let message = field.stage.expect("thief", "Accepted", "False", "PathConflict");
        assert!(message.contains(&field.path()), "{message}");
        field.refuses("the path of another", &forged(), &[401]);
        // Made anew it is younger still.
        field.stage.delete("WebhookEndpoint", "thief");
        thief(&field.path());
        field.stage.expect("thief", "Accepted", "False", "PathConflict");
        field.refuses("made anew", &forged(), &[401]);
        field.accepts("the owner", &field.push("1", BODY));
        // A typo of the owner's hands the path to nobody.
        field.stage.endpoint("hook", json!({"provider": "githbu", "secretRefs": [{"name": "hook"}]}));
        field.stage.expect("hook", "Accepted", "False", "UnknownProvider");
        field.refuses("while the owner's spec is wrong", &forged(), &[503]);
        for path in
            ["/metrics", "/healthz", "/readyz", "/kube-system/hook", &format!("/{}x/hook", field.stage.namespace)]
        {
            thief(path);
            field.stage.expect("thief", "Accepted", "False", "PathNotAllowed");
            field.refuses(path, &sign::github(path, "the thief's", "push", "1", BODY), &[404, 503]);
        }
        field.stage.delete("WebhookEndpoint", "hook");
        thief(&field.path());
        field.stage.ready("thief");
        field.accepts("once the owner is gone", &sign::github(&field.path(), "the thief's", "push", "2", BODY));
        field.unharmed();
    });
}

#[test]
fn attack_32_resources_that_make_no_sense() {
    attack(32, "resources that make no sense, by the hundred", |tried| {
        let field = Field::github(tried, &[], json!({}));
        let own = &field.stage.namespace;
        let object = |name: &str, spec: &str| {
            format!(
                "apiVersion: jethook.dev/v1alpha1\nkind: WebhookEndpoint\nmetadata: {{name: {name}, namespace: {own}}}\nspec: {spec}\n"
            )
        };
        let deep = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let mut specs: Vec<String> = ["null", "[]", "7", "text", "{}", "{provider: 7}", "{provider: null}", "{provider: github, secretRefs: {}}",
            "{provider: github, secretRefs: [7, null, {}]}", "{provider: github, limits: {maxBodySize: -1}}",
            "{provider: github, limits: {maxBodySize: 99999999999999999999Ei}}", "{provider: github, limits: {rate: {requestsPerSecond: 0, burst: -1}}}",
            "{provider: github, limits: {rate: {requestsPerSecond: 1e99}}}", "{provider: github, sourceRanges: [\"1.2.3.4/99\", \"::/129\", x]}",
            "{provider: github, timestampTolerance: -5m}", "{provider: github, timestampTolerance: 99999999999h}",
            "{provider: github, events: [\"**\", \"\", \"*a\"]}", "{provider: custom}", "{provider: custom, verification: {}}",
            "{provider: custom, verification: {hmac: {hash: md4, from: []}}}", "{provider: custom, verification: {none: {}}}",
            "{provider: custom, verification: {hmac: {hash: sha256, from: [\"header:\"], signed: \"{{{{\"}}}",
            "{provider: custom, verification: {hmac: {hash: sha256, from: [\"header:X\"], signed: \"{body\"}}}",
            "{provider: custom, verification: {hmac: {hash: sha256, from: [\"header:X\"], signed: \"{let:a}\"}, let: {a: \"{let:b}\", b: \"{let:a}\"}}}",
            "{provider: custom, verification: {token: {from: [\"header:X\"]}, require: {\"json:/a\": [\"~(((\"]}}}",
            "{provider: custom, verification: {token: {from: [\"header:X\"]}, require: {\"json:/a\": [\"~[a-z]{1,99999999}\"]}}}",
            "{provider: github, unknown: {a: [1, 2]}}", "{provider: github, target: {subject: {a: b}}}", "{provider: github, suspend: maybe}"]
            .map(str::to_owned).to_vec();
        specs.push(format!("{{provider: {}}}", "x".repeat(300_000)));
        specs.push(format!("{{provider: github, parameters: {}}}", deep("{a: ", "}", 400)));
        specs.push(format!("{{provider: github, events: {}}}", deep("[", "]", 400)));
        specs.push(format!("{{provider: github, events: [{}]}}", "a, ".repeat(20_000)));
        specs.push(format!(
            "{{provider: custom, verification: {{hmac: {{hash: sha256, from: [\"header:X\"], signed: \"{}\"}}}}}}",
            "{sha256:".repeat(500)
        ));
        specs.push(format!(
            "{{provider: custom, verification: {{hmac: {{hash: sha256, from: [\"json:{}\"]}}}}}}",
            "/*".repeat(500)
        ));
        let mut files: Vec<String> =
            specs.iter().enumerate().map(|(number, spec)| object(&format!("bad{number}"), spec)).collect();
        // Billions of laughs, in YAML.
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let last = level - 1;
            laughs.push_str(&format!(
                "a{level}: &a{level} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n"
            ));
        }
        files.extend([
            laughs,
            "\u{0}".to_owned(),
            "%YAML 9.9\n---\n{".to_owned(),
            "- ".repeat(50_000),
            "{".repeat(50_000),
            "\t: x".to_owned(),
        ]);
        for name in ["..", "a/b", "A", "*", "-", "a.b", "\"\"", "\"a\\nb\""] {
            files.push(object(name, "{provider: github}"));
        }
        for (number, text) in files.iter().enumerate() {
            fs::write(field.stage.manifests().join(format!("bad-{number}.yaml")), text).unwrap();
            if number % 8 == 0 {
                field.accepts("while they come", &field.push(&format!("c{number}"), BODY));
            }
        }
        field.provider("later", "github", &key(), json!({}));
        field.accepts(
            "an endpoint made after them",
            &sign::github(&field.stage.path("later"), &key(), "push", "1", BODY),
        );
        for number in 0..specs.len() {
            let request = sign::github(&field.stage.path(&format!("bad{number}")), &key(), "push", "1", BODY);
            field.refuses(&specs[number][..specs[number].len().min(200)], &request, &[503, 404]);
        }
        field.unharmed();
    });
}

#[test]
fn attack_33_payloads_and_rules_that_cost_too_much() {
    attack(33, "deep or wide payloads, XML bombs, costly rules", |tried| {
        let field = Field::new(tried, &[]);
        let verification = |content: &str, event: &str| {
            json!({"content": content, "hmac": {"hash": "sha256", "from": ["header:X-Sig"]}, "event": {"type": event},
                "require": {"header:X-Any": ["~[a-zA-Z0-9]{0,1024}|[a-z]{0,512}[a-z]{0,512}[0-9]{0,1}"]}})
        };
        field.serve_custom(
            "json",
            verification("json", "{json:/a/*/b|json:/*/*/*|json:/type}"),
            &[("signing", &key())],
        );
        field.serve_custom("form", verification("form", "{form:type}"), &[("signing", &key())]);
        field.serve_custom("xml", verification("xml", "{xml:/a/b}"), &[("signing", &key())]);
        let post = |name: &str, body: &[u8], secret: &str, any: &str| {
            Request::post(&field.stage.path(name), body)
                .header("X-Sig", &HEXLOWER.encode(&hmac_sha256(secret.as_bytes(), &[body])))
                .header("X-Any", any)
        };
        let entities = "<!DOCTYPE a [<!ENTITY x0 \"ha\"><!ENTITY x1 \"&x0;&x0;&x0;&x0;\"><!ENTITY x2 \"&x1;&x1;&x1;&x1;\">]><a><b>&x2;</b></a>";
        let external = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><b>&x;</b></a>";
        let bodies: Vec<(&str, String)> = vec![
            ("json", "[".repeat(100_000)),
            ("json", format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))),
            ("json", format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000))),
            ("json", format!("[{}]", vec!["{\"b\":{\"c\":1}}"; 30_000].join(","))),
            ("json", format!("{{\"type\":\"{}\"}}", "\\u0000".repeat(50_000))),
            ("json", format!("{{\"type\":{}}}", "9".repeat(200_000))),
            ("json", format!("{{{}\"type\":\"x\"}}", "\"type\":\"y\",".repeat(30_000))),
            ("json", "{\"type\":\"\\ud800\"}".to_owned()),
            ("form", "type=x&".repeat(50_000)),
            ("form", "%".repeat(100_000)),
            ("form", format!("type={}", "%00".repeat(50_000))),
            ("xml", entities.to_owned()),
            ("xml", external.to_owned()),
            ("xml", format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000))),
            ("xml", format!("<a {}/>", "x='y' ".repeat(30_000))),
            ("xml", "<!--".repeat(50_000)),
        ];
        for (name, body) in &bodies {
            let what = format!("{name}: {}", &body[..60.min(body.len())]);
            let began = Instant::now();
            // Without the key nothing of it is parsed; with the key it is, and must not cost more than it brings.
            field.refuses(&what, &post(name, body.as_bytes(), "another", "a"), &[401]);
            let answer = field.operator.send(&post(name, body.as_bytes(), &key(), "a"));
            assert!([200, 400, 401].contains(&answer.status), "{what}: {}", answer.status);
            field.also_stored(u64::from(answer.status == 200));
            assert!(began.elapsed() < Duration::from_secs(5), "{what}: {:?}", began.elapsed());
            assert!(
                *name != "xml" || answer.status != 200 || !body.contains("ENTITY"),
                "{what}: entities are not read"
            );
        }
        let began = Instant::now();
        for any in [format!("{}!", "a".repeat(1000)), "a".repeat(8_000)] {
            field.refuses("a value that patterns go back and forth over", &post("json", b"{}", &key(), &any), &[401]);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        field.accepts("a plain one", &post("json", br#"{"type":"x"}"#, &key(), "abc"));
        assert!(field.operator.rss() < 256 << 20, "{}", field.operator.rss());
        field.unharmed();
    });
}
