//! Lists the catalogue's entries, so that a new file needs no list to be edited.
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a build stops by a panic, and cargo tells folders by variables"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let entries = Path::new(&root).join("src/catalogue/entries");
    println!("cargo::rerun-if-changed={}", entries.display());
    let mut files: Vec<_> = fs::read_dir(&entries)
        .expect("src/catalogue/entries can be read")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    // As ids are sorted, and looked up: `a` before `a-b`, which their file names are not.
    files.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
    let mut list = String::from("&[\n");
    for file in files {
        let id = file.file_stem().and_then(|stem| stem.to_str()).expect("file names are ASCII");
        writeln!(list, "    ({id:?}, include_str!({:?})),", file.display().to_string()).expect("a string takes it");
    }
    list.push_str("]\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("entries.rs");
    fs::write(out, list).expect("the output folder can be written");
}
