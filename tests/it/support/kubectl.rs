//! The real kubectl, as an admin uses it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::apiserver::{Apiserver, tool};
use super::reaper;

/// What a run of kubectl said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs kubectl as `admin` with something on its standard input.
#[track_caller]
pub fn kubectl(server: &Apiserver, arguments: &[&str], input: &str) -> Said {
    static CACHE: OnceLock<std::path::PathBuf> = OnceLock::new();
    let cache = CACHE.get_or_init(|| reaper::folder("kubectl"));
    let mut command = Command::new(tool("kubectl"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    let mut child = command
        .arg("--kubeconfig")
        .arg(server.kubeconfig("admin"))
        .arg("--cache-dir")
        .arg(cache)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Said {
    /// What it printed, where it succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// What it complained of, where it failed.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_ne!(self.code, 0, "{self:?}");
        self.stderr
    }
}
