//! What a process group costs, by `/proc`.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// Ticks of `/proc` per second: Linux shows 100 on every machine, whatever its kernel counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program in a process group of its own; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
}

impl Program {
    /// Starts it, with its output in a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let out = fs::File::create(log)?;
        let shown = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{shown} does not start"))?;
        Ok(Self { child })
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// CPU seconds so far, user and system, of the group.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let mut ticks = 0;
        for pid in self.group()? {
            // One that ends meanwhile is counted in its parent.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let fields = after_name(&stat);
            let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
            ticks += number(11) + number(12) + number(13) + number(14);
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// The most memory that its processes had resident, in MB.
    pub(crate) fn peak_memory_mb(&self) -> anyhow::Result<f64> {
        let mut kib = 0;
        for pid in self.group()? {
            let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            kib += peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(kib as f64 / 1024.0)
    }

    fn group(&self) -> anyhow::Result<Vec<u32>> {
        let group = self.child.id().to_string();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            if after_name(&stat).get(2).is_some_and(|found| *found == group) {
                pids.push(pid);
            }
        }
        Ok(pids)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The group, so that workers of a peer end as well; `kill` is there wherever `/proc` is.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// The fields of `/proc/PID/stat` behind the name, which may hold anything.
fn after_name(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().collect()).unwrap_or_default()
}

/// Ticks that the host took away, and all ticks, since the machine started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stolen(u64, u64);

impl Stolen {
    /// Now.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
        Ok(Self(ticks.get(7).copied().unwrap_or_default(), ticks.iter().sum()))
    }

    /// The share taken between two readings, in percent.
    pub(crate) fn percent_between(before: Self, after: Self) -> f64 {
        100.0 * (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64
    }
}
