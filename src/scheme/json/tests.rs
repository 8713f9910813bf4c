use serde::de::IgnoredAny;

use super::found::MATCHES_MAX;
use super::*;
use crate::scheme::matched::agreed;

const BODY: &str = r#"{
  "id": "evt_1", "n": 1.50, "big": 123456789012345678901234567890, "exp": -1E+400, "yes": true, "no": false, "nil": null,
  "obj": {"a": 1}, "list": [], "esc": "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "": "empty", "a/b": 1, "m~n": 2, "\u0069d2": "x",
  "items": [{"id": "1", "t": "x"}, {"id": "2", "t": "x"}, {"id": null, "t": "x"}], "0": {"1": "named"},
  "inner": "{\"a\": {\"b\": [10, \"20\"]}}", "b64": "eyJhIjogIsOpIn0=", "xml": "<r><k a='1'>v</k></r>", "half": "\ud800",
  "broken": "{\"a\": 1"
}"#;

fn set(pointers: &[&str]) -> PointerSet {
    let pointers: Vec<_> = pointers.iter().map(|pointer| Pointer::parse(pointer).unwrap()).collect();
    PointerSet::new(&pointers)
}

fn show(found: &Found<'_>, index: usize) -> Vec<String> {
    let texts = found.values(index).iter().map(|value| match value {
        Match::Scalar(text) => text.to_string(),
        Match::Null => "(null)".to_owned(),
        Match::Composite => "(composite)".to_owned(),
    });
    texts.collect()
}

fn values(text: &str, pointer: &str) -> Vec<String> {
    show(&set(&[pointer]).scan(text.as_bytes()).unwrap(), 0)
}

const ROWS: [(&str, &[&str]); 43] = [
    ("", &["(composite)"]),
    ("/id", &["evt_1"]),
    ("/n", &["1.50"]),
    ("/big", &["123456789012345678901234567890"]),
    ("/exp", &["-1E+400"]),
    ("/yes", &["true"]),
    ("/no", &["false"]),
    ("/nil", &["(null)"]),
    ("/obj", &["(composite)"]),
    ("/obj/a", &["1"]),
    ("/obj/a/b", &[]),
    ("/obj/*", &[]),
    ("/list", &["(composite)"]),
    ("/list/*", &[]),
    ("/esc", &["a\"\\/\u{8}\u{c}\n\r\té😀"]),
    ("/", &["empty"]),
    ("/a~1b", &["1"]),
    ("/m~0n", &["2"]),
    ("/id2", &["x"]),
    ("/ID", &[]),
    ("/items/*/id", &["1", "2", "(null)"]),
    ("/items/1/id", &["2"]),
    ("/items/01/id", &[]),
    ("/items/3/id", &[]),
    ("/items/-", &[]),
    ("/0/1", &["named"]),
    ("/exp/x", &[]),
    ("/half", &["(composite)"]),
    ("/half/x", &[]),
    ("/half/!json/x", &["(composite)"]),
    ("/inner", &["{\"a\": {\"b\": [10, \"20\"]}}"]),
    ("/inner/a", &[]),
    ("/inner/!json", &["(composite)"]),
    ("/inner/!json/a/b/*", &["10", "20"]),
    ("/b64/!base64", &["{\"a\": \"é\"}"]),
    ("/b64/!base64/!json/a", &["é"]),
    ("/b64/!json/a", &["(composite)"]),
    ("/id/!base64", &["(composite)"]),
    ("/xml/!xml/r/k", &["v"]),
    ("/xml/!xml/r/k/@a", &["1"]),
    ("/id/!xml/r", &["(composite)"]),
    ("/broken/!json/a", &["(composite)"]),
    ("/n/!json", &[]),
];

#[test]
fn each_pointer_finds_its_values() {
    for (pointer, expected) in &ROWS {
        assert_eq!(values(BODY, pointer), *expected, "{pointer}");
    }
}

#[test]
fn pointers_together_find_what_each_finds_alone() {
    let set = set(&ROWS.map(|(pointer, _)| pointer));
    let found = set.scan(BODY.as_bytes()).unwrap();
    for (index, (pointer, expected)) in ROWS.iter().enumerate() {
        assert_eq!(show(&found, index), *expected, "{pointer}");
    }
    assert!(found.values(ROWS.len()).is_empty());
}

#[test]
fn a_step_needs_a_string() {
    assert_eq!(values(r#"{"n": 1.50}"#, "/n/!json"), [""; 0]);
    assert_eq!(values(r#"{"n": "1.50"}"#, "/n/!json"), ["1.50"]);
}

#[test]
fn a_member_that_is_there_twice_gives_both_values() {
    let text = r#"{"a": 1, "\u0061": "2", "b": {"c": "x"}, "b": {"c": "x"}}"#;
    assert_eq!(values(text, "/a"), ["1", "2"]);
    assert_eq!(values(text, "/b/c"), ["x", "x"]);
    let found = set(&["/a", "/b/c"]).scan(text.as_bytes()).unwrap();
    assert_eq!(agreed(found.values(0)), None);
    assert_eq!(agreed(found.values(1)), Some("x"));
}

#[test]
fn values_agree_only_when_all_are_the_same_text() {
    let found = |text: &'static str| set(&["/*"]).scan(text.as_bytes()).unwrap();
    assert_eq!(agreed(found(r#"["1", "1"]"#).values(0)), Some("1"));
    assert_eq!(agreed(found(r#"["1", null]"#).values(0)), None);
    assert_eq!(agreed(found(r#"["1", {}]"#).values(0)), None);
    assert_eq!(agreed(found("[{}, {}]").values(0)), None);
    assert_eq!(agreed(found("[]").values(0)), None);
}

#[test]
fn the_first_member_is_found_by_its_name() {
    let field = |text: &str, pointer: &str| {
        show(&PointerSet::new(&[Pointer::parse_field(pointer).unwrap()]).scan(text.as_bytes()).unwrap(), 0)
    };
    assert_eq!(field(r#"{"update_id": 1, "message": {}, "other": 2}"#, "^update_id"), ["message"]);
    assert_eq!(field(r#"{"a": {"b": 1}}"#, "/a"), ["b"]);
    assert_eq!(field(r#"{"update_id": 1}"#, "^update_id,message"), [""; 0]);
    assert_eq!(field("[1]", ""), [""; 0]);
    assert_eq!(field(r#"{"d": "eyJ2IjoxLCJ0ZXN0Ijp7fX0"}"#, "/d/!base64/!json^v"), ["test"]);
}

#[test]
fn values_know_the_item_they_belong_to() {
    let each = Pointer::parse("/value/*/item").unwrap();
    let below = |text| each.below(&Pointer::parse(text).unwrap()).unwrap();
    let set = PointerSet::new(&[each.clone(), below("/id"), below("/tags/*"), below("/in/!json/x")]);
    let text = r#"{"value": [{"item": {"id": 1, "tags": [1, 2]}}, {"item": {"tags": []}}, {"item": {"id": 3, "in": "{\"x\": 9}"}}]}"#;
    let found = set.scan(text.as_bytes()).unwrap();
    let texts = |index, item| found.item_values(index, item).filter_map(Match::scalar).collect::<Vec<_>>();
    for index in 0..4 {
        assert_eq!(found.items(index), 3);
    }
    assert_eq!([texts(1, 0), texts(1, 1), texts(1, 2)], [vec!["1"], vec![], vec!["3"]]);
    assert_eq!([texts(2, 0), texts(2, 1), texts(2, 2)], [vec!["1", "2"], vec![], vec![]]);
    assert_eq!([texts(3, 0), texts(3, 1), texts(3, 2)], [vec![], vec![], vec!["9"]]);
    assert!(found.is_complete(0));
    assert!(!found.is_complete(1));
}

#[test]
fn an_element_without_a_value_is_told() {
    let complete = |text: &str, pointer| set(&[pointer]).scan(text.as_bytes()).unwrap().is_complete(0);
    for (text, pointer, expected) in [
        (r#"[{"a": 1}, {"a": null}]"#, "/*/a", true),
        (r#"[{"a": 1}, {"A": 1}]"#, "/*/a", false),
        (r#"[{"a": 1}, 2]"#, "/*/a", false),
        (r#"[{"a": [1]}, {"a": []}]"#, "/*/a/*", false),
        (r#"[{"a": [1]}, {"a": [2, 3]}]"#, "/*/a/*", true),
        ("[]", "/*/a", true),
        ("{}", "/a", true),
    ] {
        assert_eq!(complete(text, pointer), expected, "{text} {pointer}");
    }
}

#[test]
fn a_text_is_read_by_the_steps_into_it() {
    let read = |text: &str, pointer: &str| show(&set(&[pointer]).scan_text(text).unwrap(), 0);
    assert_eq!(read(r#"{"action": "opened"}"#, "/!json/action"), ["opened"]);
    assert_eq!(read("PGE+PGI+eDwvYj48L2E+\n", "/!base64/!xml/a/b"), ["x"]);
    assert_eq!(read("PGE-PGI-eDwvYj48L2E-", "/!base64/!xml/a/b"), ["x"]);
    assert_eq!(read("plain", ""), ["plain"]);
    assert_eq!(read("not json", "/!json/action"), ["(composite)"]);
    assert_eq!(read(r#"{"action": "opened"} x"#, "/!json/action"), ["(composite)"]);
    assert_eq!(read("[1, 2]", "/!json/*"), ["1", "2"]);
    assert_eq!(set(&["/!json/*"]).scan_text("[1, 2]").unwrap().items(0), 2);
    assert_eq!(set(&["/!json/*"]).scan_text("[1, 2").unwrap().items(0), 0);
}

#[test]
fn what_is_not_json_is_refused_wherever_it_stands() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut rows: Vec<String> = [
        "",
        " ",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "NaN",
        "tru",
        "nulll",
        "\"a",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "{} {}",
        "{}x",
        "[1]]",
        "// c\n1",
        "{\"a\":01}",
        "\u{feff}\u{feff}{}",
        "{\"a\":{\"b\":tru}}",
        "{\"x\":{\"y\":[1,}}",
    ]
    .map(str::to_owned)
    .to_vec();
    rows.push(deep(3)[1..].to_owned());
    for text in &rows {
        for pointers in [&[][..], &["/a"], &["/a/b"], &["/*"], &["", "/a/b"], &["/x/y/*"]] {
            assert!(set(pointers).scan(text.as_bytes()).is_err(), "{text:?} {pointers:?}");
        }
    }
    for text in [&b"\"\xff\""[..], b"{\"a\": \"\xc3\"}", b"\xef\xbb", b"{}\xff", b"{\"\xed\xa0\x80\": 1}"] {
        assert!(set(&["/a"]).scan(text).is_err(), "{text:?}");
    }
    for text in
        ["0", "\"\"", " [ ] ", "\u{feff}{}", "{\"\\ud800\": 1}", "[1e999, {\"a\": \"\\ud800\"}]", &deep(100_000)]
    {
        for pointers in [&[][..], &["/a"], &["/*/a/b"], &["/1/a"], &["/0/x"]] {
            assert!(set(pointers).scan(text.as_bytes()).is_ok(), "{pointers:?}");
        }
    }
}

#[test]
fn every_edit_of_one_byte_is_json_exactly_when_serde_json_says_so() {
    let sets = [set(&[]), set(&["/id", "/items/*/id"]), set(&ROWS.map(|(pointer, _)| pointer))];
    let text = br#"{"id":"e\u00e9\n","n":-1.5e+3,"items":[{"id":1},null,true],"inner":"{}","x":{"y":[[]]}}"#;
    for at in 0..text.len() {
        for byte in (0..=255).step_by(3).chain(*b"\"\\{}[],:0 e-tn") {
            let mut edited = text.to_vec();
            edited[at] = byte;
            let is_json =
                std::str::from_utf8(&edited).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
            for set in &sets {
                assert_eq!(set.scan(&edited).is_ok(), is_json, "{}", String::from_utf8_lossy(&edited));
            }
        }
    }
}

#[test]
fn the_root_is_told() {
    for (text, root) in [(" {}", Root::Object), ("\n[1]", Root::Array), ("1", Root::Scalar), ("\"{\"", Root::Scalar)] {
        assert_eq!(set(&[]).scan(text.as_bytes()).unwrap().root(), root);
    }
}

#[test]
fn more_values_than_the_bound_are_refused() {
    let many = |count: usize| format!("[0{}]", ",0".repeat(count - 1));
    let set = set(&["/*"]);
    assert_eq!(set.scan(many(MATCHES_MAX).as_bytes()).unwrap().values(0).len(), MATCHES_MAX);
    assert!(set.scan(many(MATCHES_MAX + 1).as_bytes()).is_err());
}
