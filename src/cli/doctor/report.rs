//! What the checks found, and how it is told.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// All is well.
    Pass,
    /// It works, and something should be known.
    Warning,
    /// It does not work.
    Failure,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "as they stand in the JSON")]
pub(super) struct Check {
    category: &'static str,
    check: &'static str,
    result: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// All checks, in the order in which they were made.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// The checks of one category.
#[derive(Debug)]
pub(super) struct Section<'a> {
    report: &'a mut Report,
    category: &'static str,
}

impl Report {
    /// The checks that follow belong to this category.
    pub(super) fn section(&mut self, category: &'static str) -> Section<'_> {
        Section { report: self, category }
    }

    /// Whether nothing failed; warnings are no failure.
    pub(super) fn finish(&mut self) -> bool {
        self.ok = self.count(Level::Failure) == 0;
        self.ok
    }

    fn count(&self, level: Level) -> usize {
        self.checks.iter().filter(|check| check.result == level).count()
    }

    /// For people: a heading for each category, a line for each check, and what to do about those that failed.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut category = "";
        for check in &self.checks {
            if check.category != category {
                category = check.category;
                let gap = if text.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}{category}\n{}\n", "-".repeat(category.len())));
            }
            let sign = match check.result {
                Level::Pass => "√",
                Level::Warning => "‼",
                Level::Failure => "×",
            };
            text.push_str(&format!("{sign} {}\n", check.message));
            if let Some(remedy) = &check.remedy {
                text.push_str(&format!("    {remedy}\n"));
            }
        }
        let (failures, warnings) = (self.count(Level::Failure), self.count(Level::Warning));
        let verdict = if failures == 0 { "no failures".to_owned() } else { counted(failures, "failure") };
        text.push_str(&format!(
            "\n{verdict}, {} in {}\n",
            counted(warnings, "warning"),
            counted(self.checks.len(), "check")
        ));
        text
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Section<'_> {
    /// All is well.
    pub(super) fn pass(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Pass, message.into(), None);
    }

    /// It works, and something should be known.
    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Level::Warning, message.into(), Some(remedy.into()));
    }

    /// It does not work.
    pub(super) fn fail(&mut self, check: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Level::Failure, message.into(), Some(remedy.into()));
    }

    fn add(&mut self, check: &'static str, result: Level, message: String, remedy: Option<String>) {
        self.report.checks.push(Check { category: self.category, check, result, message, remedy });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure_and_each_has_its_remedy() {
        let mut report = Report::default();
        report.section("nats").pass("server", "it is there");
        report.section("nats").warn("stream", "it is small", "make it larger");
        assert!(report.finish());
        let text = report.text();
        assert!(text.starts_with("nats\n----\n√ it is there\n‼ it is small\n    make it larger\n"), "{text}");
        assert!(text.ends_with("\nno failures, 1 warning in 2 checks\n"), "{text}");
        report.section("rights").fail("secrets", "denied", "grant it");
        assert!(!report.finish());
        assert!(
            report.text().contains("\nrights\n------\n× denied\n    grant it\n\n1 failure, 1 warning in 3 checks\n")
        );
    }
}
