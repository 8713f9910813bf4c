//! Signatures, tokens and signed times must be there once, and as they were made.

use jethook::scheme::Rejection;

use super::content::spread;
use crate::vectors::case::{Case, Source, cases};
use crate::vectors::place::{Place, another};
use crate::vectors::tried::enough;
use crate::vectors::vector::Request;

/// The most characters of one signature that are edited.
const CHARACTERS_MAX: usize = 24;

#[test]
fn what_proves_a_delivery_must_be_there_once_and_full() {
    let mut tried = 0;
    for case in cases() {
        for source in case.sources() {
            let present = source.present(&case.request);
            if present.is_empty() {
                continue;
            }
            let mut request = case.request.clone();
            present.iter().for_each(|place| place.remove(&mut request));
            let rejection = case.refused(&format!("a delivery without {present:?}"), &request);
            let is_missing = matches!(rejection, Rejection::Missing { .. });
            assert!(is_missing || !present[0].is_outside(), "{}: {present:?}: {rejection}", case.vector.file);
            tried += 1;
            let [place] = present.as_slice() else { continue };
            let value = place.get(&case.request).unwrap();
            let mut request = case.request.clone();
            place.set(&mut request, "");
            case.refused(&format!("an empty {place:?}"), &request);
            if source.lines {
                continue;
            }
            for second in [value.as_str(), "x"] {
                let mut request = case.request.clone();
                if place.repeat(&mut request, second) {
                    let rejection = case.refused(&format!("a second {place:?}"), &request);
                    let is_repeated = matches!(rejection, Rejection::Repeated { .. });
                    assert!(is_repeated, "{}: {place:?}: {rejection}", case.vector.file);
                }
            }
        }
    }
    enough("places without their value", tried);
}

#[test]
fn every_edit_of_what_proves_a_delivery_is_refused() {
    let mut tried = 0;
    for case in cases() {
        for source in case.sources() {
            for place in source.present(&case.request) {
                let Some(sole) = alone(case, &source, place) else { continue };
                let value = place.get(&sole).unwrap();
                // Where several signatures come at once, an edit of one leaves the others right.
                let [range] = &source.items(&value)[..] else { continue };
                let (before, rest) = value.split_at(range.start);
                let (item, behind) = rest.split_at(range.len());
                // A character that cuts items makes other items, not another signature.
                let cuts = |edit: &String| edit.contains(|c| source.split.contains(c));
                let edits = edits(item, source.split.is_empty() && matches!(place, Place::Header(_)));
                for edit in edits.into_iter().filter(|edit| !cuts(edit)) {
                    let mut request = sole.clone();
                    place.set(&mut request, &format!("{before}{edit}{behind}"));
                    case.refused(&format!("{place:?} with {edit}"), &request);
                    tried += 1;
                }
            }
        }
    }
    enough("edits of signatures and tokens", tried);
}

/// The request with this place of a source alone, where it verifies so.
fn alone(case: &Case, source: &Source, place: &Place) -> Option<Request> {
    let mut sole = case.request.clone();
    source.from.iter().filter(|other| *other != place).for_each(|other| other.remove(&mut sole));
    let is_one = match place {
        Place::Header(name) => sole.headers.get_all(name).iter().count() == 1,
        _ => true,
    };
    (is_one && case.accepts(&sole)).then_some(sole)
}

fn edits(item: &str, takes_blanks: bool) -> Vec<String> {
    let mut edits = vec![format!("{item}A"), format!("{item}="), format!("x{item}"), another(item)];
    let bytes = item.as_bytes();
    for at in spread(bytes.len(), CHARACTERS_MAX).into_iter().filter(|at| item.is_char_boundary(*at)) {
        let flips = if bytes[at].is_ascii_alphabetic() { vec![1, 0x20] } else { vec![1] };
        for flip in flips {
            let mut edited = bytes.to_vec();
            edited[at] ^= flip;
            if (b'!'..=b'~').contains(&edited[at]) {
                edits.extend(String::from_utf8(edited));
            }
        }
        if takes_blanks && at > 0 {
            edits.push(format!("{} {}", &item[..at], &item[at..]));
        }
        if bytes[at].is_ascii() {
            edits.push(item[..at].to_owned());
            edits.push(format!("{}{}", &item[..at], &item[at + 1..]));
        }
    }
    edits.retain(|edit| edit != item);
    edits
}
