use fastrand::Rng;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

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
        "{,}",
        "[,1]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "[1}",
        "-01",
        "1.e5",
        "1e+",
        "-Infinity",
        "nul",
        "TRUE",
        "\"\\ud80\"",
        "\"\\u00g0\"",
        "\"a\\",
        "{\"a\\\":1}",
        "\u{b}1",
        "{}\u{feff}",
        "{}\u{a0}",
        "{}\0",
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

#[test]
fn what_ends_a_string_is_seen_at_every_place() {
    for length in 0..40 {
        for at in 0..=length {
            let with = |middle: &str| format!("[\"{}{middle}{}\", 1]", "x".repeat(at), "y".repeat(length - at));
            for middle in ["", "\u{7f}", "é", "\u{10ffff}", "!", "#", "[", "]", " ", "\\\"", "\\\\", "\\u0000"] {
                let text = with(middle);
                let expected = serde_json::from_str::<(String, u8)>(&text).unwrap().0;
                assert_eq!(values(&text, "/0"), [expected], "{text}");
                assert!(set(&[]).scan(text.as_bytes()).is_ok(), "{text}");
            }
            for middle in
                (0..b' ').map(|byte| char::from(byte).to_string()).chain(["\"", "\\", "\\é"].map(str::to_owned))
            {
                // An escape of what follows, where that is a quote or nothing that can be escaped, is an error as well.
                let text = with(&middle);
                for pointers in [&[][..], &["/0"]] {
                    assert!(set(pointers).scan(text.as_bytes()).is_err(), "{text:?}");
                }
            }
        }
    }
}

#[test]
fn brackets_match_at_every_depth() {
    for depth in [1, 2, 63, 64, 65, 127, 128, 129, 130, 200] {
        let is_object = |level: usize| level % 3 == 1;
        let opened: String = (0..depth).map(|level| if is_object(level) { "{\"a\":" } else { "[" }).collect();
        let closed: String = (0..depth).rev().map(|level| if is_object(level) { '}' } else { ']' }).collect();
        for pointers in [&[][..], &["/0/a/0"]] {
            let is_json = |closed: &str| set(pointers).scan(format!("{opened}1{closed}").as_bytes()).is_ok();
            assert!(is_json(&closed), "{depth}");
            for at in 0..depth {
                let other = if &closed[at..=at] == "}" { "]" } else { "}" };
                assert!(!is_json(&format!("{}{other}{}", &closed[..at], &closed[at + 1..])), "{depth} {at}");
                assert!(!is_json(&format!("{}{}", &closed[..at], &closed[at + 1..])), "{depth} {at}");
            }
        }
    }
}

const NAMES: [&str; 8] = ["a", "b", "0", "1", "", "é", "a/b", "quite a long name"];
const TOKENS: [&str; 10] = ["/a", "/b", "/0", "/1", "/01", "/", "/é", "/a~1b", "/quite a long name", "/*"];
const PLAIN: [&str; 14] = [
    "null",
    "true",
    "false",
    "0",
    "-7",
    "18446744073709551615",
    "1.5",
    r#""""#,
    r#""x""#,
    r#""[{,:""#,
    r#""\n\"\\""#,
    r#""\u00e9\ud83d\ude00 é""#,
    r#""a text that is longer than a few words""#,
    r#""{\"a\":1}""#,
];

fn blank(random: &mut Rng) -> &'static str {
    random.choice(["", "", "", " ", "\n", "\t\r\n  "]).unwrap()
}

/// A JSON text without a name that is there twice and without a number that a float would change.
fn document(random: &mut Rng, depth: usize) -> String {
    let is_object = random.bool();
    if depth == 0 || random.u8(..4) == 0 {
        return (*random.choice(&PLAIN).unwrap()).to_owned();
    }
    let mut names = NAMES;
    random.shuffle(&mut names);
    let count = random.usize(..=NAMES.len());
    let items = names.iter().take(count).map(|name| {
        let [before, after] = [blank(random), blank(random)];
        let value = document(random, depth - 1);
        let name = if random.bool() { (*name).to_owned() } else { name.replace('a', r"\u0061") };
        if is_object {
            format!("{before}\"{name}\"{after}:{before}{value}{after}")
        } else {
            format!("{before}{value}{after}")
        }
    });
    let items = items.collect::<Vec<_>>().join(",");
    if is_object { format!("{{{items}}}") } else { format!("[{items}]") }
}

/// The values at a pointer's tokens, as [`show`] shows them.
fn walk_tree(value: &Value, tokens: &[&str]) -> Vec<String> {
    let Some((token, rest)) = tokens.split_first() else {
        return vec![match value {
            Value::Null => "(null)".to_owned(),
            Value::String(text) => text.clone(),
            Value::Object(_) | Value::Array(_) => "(composite)".to_owned(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
        }];
    };
    let name = token[1..].replace("~1", "/");
    match value {
        Value::Array(elements) if *token == "/*" => {
            elements.iter().flat_map(|element| walk_tree(element, rest)).collect()
        }
        Value::Array(elements) => {
            let index = name.parse::<usize>().ok().filter(|index| index.to_string() == name);
            index.and_then(|index| elements.get(index)).map_or_else(Vec::new, |element| walk_tree(element, rest))
        }
        Value::Object(members) => members.get(&name).map_or_else(Vec::new, |member| walk_tree(member, rest)),
        _ => Vec::new(),
    }
}

#[test]
fn values_are_those_of_a_tree() {
    let mut hits = 0;
    for seed in 0..1500 {
        let random = &mut Rng::with_seed(seed);
        let text = document(random, 4);
        let tree: Value = serde_json::from_str(&text).unwrap();
        let paths: [Vec<&str>; 6] =
            std::array::from_fn(|_| (0..random.usize(..4)).map(|_| *random.choice(&TOKENS).unwrap()).collect());
        let set = set(&paths.each_ref().map(|path| path.concat()).each_ref().map(String::as_str));
        let found = set.scan(text.as_bytes()).unwrap();
        for (index, path) in paths.iter().enumerate() {
            let expected = walk_tree(&tree, path);
            hits += usize::from(!path.is_empty() && !expected.is_empty());
            assert_eq!(show(&found, index), expected, "seed {seed}: {path:?} in {text}");
        }
    }
    assert!(hits > 500, "{hits}");
}

/// A few bytes changed, taken away, put in or exchanged, or the end cut off.
fn mutate(random: &mut Rng, text: &mut Vec<u8>) {
    const BYTES: &[u8] = b"\"\\{}[],:0 e-tnu.+1E\0\n\x1f\x7f\x80\xc3\xa9";
    for _ in 0..random.usize(1..4) {
        let [at, other] = [0; 2].map(|_| random.usize(..text.len()));
        let byte = *random.choice(BYTES).unwrap();
        match random.u8(..5) {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            2 => text.swap(at, other),
            3 if text.len() > 1 => drop(text.remove(at)),
            _ => text.truncate(at.max(1)),
        }
    }
}

#[test]
fn a_mutated_text_is_json_exactly_when_serde_json_says_so() {
    let sets = [set(&[]), set(&["/a", "/*/a", "/0/b"]), set(&["", "/a/!json/a", "/*/*", "/b/*/1"])];
    let mut accepted = 0;
    for seed in 0..6000 {
        let random = &mut Rng::with_seed(seed);
        let mut text = document(random, 3).into_bytes();
        mutate(random, &mut text);
        let is_json = std::str::from_utf8(&text).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
        accepted += usize::from(is_json);
        for set in &sets {
            assert_eq!(set.scan(&text).is_ok(), is_json, "seed {seed}: {}", String::from_utf8_lossy(&text));
        }
    }
    assert!((600..5400).contains(&accepted), "{accepted}");
}
