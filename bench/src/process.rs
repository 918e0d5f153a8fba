//! A server under measurement: a process of its own on its own core, with its CPU time and memory.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::machine::Cores;

/// More than any load has, fewer than files may be open.
const MAX_CONNECTIONS: &str = "19000";

/// Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// Where a publisher connects, if the server is fed over TCP.
    pub(crate) feed: Option<SocketAddr>,
}

impl Process {
    /// Starts one of our own servers: `bench serve ...` prints `clients ADDRESS` and perhaps `feed ADDRESS`.
    pub(crate) fn own(cores: Cores, server: &str, queue: Option<&Path>) -> anyhow::Result<Process> {
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.args(["serve", server]);
        if let Some(queue) = queue {
            command.arg("--queue").arg(queue);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn().context("cannot start a server"))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut next = |what: &str| -> anyhow::Result<Option<SocketAddr>> {
            let line = lines.next().with_context(|| format!("the server {server} ended"))??;
            let address = line.strip_prefix(what).with_context(|| format!("unexpected: {line}"))?.trim();
            Ok((address != "none").then(|| address.parse()).transpose()?)
        };
        let address = next("clients")?.context("no address")?;
        let feed = next("feed")?;
        Ok(Process { child, address, feed })
    }

    /// Starts the broadcaster as it is shipped, everything on.
    pub(crate) fn broadcaster(cores: Cores, program: &Path, queue: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(program);
        command.arg("--queue").arg(queue).args(["--listen", "127.0.0.1:0", "--max-connections", MAX_CONNECTIONS]);
        command.args(["--log-format", "json"]).env("RUST_LOG", "info").stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = cores.on_server(|| {
            command.spawn().with_context(|| format!("cannot start {}: run 'make build' first", program.display()))
        })?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let address = loop {
            let mut line = String::new();
            ensure!(log.read_line(&mut line)? > 0, "the broadcaster did not start");
            if let Some((_, rest)) = line.split_once(r#""address":""#) {
                break rest.split('"').next().unwrap_or_default().parse().context("no address")?;
            }
            eprint!("broadcaster: {line}");
        };
        // A full pipe would stop the broadcaster; the thread ends with it.
        std::thread::spawn(move || {
            let mut rest = String::new();
            if log.read_to_string(&mut rest).is_ok() {
                let is_news = |line: &&str| line.contains("WARN") || line.contains("ERROR");
                rest.lines().filter(is_news).for_each(|line| eprintln!("broadcaster: {line}"));
            }
        });
        Ok(Process { child, address, feed: None })
    }

    /// Starts a PHP script that serves, with the extension.
    pub(crate) fn php(cores: Cores, php: &str, extension: &Path, script: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(php);
        command.args(["-n", "-d"]).arg(format!("extension={}", extension.display())).arg(script);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn().with_context(|| format!("cannot run {php}")))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("WebSocket server started on ws://");
        let address = address.with_context(|| format!("unexpected: {line}"))?.parse()?;
        Ok(Process { child, address, feed: None })
    }

    /// CPU seconds of the process so far, all threads, user and system.
    pub(crate) fn cpu_secs(&self) -> anyhow::Result<f64> {
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += stat.split(' ').next().unwrap_or_default().parse::<u64>().context("no CPU time")?;
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Resident bytes of the process that are its own.
    pub(crate) fn private_bytes(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let of = |key: &str| -> anyhow::Result<u64> {
            let line = text.lines().find(|line| line.starts_with(key)).with_context(|| format!("no {key}"))?;
            Ok(line.split_whitespace().nth(1).context("no size")?.parse::<u64>()? * 1024)
        };
        Ok(of("Private_Clean:")? + of("Private_Dirty:")?)
    }

    /// Its number, to find it by.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The kernel frees thousands of sockets; what is measured next should not pay for it.
        std::thread::sleep(Duration::from_millis(20));
    }
}
