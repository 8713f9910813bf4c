//! What a release is made with: the image's recipe, the scripts of the workflows, the versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::render::root;
use crate::support::reaper;

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap()
}

/// Runs a script of the workflows in a folder that has the licence, as a checkout has it.
#[track_caller]
fn script(name: &str, folder: &Path, arguments: &[&str]) -> String {
    fs::copy(root().join("LICENSE"), folder.join("LICENSE")).unwrap();
    let output = Command::new(root().join(".github").join(name)).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn crate_and_chart_have_one_version() {
    let chart = yaml("charts/jethook/Chart.yaml");
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    // What the release looks for, and where it puts the image's name and digest.
    let lines = |path: &str, line: &str| text(path).lines().filter(|found| *found == line).count();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(lines("Cargo.toml", &format!("version = \"{version}\"")), 1);
    assert_eq!(lines("charts/jethook/Chart.yaml", &format!("version: {version}")), 1);
    assert_eq!(lines("charts/jethook/Chart.yaml", &format!("appVersion: {version}")), 1);
    assert_eq!(lines("charts/jethook/values.yaml", "  digest: \"\""), 1);
    assert_eq!(lines("charts/jethook/values.yaml", "  repository: ghcr.io/jethook/jethook"), 1);
    let release = text(".github/workflows/release.yaml");
    assert!(release.contains(r#"s|^  digest: \"\"$|"#) && release.contains("^  repository: ghcr.io/jethook/jethook$"));
}

#[test]
fn the_image_is_made_of_what_is_there_and_runs_as_nobody() {
    let recipe = text("Dockerfile");
    let kept: Vec<_> =
        text(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect();
    let copies =
        recipe.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|rest| !rest.starts_with("--from"));
    let sources: Vec<_> =
        copies.flat_map(|rest| rest.split(' ').collect::<Vec<_>>().split_last().unwrap().1.to_vec()).collect();
    assert!(sources.len() >= 4, "{sources:?}");
    for source in sources {
        assert!(root().join(source).exists() && kept.contains(&source.to_owned()), "{source} is not sent to the build");
    }
    let last = recipe.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("gcr.io/distroless/") && last.contains("\nUSER 65532:65532\n"), "{last}");
    let security = &yaml("charts/jethook/values.yaml")["podSecurityContext"];
    assert_eq!((&security["runAsUser"], &security["runAsGroup"]), (&Value::from(65532), &Value::from(65532)));
    // No older than what the crate asks for.
    let number = |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>();
    let used = recipe.lines().find_map(|line| line.strip_prefix("ARG RUST_VERSION=")).unwrap();
    assert!(number(used) >= number(env!("CARGO_PKG_RUST_VERSION")), "{used}");
}

#[test]
fn archives_are_the_same_for_the_same_binary_and_krew_knows_their_digests() {
    let (one, two) = (reaper::folder("release"), reaper::folder("release"));
    let names = ["linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"];
    let names = names.map(|platform| format!("jethook_1.2.3_{platform}"));
    for folder in [&one, &two] {
        for name in &names {
            fs::write(folder.join("binary"), format!("a program: {name}")).unwrap();
            script("pack.sh", folder, &["binary", name]);
        }
    }
    let digest = |folder: &Path, name: &str| {
        HEXLOWER.encode(&Sha256::digest(fs::read(folder.join(format!("dist/{name}.tar.gz"))).unwrap()))
    };
    assert_eq!(digest(&one, &names[0]), digest(&two, &names[0]));
    assert_ne!(digest(&one, &names[0]), digest(&one, &names[1]));
    let manifest = script("krew.sh", &one, &["1.2.3", "https://example.com/repository", "dist"]);
    let manifest: Value = serde_saphyr::from_str(&manifest).unwrap();
    assert_eq!(manifest["spec"]["version"], "v1.2.3");
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), names.len());
    for (platform, name) in platforms.iter().zip(&names) {
        assert_eq!(platform["sha256"], digest(&one, name), "{platform}");
        let uri = format!("https://example.com/repository/releases/download/v1.2.3/{name}.tar.gz");
        assert_eq!(platform["uri"], uri.as_str(), "{platform}");
        let labels = &platform["selector"]["matchLabels"];
        let told = format!("{}_{}", labels["os"].as_str().unwrap(), labels["arch"].as_str().unwrap());
        assert!(name.ends_with(&told), "{name}: {told}");
    }
}

#[test]
fn workflows_run_what_is_there() {
    for workflow in ["ci", "release"] {
        let path = format!(".github/workflows/{workflow}.yaml");
        assert!(!yaml(&path)["jobs"].as_object().unwrap().is_empty());
        let words = text(&path);
        let words = words.split_whitespace().filter(|word| word.starts_with(".ci/") || word.starts_with(".github/"));
        let scripts: Vec<_> = words.collect();
        assert!(!scripts.is_empty());
        for script in scripts {
            assert!(root().join(script).is_file(), "{path}: there is no {script}");
        }
    }
    // Both build with the Rust that the image is built with.
    let used =
        text("Dockerfile").lines().find_map(|line| Some(line.strip_prefix("ARG RUST_VERSION=")?.to_owned())).unwrap();
    for workflow in ["ci", "release"] {
        let words = text(&format!(".github/workflows/{workflow}.yaml"));
        assert!(words.contains(&format!("rustup default {used}\n")), "{workflow}: {used}");
    }
}
