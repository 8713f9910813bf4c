//! Traces: the standard variables of OpenTelemetry, which are flags here as well.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Traces.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Traces")]
pub struct TraceConfig {
    /// OTLP collector that the spans of deliveries are sent to, by HTTP, such as http://collector:4318; absent: no traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = collector_url)]
    pub otlp_endpoint: Option<String>,
    /// The whole URL, for a collector that does not listen at /v1/traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL", value_parser = collector_url)]
    pub otlp_traces_endpoint: Option<String>,
    /// PEM file with CAs to trust, beside the system's, where the collector is at https
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CERTIFICATE", value_name = "FILE")]
    pub otlp_ca_file: Option<PathBuf>,
    /// Which deliveries are traced
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_enum, default_value_t = Sampler::ParentbasedAlwaysOn)]
    pub traces_sampler: Sampler,
    /// Share of deliveries, from 0 to 1, that a sampler by ratio traces
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO", default_value_t = 1.0, value_parser = ratio)]
    pub traces_sampler_arg: f64,
}

/// Which deliveries are traced, by the names that OpenTelemetry gives.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum Sampler {
    /// All
    AlwaysOn,
    /// None
    AlwaysOff,
    /// A share, whatever the sender says
    Traceidratio,
    /// As the sender says; all where it says nothing
    ParentbasedAlwaysOn,
    /// As the sender says; none where it says nothing
    ParentbasedAlwaysOff,
    /// As the sender says; a share where it says nothing
    ParentbasedTraceidratio,
}

impl TraceConfig {
    /// Where spans are posted to; `None`: there are no traces.
    ///
    /// # Errors
    /// The variable that asks for what is not spoken.
    pub fn url(&self) -> Result<Option<String>, String> {
        let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let url = match (given(&self.otlp_traces_endpoint), given(&self.otlp_endpoint)) {
            _ if is_off => None,
            (Some(whole), _) => Some(whole),
            (None, Some(base)) => Some(format!("{}/v1/traces", base.trim_end_matches('/'))),
            (None, None) => None,
        };
        if url.is_some() {
            let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
            if let Some((name, protocol)) = names.into_iter().find_map(|name| Some((name, variable(name)?))) {
                spoken(name, &protocol)?;
            }
        }
        Ok(url)
    }
}

fn spoken(name: &str, protocol: &str) -> Result<(), String> {
    if protocol == "http/protobuf" {
        return Ok(());
    }
    Err(format!(
        "{name}={protocol}: jethook speaks http/protobuf alone, for which collectors listen on port 4318; set {name} and \
         --otlp-endpoint to that"
    ))
}

/// The value of a variable; an empty one counts as none.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let value = std::env::var(name);
    value.ok().filter(|value| !value.is_empty())
}

/// An empty one stands for none: that is how the variable is turned off.
fn collector_url(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let authority = match uri.scheme_str() {
        Some("http" | "https") => uri.authority(),
        _ => None,
    };
    match authority {
        None => Err("expected http://HOST:PORT or https://HOST:PORT".to_owned()),
        Some(authority) if authority.as_str().contains('@') => {
            Err("holds a user name; give credentials as OTEL_EXPORTER_OTLP_HEADERS".to_owned())
        }
        Some(_) => Ok(text.to_owned()),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        traces: TraceConfig,
    }

    fn parse(arguments: &[&str]) -> Result<TraceConfig, String> {
        let line = ["run"].iter().chain(arguments);
        Run::try_parse_from(line).map(|run| run.traces).map_err(|error| error.to_string())
    }

    fn url(arguments: &[&str]) -> Option<String> {
        parse(arguments).unwrap().url().unwrap()
    }

    #[test]
    fn the_path_is_added_to_a_base_and_not_to_a_whole_url() {
        assert_eq!(url(&[]), None);
        assert_eq!(url(&["--otlp-endpoint="]), None);
        assert_eq!(url(&["--otlp-endpoint=http://c:4318"]).unwrap(), "http://c:4318/v1/traces");
        assert_eq!(url(&["--otlp-endpoint=https://c/otlp/"]).unwrap(), "https://c/otlp/v1/traces");
        let both = ["--otlp-endpoint=http://c:4318", "--otlp-traces-endpoint=http://d/in"];
        assert_eq!(url(&both).unwrap(), "http://d/in");
    }

    #[test]
    fn what_can_not_be_used_is_refused_with_its_flag() {
        for (argument, expected) in [
            ("--otlp-endpoint=collector:4317", "expected http://HOST:PORT"),
            ("--otlp-endpoint=grpc://collector:4317", "expected http://HOST:PORT"),
            ("--otlp-endpoint=https://me:pw@collector", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("--traces-sampler=sometimes", "parentbased_traceidratio"),
            ("--traces-sampler-arg=1.5", "expected a number from 0 to 1"),
            ("--traces-sampler-arg=NaN", "expected a number from 0 to 1"),
        ] {
            let error = parse(&[argument]).err().unwrap();
            assert!(error.contains(expected) && error.contains(&argument[..argument.find('=').unwrap()]), "{error}");
            assert!(!error.contains("pw@") || argument.contains("pw@"), "{error}");
        }
        assert!(spoken("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").is_ok());
        assert!(spoken("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").unwrap_err().contains("4318"));
    }

    #[test]
    fn the_samplers_have_their_standard_names() {
        let names: Vec<_> = Sampler::value_variants()
            .iter()
            .map(|one| one.to_possible_value().unwrap().get_name().to_owned())
            .collect();
        let standard = [
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ];
        assert_eq!(names, standard);
    }
}
