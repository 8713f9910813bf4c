//! The functions of the language: digests, encodings, rewrites of text.

use std::borrow::Cow;
use std::fmt::Write as _;

use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::encoding::Encoding;
use super::spec::MacHash;

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// A digest, raw until it is encoded.
    Digest(MacHash),
    /// The CRC-32 of the text, decimal unless it is encoded.
    Crc32,
    /// An encoding of bytes as text.
    Encode(Encoding),
    /// A rewrite of text.
    Rewrite(Rewrite),
    /// An HMAC with the signing key; in the answers of handshakes only.
    Hmac(MacHash),
}

/// A rewrite of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewrite {
    Lower,
    Upper,
    Trim,
    Dots,
    LocalName,
    UrlEncode,
    Escape,
    EncodeUri,
    DecodeReserved,
    Compact,
}

const NAMES: [(&str, Function); 23] = [
    ("md5", Function::Digest(MacHash::Md5)),
    ("sha1", Function::Digest(MacHash::Sha1)),
    ("sha256", Function::Digest(MacHash::Sha256)),
    ("sha384", Function::Digest(MacHash::Sha384)),
    ("sha512", Function::Digest(MacHash::Sha512)),
    ("crc32", Function::Crc32),
    ("hex", Function::Encode(Encoding::Hex)),
    ("hexUpper", Function::Encode(Encoding::HexUpper)),
    ("base64", Function::Encode(Encoding::Base64)),
    ("base64url", Function::Encode(Encoding::Base64url)),
    ("lower", Function::Rewrite(Rewrite::Lower)),
    ("upper", Function::Rewrite(Rewrite::Upper)),
    ("trim", Function::Rewrite(Rewrite::Trim)),
    ("dots", Function::Rewrite(Rewrite::Dots)),
    ("localName", Function::Rewrite(Rewrite::LocalName)),
    ("urlEncode", Function::Rewrite(Rewrite::UrlEncode)),
    ("escape", Function::Rewrite(Rewrite::Escape)),
    ("encodeUri", Function::Rewrite(Rewrite::EncodeUri)),
    ("decodeReserved", Function::Rewrite(Rewrite::DecodeReserved)),
    ("compact", Function::Rewrite(Rewrite::Compact)),
    ("hmacSha1", Function::Hmac(MacHash::Sha1)),
    ("hmacSha256", Function::Hmac(MacHash::Sha256)),
    ("hmacSha512", Function::Hmac(MacHash::Sha512)),
];

/// RFC 3986: all but unreserved characters.
const URL_ENCODE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What `encodeURIComponent` (and Node's `querystring.escape`) leaves alone.
const ESCAPE: &AsciiSet = &URL_ENCODE.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What `encodeURI` leaves alone.
const ENCODE_URI: &AsciiSet = &ESCAPE
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');
/// The escapes that `decodeReserved` turns back.
const RESERVED: &[u8] = b":/?@!$'()*,;";

impl Function {
    /// The function of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// All names, for near misses.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether two different texts never give the same.
    pub(crate) fn is_injective(self) -> bool {
        match self {
            Self::Digest(_) | Self::Encode(_) => true,
            Self::Crc32 | Self::Hmac(_) => false,
            Self::Rewrite(rewrite) => {
                matches!(rewrite, Rewrite::UrlEncode | Rewrite::Escape | Rewrite::EncodeUri)
            }
        }
    }
}

/// Computes a keyed digest, where there is a key.
pub(crate) type Keyed<'k> = dyn Fn(MacHash, &[u8]) -> Option<Vec<u8>> + 'k;

/// The raw digest.
pub(crate) fn digest(hash: MacHash, bytes: &[u8]) -> Vec<u8> {
    match hash {
        MacHash::Md5 => Md5::digest(bytes).to_vec(),
        MacHash::Sha1 => Sha1::digest(bytes).to_vec(),
        MacHash::Sha256 => Sha256::digest(bytes).to_vec(),
        MacHash::Sha384 => Sha384::digest(bytes).to_vec(),
        MacHash::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

/// Applies `functions`, the innermost last, to `value`. `hmac` computes a keyed digest.
pub(crate) fn apply<'v>(functions: &[Function], value: Cow<'v, [u8]>, hmac: &Keyed<'_>) -> Option<Cow<'v, [u8]>> {
    let mut value = value;
    // Raw bytes of a digest wait for an encoder; without one they become text by themselves.
    let mut raw: Option<Function> = None;
    for function in functions.iter().rev() {
        if raw.is_some() && !matches!(function, Function::Encode(_)) {
            value = Cow::Owned(plain(raw, &value));
        }
        let (next, next_raw) = match function {
            Function::Digest(hash) => (Cow::Owned(digest(*hash, &value)), Some(*function)),
            Function::Crc32 => (Cow::Owned(crc32fast::hash(&value).to_be_bytes().to_vec()), Some(*function)),
            Function::Hmac(hash) => (Cow::Owned(hmac(*hash, &value)?), Some(*function)),
            Function::Encode(encoding) => (Cow::Owned(encoding.encode(&value).into_bytes()), None),
            Function::Rewrite(function) => (rewrite(*function, value), None),
        };
        (value, raw) = (next, next_raw);
    }
    if raw.is_some() {
        value = Cow::Owned(plain(raw, &value));
    }
    Some(value)
}

/// The text of a digest that no encoder takes.
fn plain(function: Option<Function>, raw: &[u8]) -> Vec<u8> {
    match (function, <[u8; 4]>::try_from(raw)) {
        (Some(Function::Crc32), Ok(bytes)) => u32::from_be_bytes(bytes).to_string().into_bytes(),
        _ => Encoding::Hex.encode(raw).into_bytes(),
    }
}

fn rewrite(function: Rewrite, value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let encoded = |set| Cow::Owned(percent_encode(&value, set).to_string().into_bytes());
    match function {
        Rewrite::Lower => Cow::Owned(value.to_ascii_lowercase()),
        Rewrite::Upper => Cow::Owned(value.to_ascii_uppercase()),
        Rewrite::Trim => Cow::Owned(value.trim_ascii().to_vec()),
        Rewrite::Dots => Cow::Owned(value.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect()),
        Rewrite::LocalName => match value.rsplit(|byte| *byte == b':').next() {
            Some(last) => Cow::Owned(last.to_vec()),
            None => value,
        },
        Rewrite::UrlEncode => encoded(URL_ENCODE),
        Rewrite::Escape => encoded(ESCAPE),
        Rewrite::EncodeUri => encoded(ENCODE_URI),
        Rewrite::DecodeReserved => Cow::Owned(decode_reserved(&value)),
        Rewrite::Compact => Cow::Owned(compact(&value)),
    }
}

fn decode_reserved(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let decoded = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        if let Some(byte) = decoded.filter(|byte| RESERVED.contains(byte)) {
            out.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(first);
            rest = tail;
        }
    }
    out
}

/// Drops the white space of a JSON text outside its strings.
fn compact(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// Text in which all but unreserved characters are escaped.
pub(crate) fn percent_encoded(text: &[u8]) -> String {
    percent_encode(text, URL_ENCODE).to_string()
}

/// The most similar of `names`, where one is near.
pub(crate) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // A longer text is no misspelt name, and to compare it would cost seconds.
    const MISSPELT_BYTES_MAX: usize = 100;
    let most = 1 + name.len() / 4;
    names
        .into_iter()
        .filter(|_| name.len() <= MISSPELT_BYTES_MAX)
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}

/// `; did you mean …`, where a name is near.
pub(crate) fn did_you_mean<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut text = String::new();
    if let Some(near) = nearest(name, names) {
        // Writing to a string can't fail.
        let _ = write!(text, ": did you mean `{near}`");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(functions: &[&str], value: &str) -> String {
        let functions: Vec<_> = functions.iter().map(|name| Function::named(name).unwrap()).collect();
        let out = apply(&functions, Cow::Borrowed(value.as_bytes()), &|_, _| None).unwrap();
        String::from_utf8(out.into_owned()).unwrap()
    }

    #[test]
    fn functions_do_what_their_names_say() {
        let rows: &[(&[&str], &str, &str)] = &[
            (&["md5"], "abc", "900150983cd24fb0d6963f7d28e17f72"),
            (&["base64", "md5"], "abc", "kAFQmDzST7DWlj99KOF/cg=="),
            (&["upper", "sha1"], "abc", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
            (&["crc32"], "123456789", "3421780262"),
            (&["hex", "crc32"], "123456789", "cbf43926"),
            (&["lower"], "AbÉ", "abÉ"),
            (&["trim"], " a b\n", "a b"),
            (&["dots"], "orders/create", "orders.create"),
            (&["localName"], "sf:Account", "Account"),
            (&["localName"], "Account", "Account"),
            (&["urlEncode"], "a b/ü~!", "a%20b%2F%C3%BC~%21"),
            (&["escape"], "a=b&c (1)", "a%3Db%26c%20(1)"),
            (&["encodeUri"], "/a?b=%20 #", "/a?b=%2520%20#"),
            (&["decodeReserved"], "a%3Ab%2fc%20d%", "a:b/c%20d%"),
            (&["compact"], "{ \"a b\\\" \" : [1, 2]\n}", "{\"a b\\\" \":[1,2]}"),
        ];
        for (functions, value, expected) in rows {
            assert_eq!(run(functions, value), *expected, "{functions:?}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        assert_eq!(nearest("shaa256", Function::names()), Some("sha256"));
        assert_eq!(nearest("frobnicate", Function::names()), None);
    }
}
