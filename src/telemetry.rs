//! Logs: form and filter.

use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{LogConfig, LogFormat};

/// What is never logged, whatever `--log` says: kube's client writes whole answers that do not parse, a list of Secrets
/// among them, and its watcher warns at every try of what the controller tells once.
const SILENCED: [&str; 2] = ["kube_client::client=off", "kube_runtime::watcher=off"];

/// Lines that wait to be written; what comes beyond them is dropped.
const LINES_MAX: usize = 4096;

/// Sends logs to standard error from now on: text on a terminal, JSON elsewhere, or as `--log-format` says. Nobody who logs
/// waits for whoever reads them: a worker that did would keep its senders waiting. Lines that wait are written when what is
/// returned drops.
///
/// # Errors
/// A sentence that names the flag, when the filter does not parse or logs were set up before.
pub fn init(config: &LogConfig) -> Result<WorkerGuard, String> {
    let directives = directives(&config.log);
    let mut filter =
        EnvFilter::builder().parse(&directives).map_err(|error| format!("--log {}: {error}", config.log))?;
    for target in SILENCED {
        filter = filter.add_directive(target.parse().map_err(|error| format!("logs can't be set up: {error}"))?);
    }
    let is_terminal = io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json });
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).finish(io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match format {
        LogFormat::Text => builder.with_ansi(is_terminal).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    started.map(|()| guard).map_err(|error| format!("logs can't be set up: {error}"))
}

/// A level alone is jethook's own; libraries then only warn: what they say below that can hold a request's bytes. The NATS
/// client complains of every try to connect, several a second, of which jethook itself tells the first.
fn directives(log: &str) -> String {
    match log.parse::<LevelFilter>() {
        Ok(level) => format!("{},async_nats=off,jethook={level}", level.min(LevelFilter::WARN)),
        Err(_) => log.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_is_jethooks_own() {
        assert_eq!(directives("debug"), "warn,async_nats=off,jethook=debug");
        assert_eq!(directives("error"), "error,async_nats=off,jethook=error");
        assert_eq!(directives("off"), "off,async_nats=off,jethook=off");
        assert_eq!(directives("info,async_nats=debug"), "info,async_nats=debug");
    }
}
