//! Errors told in one line.

use std::error::Error;

/// An error with its causes in one line; a cause that the text holds already is not repeated.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    // Parsers show the place of a fault in lines of its own.
    let first_line = |error: &dyn Error| error.to_string().lines().next().unwrap_or_default().to_owned();
    let mut text = first_line(error);
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = first_line(cause);
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
