//! Key bytes that never print and are wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// The bytes of a secret. `Debug` shows `[redacted]`; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes themselves. Call it where they are used, and keep no copy.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// True when there is nothing in it but white space: such a secret would let anyone sign.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(u8::is_ascii_whitespace)
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[redacted]");
    }

    #[test]
    fn white_space_alone_is_blank() {
        assert!(Secret::from(" \n\t").is_blank());
        assert!(Secret::from("").is_blank());
        assert!(!Secret::from(" x ").is_blank());
    }
}
