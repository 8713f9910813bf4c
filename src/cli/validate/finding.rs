//! What was found, and how it is told.

use std::fmt::Write;

use serde::Serialize;

use super::source::{Object, Objects};
use crate::api::manifest::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// The manifest would not do what it says.
    Error,
    /// Something that can't be judged here.
    Note,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    file: String,
    #[serde(flatten)]
    place: Option<Place>,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    message: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

/// The form of `-o json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    valid: bool,
    files: usize,
    endpoints: usize,
    secrets: usize,
    providers: usize,
    others: usize,
    findings: &'a [Finding],
}

impl Findings {
    /// A file that is no YAML.
    pub(super) fn unreadable(&mut self, file: &str, place: Option<Place>, message: &str) {
        let message = message.to_owned();
        let (file, level) = (file.to_owned(), Level::Error);
        self.0.push(Finding {
            file,
            place,
            level,
            kind: None,
            namespace: None,
            name: None,
            field: None,
            reason: None,
            message,
        });
    }

    /// Something about a field of an object, or about the object where the field is empty.
    pub(super) fn add(
        &mut self,
        level: Level,
        object: &Object<'_>,
        field: &str,
        reason: Option<&'static str>,
        message: &str,
    ) {
        self.0.push(Finding {
            file: object.file.to_owned(),
            place: Some(object.manifest.locate(field)),
            level,
            kind: Some(object.kind_name.clone()),
            namespace: Some(object.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: Some(object.name.clone()).filter(|name| !name.is_empty()),
            field: Some(field.to_owned()).filter(|field| !field.is_empty()),
            reason,
            message: message.to_owned(),
        });
    }

    /// How many of a level.
    pub(super) fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    /// Lines for people, a summary last.
    pub(super) fn text(&mut self, files: usize, objects: &Objects<'_>) -> String {
        self.sort();
        let mut text = String::new();
        for finding in &self.0 {
            let place = finding.place.map(|place| format!(":{}:{}", place.line, place.column)).unwrap_or_default();
            let object = match (&finding.kind, &finding.namespace, &finding.name) {
                (Some(kind), Some(namespace), Some(name)) => format!(" {kind} {namespace}/{name}:"),
                (Some(kind), None, Some(name)) => format!(" {kind} {name}:"),
                _ => String::new(),
            };
            // Many a message begins with the field.
            let field = finding.field.as_ref().filter(|field| !finding.message.starts_with(field.as_str()));
            let field = field.map(|field| format!(" {field}:")).unwrap_or_default();
            let reason = finding.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let Finding { file, level, message, .. } = finding;
            let _ = writeln!(text, "{file}{place}: {}:{object}{field} {message}{reason}", level.name());
        }
        let mut summary = vec![
            counted(files, "file"),
            counted(objects.endpoints().count(), "endpoint"),
            counted(objects.secrets().count(), "secret"),
        ];
        if objects.providers().count() > 0 {
            summary.push(counted(objects.providers().count(), "provider"));
        }
        if objects.others > 0 {
            summary.push(format!("{} not looked at", counted(objects.others, "other object")));
        }
        summary.push(counted(self.count(Level::Error), "error"));
        if self.count(Level::Note) > 0 {
            summary.push(counted(self.count(Level::Note), "note"));
        }
        let _ = writeln!(text, "{}", summary.join(" · "));
        text
    }

    /// The same for programs.
    pub(super) fn json(&mut self, files: usize, objects: &Objects<'_>) -> serde_json::Result<String> {
        self.sort();
        let document = Document {
            valid: self.count(Level::Error) == 0,
            files,
            endpoints: objects.endpoints().count(),
            secrets: objects.secrets().count(),
            providers: objects.providers().count(),
            others: objects.others,
            findings: &self.0,
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    fn sort(&mut self) {
        self.0.sort();
        self.0.dedup();
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
