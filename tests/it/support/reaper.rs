//! No program that a test starts outlives the tests, however they end.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Kills what it was told of when its standard input ends, which is when this process does, and deletes the folder.
const SCRIPT: &str = "\
while read -r word pid; do
  case $word in
    adopt) pids=\"$pids $pid\" ;;
    release) kept=; for each in $pids; do [ \"$each\" = \"$pid\" ] || kept=\"$kept $each\"; done; pids=$kept ;;
  esac
done
[ -z \"$pids\" ] || kill -9 $pids 2>/dev/null
rm -rf \"$1\"";

struct Reaper {
    folder: PathBuf,
    input: Mutex<ChildStdin>,
}

fn reaper() -> &'static Reaper {
    static SHARED: OnceLock<Reaper> = OnceLock::new();
    #[allow(clippy::zombie_processes, reason = "it outlives this process by design")]
    let start = || {
        let folder = std::env::temp_dir().join(format!("jethook-it-{}-{}", std::process::id(), uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(&folder)
            // A signal to the tests' process group must not end it before it has ended the others.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Reaper { folder, input: Mutex::new(shell.stdin.take().unwrap()) }
    };
    SHARED.get_or_init(start)
}

/// From now on this process ends with the tests.
pub fn adopt(pid: u32) {
    tell("adopt", pid);
}

/// It has ended; its number may soon be another's.
pub fn release(pid: u32) {
    tell("release", pid);
}

fn tell(word: &str, pid: u32) {
    writeln!(reaper().input.lock().unwrap(), "{word} {pid}").unwrap();
}

/// A new folder that is deleted when the tests end.
pub fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let folder = reaper().folder.join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The text of a file; empty where there is none.
pub fn text(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
