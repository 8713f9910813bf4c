//! Just enough DER to find the public key in a `SubjectPublicKeyInfo` or a certificate (RFC 5280, section 4.1).

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// id-Ed25519, RFC 8410.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// id-ecPublicKey, RFC 5480.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The parameters of id-ecPublicKey that name the curve P-256.
const P256: &[u8] = &[OBJECT_IDENTIFIER, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// rsaEncryption, RFC 8017.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const NULL: &[u8] = &[0x05, 0x00];

/// A public key as it stands in a `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyInfo<'a> {
    /// The 32 bytes of an Ed25519 key.
    Ed25519(&'a [u8]),
    /// A point of the curve P-256.
    P256(&'a [u8]),
    /// An `RSAPublicKey` (RFC 8017, appendix A.1.1).
    Rsa(&'a [u8]),
}

/// Reads a `SubjectPublicKeyInfo`; `None` for what is none or holds a key of another kind.
pub(super) fn read_key_info(der: &[u8]) -> Option<KeyInfo<'_>> {
    let mut info = Reader(whole(der, SEQUENCE)?);
    let mut algorithm = Reader(info.read(SEQUENCE)?);
    let (unused_bits, key) = info.read(BIT_STRING)?.split_first()?;
    if *unused_bits != 0 || !info.0.is_empty() {
        return None;
    }
    match (algorithm.read(OBJECT_IDENTIFIER)?, algorithm.0) {
        (ED25519, []) => Some(KeyInfo::Ed25519(key)),
        (EC_PUBLIC_KEY, P256) => Some(KeyInfo::P256(key)),
        (RSA_ENCRYPTION, NULL | []) => Some(KeyInfo::Rsa(key)),
        _ => None,
    }
}

/// The `SubjectPublicKeyInfo` of an X.509 certificate. Nothing else of the certificate is judged: whoever hands it over
/// vouches for it.
pub(super) fn certificate_key_info(der: &[u8]) -> Option<&[u8]> {
    let mut certificate = Reader(whole(der, SEQUENCE)?);
    let mut signed = Reader(certificate.read(SEQUENCE)?);
    signed.skip_if(VERSION);
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        signed.read(tag)?; // serial number, signature algorithm, issuer, validity, subject
    }
    let info = signed.0;
    signed.read(SEQUENCE)?;
    info.get(..info.len() - signed.0.len())
}

/// First and last second, since 1970, at which an X.509 certificate is valid.
pub(super) fn certificate_validity(der: &[u8]) -> Option<(i64, i64)> {
    let mut certificate = Reader(whole(der, SEQUENCE)?);
    let mut signed = Reader(certificate.read(SEQUENCE)?);
    signed.skip_if(VERSION);
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        signed.read(tag)?; // serial number, signature algorithm, issuer
    }
    let mut validity = Reader(signed.read(SEQUENCE)?);
    Some((validity.read_time()?, validity.read_time()?))
}

/// Whether an X.509 certificate has an extension; `oid` is the encoded object identifier.
pub(super) fn has_extension(der: &[u8], oid: &[u8]) -> bool {
    fn find(der: &[u8], oid: &[u8]) -> Option<bool> {
        let mut certificate = Reader(whole(der, SEQUENCE)?);
        let mut signed = Reader(certificate.read(SEQUENCE)?);
        signed.skip_if(VERSION);
        for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
            signed.read(tag)?; // serial number, signature algorithm, issuer, validity, subject, key
        }
        let mut extensions = Reader(whole(signed.read(EXTENSIONS)?, SEQUENCE)?);
        let mut is_found = false;
        while !extensions.0.is_empty() {
            let mut extension = Reader(extensions.read(SEQUENCE)?);
            is_found |= extension.read(OBJECT_IDENTIFIER)? == oid;
            extension.skip_if(BOOLEAN);
            extension.read(OCTET_STRING)?;
        }
        Some(is_found)
    }
    find(der, oid).unwrap_or(false)
}

/// An object identifier, encoded, from its numbers with dots between them.
pub(super) fn object_identifier(text: &str) -> Option<Vec<u8>> {
    let numbers: Vec<u32> = text.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [first @ 0..=2, second @ 0..=39, rest @ ..] = numbers.as_slice() else { return None };
    let mut out = vec![u8::try_from(first * 40 + second).ok()?];
    for number in rest {
        let sevens = (0..5).rev().map(|place| (number >> (7 * place)) & 0x7f).skip_while(|seven| *seven == 0);
        let mut sevens: Vec<u8> = sevens.filter_map(|seven| u8::try_from(seven).ok()).collect();
        let last = sevens.pop().unwrap_or(0);
        out.extend(sevens.into_iter().map(|seven| seven | 0x80));
        out.push(last);
    }
    (!rest.is_empty()).then_some(out)
}

/// An `RSAPublicKey` of modulus and exponent.
pub(super) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
        let short = length.as_slice() < [0x80].as_slice() && length.len() < 2;
        let count = u8::try_from(length.len()).unwrap_or(u8::MAX);
        let head =
            if short { vec![length.first().copied().unwrap_or(0)] } else { [vec![0x80 | count], length].concat() };
        [vec![tag], head, content.to_vec()].concat()
    }
    let number = |bytes: &[u8]| {
        let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        element(INTEGER, &[sign, &digits].concat())
    };
    element(SEQUENCE, &[number(modulus), number(exponent)].concat())
}

/// Modulus and exponent of an `RSAPublicKey`, without leading zeros.
pub(super) fn read_rsa_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut key = Reader(whole(der, SEQUENCE)?);
    let numbers = (key.read_positive()?, key.read_positive()?);
    key.0.is_empty().then_some(numbers)
}

fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader(der);
    let content = reader.read(tag)?;
    reader.0.is_empty().then_some(content)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, which must have this tag and a length in its shortest form.
    fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            let (bytes, behind) = rest.split_at_checked(length - 0x80)?;
            if bytes.is_empty() || bytes.len() > 3 || bytes.first() == Some(&0) {
                return None;
            }
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            if length < 0x80 {
                return None;
            }
            rest = behind;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(content)
    }

    fn skip_if(&mut self, tag: u8) {
        let before = self.0;
        if self.read(tag).is_none() {
            self.0 = before;
        }
    }

    /// Seconds since 1970 of a time, which ends in Z.
    fn read_time(&mut self) -> Option<i64> {
        let is_utc = self.0.first() == Some(&UTC_TIME);
        let text = self.read(if is_utc { UTC_TIME } else { GENERALIZED_TIME })?;
        let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        // RFC 5280, section 4.1.2.5.1: two digits of a year below 50 are of this century.
        let century = match digits.as_bytes().first() {
            _ if !is_utc => "",
            Some(b'0'..=b'4') => "20",
            _ => "19",
        };
        let parsed = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", format!("{century}{digits}")).ok()?;
        Some(parsed.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    }

    fn read_positive(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
            number @ [1..=0x7f, ..] => Some(number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(content: &[u8]) -> Vec<u8> {
        [&[SEQUENCE, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn lengths_are_read_in_their_shortest_form_only() {
        let content = vec![7; 0x80];
        let long = [&[SEQUENCE, 0x81, 0x80][..], &content].concat();
        assert_eq!(whole(&long, SEQUENCE), Some(&content[..]));
        for der in [
            &[SEQUENCE, 0x81, 0x01, 7][..],
            &[SEQUENCE, 0x82, 0x00, 0x01, 7],
            &[SEQUENCE, 0x80, 7, 0, 0],
            &[SEQUENCE, 0x84, 0, 0, 0, 1, 7],
            &[SEQUENCE, 0x02, 7],
            &[SEQUENCE, 0x01, 7, 7],
            &[SEQUENCE],
            &[],
        ] {
            assert_eq!(whole(der, SEQUENCE), None, "{der:x?}");
        }
    }

    #[test]
    fn an_object_identifier_is_encoded() {
        assert_eq!(object_identifier("1.3.101.112").as_deref(), Some(ED25519));
        assert_eq!(object_identifier("1.2.840.10045.2.1").as_deref(), Some(EC_PUBLIC_KEY));
        assert_eq!(object_identifier("1.2.840.113549.1.1.1").as_deref(), Some(RSA_ENCRYPTION));
        assert_eq!(object_identifier("2.5.0").as_deref(), Some(&[85, 0][..]));
    }

    #[test]
    fn an_rsa_key_is_written_as_it_is_read() {
        for (modulus, exponent) in
            [(vec![0x80; 256], vec![1, 0, 1]), (vec![0x7f; 127], vec![3]), (vec![0xff; 1024], vec![5])]
        {
            assert_eq!(read_rsa_key(&rsa_public_key(&modulus, &exponent)), Some((&modulus[..], &exponent[..])));
            let padded = [&[0, 0][..], &modulus].concat();
            assert_eq!(rsa_public_key(&padded, &exponent), rsa_public_key(&modulus, &exponent));
        }
    }

    #[test]
    fn numbers_are_positive_and_minimal() {
        assert_eq!(read_rsa_key(&sequence(&[2, 2, 0, 0x80, 2, 1, 3])), Some((&[0x80][..], &[3][..])));
        for numbers in [
            &[2, 1, 0x80, 2, 1, 3][..],
            &[2, 2, 0, 0x7f, 2, 1, 3],
            &[2, 1, 0, 2, 1, 3],
            &[2, 0, 2, 1, 3],
            &[2, 1, 3],
            &[2, 1, 3, 2, 1, 3, 2, 1, 3],
        ] {
            assert_eq!(read_rsa_key(&sequence(numbers)), None, "{numbers:x?}");
        }
    }
}
