//! Ways to a NATS, each with the flag that opens it and what happens without.

use std::fs;
use std::time::Duration;

use async_nats::ConnectOptions;
use nkeys::KeyPairType;
use serde_json::json;

use crate::support::eventually::eventually;
use crate::support::nats::{Nats, nats, stored_in};
use crate::support::nkey::{Trust, key};
use crate::support::operator::{Operator, free_port};
use crate::support::runtime::block_on;
use crate::support::sign;
use crate::support::stage::{KEY, Stage};
use crate::support::tls::{Authority, Pair};

/// Stores one delivery by an operator with these flags, and sees it with a client of its own.
#[track_caller]
fn delivers(stage: &Stage, flags: &[&str], server: &Nats, options: ConnectOptions) -> Operator {
    let operator = stage.operator(flags);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
    assert_eq!(stored_in(&server.jetstream_as(options), &stage.stream).len(), 1);
    assert_eq!(operator.metric("jethook_nats_connected"), Some(1.0));
    operator
}

/// An operator with these flags does not get in: it stays unready, says so, and goes on.
#[track_caller]
fn stays_out(stage: &Stage, flags: &[&str], told: &str) {
    let operator = stage.start(flags);
    eventually(Duration::from_secs(10), "it says that it can't get in", || {
        let (readiness, log) = (operator.readiness(), operator.log().to_lowercase());
        let is_told = readiness.0 == 503 && readiness.1.contains("nats") && log.contains(&told.to_lowercase());
        if is_told { Ok(()) } else { Err(format!("{readiness:?}\n{log}")) }
    });
    assert_eq!(operator.metric("jethook_nats_connected"), Some(0.0));
}

#[test]
fn nats_url_takes_several_servers() {
    let dead = free_port();
    let stage = Stage::of_files();
    let urls = format!("nats://127.0.0.1:{dead},{}", nats().url());
    drop(delivers(&stage, &["--nats-url", &urls], nats(), ConnectOptions::new()));
}

#[test]
fn nats_user_and_password() {
    let server = Nats::start("authorization { user: jethook, password: \"open sesame\" }");
    let stage = Stage::of_files_with(&server.url());
    stays_out(&stage, &["--nats-user", "jethook", "--nats-password", "open sesam"], "authorization");
    let options = ConnectOptions::with_user_and_password("jethook".to_owned(), "open sesame".to_owned());
    let operator = delivers(&stage, &["--nats-user", "jethook", "--nats-password", "open sesame"], &server, options);
    assert!(!operator.log().contains("sesam"), "{}", operator.log());
}

#[test]
fn nats_token() {
    let server = Nats::start("authorization { token: \"a-long-token\" }");
    let stage = Stage::of_files_with(&server.url());
    stays_out(&stage, &["--nats-token", "another-token"], "authorization");
    let options = ConnectOptions::with_token("a-long-token".to_owned());
    let operator = delivers(&stage, &["--nats-token", "a-long-token"], &server, options);
    assert!(!operator.log().contains("a-long-token"));
}

#[test]
fn an_nkey_is_read_again_at_each_connect() {
    let (first, second) = (key(KeyPairType::User), key(KeyPairType::User));
    let mut server = Nats::start(&format!("authorization {{ users: [ {{ nkey: {} }} ] }}", first.public_key()));
    let stage = Stage::of_files_with(&server.url());
    let (file, wrong) = (stage.folder.join("seed"), stage.folder.join("wrong"));
    fs::write(&file, first.seed().unwrap() + "\n").unwrap();
    fs::write(&wrong, second.seed().unwrap()).unwrap();
    stays_out(&stage, &["--nats-nkey", wrong.to_str().unwrap()], "authorization");
    let options = ConnectOptions::with_nkey(first.seed().unwrap());
    let operator = delivers(&stage, &["--nats-nkey", file.to_str().unwrap()], &server, options);
    server.kill();
    server.configure(&first.public_key(), &second.public_key());
    fs::write(&file, second.seed().unwrap()).unwrap();
    server.run();
    operator.send_until(200, "it is in with the new one", &stage.push("github", "2"));
}

#[test]
fn nats_creds_are_read_again_at_each_connect() {
    let (trust, other) = (Trust::new(), Trust::new());
    let server = Nats::start(&trust.configuration);
    let stage = Stage::of_files_with(&server.url());
    let [file, wrong, reader] = ["jethook", "wrong", "reader"].map(|name| stage.folder.join(format!("{name}.creds")));
    other.credentials(&wrong, None);
    trust.credentials(&reader, None);
    stays_out(&stage, &["--nats-creds", wrong.to_str().unwrap()], "authorization");
    trust.credentials(&file, Some(sign::now() + 4));
    let options = block_on(ConnectOptions::with_credentials_file(&reader)).unwrap();
    let operator = delivers(&stage, &["--nats-creds", file.to_str().unwrap()], &server, options);
    // The server ends the connection when the credentials expire; the file holds newer ones by then.
    trust.credentials(&file, None);
    eventually(Duration::from_secs(15), "it came back", || match operator.metric("jethook_nats_reconnects_total") {
        Some(times) if times >= 1.0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    operator.send_until(200, "it is in with the new ones", &stage.push("github", "2"));
}

#[test]
fn nats_tls_with_a_ca_and_a_client_certificate() {
    let folder = crate::support::reaper::folder("nats-tls");
    let (authority, other) = (Authority::new(&folder), Authority::new(&folder));
    let served = authority.sign("server");
    let client = authority.sign("client");
    let stranger = other.sign("stranger");
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
        served.certificate_path(),
        served.key_path(),
        authority.path()
    );
    let server = Nats::start(&tls);
    let stage = Stage::of_files_with(&server.url());
    let (ca, other_ca) = (authority.path(), other.path());
    let pair = |pair: &Pair, ca: &str| {
        ["--nats-ca", ca, "--nats-cert", pair.certificate_path(), "--nats-key", pair.key_path()].map(str::to_owned)
    };
    for flags in [&pair(&client, &other_ca)[..], &pair(&stranger, &ca), &["--nats-ca".to_owned(), ca.clone()]] {
        stays_out(&stage, &flags.iter().map(String::as_str).collect::<Vec<_>>(), "nats");
    }
    let options = ConnectOptions::new()
        .add_root_certificates(ca.clone().into())
        .add_client_certificate(client.certificate.clone(), client.key.clone());
    let right = pair(&client, &ca);
    drop(delivers(&stage, &right.iter().map(String::as_str).collect::<Vec<_>>(), &server, options));
}

#[test]
fn nats_require_tls_refuses_a_server_without() {
    let stage = Stage::of_files();
    stays_out(&stage, &["--nats-require-tls"], "tls");
}

#[test]
fn nats_tls_first_speaks_tls_before_the_servers_first_word() {
    let folder = crate::support::reaper::folder("nats-tls");
    let authority = Authority::new(&folder);
    let served = authority.sign("server");
    let server = Nats::start(&format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", handshake_first: true }}",
        served.certificate_path(),
        served.key_path()
    ))
    .with_tls();
    let stage = Stage::of_files_with(&server.url());
    let ca = authority.path();
    let options = ConnectOptions::new().add_root_certificates(ca.clone().into()).tls_first();
    drop(delivers(&stage, &["--nats-ca", &ca, "--nats-tls-first"], &server, options));
    let stage = Stage::of_files_with(&server.url());
    stays_out(&stage, &["--nats-ca", &ca], "nats");
}

/// A server whose JetStream has a domain, and a leaf without one through which clients come.
fn hub_and_leaf() -> (Nats, Nats) {
    let leaf_port = free_port();
    let hub = Nats::new_in(
        "jetstream { store_dir: FOLDER/store, domain: hub }",
        &format!(
            "server_name: hub\nleafnodes {{ listen: 127.0.0.1:{leaf_port} }}\naccounts {{ SYS: {{ users: [{{user: sys, password: sys}}] }} }}\nsystem_account: SYS"
        ),
        free_port(),
    );
    let leaf = Nats::new_in(
        "",
        &format!(
            "server_name: leaf\nleafnodes {{ remotes: [ {{ url: \"nats://127.0.0.1:{leaf_port}\" }} ] }}\naccounts {{ SYS: {{ users: [{{user: sys, password: sys}}] }} }}\nsystem_account: SYS"
        ),
        free_port(),
    );
    let (mut hub, mut leaf) = (hub, leaf);
    hub.run();
    leaf.run();
    (hub, leaf)
}

#[test]
fn a_jetstream_domain_is_reached_by_its_name_or_by_its_api_prefix() {
    let (hub, leaf) = hub_and_leaf();
    for flags in [["--jetstream-domain", "hub"], ["--jetstream-api-prefix", "$JS.hub.API"]] {
        let stage = Stage::of_files_with(&leaf.url());
        let operator = stage.operator(&flags);
        stage.github("github", json!({}));
        stage.ready("github");
        assert_eq!(operator.send(&stage.push("github", "1")).status, 200);
        assert_eq!(hub.one_stored(&stage.stream).header("ce-id"), "1");
    }
    let stage = Stage::of_files_with(&leaf.url());
    let operator = stage.operator(&["--jetstream-domain", "elsewhere"]);
    stage.github("github", json!({}));
    let ready = |stage: &Stage| stage.condition("github", "TargetReady");
    eventually(Duration::from_secs(10), "the stream can't be read", || match ready(&stage) {
        Some(condition) if condition.status != "True" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(operator.send(&stage.push("github", "1")).status, 503);
}

#[test]
fn inbox_prefix_serves_users_who_may_not_subscribe_to_the_usual_one() {
    let server = Nats::start(
        "authorization { users: [\n\
         { user: jethook, password: pw, permissions: { publish: \">\", subscribe: \"_INBOX_jethook.>\" } }\n\
         { user: admin, password: pw } ] }",
    );
    let stage = Stage::of_files_with(&server.url());
    let user = ["--nats-user", "jethook", "--nats-password", "pw"];
    let operator = stage.operator(&user);
    stage.github("github", json!({}));
    eventually(Duration::from_secs(10), "the stream can't be read", || {
        match stage.condition("github", "TargetReady") {
            Some(condition) if condition.status != "True" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(operator.send(&stage.push("github", "1")).status, 503);
    drop(operator);
    let options = ConnectOptions::with_user_and_password("admin".to_owned(), "pw".to_owned());
    drop(delivers(&stage, &[&user[..], &["--inbox-prefix", "_INBOX_jethook"]].concat(), &server, options));
}

#[test]
fn the_documented_rights_are_enough_and_no_more() {
    let rights = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/nats-permissions.conf")).unwrap();
    let admin = "users: [\n    { user: admin, password: pw }\n";
    let text = rights.replace("$JETHOOK_PASSWORD", "\"pw\"").replacen("users: [\n", admin, 1);
    assert!(text.contains("admin"), "{text}");
    let server = Nats::start(&text);
    let stage = Stage::of_files_with(&server.url());
    let flags = ["--nats-user", "jethook", "--nats-password", "pw", "--stream", "WEBHOOKS", "--prefix", "webhooks"];
    let operator = stage.operator(&flags);
    stage.github("github", json!({}));
    stage.ready("github");
    assert_eq!(operator.send(&stage.push("github", "1")).json()["status"], "stored");
    assert_eq!(operator.send(&stage.push("github", "1")).json()["status"], "duplicate");
    stage.github("large", json!({"target": {"largeBodies": "objectStore"}, "limits": {"maxBodySize": "2Mi"}}));
    stage.ready("large");
    let large = sign::github(&stage.path("large"), KEY, "push", "2", vec![b' '; 1 << 20]);
    assert_eq!(operator.send(&large).status, 400, "blanks are no JSON");
    let large = sign::github(&stage.path("large"), KEY, "push", "2", format!("[\"{}\"]", "x".repeat(1 << 20)));
    assert_eq!(operator.send(&large).json()["status"], "stored");
    assert_eq!(operator.send(&large).json()["status"], "duplicate");
    assert!(!server.log().contains("Permissions Violation"), "{}", server.log());
    assert!(!operator.log().contains("Permissions Violation"), "{}", operator.log());
    // What it may not: subscribe to events, purge or delete the stream.
    let user = ConnectOptions::with_user_and_password("jethook".to_owned(), "pw".to_owned());
    let context = server.jetstream_as(user);
    let denied = block_on(async {
        let purge = context.get_stream("WEBHOOKS").await.unwrap().purge().await;
        purge.is_err() && context.delete_stream("WEBHOOKS").await.is_err()
    });
    assert!(denied);
    let admin = ConnectOptions::with_user_and_password("admin".to_owned(), "pw".to_owned());
    assert_eq!(stored_in(&server.jetstream_as(admin), "WEBHOOKS").len(), 2);
}
