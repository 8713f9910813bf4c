use serde_json::{Value, json};

use super::bench::*;
use super::*;
use crate::api::ClusterWebhookProviderSpec;

/// Compiles an endpoint of `acme.example.com`, which has this verification; `None`: providers are not listed yet.
fn compiled_of(verification: Option<&Value>, change: Value) -> Compiled {
    let mut around = Around::new(&[("secret", CANARY)]);
    around.provider = verification.map(|verification| {
        let provider: Result<ClusterWebhookProviderSpec, _> =
            serde_json::from_value(json!({"verification": verification}));
        provider.map_err(|error| error.to_string())
    });
    let mut own = json!({"provider": "acme.example.com", "verification": null});
    merge(&mut own, change);
    compiled_with(&spec(own), &around, &settings(|_| {}))
}

fn hmac() -> Value {
    json!({"hmac": {"hash": "sha256", "from": ["header:X-Signature"], "signed": "{body}"}})
}

#[test]
fn its_scheme_serves_and_its_name_is_told() {
    let all = compiled_of(Some(&hmac()), json!({}));
    assert_eq!(all.problems, []);
    let serving = serving_of(&all);
    assert_eq!(serving.message.spec.type_prefix, "com.example.acme");
    assert_eq!(&*serving.message.spec.provider, "acme.example.com");
    assert!(!all.route.unwrap().is_built_in(), "its URLs are not vouched for");
}

/// Each row: the verification, what is changed of the endpoint, the reason, a part of the message.
#[test]
fn what_is_wrong_is_told_on_the_endpoint_and_heals_without_a_change_of_it() {
    let mut nonsense = hmac();
    nonsense["hmac"]["signed"] = json!("{nonsense}");
    for (verification, change, reason, part) in [
        (
            hmac(),
            json!({"provider": "acme.example.org"}),
            Reason::UnknownProvider,
            "did you mean \"acme.example.com\"?",
        ),
        (
            nonsense,
            json!({}),
            Reason::Invalid,
            "spec.verification.hmac.signed of ClusterWebhookProvider acme.example.com",
        ),
        (json!({"hmca": {}}), json!({}), Reason::Invalid, "acme.example.com can't be used: "),
        (json!({"none": {}}), json!({"secretRefs": []}), Reason::Invalid, "--allow-unverified"),
    ] {
        let all = compiled_of(Some(&verification), change);
        let problem = &all.problems[0];
        assert_eq!((problem.reason, problem.field.as_str()), (reason, "spec.provider"), "{problem:?}");
        assert!(problem.message.contains(part), "{problem:?}");
        assert!(!problem.is_lasting, "{problem:?}");
        assert!(matches!(all.route.unwrap().state, State::Closed), "{part}");
    }
}

#[test]
fn before_they_are_listed_nothing_is_said_against_the_endpoint() {
    let all = compiled_of(None, json!({}));
    assert_eq!((all.problems[0].condition, all.problems[0].reason), (ConditionType::Accepted, Reason::Pending));
    assert!(matches!(all.route.unwrap().state, State::Closed));
}
