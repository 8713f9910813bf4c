//! What can be told of a description without compiling it for an endpoint.

use std::collections::BTreeMap;

use super::spec::{Content, KeySpec, Mac, MacHash, Verification};

/// A description in short, for lists and for people who choose one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its families, as in `status.scheme`: `token+hmac-sha256`.
    pub scheme: String,
    /// The uses of its keys, required ones first.
    pub keys: Vec<Named>,
    /// Its parameters, required ones first.
    pub parameters: Vec<Named>,
    /// Whether deliveries have an id: one that it names, or the one that comes with Standard Webhooks.
    pub names_id: bool,
    /// The content type of an ordinary delivery.
    pub content_type: &'static str,
}

/// A key or a parameter by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What it is and where the provider shows it.
    pub description: String,
    /// Whether an endpoint must give it.
    pub required: bool,
}

impl Verification {
    /// The description in short.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let families = self.families();
        let mut keys: BTreeMap<&str, &KeySpec> = self.keys.iter().map(|(name, key)| (name.as_str(), key)).collect();
        let text = KeySpec::default();
        for (_, key) in &families {
            keys.entry(key).or_insert(&text);
        }
        let mut keys: Vec<_> = keys
            .into_iter()
            .filter(|(name, key)| key.is_secret() && !name.is_empty())
            .map(|(name, key)| named(name, &key.description, key.required))
            .collect();
        let mut parameters: Vec<_> =
            self.parameters.iter().map(|(name, p)| named(name, &p.description, p.required)).collect();
        keys.sort_by_key(|key| !key.required);
        parameters.sort_by_key(|parameter| !parameter.required);
        Outline {
            scheme: families.into_iter().map(|(family, _)| family).collect::<Vec<_>>().join("+"),
            keys,
            parameters,
            names_id: !self.event.id.is_empty() || self.standard_webhooks.is_some(),
            content_type: match self.content {
                Content::Any | Content::Json => "application/json",
                Content::Form | Content::Multipart => "application/x-www-form-urlencoded",
                Content::Xml => "text/xml; charset=utf-8",
            },
        }
    }

    /// Label and key use of each family; `none` has no key.
    fn families(&self) -> Vec<(String, &str)> {
        let mut families = Vec::new();
        if let Some(token) = &self.token {
            families.push(("token".to_owned(), token.key.as_str()));
        }
        families.extend(self.hmac.iter().map(|mac| (format!("hmac-{}", hash(mac)), mac.key.as_str())));
        families.extend(self.hash.iter().map(|mac| (format!("hash-{}", hash(mac)), mac.key.as_str())));
        families.extend(self.public_key.iter().map(|key| ("public-key".to_owned(), key.key.as_str())));
        families.extend(self.standard_webhooks.iter().map(|s| ("standard-webhooks-v1|v1a".to_owned(), s.key.as_str())));
        families.extend(self.jwt.iter().map(|jwt| ("jwt".to_owned(), jwt.key.as_str())));
        families.extend(self.http_signature.iter().map(|http| ("http-signature".to_owned(), http.key.as_str())));
        families.extend(self.none.iter().map(|_| ("none".to_owned(), "")));
        families
    }
}

fn named(name: &str, description: &str, required: bool) -> Named {
    Named { name: name.to_owned(), description: description.to_owned(), required }
}

fn hash(mac: &Mac) -> &'static str {
    match mac.hash {
        MacHash::Md5 => "md5",
        MacHash::Sha1 => "sha1",
        MacHash::Sha256 => "sha256",
        MacHash::Sha384 => "sha384",
        MacHash::Sha512 => "sha512",
    }
}
