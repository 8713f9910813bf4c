//! How signatures and keys are spelled: one spelling for each value, anything else does not decode.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bytes are written as text. Decoding is strict: the alphabet's own letter case, no white space, padding where the
/// encoding has it and only there, no bits set behind the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    /// Hexadecimal with lower-case letters.
    #[default]
    Hex,
    /// Hexadecimal with upper-case letters.
    HexUpper,
    /// Standard base64 with padding (RFC 4648, section 4).
    Base64,
    /// URL-safe base64 without padding (RFC 4648, section 5).
    Base64url,
}

impl Encoding {
    /// The bytes that `text` spells, or `None` where it is not the one spelling of anything.
    #[must_use]
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        let encoding = self.spec();
        let bytes = encoding.decode(text).ok()?;
        // The decoder takes padded pieces one behind the other; those are longer than the canonical text.
        (encoding.encode_len(bytes.len()) == text.len()).then_some(bytes)
    }

    /// The spelling of `bytes`.
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> String {
        self.spec().encode(bytes)
    }

    fn spec(self) -> data_encoding::Encoding {
        match self {
            Self::Hex => HEXLOWER,
            Self::HexUpper => HEXUPPER,
            Self::Base64 => BASE64,
            Self::Base64url => BASE64URL_NOPAD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [Encoding::Hex, Encoding::HexUpper, Encoding::Base64, Encoding::Base64url];

    #[test]
    fn each_value_has_one_spelling() {
        let rows: [(Encoding, &[u8], &str, &[&str]); 9] = [
            (Encoding::Hex, b"", "", &[" ", "\n", "0"]),
            (
                Encoding::Hex,
                b"\xab\x01",
                "ab01",
                &["AB01", "Ab01", "ab0", "ab 01", " ab01", "ab01\n", "0xab01", "ab0g"],
            ),
            (Encoding::HexUpper, b"\xab\x01", "AB01", &["ab01", "aB01", "AB0", "AB01 "]),
            (Encoding::Base64, b"f", "Zg==", &["Zg", "Zg=", "Zg===", "Zh==", "Zg==\n", " Zg==", "Z g==", "Zg==Zg"]),
            (Encoding::Base64, b"ff", "ZmY=", &["Zg==Zg==", "ZmY", "ZmZ=", "ZmY=="]),
            (Encoding::Base64, b"\xfb\xff\xbf", "+/+/", &["-_-_", "+/+/=", "+/\n+/"]),
            (Encoding::Base64url, b"\xfb\xff\xbf", "-_-_", &["+/+/", "-_-_="]),
            (Encoding::Base64url, b"f", "Zg", &["Zg==", "Zg=", "Zh", "Z"]),
            (Encoding::Base64, b"", "", &["=", "====", "\u{feff}"]),
        ];
        for (encoding, bytes, text, others) in rows {
            assert_eq!(encoding.encode(bytes), text);
            assert_eq!(encoding.decode(text.as_bytes()).as_deref(), Some(bytes), "{encoding:?} {text}");
            for other in others {
                assert_eq!(encoding.decode(other.as_bytes()), None, "{encoding:?} {other:?}");
            }
        }
    }

    #[test]
    fn no_edit_of_one_byte_decodes_to_the_same_bytes() {
        for encoding in ALL {
            for length in [1_u8, 2, 3, 20, 32, 48, 64] {
                let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(41).wrapping_add(250)).collect();
                let text = encoding.encode(&bytes).into_bytes();
                for at in 0..text.len() {
                    for byte in (0..=255).filter(|byte| *byte != text[at]) {
                        let mut edited = text.clone();
                        edited[at] = byte;
                        assert_ne!(
                            encoding.decode(&edited).as_deref(),
                            Some(bytes.as_slice()),
                            "{encoding:?} {at} {byte}"
                        );
                    }
                    let mut shorter = text.clone();
                    shorter.remove(at);
                    assert_ne!(encoding.decode(&shorter).as_deref(), Some(bytes.as_slice()), "{encoding:?} {at}");
                    for byte in 0..=255 {
                        let mut longer = text.clone();
                        longer.insert(at, byte);
                        assert_ne!(
                            encoding.decode(&longer).as_deref(),
                            Some(bytes.as_slice()),
                            "{encoding:?} {at} {byte}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn its_names_are_those_of_the_language() {
        for (encoding, name) in ALL.into_iter().zip(["hex", "hexUpper", "base64", "base64url"]) {
            assert_eq!(serde_json::to_value(encoding).unwrap(), name);
        }
    }
}
