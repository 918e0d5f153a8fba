//! A child process: what it prints is kept, and it is ended and reaped with the value.
//!
//! Tests with threads call what blocks, tests on a runtime what is `async`: their clients have to be read meanwhile.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::{INTERVAL, eventually, until};

/// A running child.
pub struct Process {
    name: String,
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

impl Process {
    /// A command whose process ends with the thread that starts it, even if that is killed. Its children end with it.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        Self::command_of(program, &[])
    }

    /// The same for a process of another user and its group, which only root can start.
    pub fn command_as(user: u32, program: impl AsRef<OsStr>) -> Command {
        Self::command_of(program, &[format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()])
    }

    fn command_of(program: impl AsRef<OsStr>, identity: &[String]) -> Command {
        let mut command = Command::new("setpriv");
        // A group of its own, so that no grandchild outlives it.
        command.process_group(0).args(["--pdeathsig", "TERM"]).args(identity).arg("--").arg(program);
        command
    }

    /// Starts any command.
    pub fn spawn(command: &mut Command) -> Process {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn_as_it_is(command)
    }

    /// The same with standard streams that the test has chosen. What goes to a pipe is kept.
    pub fn spawn_as_it_is(command: &mut Command) -> Process {
        let after_setpriv = command.get_args().skip_while(|arg| *arg != "--").nth(1);
        let program = after_setpriv.filter(|_| command.get_program() == "setpriv").unwrap_or(command.get_program());
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        let stdout = Captured::read(child.stdout.take());
        let stderr = Captured::read(child.stderr.take());
        Process { name, child, stdout, stderr }
    }

    /// The lines that it has printed to standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// The lines that it has printed to standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Waits for a line of either output that the function makes something of. `None` when the process ends without.
    pub async fn line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let what = format!("{}: {what}", self.name);
        eventually(&what, || self.poll_line(&find)).await
    }

    /// Blocks until there is such a line.
    pub fn await_line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let what = format!("{}: {what}", self.name);
        until(&what, || self.poll_line(&find)).unwrap_or_else(|| panic!("{what}: it ended before"))
    }

    fn poll_line<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        // The end first: a line may come between the two looks.
        let has_ended = self.poll_exit().is_some();
        let found =
            [&self.stdout, &self.stderr].iter().find_map(|output| output.lines().iter().find_map(|line| find(line)));
        found.map(Some).or(has_ended.then_some(None))
    }

    /// Waits for its end and for all that it printed.
    pub async fn exit(&mut self) -> ExitStatus {
        let what = format!("{} exits", self.name);
        eventually(&what, || self.poll_exit()).await
    }

    /// The same for a program that takes long and has deadlines of its own.
    pub async fn exit_in_its_time(&mut self) -> ExitStatus {
        while !self.has_exited() {
            tokio::time::sleep(INTERVAL).await;
        }
        self.exit().await
    }

    /// Blocks until its end and for all that it printed.
    pub fn await_exit(&mut self) -> ExitStatus {
        let what = format!("{} exits", self.name);
        until(&what, || self.poll_exit())
    }

    fn poll_exit(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().unwrap()?;
        (self.stdout.state().has_ended && self.stderr.state().has_ended).then_some(status)
    }

    /// Whether it has ended. What it printed may still come.
    pub fn has_exited(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal. After SIGSTOP, none of its threads runs when this returns.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
        // A signal is delivered between two system calls, and on a busy machine threads go on for a while.
        if signal == Signal::STOP {
            until("all threads stand still", || self.is_stopped());
        }
    }

    /// Kills it at once, and waits until the system has done so.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (stdout, stderr) = (self.stdout().join("\n"), self.stderr().join("\n"));
            eprintln!("--- {} printed ---\n{stdout}\n{stderr}\n--- end of {0} ---", self.name);
        }
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // The group if it leads one, so that the workers of a master end with it. Its number is not free before it is
        // reaped.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For commands that end by themselves.
pub trait Finish {
    /// Blocks until the end, and returns what the command printed. A process that does not end is killed.
    fn finish(&mut self) -> Output;
}

impl Finish for Command {
    fn finish(&mut self) -> Output {
        let mut process = Process::spawn(self);
        let status = process.await_exit();
        let [stdout, stderr] =
            [&process.stdout, &process.stderr].map(|output| std::mem::take(&mut output.state().bytes));
        Output { status, stdout, stderr }
    }
}

/// What comes from a pipe, read by a thread that ends with the pipe.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Captured {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Captured {
        let captured = Captured::default();
        let Some(mut pipe) = pipe else {
            captured.state().has_ended = true;
            return captured;
        };
        let writer = captured.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                writer.state().bytes.extend_from_slice(&buffer[..read]);
            }
            writer.state().has_ended = true;
        });
        captured
    }

    /// The lines that are complete.
    fn lines(&self) -> Vec<String> {
        let state = self.state();
        let end = state.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let complete = if state.has_ended { &state.bytes[..] } else { &state.bytes[..end] };
        let lines = complete.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}
