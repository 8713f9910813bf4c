//! `jethook providers`: the catalogue.

use std::collections::BTreeMap;
use std::process::ExitCode;

use comfy_table::Table;
use serde_json::{Value, json};

use super::{Failure, Output, print};
use crate::api::{ClusterWebhookProvider, ClusterWebhookProviderSpec};
use crate::catalogue::{self, Provider};
use crate::scheme::{Named, Outline};

/// Arguments of `jethook providers`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show this one, with a ready `WebhookEndpoint`; with -o yaml, as a `ClusterWebhookProvider` to start from
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
    table.set_header(["ID", "NAME", "SCHEME", "DELIVERY ID", "MATURITY", "CHECKED"]);
    for provider in catalogue::all() {
        let outline = provider.verification.outline();
        table.add_row([
            provider.id.as_str(),
            &provider.name,
            &outline.scheme,
            if outline.names_id { "yes" } else { "no" },
            provider.maturity.name(),
            &provider.checked,
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn summary(provider: &Provider) -> Value {
    let outline = provider.verification.outline();
    let named =
        |named: &Named| json!({"name": named.name, "required": named.required, "description": named.description});
    json!({
        "id": provider.id,
        "name": provider.name,
        "maturity": provider.maturity,
        "docs": provider.docs,
        "checked": provider.checked,
        "scheme": outline.scheme,
        "deliveryId": outline.names_id,
        "keys": outline.keys.iter().map(named).collect::<Vec<_>>(),
        "parameters": outline.parameters.iter().map(named).collect::<Vec<_>>(),
    })
}

fn one(provider: &Provider, output: Output) -> Result<String, Failure> {
    match output {
        Output::Json => json_text(&serde_json::to_value(provider).map_err(|error| Failure::Failed(error.to_string()))?),
        Output::Yaml => Ok(format!(
            "# {} as a provider of the cluster's own: change the name and what differs, then kubectl apply.\n{}",
            provider.id,
            yaml_text(&cluster_provider(provider))?
        )),
        Output::Table => describe(provider),
    }
}

/// The entry as a resource. Ids of entries hold no dot and names of such resources must, so it gets a domain.
fn cluster_provider(provider: &Provider) -> ClusterWebhookProvider {
    let Provider { id, name, docs, checked, maturity, notes, verification } = provider.clone();
    let spec = ClusterWebhookProviderSpec {
        name: Some(name),
        docs: Some(docs),
        checked: Some(checked),
        maturity: Some(maturity),
        notes,
        verification,
    };
    ClusterWebhookProvider::new(&format!("{id}.example.com"), spec)
}

/// What an admin needs to begin: the facts, what to paste where, and a manifest to apply.
fn describe(provider: &Provider) -> Result<String, Failure> {
    let outline = provider.verification.outline();
    let mut lines = vec![
        ("Provider:", format!("{} ({})", provider.name, provider.id)),
        ("Documentation:", provider.docs.clone()),
        ("Maturity:", format!("{}, checked {}", provider.maturity.name(), provider.checked)),
        ("Scheme:", outline.scheme.clone()),
        ("Delivery id:", if outline.names_id { "yes" } else { "no" }.to_owned()),
    ];
    for (title, all) in [("Keys:", &outline.keys), ("Parameters:", &outline.parameters)] {
        for (index, named) in all.iter().enumerate() {
            let optional = if named.required { "" } else { " (optional)" };
            lines.push((
                if index == 0 { title } else { "" },
                format!("{}{optional}  {}", named.name, named.description),
            ));
        }
    }
    let mut text: String =
        lines.into_iter().map(|(title, value)| format!("{title:<15}{}\n", value.trim_end())).collect();
    if let Some(notes) = &provider.notes {
        text.push_str(&format!("\n{}\n", notes.trim()));
    }
    text.push_str("\nPaste the endpoint's status.url into the provider. A manifest to begin with:\n\n");
    text.push_str(&yaml_text(&manifest(provider, &outline))?);
    Ok(text)
}

/// A ready endpoint: the required keys (or the first, where all are optional) and the required parameters.
fn manifest(provider: &Provider, outline: &Outline) -> Value {
    let secret = format!("{}-webhook", provider.id);
    let required = outline.keys.iter().filter(|key| key.required).count().max(1);
    let refs: Vec<Value> = outline
        .keys
        .iter()
        .take(required)
        .map(|key| match outline.keys.len() {
            1 => json!({"name": secret, "key": "secret"}),
            _ => json!({"name": secret, "key": key.name, "use": key.name}),
        })
        .collect();
    let parameters: BTreeMap<_, _> = outline
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| (parameter.name.as_str(), "REPLACE-ME"))
        .collect();
    let mut spec = json!({"provider": provider.id, "secretRefs": refs});
    if let (Some(spec), false) = (spec.as_object_mut(), parameters.is_empty()) {
        spec.insert("parameters".to_owned(), json!(parameters));
    }
    json!({
        "apiVersion": "jethook.dev/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": provider.id, "namespace": "default"},
        "spec": spec,
    })
}

fn json_text(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| Failure::Failed(error.to_string()))
}

fn yaml_text(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(value).map_err(|error| Failure::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;

    #[test]
    fn every_entry_is_printed_as_a_provider_that_a_cluster_takes() {
        for entry in catalogue::all() {
            let text = one(entry, Output::Yaml).unwrap_or_else(|failure| panic!("{}: {failure}", entry.id));
            let manifest: Value = serde_saphyr::from_str(&text).unwrap();
            let taken = api::provider(&manifest).unwrap_or_else(|faults| panic!("{}: {faults:?}\n{text}", entry.id));
            assert_eq!(taken.metadata.name, Some(format!("{}.example.com", entry.id)));
            assert_eq!(taken.spec.verification, entry.verification, "{}", entry.id);
            let mut dotless = manifest;
            dotless["metadata"]["name"] = json!(entry.id);
            assert!(api::provider(&dotless).is_err(), "{}", entry.id);
        }
    }
}
