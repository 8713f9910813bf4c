//! Rights: what the roles of a render allow against what was asked of the apiserver.

use std::collections::BTreeSet;

use jethook::controller::kube::{RIGHTS, RightScope};
use serde_json::{Value, json};

use super::render::{objects, rendered, texts};

/// One thing that may be done: group, resource with its subresource, verb.
pub type Right = (String, String, String);

/// What a service account may do by the roles among these objects.
pub fn granted(objects: &[Value], service_account: &str) -> BTreeSet<Right> {
    let kind_is = |object: &Value, kinds: [&str; 2]| kinds.iter().any(|kind| object["kind"] == *kind);
    let bindings = objects.iter().filter(|object| kind_is(object, ["RoleBinding", "ClusterRoleBinding"]));
    let ours = bindings.filter(|binding| {
        let mut subjects = binding["subjects"].as_array().unwrap().iter();
        subjects.any(|subject| subject["kind"] == "ServiceAccount" && subject["name"] == service_account)
    });
    let roles: BTreeSet<_> = ours.map(|binding| binding["roleRef"]["name"].as_str().unwrap()).collect();
    let mut found = BTreeSet::new();
    for role in objects.iter().filter(|object| kind_is(object, ["Role", "ClusterRole"])) {
        if !roles.contains(role["metadata"]["name"].as_str().unwrap()) {
            continue;
        }
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    let rights = texts(&rule["verbs"]).into_iter().map(|verb| right(group, resource, verb));
                    found.extend(rights);
                }
            }
        }
    }
    found
}

/// What the audit log says of a user: what it asked for and got, and what it was forbidden.
pub fn asked(audit: &[Value], user: &str) -> (BTreeSet<Right>, BTreeSet<Right>) {
    let (mut used, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
    for event in audit.iter().filter(|event| event["user"]["username"] == user && event["objectRef"].is_object()) {
        let object = &event["objectRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resource = match object["subresource"].as_str() {
            Some(subresource) => format!("{}/{subresource}", text(&object["resource"])),
            None => text(&object["resource"]),
        };
        let right = (text(&object["apiGroup"]), resource, text(&event["verb"]));
        let is_forbidden = event["responseStatus"]["code"] == 403;
        if is_forbidden {
            forbidden.insert(right)
        } else {
            used.insert(right)
        };
    }
    (used, forbidden)
}

/// The roles of a render grant what the operator says it needs.
#[test]
fn the_roles_are_those_that_the_operator_asks_for() {
    let needed = |is_get_alone: bool, reads_providers: bool| -> BTreeSet<_> {
        let rights = RIGHTS.iter().filter(|needed| reads_providers || needed.scope != RightScope::Cluster);
        let rights = rights.flat_map(|needed| needed.verbs.iter().map(move |verb| (needed, *verb)));
        let rights = rights.filter(|(needed, verb)| !(is_get_alone && needed.resource == "secrets" && *verb != "get"));
        rights.map(|(needed, verb)| right(needed.group, needed.resource, verb)).collect()
    };
    assert_eq!(granted(&objects(rendered("minimal")), "jethook"), needed(false, true));
    assert_eq!(granted(&objects(rendered("namespaces")), "jethook"), needed(true, false));
    assert_eq!(granted(&objects(rendered("tenants")), "jethook"), needed(false, true));
    // Where it asks no cluster, or another one, it needs nothing here.
    assert!(granted(&objects(rendered("files")), "jethook").is_empty());
    assert!(granted(&objects(rendered("remote")), "default").is_empty());
}

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

#[test]
fn rights_are_read_from_roles_and_from_the_audit_log() {
    let objects = [
        json!({"kind": "Role", "metadata": {"name": "a"}, "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]},
        ]}),
        json!({"kind": "Role", "metadata": {"name": "of-others"}, "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        ]}),
        json!({"kind": "RoleBinding", "roleRef": {"name": "a"}, "subjects": [{"kind": "ServiceAccount", "name": "me"}]}),
    ];
    let expected = [right("", "secrets", "get"), right("", "secrets", "list")];
    assert_eq!(granted(&objects, "me"), expected.into());
    let event = |user: &str, verb: &str, code: u16| {
        json!({
            "user": {"username": user}, "verb": verb, "responseStatus": {"code": code},
            "objectRef": {"apiGroup": "x", "resource": "things", "subresource": "status"},
        })
    };
    let audit = [event("me", "patch", 200), event("me", "get", 403), event("other", "list", 200)];
    let (used, forbidden) = asked(&audit, "me");
    assert_eq!(used, [right("x", "things/status", "patch")].into());
    assert_eq!(forbidden, [right("x", "things/status", "get")].into());
}
