//! `jethook send`: a delivery signed as the provider would sign it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Failure, Output, block_on, print, providers};
use crate::scheme::{Context, Draft, Encoding, Key, Keyring, Scheme};
use crate::secret::Secret;

/// More of an answer than this is not shown.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Arguments of `jethook send`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Whose delivery: an id of the catalogue
    provider: String,
    /// Where to: the endpoint's URL
    url: Uri,
    /// File with the secret, or USE=FILE for a key of another use; repeatable. Without it: standard input
    #[arg(long, value_name = "[USE=]FILE")]
    secret_file: Vec<String>,
    /// The secret itself; better given as the environment variable
    #[arg(long, env = "JETHOOK_SECRET", hide = true, hide_env_values = true, value_parser = secret)]
    secret: Option<Secret>,
    /// A parameter of the endpoint; repeatable
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// The public URL that the provider signs, where it is not the one to send to
    #[arg(long)]
    public_url: Option<String>,
    /// Event type to announce
    #[arg(long)]
    event: Option<String>,
    /// Delivery id to announce; absent: a random one
    #[arg(long)]
    id: Option<String>,
    /// The body, or @FILE; absent: a small one in the provider's form
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// Further request headers; repeatable
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Time limit for the answer
    #[arg(long, default_value = "30s", value_parser = crate::config::duration)]
    timeout: Duration,
    /// Print the signed request and send nothing: as a curl command, or as data with -o json and -o yaml
    #[arg(long)]
    dry_run: bool,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let signed = sign(args)?;
    if args.dry_run {
        print(&match args.output {
            Output::Table => curl(&signed)?,
            Output::Json => format!("{}\n", data(&signed)),
            Output::Yaml => yaml(&data(&signed))?,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = block_on(deliver(signed, args.timeout))?;
    print(&answer.render(args.output)?)?;
    Ok(if (200..300).contains(&answer.status) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sign(args: &Args) -> Result<Draft, Failure> {
    let provider = providers::find(&args.provider)?;
    let parameters: BTreeMap<String, String> = args.parameters.iter().cloned().collect();
    let url = args.url.to_string();
    let public = args.public_url.clone().unwrap_or_else(|| url.split('?').next().unwrap_or(&url).to_owned());
    let context = Context { parameters: &parameters, url: Some(&public), tolerance: None };
    let scheme = Scheme::compile(&provider.verification, context).map_err(|faults| {
        let told: Vec<_> =
            faults.iter().map(|fault| format!("--parameter {}: {}", fault.field, fault.message)).collect();
        Failure::Usage(told.join("; "))
    })?;
    let keyring = keyring(args, &scheme)?;
    let id = args.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let body = match &args.body {
        Some(body) => read_body(body)?,
        None => provider.verification.sample_body(args.event.as_deref(), &id, &parameters),
    };
    let mut headers = args.headers.clone();
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), provider.verification.outline().content_type.to_owned()));
    }
    let draft = Draft { method: Method::POST, url, headers, body, event: args.event.clone(), id: Some(id) };
    scheme.sign(&keyring, draft, Timestamp::now()).map_err(Failure::Failed)
}

fn keyring(args: &Args, scheme: &Scheme) -> Result<Keyring, Failure> {
    let default_use = scheme.signing_use().map(str::to_owned);
    let mut keys = Vec::new();
    for given in &args.secret_file {
        let (r#use, path) = match given.split_once('=') {
            Some((r#use, path)) => (Some(r#use.to_owned()), PathBuf::from(path)),
            None => (default_use.clone(), PathBuf::from(given)),
        };
        let Some(r#use) = r#use else { continue };
        let bytes =
            fs::read(&path).map_err(|error| Failure::Usage(format!("--secret-file {}: {error}", path.display())))?;
        keys.push(Key { index: keys.len(), r#use, secret: trimmed(bytes) });
    }
    if keys.is_empty()
        && let Some(r#use) = default_use
    {
        let secret = match &args.secret {
            Some(secret) => secret.clone(),
            None => from_standard_input()?,
        };
        keys.push(Key { index: 0, r#use, secret });
    }
    let (keyring, faults) = scheme.signing_keyring(keys);
    match faults.first() {
        None => Ok(keyring),
        Some(fault) => Err(Failure::Usage(format!("the secret can't serve: {}", fault.message))),
    }
}

fn from_standard_input() -> Result<Secret, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Usage(format!("the secret can't be read from standard input: {error}")))?;
    let secret = trimmed(bytes);
    if secret.is_blank() {
        return Err(Failure::Usage("no secret: give --secret-file, JETHOOK_SECRET or standard input".to_owned()));
    }
    Ok(secret)
}

/// One final newline is what editors and `echo` add; it is no part of a secret.
fn trimmed(mut bytes: Vec<u8>) -> Secret {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Secret::from(bytes)
}

fn read_body(given: &str) -> Result<Bytes, Failure> {
    match given.strip_prefix('@') {
        None => Ok(Bytes::copy_from_slice(given.as_bytes())),
        Some(path) => {
            fs::read(path).map(Bytes::from).map_err(|error| Failure::Usage(format!("--body @{path}: {error}")))
        }
    }
}

struct Answer {
    status: u16,
    reason: &'static str,
    headers: Vec<(String, String)>,
    body: String,
    elapsed: Duration,
}

impl Answer {
    fn render(&self, output: Output) -> Result<String, Failure> {
        let Self { status, reason, headers, body, elapsed } = self;
        let milliseconds = (elapsed.as_secs_f64() * 10_000.0).round() / 10.0;
        match output {
            Output::Table => Ok(format!(
                "{status} {reason} ({milliseconds} ms)\n{body}{}",
                if body.ends_with('\n') || body.is_empty() { "" } else { "\n" }
            )),
            Output::Json | Output::Yaml => {
                let headers: BTreeMap<_, _> = headers.iter().cloned().collect();
                let value = json!({"status": status, "headers": headers, "body": body, "milliseconds": milliseconds});
                match output {
                    Output::Yaml => yaml(&value),
                    _ => Ok(format!("{value}\n")),
                }
            }
        }
    }
}

async fn deliver(signed: Draft, timeout: Duration) -> Result<Answer, Failure> {
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| Failure::Failed(format!("no trusted CAs: {error}")))?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = Request::builder()
        .method(signed.method)
        .uri(&signed.url)
        .header("user-agent", concat!("jethook-send/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(signed.body)).map_err(|error| Failure::Usage(error.to_string()))?;
    let began = Instant::now();
    let exchange = async {
        let response = client.request(request).await.map_err(|error| describe(&signed.url, &error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Ok((parts, body))
    };
    let (parts, body) = tokio::time::timeout(timeout, exchange)
        .await
        .map_err(|_| Failure::Failed(format!("no answer from {} within {timeout:?}", signed.url)))??;
    Ok(Answer {
        status: parts.status.as_u16(),
        reason: parts.status.canonical_reason().unwrap_or(""),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        elapsed: began.elapsed(),
    })
}

/// The chain of causes in one line; the query may hold a token, so it is left out.
fn describe(url: &str, error: &dyn std::error::Error) -> Failure {
    let mut line = format!("{}: {error}", url.split('?').next().unwrap_or(url));
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(line, ": {cause}");
        source = cause.source();
    }
    Failure::Failed(line)
}

/// The request as a curl command that can be pasted into a shell.
fn curl(signed: &Draft) -> Result<String, Failure> {
    let body = std::str::from_utf8(&signed.body).map_err(|_| {
        Failure::Failed("the body is no text, so it can't be part of a command; take -o json".to_owned())
    })?;
    let mut command = format!("curl -i -X {} {}", signed.method, quoted(&signed.url));
    for (name, value) in &signed.headers {
        let _ = write!(command, " \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    let _ = write!(command, " \\\n  --data-binary {}\n", quoted(body));
    Ok(command)
}

/// The request as data. The headers are a list, since a name may come twice; a body that is no text is in base64.
fn data(signed: &Draft) -> Value {
    let (field, body) = match std::str::from_utf8(&signed.body) {
        Ok(text) => ("body", text.to_owned()),
        Err(_) => ("bodyBase64", Encoding::Base64.encode(&signed.body)),
    };
    json!({"method": signed.method.as_str(), "url": signed.url, "headers": signed.headers, field: body})
}

fn yaml(value: &Value) -> Result<String, Failure> {
    serde_saphyr::to_string(value).map_err(|error| Failure::Failed(error.to_string()))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Secret::from(text)) }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_final_newline_is_no_part_of_a_secret() {
        assert_eq!(trimmed(b"key\n".to_vec()).expose(), b"key");
        assert_eq!(trimmed(b"key\r\n".to_vec()).expose(), b"key");
        assert_eq!(trimmed(b"key\n\n".to_vec()).expose(), b"key\n");
        assert_eq!(trimmed(b"key".to_vec()).expose(), b"key");
    }

    fn draft(body: &'static [u8]) -> Draft {
        Draft {
            method: Method::POST,
            url: "http://localhost/a?b=c".to_owned(),
            headers: vec![("X-A".to_owned(), "it's".to_owned()), ("X-A".to_owned(), "2".to_owned())],
            body: Bytes::from_static(body),
            event: None,
            id: None,
        }
    }

    #[test]
    fn a_signed_request_as_data_keeps_every_header_and_byte() {
        let headers = json!([["X-A", "it's"], ["X-A", "2"]]);
        let common = json!({"method": "POST", "url": "http://localhost/a?b=c", "headers": headers});
        let mut text = common.clone();
        text["body"] = "{\"a\":\"é\"}".into();
        assert_eq!(data(&draft("{\"a\":\"é\"}".as_bytes())), text);
        let mut bytes = common;
        bytes["bodyBase64"] = "/wA=".into();
        assert_eq!(data(&draft(b"\xff\x00")), bytes);
        assert!(curl(&draft(b"\xff\x00")).is_err());
    }

    #[test]
    fn the_curl_command_survives_quotes() {
        assert_eq!(
            curl(&draft(b"{\"a\":\"'\"}")).unwrap(),
            "curl -i -X POST 'http://localhost/a?b=c' \\\n  -H 'X-A: it'\\''s' \\\n  -H 'X-A: 2' \\\n  --data-binary '{\"a\":\"'\\''\"}'\n"
        );
    }
}
