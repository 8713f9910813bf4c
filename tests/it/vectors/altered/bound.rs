//! Parameters bind a delivery to its endpoint; entries compile with any that they allow.

use std::collections::BTreeMap;

use jethook::catalogue;
use jethook::scheme::spec::Verification;

use crate::vectors::case::cases;
use crate::vectors::place::another;
use crate::vectors::tried::enough;
use crate::vectors::vector::{URL, compile, parameters_of};

#[test]
fn a_parameter_that_binds_must_be_equal() {
    let mut tried = 0;
    for case in cases() {
        for (name, value) in &case.vector.parameters {
            if !binds(case.spec(), name) {
                continue;
            }
            let others = [another(value), another(&another(value)), value.to_ascii_uppercase(), format!("{value}x")];
            let schemes = others.into_iter().filter(|other| other != value).filter_map(|other| {
                let mut parameters = case.vector.parameters.clone();
                parameters.insert(name.clone(), other);
                case.vector.compile(&parameters, &case.vector.url, None).ok()
            });
            for scheme in schemes {
                let keys = case.vector.keyring(&scheme);
                let verdict = case.vector.verify(&scheme, &keys, &case.request.delivery(), case.vector.now());
                assert!(verdict.is_err(), "{}: another {name} is accepted", case.vector.file);
                tried += 1;
            }
        }
    }
    enough("parameters", tried);
}

/// Whether a parameter takes part in what is verified, and not only in names, answers and events.
fn binds(spec: &Verification, name: &str) -> bool {
    let named = format!("{{param:{name}}}");
    let required = spec.require.values().any(|values| values.0.iter().all(|value| value.contains(&named)));
    let macs = spec.hmac.iter().chain(&spec.hash).map(|mac| &mac.signed);
    let signed = macs.chain(spec.public_key.iter().map(|key| &key.signed)).any(|text| text.contains(&named));
    required || signed || spec.keys.values().any(|key| key.text.contains(&named))
}

#[test]
fn the_catalogue_compiles_in_no_time() {
    let parameters: Vec<(&str, BTreeMap<String, String>)> =
        catalogue::all().iter().map(|provider| (provider.id.as_str(), parameters_of(provider))).collect();
    let begin = std::time::Instant::now();
    for (id, parameters) in &parameters {
        compile(id, parameters, URL, None).unwrap_or_else(|faults| panic!("{id}: {faults:?}"));
    }
    // Under 10 ms in a release build; this is one without optimisation on a busy machine.
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}
