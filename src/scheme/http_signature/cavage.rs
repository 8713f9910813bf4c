//! draft-cavage-http-signatures-12, the draft before RFC 9421.

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    Dialect, HttpSignatureCheck, HttpSigned, Request, check_digests, check_times, find_key, parse_date, sign_text,
};
use crate::scheme::encoding::Encoding;
use crate::scheme::key::{SigningKey, VerifyingKey};
use crate::scheme::rejection::Rejection;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const DIGEST: HeaderName = HeaderName::from_static("digest");

/// The most components of a signature.
const COMPONENTS_MAX: usize = 64;
/// The name that says that the key determines the algorithm.
const BY_KEY: &str = "hs2019";

/// The parameters of a signature; one that is not known is passed over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    algorithm: Option<String>,
    headers: Option<String>,
    signature: Option<String>,
    created: Option<String>,
    expires: Option<String>,
}

pub(super) fn verify(
    request: &Request<'_>,
    keys: &[VerifyingKey],
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<HttpSigned, Rejection> {
    let malformed = || Rejection::Malformed { what: format!("header:{SIGNATURE}") };
    let parameters = parse(find(request)?).ok_or_else(malformed)?;
    let headers = parameters.headers.as_deref().ok_or_else(malformed)?;
    let components: Vec<&str> = headers.split(' ').collect();
    if components.len() > COMPONENTS_MAX || has_twin(&components) {
        return Err(malformed());
    }
    if let Some(missing) = check.components.iter().find(|component| !components.contains(&component.as_str())) {
        return Err(Rejection::Missing { what: format!("the signed component {missing}") });
    }
    let signature = parameters.signature.as_ref().and_then(|signature| Encoding::Base64.decode(signature.as_bytes()));
    let signature = signature.ok_or_else(malformed)?;
    let text = Text::new(request, &components, &parameters)?;
    let named = parameters.algorithm.as_deref().filter(|name| *name != BY_KEY);
    let key = find_key(keys, check, named, &text.lines, &signature)?;
    let number =
        |text: &Option<String>| text.as_deref().map(|text| parse_seconds(text).ok_or_else(malformed)).transpose();
    for created in times(request, &components, number(&parameters.created)?)? {
        check_times(created, number(&parameters.expires)?, check, now)?;
    }
    if components.contains(&DIGEST.as_str()) {
        check_digest(request)?;
    }
    Ok(HttpSigned { key, digest: Sha256::digest(text.content).into() })
}

/// The parameters' text: the header Signature, or Authorization with the scheme Signature.
fn find<'a>(request: &Request<'a>) -> Result<&'a str, Rejection> {
    if let Some(text) = request.single(&SIGNATURE)? {
        return Ok(text);
    }
    let missing = || Rejection::Missing { what: format!("header:{SIGNATURE}") };
    let text = request.single(&http::header::AUTHORIZATION)?.ok_or_else(missing)?;
    let (scheme, text) = text.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("signature") { Ok(text) } else { Err(missing()) }
}

/// Reads `a="x",b=1`; a parameter that is there twice is a fault.
fn parse(text: &str) -> Option<Parameters> {
    let mut parameters = Parameters::default();
    let mut names = Vec::new();
    let mut rest = text.trim_matches(' ');
    loop {
        let (name, value) = rest.split_once('=')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name || names.contains(&name) || names.len() == COMPONENTS_MAX {
            return None;
        }
        names.push(name);
        let quoted = value.strip_prefix('"');
        let (value, behind) = match quoted {
            Some(value) => value.split_once('"')?,
            None => value.split_at(value.find(|char: char| !char.is_ascii_digit()).unwrap_or(value.len())),
        };
        let slot = match name {
            "algorithm" => Some((&mut parameters.algorithm, true)),
            "headers" => Some((&mut parameters.headers, true)),
            "signature" => Some((&mut parameters.signature, true)),
            "created" => Some((&mut parameters.created, false)),
            "expires" => Some((&mut parameters.expires, false)),
            _ => None,
        };
        if value.contains('\\') || (quoted.is_none() && value.is_empty()) {
            return None;
        }
        if let Some((slot, needs_quotes)) = slot {
            if quoted.is_some() != needs_quotes {
                return None;
            }
            *slot = Some(value.to_owned());
        }
        let behind = behind.trim_start_matches(' ');
        if behind.is_empty() {
            return Some(parameters);
        }
        rest = behind.strip_prefix(',')?.trim_start_matches(' ');
    }
}

fn has_twin(components: &[&str]) -> bool {
    components
        .iter()
        .enumerate()
        .any(|(index, component)| components.iter().take(index).any(|earlier| earlier == component))
}

fn parse_seconds(text: &str) -> Option<i64> {
    (text.len() <= 15).then(|| text.parse().ok()).flatten()
}

/// The times at which the signature says that it was made, by what it covers; one `None` where it says none.
fn times(request: &Request<'_>, components: &[&str], created: Option<i64>) -> Result<Vec<Option<i64>>, Rejection> {
    let mut times = Vec::new();
    if components.contains(&"(created)") {
        times.push(created);
    }
    if components.contains(&"date") {
        let malformed = || Rejection::Malformed { what: "header:date".to_owned() };
        let date = request.single(&http::header::DATE)?.and_then(parse_date).ok_or_else(malformed)?;
        times.push(Some(date));
    }
    if times.is_empty() {
        times.push(None);
    }
    Ok(times)
}

/// The text that is signed (section 2.3).
struct Text {
    /// The lines that do not tell the time.
    content: String,
    lines: String,
}

impl Text {
    fn new(request: &Request<'_>, components: &[&str], parameters: &Parameters) -> Result<Self, Rejection> {
        let mut lines = Vec::new();
        for component in components {
            let parameter = |value: &Option<String>| {
                value.clone().ok_or_else(|| Rejection::Missing { what: format!("the signed component {component}") })
            };
            let value = match *component {
                "(request-target)" => {
                    format!("{} {}", request.delivery.method.as_str().to_ascii_lowercase(), request.target())
                }
                "(created)" => parameter(&parameters.created)?,
                "(expires)" => parameter(&parameters.expires)?,
                name if name.chars().any(|char| char.is_ascii_uppercase()) => {
                    return Err(Rejection::Malformed { what: format!("header:{SIGNATURE}") });
                }
                name => request.joined(name)?,
            };
            lines.push(format!("{component}: {value}"));
        }
        let is_time =
            |line: &&String| ["(created): ", "(expires): ", "date: "].iter().any(|name| line.starts_with(name));
        let content: Vec<_> = lines.iter().filter(|line| !is_time(line)).cloned().collect();
        Ok(Self { content: content.join("\n"), lines: lines.join("\n") })
    }
}

/// Digest (RFC 3230): names in any case.
fn check_digest(request: &Request<'_>) -> Result<(), Rejection> {
    let what = format!("header:{DIGEST}");
    let text = request.single(&DIGEST)?.unwrap_or_default();
    let mut digests = Vec::new();
    for digest in text.split(',') {
        let (name, value) =
            digest.trim_matches(' ').split_once('=').ok_or_else(|| Rejection::Malformed { what: what.clone() })?;
        // A digest that does not decode is none that could be right.
        digests.push((name.to_ascii_lowercase(), Encoding::Base64.decode(value.as_bytes()).unwrap_or_default()));
    }
    check_digests(request.delivery.body, digests.iter().map(|(name, digest)| (name.as_str(), digest.clone())), &what)
}

pub(super) fn write_digest(body: &[u8]) -> String {
    format!("SHA-256={}", Encoding::Base64.encode(&Sha256::digest(body)))
}

pub(super) fn sign(
    request: &Request<'_>,
    key: &SigningKey,
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let components: Vec<&str> = check.components.iter().map(String::as_str).collect();
    let created = components.contains(&"(created)").then(|| now.as_second().to_string());
    let parameters = Parameters { created: created.clone(), ..Parameters::default() };
    let text = Text::new(request, &components, &parameters).map_err(|rejection| rejection.to_string())?;
    let (algorithm, signature) = sign_text(key, check, &text.lines)?;
    // Section 2.1.6: the names that tell the algorithm can't stand beside a signed time of creation.
    let name = algorithm.name(Dialect::Cavage).filter(|_| created.is_none()).unwrap_or(BY_KEY);
    let created = created.map_or_else(String::new, |created| format!(",created={created}"));
    let signature = Encoding::Base64.encode(&signature);
    let value = format!(
        "keyId=\"key\",algorithm=\"{name}\"{created},headers=\"{}\",signature=\"{signature}\"",
        components.join(" ")
    );
    Ok(vec![(SIGNATURE, HeaderValue::try_from(value).map_err(|error| error.to_string())?)])
}
