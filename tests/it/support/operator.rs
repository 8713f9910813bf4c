//! `jethook run` as a process of its own, as an admin would start it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::eventually::eventually;
use super::http::{Answer, Request};

/// A running operator; killed when dropped.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    pub receiver: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
}

/// The command `jethook` with the proxies of the environment taken out: they are not for a local control plane.
pub fn jethook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jethook"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.stdin(Stdio::null());
    command
}

impl Operator {
    /// Starts `jethook run` with these arguments on free ports; `folder` takes its log.
    #[track_caller]
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join(format!("jethook-{}.log", free_port()));
        let (receiver, admin) = (free_address(), free_address());
        let child = jethook()
            .arg("run")
            .args(["--listen", &receiver.to_string(), "--admin-listen", &admin.to_string()])
            .args(["--log-format", "text", "--drain-delay", "0s"])
            .args(arguments)
            .stderr(File::create(&log).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, receiver, admin, log }
    }

    /// Waits until it is ready.
    #[track_caller]
    pub fn ready(mut self) -> Self {
        eventually(Duration::from_secs(30), "the operator is ready", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the operator ended with {status}:\n{}", self.log());
            }
            match Request::get("/readyz").send(self.admin) {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("{}\n{}", answer.text(), self.log())),
                Err(error) => Err(format!("{error}\n{}", self.log())),
            }
        });
        self
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end.
    pub fn ended(&mut self, deadline: Duration) -> ExitStatus {
        eventually(deadline, "the operator ends", || {
            self.child.try_wait().unwrap().ok_or_else(|| self.log.display().to_string())
        })
        .0
    }

    pub fn send(&self, request: &Request) -> Answer {
        request.send(self.receiver).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        Request::get("/metrics").send(self.admin).unwrap().text()
    }

    /// The value of one series, given as it stands on the page; 0 when it does not exist.
    pub fn metric(&self, series: &str) -> f64 {
        let page = self.metrics();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the operator\n{}", self.log());
        }
    }
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
