//! The commands.

mod crd;
mod dlq;
mod doctor;
mod failure;
mod page;
mod providers;
mod replicas;
mod run;
mod send;
mod status;
mod tail;
mod validate;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use failure::Failure;

/// Receives webhooks, verifies them and stores them in NATS `JetStream` before it answers
#[derive(Parser, Debug)]
#[command(name = "jethook", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the operator: watch endpoints, receive deliveries, store events
    Run(Box<crate::config::RunConfig>),
    /// Check manifests without a cluster: schema, rules, catalogue, policy, and the paths among the files given
    Validate(validate::Args),
    /// Print the CustomResourceDefinitions as YAML
    Crd(crd::Args),
    /// List the providers of the catalogue, or show one
    Providers(providers::Args),
    /// Sign a delivery as a provider would, send it and show the answer
    Send(send::Args),
    /// Show events as they arrive in the stream
    Tail(tail::Args),
    /// Show the endpoints with their URLs, conditions, outcomes and keys
    Status(status::Args),
    /// Check all that the operator needs; takes the flags of run, and tells how to mend what fails
    Doctor(Box<doctor::Args>),
    /// Show the events that consumers gave up, and store them again
    Dlq(dlq::Args),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The form of a result.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// For people
    Table,
    /// For programs
    Json,
    /// For files
    Yaml,
}

/// Parses the command line, runs the command and says how it ended: 0 done, 1 failed, 2 usage or configuration.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return tell_usage(&error),
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            say(&format!("jethook: {failure}"));
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    crate::catalogue::check().map_err(Failure::Usage)?;
    match command {
        Command::Validate(args) => validate::run(&args),
        Command::Crd(args) => crd::run(args),
        Command::Run(config) => run::run(*config),
        Command::Providers(args) => providers::run(args),
        Command::Send(args) => send::run(&args),
        Command::Tail(args) => tail::run(args),
        Command::Status(args) => status::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Dlq(args) => dlq::run(args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "jethook", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Help and version go to standard output; a fault is one line on standard error.
fn tell_usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody reads it when this fails.
            let _ = error.print();
            ExitCode::from(u8::from(error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) * 2)
        }
        _ => {
            say(&format!("jethook: {}", one_line(&error.to_string())));
            ExitCode::from(2)
        }
    }
}

/// What clap says over several paragraphs, without the usage, as one line.
fn one_line(rendered: &str) -> String {
    let paragraphs = rendered.split("\n\n").filter(|paragraph| {
        let text = paragraph.trim_start();
        !text.starts_with("Usage:") && !text.starts_with("For more information")
    });
    let words = paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let line = words.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// A line on standard error; a closed one is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text on standard output. `head` closing the pipe is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A runtime for commands that talk to the network.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("no runtime: {error}")))?.block_on(work)
}

/// The one TLS crypto provider of the process. A second call changes nothing.
fn install_crypto() {
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_usage_is_one_line() {
        for (args, expected) in [
            (&["jethook", "send"][..], "the following required arguments were not provided: <PROVIDER> <URL>"),
            (
                &["jethook", "providers", "--outputt", "json"],
                "unexpected argument '--outputt' found; tip: a similar argument exists: '--output'",
            ),
        ] {
            let error = Cli::try_parse_from(args).unwrap_err();
            assert_eq!(one_line(&error.to_string()), expected);
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
