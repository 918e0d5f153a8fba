//! A server under measurement: processes of its own on their own core, with their CPU time and memory.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

use crate::machine::{Cores, possible_connections};

/// Where a process finds the first socket that is passed to it (sd_listen_fds(3)).
const FIRST_PASSED: i32 = 3;
/// Connections that the kernel keeps until they are accepted, at most net.core.somaxconn.
const LISTEN_BACKLOG: i32 = 4096;
/// No server takes longer to start.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    /// The server, and other processes that it needs.
    children: Vec<Child>,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// Where a publisher connects to each process, if the server is fed over TCP.
    pub(crate) feeds: Vec<SocketAddr>,
}

/// Settings of one of our servers that differ from the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// Threads of its hub. The default is the number of cores.
    pub(crate) hub_threads: Option<usize>,
    /// Events of each channel that it keeps.
    pub(crate) history_events: Option<usize>,
    /// A socket that it accepts from, which others may share.
    pub(crate) listener: Option<&'a TcpListener>,
    /// Further flags of the broadcaster.
    pub(crate) flags: &'a [&'a str],
}

impl Options<'_> {
    fn apply(self, command: &mut Command) -> anyhow::Result<()> {
        // An older build, to compare with, may not know the option.
        if let Some(threads) = self.hub_threads {
            command.args(["--hub-threads", &threads.to_string()]);
        }
        if let Some(events) = self.history_events {
            command.args(["--history-events", &events.to_string()]);
        }
        if let Some(listener) = self.listener {
            let parent_fd = listener.try_clone()?.into();
            command.fd_mappings(vec![FdMapping { parent_fd, child_fd: FIRST_PASSED }])?;
            // LISTEN_PID is not known yet. Without it, the server that is started takes the socket.
            command.env("LISTEN_FDS", "1");
        }
        Ok(())
    }
}

/// A socket that several servers can accept from.
pub(crate) fn shared_listener() -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(LISTEN_BACKLOG)?;
    // A server that is woken may find that another one has accepted the connection already.
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Process {
    /// Starts one of our own servers: `bench serve ...` prints `clients ADDRESS` and perhaps `feed ADDRESS`.
    pub(crate) fn own(
        options: Options<'_>,
        cores: Cores,
        server: &str,
        queue: Option<&Path>,
    ) -> anyhow::Result<Process> {
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.args(["serve", server]);
        options.apply(&mut command)?;
        if let Some(queue) = queue {
            command.arg("--queue").arg(queue);
        }
        Process::announced(cores, &mut command)
    }

    /// Starts a server that prints where it listens, and ends with its standard input.
    pub(crate) fn announced(cores: Cores, command: &mut Command) -> anyhow::Result<Process> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn().context("cannot start a server"))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut next = |what: &str| -> anyhow::Result<Option<SocketAddr>> {
            let line = lines.next().context("the server ended")??;
            let address = line.strip_prefix(what).with_context(|| format!("unexpected: {line}"))?.trim();
            Ok((address != "none").then(|| address.parse()).transpose()?)
        };
        let address = next("clients")?.context("no address")?;
        let feeds = next("feed")?.into_iter().collect();
        Ok(Process { children: vec![child], address, feeds })
    }

    /// Starts a server that listens on the given addresses, and returns when it does.
    pub(crate) fn listening_on(
        cores: Cores,
        command: &mut Command,
        address: SocketAddr,
        feed: SocketAddr,
    ) -> anyhow::Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = cores.on_server(|| command.spawn().context("cannot start a server"))?;
        let mut process = Process { children: vec![child], address, feeds: vec![feed] };
        let begun = Instant::now();
        for address in [address, feed] {
            while TcpStream::connect(address).is_err() {
                ensure!(process.children[0].try_wait()?.is_none(), "{command:?} ended");
                ensure!(begun.elapsed() < TIMEOUT, "{command:?} does not listen on {address}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(process)
    }

    /// The same server with another one that feeds it: CPU time and memory are those of both.
    pub(crate) fn fed_by(mut self, mut other: Process) -> Process {
        self.children.append(&mut other.children);
        self.feeds = std::mem::take(&mut other.feeds);
        self
    }

    /// The same server with another process of it, which accepts from the same socket.
    pub(crate) fn beside(mut self, mut other: Process) -> Process {
        self.children.append(&mut other.children);
        self.feeds.append(&mut other.feeds);
        self
    }

    /// Starts the broadcaster as it is shipped, everything on.
    pub(crate) fn broadcaster(cores: Cores, program: &Path, queue: &Path) -> anyhow::Result<Process> {
        Process::broadcaster_of(Options::default(), cores, program, queue)
    }

    /// The same with options.
    pub(crate) fn broadcaster_of(
        options: Options<'_>,
        cores: Cores,
        program: &Path,
        queue: &Path,
    ) -> anyhow::Result<Process> {
        let mut command = Command::new(program);
        options.apply(&mut command)?;
        command.arg("--queue").arg(queue).args(["--listen", "127.0.0.1:0"]);
        command.args(["--max-connections", &possible_connections().to_string()]);
        command.args(options.flags);
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
            if is_news(&line) {
                eprint!("broadcaster: {line}");
            }
        };
        // A full pipe would stop the broadcaster; the thread ends with it.
        std::thread::spawn(move || {
            let mut rest = String::new();
            if log.read_to_string(&mut rest).is_ok() {
                rest.lines().filter(|line| is_news(line)).for_each(|line| eprintln!("broadcaster: {line}"));
            }
        });
        Ok(Process { children: vec![child], address, feeds: Vec::new() })
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
        Ok(Process { children: vec![child], address, feeds: Vec::new() })
    }

    /// CPU seconds so far, all processes and threads, user and system.
    pub(crate) fn cpu_secs(&self) -> anyhow::Result<f64> {
        let mut nanos = 0;
        for child in &self.children {
            for task in std::fs::read_dir(format!("/proc/{}/task", child.id()))? {
                let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
                nanos += stat.split(' ').next().unwrap_or_default().parse::<u64>().context("no CPU time")?;
            }
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Resident bytes of all processes, without pages that they share.
    pub(crate) fn private_bytes(&self) -> anyhow::Result<u64> {
        self.children.iter().map(|child| private_bytes(child.id())).sum()
    }

    /// Begins to look anew for the most memory that it has at a time.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        // proc_pid_clear_refs(5)
        let forget = |child: &Child| std::fs::write(format!("/proc/{}/clear_refs", child.id()), "5");
        self.children.iter().try_for_each(forget).context("cannot forget the most memory that was used")
    }

    /// The most resident bytes that each process had since then, added up.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        let peak = |child: &Child| size_in(&format!("/proc/{}/status", child.id()), "VmHWM:");
        self.children.iter().map(peak).sum()
    }

    /// Stops it where it is, and lets it continue when what is returned is dropped.
    pub(crate) fn pause(&self) -> anyhow::Result<Paused<'_>> {
        self.signal(Signal::STOP)?;
        Ok(Paused(self))
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let signal_to = |child| kill_process(Pid::from_child(child), signal).context("the server ended");
        self.children.iter().try_for_each(signal_to)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.children[0].id()
    }
}

/// A server that was stopped, until this is dropped.
#[derive(Debug)]
pub(crate) struct Paused<'a>(&'a Process);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        // If it has ended, the next use of it says so.
        let _ = self.0.signal(Signal::CONT);
    }
}

/// Whether a line of the log matters for the measurement. Errors before the start are not JSON.
fn is_news(line: &str) -> bool {
    !line.contains(r#""level":"INFO""#)
}

fn private_bytes(id: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{id}/smaps_rollup");
    Ok(size_in(&path, "Private_Clean:")? + size_in(&path, "Private_Dirty:")?)
}

/// The size that a file of /proc names so, in bytes.
fn size_in(path: &str, key: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.starts_with(key)).with_context(|| format!("no {key} in {path}"))?;
    Ok(line.split_whitespace().nth(1).context("no size")?.parse::<u64>()? * 1024)
}

impl Drop for Process {
    fn drop(&mut self) {
        // They may have ended already.
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        // The kernel frees thousands of sockets; what is measured next should not pay for it.
        std::thread::sleep(Duration::from_millis(20));
    }
}
