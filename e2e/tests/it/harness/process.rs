//! A child process: its output is kept, and it is ended and reaped with the value.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::process::Pid;

pub(crate) use rustix::process::Signal;

use super::wait::eventually;

/// A running child.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

impl Process {
    /// A command whose process ends with this one, even if this one is killed.
    pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
        Self::command_of(program, &[])
    }

    /// The same for a process of another user and its group, which only root can start.
    pub(crate) fn command_as(user: u32, program: impl AsRef<OsStr>) -> Command {
        Self::command_of(program, &[format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()])
    }

    fn command_of(program: impl AsRef<OsStr>, identity: &[String]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).args(identity).arg("--").arg(program);
        command
    }

    pub(crate) fn spawn(command: &mut Command) -> Process {
        let name = command
            .get_args()
            .skip_while(|arg| *arg != "--")
            .nth(1)
            .and_then(|program| Path::new(program).file_name())
            .expect("a command of Process::command")
            .to_string_lossy()
            .into_owned();
        let mut child = command
            // A group of its own, so that no grandchild outlives it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {name} by setpriv (of util-linux): {error}"));
        let stdout = Captured::read(child.stdout.take().expect("a piped stdout"));
        let stderr = Captured::read(child.stderr.take().expect("a piped stderr"));
        Process { name, child, stdout, stderr }
    }

    /// What it has printed to standard output so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.state().lines.clone()
    }

    /// What it has printed to standard error so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.state().lines.clone()
    }

    /// Waits for a line of either output that the function makes something of. `None` when the process ends without.
    pub(crate) async fn line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let name = self.name.clone();
        let outputs = [self.stdout.clone(), self.stderr.clone()];
        let mut exited = false;
        eventually(&format!("{name}: {what}"), || {
            let found = outputs.iter().find_map(|output| output.state().lines.iter().find_map(|line| find(line)));
            // One more look after the end, for what it printed last.
            let was_exited = exited && outputs.iter().all(|output| output.state().ended);
            exited = exited || self.try_wait().is_some();
            found.map(Some).or(was_exited.then_some(None))
        })
        .await
    }

    /// Waits for its end and for all it printed.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let what = format!("{} exits", self.name);
        eventually(&what, || {
            let status = self.try_wait()?;
            (self.stdout.state().ended && self.stderr.state().ended).then_some(status)
        })
        .await
    }

    /// The same for a program that takes long and has deadlines of its own.
    pub(crate) async fn exit_in_its_time(&mut self) -> ExitStatus {
        while !self.has_exited() {
            tokio::time::sleep(super::wait::INTERVAL).await;
        }
        self.exit().await
    }

    /// Whether it has ended.
    pub(crate) fn has_exited(&mut self) -> bool {
        self.try_wait().is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
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
        // The group, so that the workers of a master end with it. Its id is not free before the child is reaped.
        let _ = rustix::process::kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The lines of one output, read by a thread that ends with the pipe.
#[derive(Clone)]
struct Captured(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Captured {
    fn read(pipe: impl Read + Send + 'static) -> Captured {
        let captured = Captured(Arc::default());
        let writer = captured.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                writer.state().lines.push(String::from_utf8_lossy(&line).into_owned());
            }
            writer.state().ended = true;
        });
        captured
    }

    fn state(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap()
    }
}
