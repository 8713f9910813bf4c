//! Style that no tool checks: import directions, file lengths, words that must not stay, providers named in code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each module may import; the table of `src/README.md`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("cause", &[]),
    ("tls", &[]),
    ("secret", &[]),
    ("health", &[]),
    ("scheme", &["secret"]),
    ("catalogue", &["scheme"]),
    ("api", &["catalogue", "scheme"]),
    ("config", &["api", "secret"]),
    ("telemetry", &["config"]),
    ("trace", &["cause", "config", "tls"]),
    ("outcome", &["scheme"]),
    ("metrics", &["api", "outcome"]),
    ("stream", &[]),
    ("replicas", &[]),
    ("event", &["scheme"]),
    ("route", &["api", "catalogue", "config", "event", "metrics", "scheme", "secret", "stream"]),
    ("fetch", &["cause", "route", "scheme", "tls"]),
    ("store", &["config", "event", "health", "metrics", "outcome", "replicas", "route", "secret", "stream"]),
    (
        "receiver",
        &["api", "config", "event", "fetch", "health", "metrics", "outcome", "route", "scheme", "store", "trace"],
    ),
    (
        "controller",
        &[
            "api",
            "catalogue",
            "cause",
            "config",
            "event",
            "health",
            "metrics",
            "replicas",
            "route",
            "scheme",
            "secret",
            "stream",
        ],
    ),
    ("admin", &["health", "metrics"]),
];

/// Ids that are ordinary words.
const ORDINARY: [&str; 41] = [
    "airship",
    "box",
    "buffer",
    "close",
    "cloud",
    "drone",
    "front",
    "ghost",
    "grain",
    "harbor",
    "hook",
    "keycloak",
    "line",
    "linear",
    "meta",
    "mux",
    "neon",
    "notion",
    "outpost",
    "persona",
    "plain",
    "polar",
    "quay",
    "ramp",
    "render",
    "replicate",
    "resend",
    "retell",
    "segment",
    "sentry",
    "snyk",
    "split",
    "square",
    "stage",
    "tally",
    "temporal",
    "vault",
    "wave",
    "wise",
    "wix",
    "zoom",
];

const LINES_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The top-level module that a file of `src` belongs to.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The code of a file: no comments, nothing from its test module on.
fn code(path: &Path) -> String {
    if path.ends_with("tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<_, _> = IMPORTS.iter().copied().collect();
    let mut faults = Vec::new();
    for path in rust_files("src") {
        let module = module(&path);
        if ["cli", "main", "lib"].contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            faults.push(format!("{}: module {module} is not in the table", shown(&path)));
            continue;
        };
        let text = code(&path);
        for (_, rest) in text.match_indices("crate::").map(|(at, found)| (at, &text[at + found.len()..])) {
            let target: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if target != module && !allowed.contains(&target.as_str()) {
                faults.push(format!("{}: {module} may not import {target}", shown(&path)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_are_read_in_one_sitting() {
    let long: Vec<_> = rust_files("src")
        .into_iter()
        .chain(rust_files("tests"))
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{}: {lines} lines, at most {LINES_MAX}: split it along a seam", shown(&path)))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file does not hold them.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["unimplemented", "!("], ["todo", "!("], ["dbg", "!("]].map(|word| word.concat());
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                faults.push(format!("{}:{}: {word}", shown(&path), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_code_names_a_provider() {
    let ids: Vec<_> = jethook::catalogue::all().iter().map(|provider| provider.id.as_str()).collect();
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| module(path) != "catalogue") {
        for (number, line) in code(&path).lines().enumerate() {
            for id in
                ids.iter().filter(|id| if is_word(id) { line.contains(&format!("\"{id}\"")) } else { names(line, id) })
            {
                faults.push(format!("{}:{}: {id}", shown(&path), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "a provider is data, not code:\n{}", faults.join("\n"));
}

#[test]
fn one_tls_crypto_provider_is_in_the_tree() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let has = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has("aws-lc-rs"), "the provider is in the tree");
    for banned in ["ring", "native-tls", "openssl-sys", "reqwest", "serde_yaml"] {
        assert!(!has(banned), "{banned} came into the tree; .deny.toml says why it must not");
    }
}

/// Whether an id is an ordinary word that code may use as well: then only a text that is nothing else counts.
fn is_word(id: &str) -> bool {
    ORDINARY.contains(&id)
}

/// Whether a line holds an id as a word of its own, in any case.
fn names(line: &str, id: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.match_indices(id).any(|(at, _)| {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        !is_word(line[..at].chars().next_back()) && !is_word(line[at + id.len()..].chars().next())
    })
}

#[test]
fn a_word_is_told_from_a_part_of_one() {
    assert!(names(r#"if provider == "github" {"#, "github"));
    assert!(names("GitHub => 9", "github"));
    assert!(!names("github_like", "github"));
    assert!(!names("a-github", "github"));
}
