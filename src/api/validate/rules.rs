//! The CEL rules of a definition.

use kube::core::cel::{ErrorKind, Validator};
use serde_json::Value;

use super::FieldError;
use super::schema::Definition;

/// The rules that the object breaks.
pub(super) fn faults(object: &Value, definition: &Definition) -> Vec<FieldError> {
    let Err(errors) = Validator::new().validate_compiled(&definition.rules, object, None) else { return Vec::new() };
    errors
        .into_vec()
        .into_iter()
        // A rule that can't be evaluated met a value of the wrong type, of which the schema tells.
        .filter(|error| error.kind != ErrorKind::EvaluationError)
        .map(|error| {
            // The one rule of the root is about the name; the apiserver can't give it a path.
            let field = if error.field_path.is_empty() { "metadata.name".to_owned() } else { error.field_path };
            FieldError::new(field, error.message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use kube::core::cel::CompiledSchema;

    use super::super::schema::{ENDPOINT, PROVIDER};

    #[test]
    fn every_rule_compiles() {
        fn walk(schema: &CompiledSchema, count: &mut usize) {
            let errors: Vec<String> = schema.compilation_errors().iter().map(|error| format!("{error:?}")).collect();
            assert_eq!(errors, Vec::<String>::new());
            *count += schema.validations.len();
            let below = schema.properties.values();
            below.chain(schema.items.as_deref()).chain(schema.additional_properties.as_deref()).for_each(|schema| {
                walk(schema, count);
            });
        }
        for (definition, least) in [(&ENDPOINT, 20), (&PROVIDER, 2)] {
            let mut count = 0;
            walk(&definition.rules, &mut count);
            assert!(count >= least, "{count} rules");
        }
    }
}
