//! Parameters, the public URL, the signed time, header lists, the sender's patience.

use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;

use super::super::function::did_you_mean;
use super::super::pattern::Pattern;
use super::super::plan::{HeaderListPlan, ItemPart, PublicUrl, Source, TimePlan};
use super::super::spec::{HeaderList, Timestamp, Unit};
use super::{Compiler, is_signature_place};

/// The parameter that overrides the operator's public URL.
pub(super) const PUBLIC_URL: &str = "publicUrl";

impl Compiler<'_> {
    /// Puts together declared parameters and the values given.
    pub(super) fn read_parameters(&mut self) {
        let spec = self.spec;
        let given = self.context.parameters;
        for (name, parameter) in &spec.parameters {
            let field = format!("parameters.{name}");
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.fault(&field, "a parameter's name consists of letters and digits");
            }
            let pattern = (!parameter.pattern.is_empty()).then(|| Pattern::parse(&parameter.pattern));
            let pattern = pattern.and_then(|pattern| self.or_fault(&format!("{field}.pattern"), pattern));
            let is_good = |value: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(value.as_bytes()));
            if parameter.default.as_deref().is_some_and(|default| !is_good(default)) {
                self.fault(format!("{field}.default"), "the default does not have the pattern");
            }
            let value = match given.get(name) {
                Some(value) if value.is_empty() => {
                    self.parameter_fault(name, "the value is empty");
                    Some(name.clone())
                }
                Some(value) => {
                    if !is_good(value) {
                        self.parameter_fault(name, format!("the value does not have the form `{}`", parameter.pattern));
                    }
                    Some(value.clone())
                }
                None if parameter.required && parameter.default.is_none() => {
                    let what = if parameter.description.is_empty() { "" } else { ": " };
                    self.parameter_fault(name, format!("it is required{what}{}", parameter.description));
                    // Stands in for the value, so that its absence is told once.
                    Some(name.clone())
                }
                None => parameter.default.clone(),
            };
            self.names.parameters.insert(name.clone(), value);
        }
        for name in given.keys().filter(|name| !spec.parameters.contains_key(*name) && *name != PUBLIC_URL) {
            let known = did_you_mean(name, spec.parameters.keys().map(String::as_str));
            self.parameter_fault(name, format!("the provider has no such parameter{known}"));
        }
    }

    /// The URL at which the provider reaches the endpoint.
    pub(super) fn public_url(&mut self) -> Option<PublicUrl> {
        let own = self.context.parameters.get(PUBLIC_URL).map(String::as_str);
        let url = PublicUrl::parse(own.or(self.context.url)?);
        if url.is_none() && own.is_some() {
            self.parameter_fault(PUBLIC_URL, "it must be an http or https URL without query and fragment");
        }
        url
    }

    /// Whether a public URL is known.
    pub(super) fn has_url(&self) -> bool {
        self.context.url.is_some() || self.context.parameters.contains_key(PUBLIC_URL)
    }

    pub(super) fn missing_url(&mut self) {
        if !self.faults.iter().any(|fault| fault.field == PUBLIC_URL) {
            self.parameter_fault(
                PUBLIC_URL,
                "the signature covers the URL: give the one entered at the provider, or run the operator with --public-url",
            );
        }
    }

    pub(super) fn timestamp(&mut self, spec: &Timestamp) -> Option<TimePlan> {
        // Where each place is named by a parameter and none of those has a value, the endpoint has no time.
        let is_lost = |text: &String| matches!(self.names.reference(text), Ok(None));
        if !spec.from.is_empty() && spec.from.iter().all(is_lost) {
            return None;
        }
        let source = self.source("timestamp", &spec.from, &spec.split, &spec.prefix);
        let own = self.duration("timestamp.tolerance", spec.tolerance.as_ref());
        if spec.unit == Unit::None && own.is_some() {
            self.fault("timestamp.tolerance", "with the unit none there is no time to hold against a tolerance");
            return None;
        }
        let tolerance = if spec.unit == Unit::None { None } else { self.context.tolerance.or(own) };
        Some(TimePlan { source, unit: spec.unit, tolerance, is_in_text: false })
    }

    pub(super) fn header_list(&mut self, spec: &HeaderList) -> Option<HeaderListPlan> {
        let from = self.from("headerList.from", std::slice::from_ref(&spec.from), is_signature_place);
        let prefix = self.constant("headerList.prefix", &spec.prefix);
        let mut required = Vec::new();
        for (at, name) in spec.required.iter().enumerate() {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => required.push(name),
                Err(_) => self.fault(format!("headerList.required[{at}]"), format!("`{name}` is no header name")),
            }
        }
        if spec.required.is_empty() {
            self.fault("headerList.required", "name the headers that must be signed: the request must not choose");
        }
        if spec.between.is_empty() {
            self.fault("headerList.between", "say what stands between two names");
        }
        let item = read_item(&spec.item);
        let item = self.or_fault("headerList.item", item)?;
        let source = Source { from, lines: false, split: spec.split.as_bytes().to_vec(), prefix, skip: 0 };
        let (between, join) = (spec.between.clone(), spec.join.clone());
        Some(HeaderListPlan { source, between, sort: spec.sort, item, join, required })
    }

    pub(super) fn sender(&mut self) -> (Option<Duration>, Option<Duration>) {
        let spec = &self.spec.sender;
        for (at, range) in spec.ranges.iter().enumerate() {
            if range.parse::<IpNet>().is_err() {
                self.fault(
                    format!("sender.ranges[{at}]"),
                    format!("`{range}` is no address range such as 192.0.2.0/24"),
                );
            }
        }
        if spec.body_max.as_deref().is_some_and(|text| !is_quantity(text)) {
            self.fault("sender.bodyMax", "it must be a quantity such as 25Mi");
        }
        let time_limit = self.duration("sender.timeLimit", spec.time_limit.as_ref());
        if time_limit.is_some_and(|limit| limit.is_zero()) {
            self.fault("sender.timeLimit", "a sender waits longer than nothing: leave it out where it is not known");
        }
        (time_limit, self.duration("sender.retryFor", spec.retry_for.as_ref()))
    }
}

fn read_item(text: &str) -> Result<Vec<ItemPart>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(ItemPart::Text(before.to_owned()));
        }
        let (name, tail) = tail.split_once('}').ok_or("`{` without `}`")?;
        parts.push(match name {
            "name" => ItemPart::Name,
            "value" => ItemPart::Value,
            _ => return Err(format!("`{{{name}}}` is neither {{name}} nor {{value}}")),
        });
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(ItemPart::Text(rest.to_owned()));
    }
    if !parts.contains(&ItemPart::Value) {
        return Err("without {value} the headers would not be signed".to_owned());
    }
    Ok(parts)
}

fn is_quantity(text: &str) -> bool {
    let number = text.trim_end_matches(['K', 'M', 'G', 'T', 'k', 'i']);
    let suffix = text.strip_prefix(number).unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && ["", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"].contains(&suffix)
}
