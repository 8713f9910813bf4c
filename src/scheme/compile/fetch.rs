//! Keys that are not in a Secret, and URLs that are visited.

use super::super::UrlOrigin;
use super::super::host::{HostPattern, https_host, matches_any};
use super::super::pattern::Pattern;
use super::super::plan::{ConfirmPlan, FetchPlan};
use super::super::spec::{Confirm, Fetch, KeyFormat, KeySpec};
use super::super::x5c::ChainPlan;
use super::{At, Compiler};

impl Compiler<'_> {
    /// The one key that is fetched.
    pub(super) fn fetches(&mut self) -> Option<FetchPlan> {
        let spec = self.spec;
        let mut fetched = spec.keys.iter().filter_map(|(name, key)| Some((name, key.fetch.as_ref()?)));
        let (name, fetch) = fetched.next()?;
        if let Some((second, _)) = fetched.next() {
            self.fault(format!("keys.{second}.fetch"), "at most one key is fetched");
        }
        self.fetch(name, fetch)
    }

    pub(super) fn fetch(&mut self, name: &str, spec: &Fetch) -> Option<FetchPlan> {
        let field = format!("keys.{name}.fetch");
        if !spec.pointer.is_empty() && (spec.format == KeyFormat::Jwks || !spec.pointer.starts_with('/')) {
            self.fault(format!("{field}.pointer"), "a pointer begins with / and finds a PEM text in a JSON document");
        }
        let faults = self.faults.len();
        let parsed = self.parsed_template(&format!("{field}.url"), &spec.url, At::From);
        if self.faults.len() > faults {
            return None;
        }
        let hosts = self.hosts(&format!("{field}.hosts"), &spec.hosts);
        let path = (!spec.path.is_empty()).then(|| Pattern::parse(&spec.path));
        let path = path.and_then(|path| self.or_fault(&format!("{field}.path"), path));
        let origin = match parsed.value.constant() {
            None => UrlOrigin::Request,
            Some(_) if spec.url.contains("{param:") => UrlOrigin::Parameter,
            Some(_) => UrlOrigin::Description,
        };
        match (origin, parsed.value.constant().map(String::from_utf8)) {
            (UrlOrigin::Request, _) => {
                if hosts.is_empty() || path.is_none() {
                    let message = "the request names this URL: pin its hosts and the pattern of its path";
                    self.fault(format!("{field}.hosts"), message);
                }
            }
            (_, Some(Ok(url))) => {
                if origin == UrlOrigin::Description && !hosts.is_empty() || path.is_some() {
                    let message = "hosts pin a URL with a parameter or of the request, path one of the request";
                    self.fault(format!("{field}.hosts"), message);
                }
                let is_good = https_host(&url).is_some_and(|host| hosts.is_empty() || matches_any(&hosts, host));
                if !is_good {
                    let message =
                        format!("`{url}` is no https URL without user and fragment, of a host that is allowed here");
                    let parameter = spec.url.split("{param:").nth(1).and_then(|rest| rest.split('}').next());
                    match parameter {
                        Some(parameter) => self.parameter_fault(parameter, message),
                        None => self.fault(format!("{field}.url"), message),
                    }
                }
            }
            (_, _) => self.fault(format!("{field}.url"), "a URL is text"),
        }
        let (format, pointer) = (spec.format, spec.pointer.clone());
        Some(FetchPlan { key: name.to_owned(), format, pointer, url: parsed.value, origin, hosts, path })
    }

    pub(super) fn chain(&mut self, name: &str, spec: &KeySpec) -> Option<ChainPlan> {
        let x5c = spec.x5c.as_ref()?;
        match ChainPlan::new(x5c) {
            Ok(plan) => Some(plan),
            Err((field, message)) => {
                self.fault(format!("keys.{name}.x5c.{field}"), message);
                None
            }
        }
    }

    /// Whether a key comes from one place only, and serves families that can take it from there.
    pub(super) fn check_key_source(&mut self, name: &str, spec: &KeySpec, families: &[&str]) {
        let field = format!("keys.{name}");
        let is_remote = spec.fetch.is_some() || spec.x5c.is_some();
        let has_form =
            spec.encoding.is_some() || !spec.prefix.is_empty() || !spec.text.is_empty() || spec.digest.is_some();
        if is_remote && (has_form || !spec.constant.is_empty() || spec.fetch.is_some() && spec.x5c.is_some()) {
            self.fault(&field, "a key comes from one place: a Secret, constant, fetch or x5c");
        }
        let takes = |family: &str| match spec.x5c {
            Some(_) => family == "jwt",
            None => matches!(family, "publicKey" | "jwt"),
        };
        if is_remote && !families.iter().all(|family| takes(family)) {
            let message = "a fetched key checks publicKey and jwt, a chain (x5c) checks jwt: nothing else";
            self.fault(&field, message);
        }
    }

    pub(super) fn confirm(&mut self, field: &str, spec: &Confirm, is_unsigned: bool) -> ConfirmPlan {
        if is_unsigned {
            self.fault(field, "a URL is visited only for what verified: remove unsigned, or confirm");
        }
        let url = self.template(&format!("{field}.url"), &spec.url, At::Answer);
        let hosts = self.hosts(&format!("{field}.hosts"), &spec.hosts);
        if hosts.is_empty() {
            self.fault(format!("{field}.hosts"), "the request names this URL: pin its hosts");
        }
        ConfirmPlan { url, hosts }
    }

    fn hosts(&mut self, field: &str, texts: &[String]) -> Vec<HostPattern> {
        let parsed = texts.iter().enumerate().map(|(at, text)| (format!("{field}[{at}]"), HostPattern::parse(text)));
        parsed.collect::<Vec<_>>().into_iter().filter_map(|(field, host)| self.or_fault(&field, host)).collect()
    }
}
