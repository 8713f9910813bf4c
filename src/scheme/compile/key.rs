//! Keys and their uses, the headers worth keeping, the query values that must not be kept.

use std::collections::BTreeSet;

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};

use super::super::KeyUse;
use super::super::function::did_you_mean;
use super::super::plan::{Accepted, Condition, KeyPlan, Plan};
use super::super::public_key::PublicKey;
use super::super::spec::KeySpec;
use super::super::template::{Part, Place, Reference, Template};
use super::{At, Compiler};

/// The most numbered headers that are kept.
const NUMBERED_KEPT: usize = 10;

impl<'a> Compiler<'a> {
    /// Every use that has keys, `signing` first.
    pub(super) fn keys(&mut self) -> Vec<KeyPlan> {
        let spec = self.spec;
        let mut names: BTreeSet<&str> = self.family_uses().into_iter().map(|(_, name)| name).collect();
        names.extend(spec.keys.keys().map(String::as_str));
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_key(|name| (*name != "signing", *name));
        names.into_iter().map(|name| self.key(name)).collect()
    }

    fn key(&mut self, name: &str) -> KeyPlan {
        let field = format!("keys.{name}");
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 32;
        if !is_name || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.fault(&field, "the use of a key is a name of letters and digits such as verifyToken");
        }
        let spec: KeySpec = self.spec.keys.get(name).cloned().unwrap_or_default();
        let families: Vec<&str> =
            self.family_uses().into_iter().filter(|(_, of)| *of == name).map(|(family, _)| family).collect();
        if families.is_empty() && !self.compared_uses().contains(name) {
            let known = did_you_mean(name, self.family_uses().into_iter().map(|(_, name)| name));
            self.fault(&field, format!("nothing uses this key{known}"));
        }
        self.check_key_source(name, &spec, &families);
        if !spec.constant.is_empty() && families.iter().any(|family| ["hmac", "hash", "token"].contains(family)) {
            self.fault(format!("{field}.constant"), "a published key is no secret: it can only check signatures");
        }
        if let Some(family) = self.spec.public_key.as_ref().filter(|family| family.key == name) {
            let algorithms: Vec<_> = family.algorithm.into_iter().chain(family.algorithms.values().copied()).collect();
            for (at, constant) in spec.constant.iter().enumerate() {
                let key = PublicKey::parse(&algorithms, constant.as_bytes());
                self.or_fault(&format!("{field}.constant[{at}]"), key);
            }
        }
        let text = (!spec.text.is_empty()).then(|| self.template(&format!("{field}.text"), &spec.text, At::KeyText));
        if let Some(text) = &text {
            self.check_key_text(&field, text);
        }
        KeyPlan { r#use: name.to_owned(), spec, text }
    }

    fn check_key_text(&mut self, field: &str, text: &Template) {
        let is_plain = |part: &Part| match part {
            Part::Literal(_) => true,
            Part::Expr(expr) => expr.functions.is_empty() && expr.refs.len() == 1 && !expr.is_optional,
            Part::Group(_) => false,
        };
        if !text.parts.iter().all(is_plain) {
            self.fault(format!("{field}.text"), "a key's text holds literals, {secret}, {secret:USE} and {param:NAME}");
        }
    }

    /// What the endpoint's Secrets are asked for.
    pub(super) fn uses(keys: &[KeyPlan]) -> Vec<KeyUse> {
        let given = keys.iter().filter(|key| key.spec.is_secret());
        given
            .map(|key| KeyUse {
                name: key.r#use.clone(),
                description: key.spec.description.clone(),
                required: key.spec.required,
            })
            .collect()
    }

    /// The families with the uses of their keys.
    pub(super) fn family_uses(&self) -> Vec<(&'static str, &'a str)> {
        let spec = self.spec;
        [
            ("hmac", spec.hmac.as_ref().map(|family| &family.key)),
            ("hash", spec.hash.as_ref().map(|family| &family.key)),
            ("publicKey", spec.public_key.as_ref().map(|family| &family.key)),
            ("standardWebhooks", spec.standard_webhooks.as_ref().map(|family| &family.key)),
            ("token", spec.token.as_ref().map(|family| &family.key)),
            ("jwt", spec.jwt.as_ref().map(|family| &family.key)),
            ("httpSignature", spec.http_signature.as_ref().map(|family| &family.key)),
        ]
        .into_iter()
        .filter_map(|(family, name)| Some((family, name?.as_str())))
        .collect()
    }

    /// Uses that `{secret:USE}` names somewhere.
    fn compared_uses(&self) -> BTreeSet<String> {
        let spec = self.spec;
        let values = |map: &std::collections::BTreeMap<String, super::super::spec::Values>| {
            map.values().flat_map(|values| values.0.clone()).collect::<Vec<_>>()
        };
        let mut texts = values(&spec.require);
        texts.extend(spec.handshakes.iter().flat_map(|handshake| values(&handshake.require)));
        texts.extend(spec.keys.values().map(|key| key.text.clone()));
        let named = |text: &String| {
            let names = text.split("{secret:").skip(1);
            names.filter_map(|rest| rest.split('}').next().map(str::to_owned)).collect::<Vec<_>>()
        };
        texts.iter().flat_map(named).collect()
    }
}

impl Plan {
    /// The headers by which an event can be verified again; none with a secret in it.
    pub(super) fn evidence(&self) -> Vec<HeaderName> {
        let mut names = Vec::new();
        let event = [&self.event.r#type, &self.event.id, &self.event.time].into_iter().flatten();
        let signed = [
            self.hmac.as_ref().map(|family| &family.signed),
            self.hash.as_ref().map(|family| &family.signed),
            self.public_key.as_ref().map(|family| &family.signed),
        ];
        let templates = event.chain(signed.into_iter().flatten());
        let mut references: Vec<&Reference> = templates.flat_map(Template::references).collect();
        references.extend(self.time.iter().flat_map(|time| &time.source.from));
        references.extend(self.header_list.iter().flat_map(|list| &list.source.from));
        references.extend(self.hmac.iter().chain(&self.hash).flat_map(|family| &family.source.from));
        references.extend(self.public_key.iter().flat_map(|family| &family.source.from));
        if let Some(super::super::plan::AlgorithmPlan::Named { from, .. }) =
            self.public_key.as_ref().map(|family| &family.algorithm)
        {
            references.push(from);
        }
        for reference in references {
            match &reference.place {
                Place::Header(name) => names.push(name.clone()),
                Place::Numbered(prefix) => {
                    let numbers = 1..=NUMBERED_KEPT;
                    names.extend(numbers.filter_map(|n| HeaderName::try_from(format!("{prefix}{n}")).ok()));
                }
                _ => {}
            }
        }
        names.extend(self.header_list.iter().flat_map(|list| list.required.clone()));
        for set in self.standard.iter().flat_map(|family| &family.headers) {
            names.extend([set.id.clone(), set.timestamp.clone(), set.signature.clone()]);
        }
        if let Some(http) = &self.http {
            names.extend([HeaderName::from_static("signature"), HeaderName::from_static("signature-input")]);
            names.extend(http.components.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()));
        }
        let secret = self.secret_headers();
        let mut kept: Vec<HeaderName> = Vec::new();
        for name in names {
            let is_secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(&name);
            if !is_secret && !secret.contains(&name) && !kept.contains(&name) {
                kept.push(name);
            }
        }
        kept
    }

    /// Query values that carry a secret.
    pub(super) fn secret_query(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for reference in self.secret_references() {
            if let Place::Query(name) = &reference.place
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        let header = |reference: &Reference| match &reference.place {
            Place::Header(name) => Some(name.clone()),
            _ => None,
        };
        self.secret_references().into_iter().filter_map(header).collect()
    }

    /// Where tokens stand, and what is compared with a key.
    fn secret_references(&self) -> Vec<&Reference> {
        let is_secret = |condition: &&Condition| {
            condition.values.iter().any(|value| match value {
                Accepted::Text(template) => template.has(|place| matches!(place, Place::SecretOf(_))),
                Accepted::Pattern(_) => false,
            })
        };
        let conditions = self.require.iter().chain(self.handshakes.iter().flat_map(|handshake| &handshake.require));
        let compared = conditions.filter(is_secret).filter_map(|condition| condition.expr.as_ref());
        let mut references: Vec<&Reference> = compared.flat_map(|expr| &expr.refs).collect();
        references.extend(self.token.iter().flat_map(|token| &token.from));
        references.extend(self.jwt.iter().flat_map(|jwt| &jwt.from));
        references
    }
}
