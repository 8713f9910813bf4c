//! A page of Markdown, read as far as the tests need it.

use std::fs;
use std::path::{Path, PathBuf};

/// What the repository's own files are called where a page can't name them by a path.
const FORGE: &str = "https://github.com/jethook/jethook/blob/main/";

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub struct Page {
    /// Below the repository's root.
    pub path: String,
    text: String,
}

/// The pages of the book.
pub fn book() -> Vec<Page> {
    let summary = Page::read("docs/SUMMARY.md");
    summary.links().iter().map(|link| Page::read(&format!("docs/{link}"))).collect()
}

/// The book and the other pages that are written by hand or read by many.
pub fn written() -> Vec<Page> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "src/README.md", "charts/jethook/README.md"];
    let others = others.into_iter().filter(|path| root().join(path).exists()).map(Page::read);
    book().into_iter().chain(others).collect()
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// The fenced blocks of a language, their own indent taken off.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut open: Option<(bool, String)> = None;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(info), None) => open = Some((info == language, String::new())),
                (Some(_), Some(_)) => blocks.extend(open.take().filter(|(is_it, _)| *is_it).map(|(_, text)| text)),
                (None, Some((_, text))) => *text += &format!("{line}\n"),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path);
        blocks
    }

    /// What a reader would type, one command a line.
    pub fn commands(&self) -> Vec<String> {
        let typed = self.blocks("console").into_iter().flat_map(|text| {
            let lines: Vec<_> = text.lines().filter_map(|line| Some(line.strip_prefix("$ ")?.to_owned())).collect();
            lines
        });
        let scripts = self.blocks("sh").into_iter().flat_map(|text| {
            let joined = text.replace("\\\n", " ");
            joined.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        });
        let inline = self.inline_code().into_iter().filter(|code| {
            let is_placeheld = code.contains("ID") || code.contains("URL") || code.contains('…');
            ["jethook ", "kubectl ", "make "].iter().any(|program| code.starts_with(program)) && !is_placeheld
        });
        let is_command = |line: &String| !line.is_empty() && !line.starts_with('#');
        typed.chain(scripts).filter(is_command).chain(inline.filter(|code| is_whole(code))).collect()
    }

    /// The lines outside of blocks.
    fn prose(&self) -> Vec<&str> {
        let mut is_block = false;
        let mut prose = Vec::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                is_block = !is_block;
            } else if !is_block {
                prose.push(line);
            }
        }
        prose
    }

    /// What stands between backticks.
    pub fn inline_code(&self) -> Vec<String> {
        let prose = self.prose().join(" ");
        prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// Where its links lead.
    pub fn links(&self) -> Vec<String> {
        let prose = self.prose().join("\n");
        let text: String = prose.split('`').step_by(2).collect();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| target.to_owned()).collect()
    }

    /// Whether a link leads to a file, and to a heading where it names one; links elsewhere are not followed.
    pub fn follow(&self, link: &str) -> Result<(), String> {
        let (target, heading) = link.split_once('#').unwrap_or((link, ""));
        let file = match target.strip_prefix(FORGE) {
            Some(path) => root().join(path),
            None if target.contains("://") => return Ok(()),
            None if target.is_empty() => root().join(&self.path),
            None => root().join(&self.path).parent().unwrap_or(Path::new("")).join(target),
        };
        if !file.exists() {
            return Err("no such file".to_owned());
        }
        if heading.is_empty() || file.extension().is_none_or(|extension| extension != "md") {
            return Ok(());
        }
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let is_there = text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
        if is_there { Ok(()) } else { Err("no such heading".to_owned()) }
    }

    /// The rows of the first table below a heading, without its head.
    pub fn rows(&self, heading: &str) -> Vec<Vec<String>> {
        let below = self.text.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading).skip(1);
        let table = below.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
        let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        table.map(cells).collect()
    }
}

/// Whether a test whose name begins so is in a module of the sources: `route::gate` is `src/route/gate.rs`, `spool` is
/// `tests/it/spool.rs` or a file below `tests/it/spool`.
pub fn has_test(module: &str, name: &str) -> bool {
    let path = module.replace("::", "/");
    ["src", "tests/it", "tests/faults"].iter().map(|folder| root().join(folder).join(&path)).any(|base| {
        let inside = fs::read_dir(&base).into_iter().flatten().map(|entry| entry.unwrap().path());
        inside.chain([base.with_extension("rs")]).any(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.contains("#[test]") && text.contains(&format!("fn {name}"))
        })
    })
}

/// Whether code in a sentence is a command as it is typed, not the name of one.
fn is_whole(code: &str) -> bool {
    code.starts_with("make ") || code.split(' ').count() > 2
}

/// The anchor that a forge makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
