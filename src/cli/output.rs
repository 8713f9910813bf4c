//! Standard output.

use std::io::{self, Write};

/// Writes to standard output. A reader that has seen enough (`jethook crd | head`) is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes one line to standard error.
pub(crate) fn complain(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "error: {text}")
}
