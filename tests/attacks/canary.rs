//! Secrets that must turn up nowhere, in any of the forms that something printed could have.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// What every secret, token and body of the suite holds.
pub const CANARY: &str = "kanarienvogel-7Qx";

/// The text in plain, hex, percent-encoded, escaped as bytes, and in base64 at each of its three alignments.
pub fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![secret.to_owned(), HEXLOWER.encode(bytes), HEXUPPER.encode(bytes)];
    for skip in 0..3 {
        // What stands before shifts the alphabet; the characters at the edges depend on the neighbours.
        let shifted = [&b"\0\0"[..skip], bytes].concat();
        for text in [BASE64_NOPAD.encode(&shifted), BASE64URL_NOPAD.encode(&shifted)] {
            forms.push(text[[0, 2, 3][skip]..text.len() - 2].to_owned());
        }
    }
    forms.push(bytes.iter().map(|byte| format!("%{byte:02X}")).collect());
    forms.push(bytes.iter().map(|byte| format!("{byte}")).collect::<Vec<_>>().join(", "));
    forms.push(BASE64.encode(bytes));
    forms
}

/// Panics where a text holds a secret in any form.
#[track_caller]
pub fn assert_absent(place: &str, text: &str, secret: &str) {
    for form in forms(secret) {
        if let Some(line) = text.lines().find(|line| line.contains(&form)) {
            panic!("{place} holds {form}: {line}");
        }
    }
}

#[test]
fn every_form_is_found() {
    for (before, after) in [("", ""), ("a", "b"), ("ab", "cd"), ("abc", "d")] {
        let whole = format!("{before}{CANARY}{after}");
        let holds = |text: String| forms(CANARY).iter().any(|form| text.contains(form));
        assert!(holds(whole.clone()) && holds(HEXLOWER.encode(whole.as_bytes())));
        assert!(holds(BASE64.encode(whole.as_bytes())) && holds(BASE64URL_NOPAD.encode(whole.as_bytes())));
        assert!(holds(format!("{:?}", whole.as_bytes())));
    }
    assert!(!forms(CANARY).iter().any(|form| "nothing of the kind".contains(form)));
}
