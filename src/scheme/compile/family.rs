//! The families.

use std::time::Duration;

use http::HeaderName;

use super::super::http_signature::HttpSignatureCheck;
use super::super::jwt::JwtCheck;
use super::super::plan::{
    AlgorithmPlan, HttpPlan, JwtPlan, MacPlan, PublicKeyPlan, StandardHeaders, StandardPlan, TokenPlan,
};
use super::super::spec::{HttpSignature, Jwt, Mac, PublicKeySignature, StandardWebhooks, Token};
use super::super::template::{Place, Reference, Template};
use super::{At, Compiler, is_jwt_place, is_signature_place, is_token_place};

/// The window of Standard Webhooks.
const STANDARD_TOLERANCE: Duration = Duration::from_secs(300);

impl Compiler<'_> {
    pub(super) fn mac(&mut self, family: &str, spec: &Mac) -> MacPlan {
        let mut source = self.source(family, &spec.from, &spec.split, &spec.prefix);
        (source.lines, source.skip) = (spec.lines, usize::from(spec.skip));
        let signed = self.signed(family, &spec.signed);
        let has_secret = signed.has(|place| *place == Place::Secret);
        if family == "hash" && !has_secret {
            self.fault("hash.signed", "a plain digest protects only where {secret} is part of the text");
        }
        let is_per_item = self.is_per_item(family, &source.from, &signed);
        let (key, hash, encoding) = (spec.key.clone(), spec.hash, spec.encoding);
        MacPlan { key, hash, source, encoding, signed, has_secret, is_per_item }
    }

    pub(super) fn public_key(&mut self, spec: &PublicKeySignature) -> Option<PublicKeyPlan> {
        let mut source = self.source("publicKey", &spec.from, &spec.split, &spec.prefix);
        (source.lines, source.skip) = (spec.lines, usize::from(spec.skip));
        let signed = self.signed("publicKey", &spec.signed);
        if signed.has(|place| *place == Place::Secret) {
            self.fault("publicKey.signed", "a public key is no secret: {secret} can't stand in its text");
        }
        let is_per_item = self.is_per_item("publicKey", &source.from, &signed);
        let algorithm = match (spec.algorithm, &spec.algorithm_from) {
            (Some(algorithm), None) if spec.algorithms.is_empty() => AlgorithmPlan::Fixed(algorithm),
            (None, Some(from)) if !spec.algorithms.is_empty() => {
                let from = self.from("publicKey.algorithmFrom", std::slice::from_ref(from), is_signature_place);
                let names = spec.algorithms.iter().map(|(name, algorithm)| (name.clone(), *algorithm)).collect();
                AlgorithmPlan::Named { from: from.into_iter().next()?, names }
            }
            _ => {
                self.fault("publicKey.algorithm", "give either algorithm, or algorithmFrom with algorithms");
                return None;
            }
        };
        let (key, encoding) = (spec.key.clone(), spec.encoding);
        Some(PublicKeyPlan { key, algorithm, source, encoding, signed, is_per_item })
    }

    pub(super) fn standard(&mut self, spec: &StandardWebhooks) -> StandardPlan {
        let mut headers = Vec::new();
        for (at, prefix) in spec.headers.iter().enumerate() {
            let name = |suffix: &str| HeaderName::from_bytes(format!("{prefix}-{suffix}").as_bytes());
            match (name("id"), name("timestamp"), name("signature")) {
                (Ok(id), Ok(timestamp), Ok(signature)) => headers.push(StandardHeaders { id, timestamp, signature }),
                _ => self.fault(format!("standardWebhooks.headers[{at}]"), format!("`{prefix}-id` is no header name")),
            }
        }
        if spec.headers.is_empty() {
            self.fault("standardWebhooks.headers", "name at least one prefix, such as webhook");
        }
        let tolerance = self.context.tolerance.unwrap_or(STANDARD_TOLERANCE);
        StandardPlan { key: spec.key.clone(), headers, tolerance }
    }

    pub(super) fn token(&mut self, spec: &Token) -> TokenPlan {
        let from = self.from("token.from", &spec.from, is_token_place);
        let prefix = self.constant("token.prefix", &spec.prefix);
        let is_per_item = self.is_per_item("token", &from, &Template::default());
        TokenPlan { key: spec.key.clone(), from, prefix, is_per_item }
    }

    pub(super) fn jwt(&mut self, spec: &Jwt) -> JwtPlan {
        let from = self.from("jwt.from", &spec.from, is_jwt_place);
        let prefix = self.constant("jwt.prefix", &spec.prefix);
        let shared = spec.algorithms.iter().filter(|algorithm| algorithm.public().is_none()).count();
        if spec.algorithms.is_empty() || (shared != 0 && shared != spec.algorithms.len()) {
            self.fault(
                "jwt.algorithms",
                "name algorithms of one sort: those with a shared secret (HS…), or those with a public key",
            );
        }
        let max_age = self.duration("jwt.maxAge", spec.max_age.as_ref());
        let leeway = self.duration("jwt.leeway", spec.leeway.as_ref());
        let check = JwtCheck {
            algorithms: spec.algorithms.clone(),
            require_expiry: spec.require_expiry,
            max_age: max_age.map(|own| self.context.tolerance.unwrap_or(own)),
            leeway: leeway.unwrap_or(JwtCheck::default().leeway),
        };
        let key = self.spec.keys.get(&spec.key);
        let chain = key.and_then(|key| self.chain(&spec.key, key));
        if shared != 0 && key.is_some_and(|key| !key.is_secret()) {
            self.fault("jwt.algorithms", "a public key can't check HS…: name algorithms with a public key");
        }
        JwtPlan { key: spec.key.clone(), from, prefix, check, is_symmetric: shared != 0, chain }
    }

    pub(super) fn http(&mut self, spec: &HttpSignature) -> HttpPlan {
        let shared = spec.algorithms.iter().filter(|algorithm| algorithm.public(spec.dialect).is_none()).count();
        if spec.algorithms.is_empty() || (shared != 0 && shared != spec.algorithms.len()) {
            self.fault(
                "httpSignature.algorithms",
                "name algorithms of one sort: those with a shared secret (hmac…), or those with a public key",
            );
        }
        if spec.components.is_empty() {
            self.fault(
                "httpSignature.components",
                "name the components that must be signed: the request must not choose",
            );
        }
        let components: Vec<String> = spec.components.iter().map(|name| name.to_ascii_lowercase()).collect();
        let max_age = self.duration("httpSignature.maxAge", spec.max_age.as_ref());
        let check = HttpSignatureCheck {
            dialect: spec.dialect,
            algorithms: spec.algorithms.clone(),
            components: components.clone(),
            tag: spec.tag.clone(),
            max_age: self.context.tolerance.or(max_age),
        };
        HttpPlan { key: spec.key.clone(), check, components }
    }

    fn signed(&mut self, family: &str, text: &str) -> Template {
        let field = format!("{family}.signed");
        let faults = self.faults.len();
        let signed = self.template(&field, text, At::Signed);
        if self.faults.len() == faults && signed.constant().is_some() {
            self.fault(field, "the signed text is the same for every delivery: refer to the request, such as {body}");
        }
        signed
    }

    /// Whether a family is verified item by item; then its signature must come with each item.
    fn is_per_item(&mut self, family: &str, from: &[Reference], signed: &Template) -> bool {
        let is_item = |reference: &Reference| matches!(reference.place, Place::Item(_));
        let in_from = from.iter().filter(|reference| is_item(reference)).count();
        let in_text = signed.references().any(is_item);
        if in_from != 0 && in_from != from.len() || in_text && in_from == 0 {
            self.fault(
                format!("{family}.from"),
                "with values of items, each item brings its own: name item: places only",
            );
        }
        in_from != 0 || in_text
    }
}
