//! From the command line's files to objects with places.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::Failure;
use super::finding::{Findings, Level};
use crate::api::manifest::{self, Manifest};
use crate::api::{self, ClusterWebhookProvider, FieldError, Kind, WebhookEndpoint};
use crate::secret::{SecretData, keys_of};

/// A file's name for people, and its text.
pub(super) struct File {
    name: String,
    text: String,
}

/// An endpoint, a provider or a Secret in a file.
pub(super) struct Object<'a> {
    pub(super) file: &'a str,
    pub(super) manifest: Manifest,
    pub(super) kind: Kind,
    pub(super) kind_name: String,
    /// Empty for what has none.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) content: Content,
}

/// What an object says, where its form is right.
pub(super) enum Content {
    /// An endpoint.
    Endpoint(Box<WebhookEndpoint>),
    /// A provider.
    Provider(Box<ClusterWebhookProvider>),
    /// A Secret.
    Secret(SecretData),
    /// None of jethook's business.
    Other,
    /// Its form is wrong, which has been told.
    Broken,
}

/// What the files hold.
#[derive(Default)]
pub(super) struct Objects<'a> {
    all: Vec<Object<'a>>,
    /// How many objects are none of our kinds.
    pub(super) others: usize,
}

impl<'a> Objects<'a> {
    /// The endpoints.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Object<'a>> {
        self.all.iter().filter(|object| object.kind == Kind::WebhookEndpoint)
    }

    /// The providers.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Object<'a>> {
        self.all.iter().filter(|object| object.kind == Kind::ClusterWebhookProvider)
    }

    /// The Secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Object<'a>> {
        self.all.iter().filter(|object| object.kind == Kind::Secret)
    }
}

/// Reads what the command line names.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let told = |error: io::Error| Failure::Usage(format!("{}: {error}", path.display()));
        if path == Path::new("-") {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
            files.push(File { name: "<stdin>".to_owned(), text });
        } else if path.is_dir() {
            let found = manifests_in(path).map_err(told)?;
            if found.is_empty() {
                return Err(Failure::Usage(format!("{}: holds no *.yaml, *.yml or *.json file", path.display())));
            }
            for path in found {
                files.push(file(&path)?);
            }
        } else {
            files.push(file(path)?);
        }
    }
    Ok(files)
}

fn file(path: &Path) -> Result<File, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    Ok(File { name: path.display().to_string(), text })
}

fn manifests_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_manifest = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_manifest && !is_hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The objects of the files; faults of their form are told.
pub(super) fn objects<'a>(files: &'a [File], findings: &mut Findings) -> Objects<'a> {
    let mut objects = Objects::default();
    for File { name, text } in files {
        let manifests = match manifest::read(text) {
            Ok(manifests) => manifests,
            Err(error) => {
                findings.unreadable(name, error.place, &error.message);
                continue;
            }
        };
        for manifest in manifests {
            let object = object(name, manifest, findings);
            match object.content {
                Content::Other => objects.others += 1,
                Content::Endpoint(_) | Content::Provider(_) | Content::Secret(_) | Content::Broken => {
                    tell_if_twice(&objects, &object, findings);
                    objects.all.push(object);
                }
            }
        }
    }
    objects
}

fn object<'a>(file: &'a str, manifest: Manifest, findings: &mut Findings) -> Object<'a> {
    let value = manifest.value();
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let namespace = Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty());
    let kind = Kind::of(&value);
    let (content, faults) = match content(kind, &value) {
        Ok(content) => (content, Vec::new()),
        Err(faults) => (Content::Broken, faults),
    };
    let object = Object {
        file,
        kind,
        kind_name: text("/kind"),
        namespace: match kind {
            Kind::ClusterWebhookProvider => String::new(),
            Kind::WebhookEndpoint | Kind::Secret | Kind::Other => namespace.unwrap_or_else(|| "default".to_owned()),
        },
        name: text("/metadata/name"),
        content,
        manifest,
    };
    for fault in faults {
        findings.add(Level::Error, &object, &fault.field, None, &fault.message);
    }
    object
}

fn content(kind: Kind, value: &Value) -> Result<Content, Vec<FieldError>> {
    if kind == Kind::WebhookEndpoint {
        return Ok(Content::Endpoint(Box::new(api::endpoint(value)?)));
    }
    if kind == Kind::ClusterWebhookProvider {
        return Ok(Content::Provider(Box::new(api::provider(value)?)));
    }
    let faults = api::validate(value);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(if kind == Kind::Secret { Content::Secret(secret_data(value)) } else { Content::Other })
}

fn secret_data(value: &Value) -> SecretData {
    let keys = keys_of(value);
    SecretData { resource_version: String::new(), key_names: keys.keys().cloned().collect(), keys }
}

fn tell_if_twice(objects: &Objects<'_>, object: &Object<'_>, findings: &mut Findings) {
    let is_same = |other: &&Object<'_>| {
        other.kind == object.kind
            && other.namespace == object.namespace
            && other.name == object.name
            && !object.name.is_empty()
    };
    if let Some(first) = objects.all.iter().find(is_same) {
        let message =
            format!("the same object is at {}:{} too; describe it once", first.file, first.manifest.place().line);
        findings.add(Level::Error, object, "metadata.name", None, &message);
    }
}
