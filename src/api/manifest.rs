//! YAML files of manifests, read as kubectl reads them, with the place of every field.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// The most lists that may begin on one line, each in the one before.
const NESTED_MAX: usize = 64;

/// One object of a file.
#[derive(Clone)]
pub struct Manifest {
    node: Node,
}

impl fmt::Debug for Manifest {
    /// Only where it is: it may be a Secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest").field("place", &self.node.place).finish_non_exhaustive()
    }
}

/// A place in a file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// Why a file is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong; holds no value of the file.
    pub message: String,
    /// Where, if that is known.
    pub place: Option<Place>,
}

/// The objects of a file; those in a `List` one by one, empty documents left out.
///
/// # Errors
/// The first place where the text is no YAML, or where a key stands twice in one object.
pub fn read(text: &str) -> Result<Vec<Manifest>, SyntaxError> {
    if let Some(line) = too_deep(text) {
        let message = format!("nested deeper than {NESTED_MAX} levels");
        return Err(SyntaxError { message, place: Some(Place { line, column: 1 }) });
    }
    // A snippet of the source could show a Secret's value.
    let options = serde_saphyr::options! { with_snippet: false, legacy_octal_numbers: true };
    let documents: Vec<Node> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| SyntaxError {
            message: syntax_message(&error),
            place: error.location().map(|at| Place { line: at.line(), column: at.column() }),
        })?;
    let mut manifests = Vec::new();
    for node in documents {
        match (node.is_list(), node) {
            (_, Node { content: Content::Scalar(Value::Null), .. }) => {}
            (true, Node { content: Content::Map(fields), .. }) => {
                let items = fields.into_iter().find(|(key, _)| key.text == "items");
                if let Some((_, Node { content: Content::List(items), .. })) = items {
                    manifests.extend(items.into_iter().map(|node| Manifest { node }));
                }
            }
            (_, node) => manifests.push(Manifest { node }),
        }
    }
    Ok(manifests)
}

/// The first line on which more lists begin inside each other than [`NESTED_MAX`]: the parser reads such a line to its end
/// before it counts, and takes stack for each.
fn too_deep(text: &str) -> Option<u64> {
    let is_deep = |line: &str| {
        let mut depth = 0;
        let mut rest = line.trim_start();
        while let Some(behind) = rest.strip_prefix(['-', '?', ':']).filter(|behind| behind.starts_with([' ', '\t'])) {
            depth += 1;
            rest = behind.trim_start();
        }
        depth > NESTED_MAX
    };
    (1..).zip(text.split(['\n', '\r'])).find_map(|(number, line)| is_deep(line).then_some(number))
}

impl Manifest {
    /// The object as JSON.
    #[must_use]
    pub fn value(&self) -> Value {
        self.node.value()
    }

    /// Where the object begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// Where a field stands, in the spelling of a [`super::FieldError`]; of one that is not there, the place of what it
    /// belongs to.
    #[must_use]
    pub fn locate(&self, field: &str) -> Place {
        let mut node = &self.node;
        let mut place = node.place;
        let mut rest = field;
        while !rest.is_empty() {
            let Some((below, here, behind)) = node.step(rest) else { break };
            (node, place, rest) = (below, here, behind);
        }
        place
    }
}

#[derive(Clone)]
struct Node {
    place: Place,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone)]
struct Key {
    place: Place,
    text: String,
}

impl Node {
    /// Whether it is a `List` of objects.
    fn is_list(&self) -> bool {
        match self.get("kind").map(|kind| &kind.content) {
            Some(Content::Scalar(kind)) => kind == "List",
            _ => false,
        }
    }

    fn get(&self, name: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(fields) => fields.iter().find(|(key, _)| key.text == name).map(|(_, node)| node),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Content::Map(fields) => {
                Value::Object(fields.iter().map(|(key, node)| (key.text.clone(), node.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// Goes one name or index down a path: the node there, its place, and the rest of the path.
    fn step<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Node, Place, &'p str)> {
        match &self.content {
            Content::Scalar(_) => None,
            Content::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                let node = items.get(index.parse::<usize>().ok()?)?;
                Some((node, node.place, rest.strip_prefix('.').unwrap_or(rest)))
            }
            // A name may itself hold dots and brackets: the longest that fits is meant.
            Content::Map(fields) => fields
                .iter()
                .filter_map(|(key, node)| {
                    let bracketed = path.strip_prefix('[').and_then(|rest| rest.strip_prefix(key.text.as_str()));
                    let rest = match bracketed.and_then(|rest| rest.strip_prefix(']')) {
                        Some(rest) => rest,
                        None => path.strip_prefix(key.text.as_str())?,
                    };
                    let rest = match rest.strip_prefix('.') {
                        Some(rest) => rest,
                        None if rest.is_empty() || rest.starts_with('[') => rest,
                        None => return None,
                    };
                    Some((key, node, rest))
                })
                .max_by_key(|(key, _, _)| key.text.len())
                .map(|(key, node, rest)| (node, key.place, rest)),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: place_of(&spanned), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { place: place_of(&spanned), text: spanned.value })
    }
}

fn place_of<T>(spanned: &Spanned<T>) -> Place {
    Place { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("YAML that JSON can say")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
                Ok(Content::Scalar(Value::Bool(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
                Ok(Content::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
                Ok(Content::Scalar(value.into()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
                // A whole number is one however it is written: `1e3` reaches the apiserver as 1000.
                let number = match format!("{value}").parse::<i64>() {
                    Ok(whole) => whole.into(),
                    Err(_) => Number::from_f64(value).ok_or_else(|| E::custom("JSON has no such number"))?,
                };
                Ok(Content::Scalar(Value::Number(number)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Content, E> {
                Ok(Content::Scalar(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content::Scalar(Value::Null))
            }

            fn visit_none<E: de::Error>(self) -> Result<Content, E> {
                self.visit_unit()
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
                Content::deserialize(deserializer)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Content::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Content, A::Error> {
                let mut map = Vec::new();
                while let Some(field) = fields.next_entry()? {
                    map.push(field);
                }
                Ok(Content::Map(map))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// What the parser says, as one line without the place, which is told beside it.
fn syntax_message(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let without_place = line.split(" at line ").next().unwrap_or(line);
    // Advice for whoever calls the parser.
    let without_advice = without_place.split(", set DuplicateKeyPolicy").next().unwrap_or(without_place);
    without_advice.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# a comment
kind: A
spec:
  list:
  - name: one
  - {name: two, 'a.b': [1, x]}
---
---
kind: B
on: yes
";

    #[test]
    fn lists_inside_lists_without_end_are_a_fault_and_no_end_of_the_process() {
        for text in ["- ".repeat(50_000), format!("a: b\n{}", "? ".repeat(50_000)), "-\t".repeat(50_000)] {
            let read = move || read(&text).err().map(|error| error.message);
            // The stack of a thread that the controller reads files on.
            let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(read).unwrap();
            assert!(thread.join().unwrap().is_some_and(|message| message.contains("nested deeper")));
        }
        assert_eq!(read("- - - [1]").unwrap()[0].value(), json!([[[[1]]]]));
    }

    #[test]
    fn documents_become_json() {
        let values: Vec<Value> = read(TEXT).unwrap().iter().map(Manifest::value).collect();
        assert_eq!(
            values,
            [
                json!({"kind": "A", "spec": {"list": [{"name": "one"}, {"name": "two", "a.b": [1, "x"]}]}}),
                json!({"kind": "B", "on": true}),
            ]
        );
    }

    #[test]
    fn plain_scalars_mean_what_kubectl_takes_them_for() {
        let text = "[y, n, yes, on, NO, True, 0755, 0o17, 1_000, 0x1F, 0b11, 1.0, 1e3, .5, +1, 1., 00, 08, '1', \
                    2001-01-01, ~, 12:30:45]";
        let expected = json!([
            true,
            false,
            true,
            true,
            false,
            true,
            493,
            15,
            1000,
            31,
            3,
            1,
            1000,
            0.5,
            1,
            1,
            0,
            8,
            "1",
            "2001-01-01",
            null,
            "12:30:45"
        ]);
        assert_eq!(read(text).unwrap()[0].value(), expected);
    }

    #[test]
    fn fields_are_found_and_missing_ones_stand_for_their_parent() {
        let manifests = read(TEXT).unwrap();
        let at = |field: &str| {
            let place = manifests[0].locate(field);
            (place.line, place.column)
        };
        assert_eq!(at("spec.list"), (4, 3));
        assert_eq!(at("spec.list[0].name"), (5, 5));
        assert_eq!(at("spec.list[1]"), (6, 5));
        assert_eq!(at("spec.list[1].a.b[1]"), (6, 28));
        assert_eq!(at("spec.list[0].missing.more"), (5, 5));
        assert_eq!(at("spec.lis"), (3, 1));
        assert_eq!(manifests[1].place().line, 9);
    }

    #[test]
    fn the_items_of_a_list_are_objects_of_their_own() {
        let manifests = read("kind: List\nitems:\n- kind: A\n- kind: B\n").unwrap();
        let kinds: Vec<Value> = manifests.iter().map(|manifest| manifest.value()["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B"]);
        assert_eq!(manifests[1].place().line, 4);
    }

    #[test]
    fn faults_have_a_place_and_show_no_value() {
        for (text, line) in
            [("a: 1\nb: [hunter2\n", 3), ("a: hunter1\na: hunter2\n", 2), ("a: 'hunter2\n", 2), ("- a\nhunter2", 2)]
        {
            let error = read(text).unwrap_err();
            assert!(error.place.is_some_and(|place| place.line >= line - 1), "{text:?}: {error:?}");
            assert!(!error.message.contains("hunter"), "{error}");
        }
        assert_eq!(
            format!("{:?}", read("a: hunter2").unwrap()),
            "[Manifest { place: Place { line: 1, column: 1 }, .. }]"
        );
    }
}
