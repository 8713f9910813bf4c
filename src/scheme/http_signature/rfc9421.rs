//! RFC 9421, HTTP Message Signatures.

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{HttpSignatureCheck, HttpSigned, Request, check_digests, check_times, find_key, sign_text};
use crate::scheme::encoding::Encoding;
use crate::scheme::form::Form;
use crate::scheme::key::{SigningKey, VerifyingKey};
use crate::scheme::rejection::Rejection;
use crate::scheme::structured_field::{Bare, Item, Member, Parameters, parse_dictionary, write_list};

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The most signatures of one request that are looked at.
const SIGNATURES_MAX: usize = 10;
/// What a query parameter leaves bare when it is signed (section 2.2.8).
const QUERY_BARE: AsciiSet = NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// What the request says of one signature.
struct Claim {
    components: Vec<Item>,
    parameters: Parameters,
    signature: Vec<u8>,
}

pub(super) fn verify(
    request: &Request<'_>,
    keys: &[VerifyingKey],
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<HttpSigned, Rejection> {
    let mut rejection = None;
    for claim in read_claims(request, check)? {
        match verify_claim(request, &claim, keys, check, now) {
            Ok(signed) => return Ok(signed),
            Err(other) => rejection = rejection.or(Some(other)),
        }
    }
    Err(rejection.unwrap_or(Rejection::Missing { what: "the signature with the tag".to_owned() }))
}

/// The signatures that the request carries, those with another tag than the check's left out.
fn read_claims(request: &Request<'_>, check: &HttpSignatureCheck) -> Result<Vec<Claim>, Rejection> {
    let read = |name: &HeaderName| {
        let text = request.single(name)?.ok_or_else(|| Rejection::Missing { what: format!("header:{name}") })?;
        parse_dictionary(text).ok_or_else(|| Rejection::Malformed { what: format!("header:{name}") })
    };
    let inputs = read(&SIGNATURE_INPUT)?;
    let mut signatures = read(&SIGNATURE)?;
    if inputs.is_empty() || inputs.len() > SIGNATURES_MAX {
        return Err(Rejection::Malformed { what: format!("header:{SIGNATURE_INPUT}") });
    }
    let mut claims = Vec::new();
    for (label, input) in inputs {
        let Member::List(components, parameters) = input else {
            return Err(Rejection::Malformed { what: format!("header:{SIGNATURE_INPUT}") });
        };
        let at = signatures.iter().position(|(known, _)| *known == label);
        let signature = at.map(|at| signatures.swap_remove(at).1);
        let Some(Member::Item(Item { value: Bare::Bytes(signature), .. })) = signature else {
            return Err(Rejection::Malformed { what: format!("header:{SIGNATURE}") });
        };
        let has_tag = match (&check.tag, parameters.get("tag")) {
            (None, _) => true,
            (Some(tag), Some(Bare::String(found))) => tag == found,
            (Some(_), _) => false,
        };
        if has_tag {
            claims.push(Claim { components, parameters, signature });
        }
    }
    Ok(claims)
}

fn verify_claim(
    request: &Request<'_>,
    claim: &Claim,
    keys: &[VerifyingKey],
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<HttpSigned, Rejection> {
    let malformed = |name: &str| Rejection::Malformed { what: format!("the signature's parameter {name}") };
    let number = |name| match claim.parameters.get(name) {
        None => Ok(None),
        Some(Bare::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(malformed(name)),
    };
    let (created, expires) = (number("created")?, number("expires")?);
    let algorithm = match claim.parameters.get("alg") {
        None => None,
        Some(Bare::String(algorithm)) => Some(algorithm.as_str()),
        Some(_) => return Err(malformed("alg")),
    };
    let names: Vec<String> = claim.components.iter().map(Item::to_string).collect();
    if let Some(missing) = check.components.iter().find(|component| !names.contains(&identifier(component))) {
        return Err(Rejection::Missing { what: format!("the signed component {missing}") });
    }
    let base = Base::new(request, &claim.components, &claim.parameters)?;
    let key = find_key(keys, check, algorithm, &base.text(), &claim.signature)?;
    check_times(created, expires, check, now)?;
    if names.iter().any(|name| *name == identifier(CONTENT_DIGEST.as_str())) {
        check_digest(request)?;
    }
    Ok(HttpSigned { key, digest: Sha256::digest(base.content).into() })
}

/// How a component that a check names is written in a signature's input: `@query-param;name="x"` as `"@query-param";name="x"`.
fn identifier(component: &str) -> String {
    let (name, parameters) = component.split_at(component.find(';').unwrap_or(component.len()));
    format!("\"{name}\"{parameters}")
}

/// The text that is signed (section 2.5).
struct Base {
    /// The lines of the components that do not tell the time.
    content: String,
    lines: String,
    parameters: String,
}

impl Base {
    fn new(request: &Request<'_>, components: &[Item], parameters: &Parameters) -> Result<Self, Rejection> {
        let (mut content, mut lines) = (String::new(), String::new());
        for (index, component) in components.iter().enumerate() {
            let is_repeated = components.iter().take(index).any(|earlier| earlier == component);
            let Bare::String(name) = &component.value else { return Err(unsupported(component)) };
            if is_repeated {
                return Err(unsupported(component));
            }
            let line = format!("{component}: {}\n", value(request, component, name)?);
            if name != "date" {
                content.push_str(&line);
            }
            lines.push_str(&line);
        }
        Ok(Self { content, lines, parameters: format!("{}{parameters}", write_list(components)) })
    }

    fn text(&self) -> String {
        format!("{}\"@signature-params\": {}", self.lines, self.parameters)
    }
}

fn unsupported(component: &Item) -> Rejection {
    Rejection::Malformed { what: format!("the signed component {component}") }
}

/// The value of a component (section 2).
fn value(request: &Request<'_>, component: &Item, name: &str) -> Result<String, Rejection> {
    if name == "@query-param" {
        return match component.parameters.0.as_slice() {
            [(parameter, Bare::String(wanted))] if parameter == "name" => {
                query_value(request, wanted).ok_or_else(|| unsupported(component))
            }
            _ => Err(unsupported(component)),
        };
    }
    if !component.parameters.0.is_empty() {
        return Err(unsupported(component));
    }
    Ok(match name {
        "@method" => request.delivery.method.as_str().to_owned(),
        "@target-uri" => format!("{}://{}{}", request.scheme()?, request.authority()?, request.target()),
        "@authority" => request.authority()?,
        "@scheme" => request.scheme()?.to_owned(),
        "@request-target" => request.target(),
        "@path" => request.path().to_owned(),
        "@query" => format!("?{}", request.delivery.query.unwrap_or_default()),
        _ if name.starts_with('@') || name.chars().any(|char| char.is_ascii_uppercase()) => {
            return Err(unsupported(component));
        }
        _ => request.joined(name)?,
    })
}

/// The one value of a query parameter, decoded and encoded again.
fn query_value(request: &Request<'_>, wanted: &str) -> Option<String> {
    let form = Form::parse(request.delivery.query?.as_bytes())?;
    let encode = |text: &str| utf8_percent_encode(text, &QUERY_BARE).to_string();
    let mut values = form.pairs().filter(|(name, _)| encode(name) == wanted);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| encode(value))
}

/// Content-Digest (RFC 9530).
fn check_digest(request: &Request<'_>) -> Result<(), Rejection> {
    let what = format!("header:{CONTENT_DIGEST}");
    let text = request.single(&CONTENT_DIGEST)?.unwrap_or_default();
    let Some(digests) = parse_dictionary(text) else {
        return Err(Rejection::Malformed { what });
    };
    let digests = digests.iter().filter_map(|(name, member)| match member {
        Member::Item(Item { value: Bare::Bytes(digest), .. }) => Some((name.as_str(), digest.clone())),
        Member::Item(_) | Member::List(..) => None,
    });
    check_digests(request.delivery.body, digests, &what)
}

pub(super) fn write_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", Encoding::Base64.encode(&Sha256::digest(body)))
}

pub(super) fn sign(
    request: &Request<'_>,
    key: &SigningKey,
    check: &HttpSignatureCheck,
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut components = Vec::new();
    for component in &check.components {
        match parse_dictionary(&format!("a=({})", identifier(component))).as_deref() {
            Some([(_, Member::List(items, _))]) => components.extend(items.iter().cloned()),
            _ => return Err(format!("`{component}` is no component")),
        }
    }
    let mut parameters = Parameters(vec![("created".to_owned(), Bare::Integer(now.as_second()))]);
    if let Some(tag) = &check.tag {
        parameters.0.push(("tag".to_owned(), Bare::String(tag.clone())));
    }
    let base = Base::new(request, &components, &parameters).map_err(|rejection| rejection.to_string())?;
    let (_, signature) = sign_text(key, check, &base.text())?;
    let header = |name, value: String| {
        HeaderValue::try_from(value).map(|value| (name, value)).map_err(|error| error.to_string())
    };
    Ok(vec![
        header(SIGNATURE_INPUT, format!("sig1={}", base.parameters))?,
        header(SIGNATURE, format!("sig1={}", Bare::Bytes(signature)))?,
    ])
}
