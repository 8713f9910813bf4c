//! `jethook run` as a process of its own, as an admin would start it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::eventually::{SOON, eventually};
use super::http::{Answer, Request};
use super::reaper;

/// A running operator; killed when dropped.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    pub receiver: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
}

/// The command `jethook` without what the environment holds for other work: proxies are not for a local control plane.
pub fn jethook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jethook"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    for (name, _) in std::env::vars_os() {
        let is_ours = |name: &str| name.starts_with("JETHOOK_") || name.starts_with("OTEL_") || name == "KUBECONFIG";
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The flags of `arguments` and those of `defaults` that are not among them.
pub fn with_defaults(arguments: &[&str], defaults: &[(&str, &str)]) -> Vec<String> {
    let is_given = |flag: &str| arguments.iter().any(|given| given.split('=').next() == Some(flag));
    let missing = defaults.iter().filter(|(flag, _)| !is_given(flag));
    let missing = missing.flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]);
    arguments.iter().map(|&argument| argument.to_owned()).chain(missing).collect()
}

impl Operator {
    /// Starts `jethook run` with these arguments on free ports; `folder` takes its log. `adjust` has a last word on the
    /// command: environment variables, say.
    #[track_caller]
    pub fn start_with(folder: &Path, arguments: &[&str], adjust: impl FnOnce(&mut Command)) -> Self {
        let log = folder.join(format!("jethook-{}.log", free_port()));
        let (receiver, admin) = (address_of("--listen", arguments), address_of("--admin-listen", arguments));
        let (listen, admin_listen) = (receiver.to_string(), admin.to_string());
        let defaults = [
            ("--listen", listen.as_str()),
            ("--admin-listen", &admin_listen),
            ("--log-format", "text"),
            ("--drain-delay", "0s"),
        ];
        let mut command = jethook();
        command
            .arg("run")
            .args(with_defaults(arguments, &defaults))
            .stderr(File::create(&log).unwrap())
            .stdout(Stdio::null());
        adjust(&mut command);
        let child = command.spawn().unwrap();
        reaper::adopt(child.id());
        Self { child, receiver, admin, log }
    }

    /// Waits until it is ready.
    #[track_caller]
    pub fn ready(mut self) -> Self {
        eventually(SOON, "the operator is ready", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the operator ended with {status}:\n{}", self.log());
            }
            match self.readiness() {
                (200, _) => Ok(()),
                (_, text) => Err(format!("{text}\n{}", self.log())),
            }
        });
        self
    }

    /// What `/readyz` says; status 0 where nothing answers.
    pub fn readiness(&self) -> (u16, String) {
        match Request::get("/readyz").send(self.admin) {
            Ok(answer) => (answer.status, answer.text()),
            Err(error) => (0, error.to_string()),
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        reaper::text(&self.log)
    }

    /// Waits until its log holds this: what it logs is written a moment later.
    #[track_caller]
    pub fn told(&self, text: &str) {
        eventually(SOON, &format!("{text:?} is in the log"), || {
            let log = self.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        let status = reaper::text(&PathBuf::from(format!("/proc/{}/status", self.pid())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self, deadline: Duration) -> ExitStatus {
        let ended = || self.child.try_wait().unwrap().ok_or_else(|| reaper::text(&self.log));
        eventually(deadline, "the operator ends", ended).0
    }

    /// Asks it to stop and waits until it has; the exit code.
    #[track_caller]
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended(SOON).code()
    }

    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        request.send(self.receiver).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// Sends until the answer has this status; for what becomes true a moment later.
    #[track_caller]
    pub fn send_until(&self, status: u16, what: &str, request: &Request) -> (Answer, Duration) {
        self.send_until_within(SOON, status, what, request)
    }

    #[track_caller]
    pub fn send_until_within(
        &self,
        within: Duration,
        status: u16,
        what: &str,
        request: &Request,
    ) -> (Answer, Duration) {
        eventually(within, what, || {
            let answer = self.send(request);
            if answer.status == status { Ok(answer) } else { Err(format!("{} {}", answer.status, answer.text())) }
        })
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        Request::get("/metrics").send(self.admin).unwrap().text()
    }

    /// The value of one series, given as it stands on the page; `None` when it does not exist.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let page = self.metrics();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.split(' ').next().unwrap().parse().unwrap())
    }

    /// How many requests ended so, over all endpoints.
    pub fn counted(&self, outcome: &str) -> f64 {
        let label = format!("outcome=\"{outcome}\"}} ");
        let page = self.metrics();
        let lines = page.lines().filter(|line| line.starts_with("jethook_deliveries_total{"));
        lines.filter_map(|line| line.split_once(&label)).map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        reaper::release(self.child.id());
        if std::thread::panicking() {
            eprintln!("--- log of the operator\n{}", self.log());
        }
    }
}

/// The loopback address to reach a listener at: the one that the arguments give, else a free one.
fn address_of(flag: &str, arguments: &[&str]) -> SocketAddr {
    let given = arguments.iter().position(|argument| *argument == flag).map(|at| arguments[at + 1]);
    match given {
        None => free_address(),
        Some(address) => match address.strip_prefix(':') {
            Some(port) => SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())),
            None => address.parse().unwrap(),
        },
    }
}

/// A loopback port that nobody listens on and that no test was given before. It lies below the range that systems give to
/// outgoing connections, so that none of those takes it while its owner is away.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 97).unwrap() * 103;
    loop {
        let port = 20_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
