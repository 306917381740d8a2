//! The real binary as a child process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::harness::within;

/// A data home nobody else uses: a test neither finds the user's events nor leaves any behind there.
fn data_home() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("data-home-{}-{number}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // One of an earlier process of the same number.
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The command, with nothing of this process's environment that would configure it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loom-studio"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOOM_STUDIO_")) {
        command.env_remove(name);
    }
    command
        .env("XDG_DATA_HOME", data_home())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What a command that ends by itself had to say.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn outcome(mut command: Command) -> Outcome {
    let output = within("the end of the command", command.output())
        .await
        .unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A serving process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) addr: SocketAddr,
    pub(crate) url: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
}

impl Process {
    /// On a free port, with events in memory.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::of(command(&[&["--port", "0", "--memory"], arguments].concat())).await
    }

    pub(crate) async fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        // Read all the time: a full pipe would stop the server.
        let stderr = tokio::spawn(async move {
            let mut text = String::new();
            errors.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut url = String::new();
        within("the URL", stdout.read_line(&mut url)).await.unwrap();
        let host = url
            .trim_end()
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let host = host.unwrap_or_else(|| panic!("no URL on standard output: {url:?}"));
        Self {
            addr: host.parse().unwrap(),
            url,
            child,
            stdout,
            stderr,
        }
    }

    fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh")
            .args(["-c", &kill])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    /// How it ended, what it wrote to standard output after the URL, and its log.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String, String) {
        let status = within("the end of the process", self.child.wait())
            .await
            .unwrap();
        let mut rest = String::new();
        within("standard output", self.stdout.read_to_string(&mut rest))
            .await
            .unwrap();
        (status, rest, within("the log", self.stderr).await.unwrap())
    }

    /// The most memory it ever held, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.status_kib("VmHWM:") << 10
    }

    /// The memory it holds, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status_kib("VmRSS:") << 10
    }

    fn status_kib(&self, name: &str) -> u64 {
        let path: PathBuf = format!("/proc/{}/status", self.id()).into();
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }
}
