//! `jethook providers`: the catalogue.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::{Failure, Output, print};
use crate::catalogue::{self, Provider};
use crate::scheme::{Context, FaultKind, Identifies, Scheme};

/// Arguments of `jethook providers`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show this one, with a ready `WebhookEndpoint`
    id: Option<String>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let Args { id, output } = args;
    let text = match id {
        None => list(output)?,
        Some(id) => one(find(&id)?, output)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The entry, or a failure that names the nearest id.
pub(super) fn find(id: &str) -> Result<&'static Provider, Failure> {
    catalogue::find(id).ok_or_else(|| {
        let hint = catalogue::nearest(id).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Failure::Usage(format!("provider {id:?} is not in the catalogue{hint} (jethook providers lists it)"))
    })
}

fn list(output: Output) -> Result<String, Failure> {
    match output {
        Output::Table => Ok(table()),
        Output::Json => json_text(&Value::from(catalogue::all().iter().map(summary).collect::<Vec<_>>())),
        Output::Yaml => yaml_text(&catalogue::all().iter().map(summary).collect::<Vec<_>>()),
    }
}

fn table() -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["ID", "NAME", "SCHEME", "AUTHENTICATES", "MATURITY", "CHECKED"]);
    for provider in catalogue::all() {
        let facts = Facts::of(provider);
        table.add_row([
            provider.id.as_str(),
            &provider.name,
            &facts.scheme,
            facts.authenticates,
            provider.maturity.name(),
            &provider.checked,
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn summary(provider: &Provider) -> Value {
    let facts = Facts::of(provider);
    json!({
        "id": provider.id,
        "name": provider.name,
        "maturity": provider.maturity,
        "docs": provider.docs,
        "checked": provider.checked,
        "scheme": facts.scheme,
        "authenticates": facts.authenticates,
        "deliveryId": facts.has_id,
        "keys": facts.keys.iter().map(|(name, required)| json!({"use": name, "required": required})).collect::<Vec<_>>(),
        "parameters": facts.parameters.iter().map(|(name, required)| json!({"name": name, "required": required})).collect::<Vec<_>>(),
    })
}

fn one(provider: &Provider, output: Output) -> Result<String, Failure> {
    let entry = serde_json::to_value(provider).map_err(|error| Failure::Failed(error.to_string()))?;
    match output {
        Output::Json => json_text(&entry),
        Output::Yaml => yaml_text(&entry),
        Output::Table => describe(provider),
    }
}

/// What an admin needs to begin: the facts, what to paste where, and manifests to apply.
fn describe(provider: &Provider) -> Result<String, Failure> {
    let facts = Facts::of(provider);
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<15}{value}");
    };
    line("Provider:", &format!("{} ({})", provider.name, provider.id));
    line("Documentation:", &provider.docs);
    line("Maturity:", &format!("{}, checked {}", provider.maturity.name(), provider.checked));
    line("Scheme:", &facts.scheme);
    line("Authenticates:", facts.authenticates);
    line("Delivery id:", if facts.has_id { "yes" } else { "no" });
    for (index, (name, required)) in facts.keys.iter().enumerate() {
        let title = if index == 0 { "Keys:" } else { "" };
        line(title, &format!("{name}{}", if *required { "" } else { " (optional)" }));
    }
    for (index, (name, required)) in facts.parameters.iter().enumerate() {
        let title = if index == 0 { "Parameters:" } else { "" };
        line(title, &format!("{name}{}", if *required { "" } else { " (optional)" }));
    }
    if let Some(notes) = &provider.notes {
        let _ = write!(text, "\n{}\n", notes.trim());
    }
    let _ = write!(text, "\nPaste status.url of the endpoint into the provider (kubectl get whe {} -o yaml).\n\n", provider.id);
    text.push_str(&yaml_text(&manifest(provider, &facts))?);
    Ok(text)
}

fn manifest(provider: &Provider, facts: &Facts) -> Value {
    let secret = format!("{}-webhook", provider.id);
    let several = facts.keys.len() > 1;
    let refs = facts.keys.iter().filter(|(_, required)| *required || !several || facts.keys.iter().all(|(_, r)| !r));
    let refs: Vec<Value> = refs
        .map(|(name, _)| {
            if several { json!({"name": secret, "key": name, "use": name}) } else { json!({"name": secret, "key": "secret"}) }
        })
        .collect();
    let mut spec = json!({"provider": provider.id, "secretRefs": refs});
    let parameters: BTreeMap<_, _> =
        facts.parameters.iter().filter(|(_, required)| *required).map(|(name, _)| (name, "REPLACE-ME")).collect();
    if !parameters.is_empty() {
        spec["parameters"] = json!(parameters);
    }
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": provider.id, "namespace": "default"},
        "spec": spec,
    })
}

/// What can be told of an entry without an endpoint.
struct Facts {
    scheme: String,
    authenticates: &'static str,
    has_id: bool,
    keys: Vec<(String, bool)>,
    parameters: Vec<(String, bool)>,
}

impl Facts {
    fn of(provider: &Provider) -> Self {
        let required = |name: &str| (name.to_owned(), true);
        let mut parameters = BTreeMap::new();
        // Each round gives the parameters that the last one missed, since a fault names them one by one.
        let scheme = loop {
            match Scheme::compile(&provider.verification, context(&parameters)) {
                Ok(scheme) => break Some(scheme),
                Err(faults) => {
                    let before = parameters.len();
                    for fault in faults.into_iter().filter(|fault| fault.kind == FaultKind::Parameter) {
                        parameters.insert(fault.field, String::new());
                    }
                    if parameters.len() == before {
                        break None;
                    }
                }
            }
        };
        let _ = required;
        match scheme {
            Some(scheme) => Self {
                scheme: scheme.summary().to_owned(),
                authenticates: scheme.authenticates_at_best().name(),
                has_id: scheme.identifies() == Identifies::Id,
                keys: scheme.uses().iter().map(|r#use| (r#use.name.clone(), r#use.required)).collect(),
                parameters: Vec::new(),
            },
            None => Self {
                scheme: String::new(),
                authenticates: "",
                has_id: false,
                keys: Vec::new(),
                parameters: Vec::new(),
            },
        }
    }
}

fn context(parameters: &BTreeMap<String, String>) -> Context<'_> {
    Context { parameters, url: Some("https://hooks.example.com/"), tolerance: None }
}

fn json_text(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| Failure::Failed(error.to_string()))
}

fn yaml_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(value).map_err(|error| Failure::Failed(error.to_string()))
}
