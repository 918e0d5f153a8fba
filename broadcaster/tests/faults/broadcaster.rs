//! The broadcaster as a child process, with its log and what /proc tells of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::queue_dir::QueueDir;
use crate::wait::{TIMEOUT, until};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_fastapi-broadcaster");

/// A running broadcaster, killed with the value.
pub(crate) struct Broadcaster {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: Option<SocketAddr>,
}

/// A command that runs a program with nothing of our environment that it could take for settings.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// Commands that end by themselves.
pub(crate) trait Ending {
    /// What it says. One that does not end, ends the tests: nobody knows its process, and waiting for it would be for ever.
    fn finish(&mut self) -> Output;
}

impl Ending for Command {
    fn finish(&mut self) -> Output {
        let described = format!("{self:?}");
        let (ended, end) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if end.recv_timeout(TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) {
                    eprintln!("{described} does not end");
                    std::process::exit(101);
                }
            });
            let output = self.output().unwrap();
            drop(ended);
            output
        })
    }
}

/// The arguments that every broadcaster of these tests has: a port of its own, a look at the directory often, and a short
/// time at the end for clients that do not answer.
pub(crate) fn arguments(queue: &Path) -> Vec<String> {
    let queue = queue.to_str().unwrap();
    let all = ["--queue", queue, "--listen", "127.0.0.1:0", "--scan-interval-secs", "0.02", GRACE, "0.5"];
    all.map(str::to_owned).into()
}

/// How long clients may take to leave. Tests whose clients read to the end say how long.
pub(crate) const GRACE: &str = "--shutdown-grace-secs";

impl Broadcaster {
    pub(crate) fn start(queue: &Path) -> Broadcaster {
        Broadcaster::with(queue, &[])
    }

    /// Starts with further flags and waits until it listens.
    pub(crate) fn with(queue: &Path, flags: &[&str]) -> Broadcaster {
        Broadcaster::of(Path::new(BINARY), queue, flags)
    }

    /// Runs it as another user, who may write to the queue directory by its group. Only root can.
    pub(crate) fn run_by(user: u32, group: u32, queue: &QueueDir, flags: &[&str]) -> Broadcaster {
        let mut command = command(queue.public_binary());
        command.args(arguments(&queue.path())).args(flags).uid(user).gid(group);
        Broadcaster::spawn(command).listening()
    }

    /// The same with another binary than the one under test.
    pub(crate) fn of(binary: &Path, queue: &Path, flags: &[&str]) -> Broadcaster {
        let mut command = command(binary);
        for usual in arguments(queue).chunks(2).filter(|usual| !flags.contains(&usual[0].as_str())) {
            command.args(usual);
        }
        command.args(flags);
        Broadcaster::spawn(command).listening()
    }

    /// Starts without waiting for anything.
    pub(crate) fn spawn(command: Command) -> Broadcaster {
        Broadcaster::spawn_with_stdin(command, Stdio::null())
    }

    pub(crate) fn spawn_with_stdin(mut command: Command, stdin: Stdio) -> Broadcaster {
        let mut child = command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (log.clone(), BufReader::new(child.stderr.take().unwrap()));
        // The thread ends with the child's standard error.
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line))
        });
        Broadcaster { child, log, address: None }
    }

    /// The same with another place for its log, which is not looked at, on a socket that was passed to it.
    pub(crate) fn logging_to(stderr: Stdio, mut command: Command, socket: &TcpListener) -> Broadcaster {
        let stdin = Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let child = command.stdin(stdin).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Broadcaster { child, log: Arc::default(), address: Some(socket.local_addr().unwrap()) }
    }

    /// Waits until it says where it listens.
    pub(crate) fn listening(mut self) -> Broadcaster {
        self.await_log("listening address=");
        let line = self.log_lines("listening address=").remove(0);
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap();
        self.address = Some(address.parse().unwrap());
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("it is listening")
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The process that it runs, if it only runs another.
    pub(crate) fn only_child(&self) -> Pid {
        let children = fs::read_to_string(self.proc(&format!("task/{}/children", self.child.id()))).unwrap();
        Pid::from_raw(children.trim().parse().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
        // On a busy machine its threads go on for a while.
        if signal == Signal::STOP {
            until("all threads stand still", || self.stands_still());
        }
    }

    fn stands_still(&self) -> bool {
        let is_stopped = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        fs::read_dir(self.proc("task")).unwrap().all(|task| is_stopped(task.unwrap()))
    }

    /// Kills it at once, and waits until the system has done so.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end.
    pub(crate) fn exited(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {:#?}", self.log_lines(""));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Asks it to stop, and waits for it to have done so properly.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.exited();
        assert!(status.success(), "{status}: {:#?}", self.log_lines(""));
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The lines of the log that contain a text.
    pub(crate) fn log_lines(&self, text: &str) -> Vec<String> {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    pub(crate) fn await_log(&mut self, text: &str) {
        let deadline = Instant::now() + TIMEOUT;
        while self.log_lines(text).is_empty() {
            assert!(self.is_running() && Instant::now() < deadline, "no {text:?} in {:#?}", self.log_lines(""));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Processor time that it has used, in hundredths of a second.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Asserts that it is idle, over a second in which a busy loop would use a hundred ticks.
    pub(crate) fn assert_idle(&self) {
        let before = self.cpu_ticks();
        std::thread::sleep(Duration::from_secs(1));
        let used = self.cpu_ticks() - before;
        assert!(used < 30, "{used} ticks in a second without work");
    }

    /// A value of /proc/PID/status in kilobytes, such as `VmHWM`, the most memory that it ever had.
    pub(crate) fn memory_kb(&self, key: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    pub(crate) fn await_descriptors(&self, count: usize) {
        until(&format!("{count} open descriptors"), || self.descriptors() == count);
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of the broadcaster: {:#?}", self.log_lines(""));
        }
    }
}
