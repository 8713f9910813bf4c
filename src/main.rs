//! The `jethook` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    jethook::cli::main()
}
