//! Logs: form and filter.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Sends logs to standard error from now on: text on a terminal, JSON elsewhere, or as `--log-format` says.
///
/// # Errors
/// A sentence that names the flag, when the filter does not parse or logs were set up before.
pub fn init(config: &LogConfig) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(&config.log).map_err(|error| format!("--log {}: {error}", config.log))?;
    let is_terminal = io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(is_terminal).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    started.map_err(|error| format!("logs can't be set up: {error}"))
}
