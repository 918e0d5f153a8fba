//! A producer as a process of its own, so that it can be killed: this test binary, which runs one ignored test.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use queue::{NewEvent, Priority, Uid, Writer};
use rustix::fs::Mode;
use rustix::process::{Signal, chroot, umask as umask_of_process};
use testkit::{Process, public_copy};

const QUEUE: &str = "FAULTS_QUEUE";
const JOURNAL: &str = "FAULTS_JOURNAL";
const ID: &str = "FAULTS_ID";
const COUNT: &str = "FAULTS_COUNT";
const PAUSE: &str = "FAULTS_PAUSE_MICROS";
const ROOT: &str = "FAULTS_ROOT";
const BATCHES: &str = "FAULTS_BATCHES";
const UMASK: &str = "FAULTS_UMASK";

/// Events that a producer queues at once, if it is one of batches.
pub(crate) const BATCH: usize = 3;

/// Queues `[id,0]`, `[id,1]` and so on, and notes each success in its journal.
pub(crate) struct Producer {
    process: Process,
    journal: PathBuf,
    pub(crate) id: usize,
}

impl Producer {
    /// Starts one that runs until it is killed, with a journal in `root`.
    pub(crate) fn start(root: &Path, queue: &Path, id: usize) -> Producer {
        Producer::paced(root, queue, id, Duration::from_micros(300))
    }

    /// The same with another pause between its events: it is to be killed at work, not to fill the disk.
    pub(crate) fn paced(root: &Path, queue: &Path, id: usize, pause: Duration) -> Producer {
        Producer::run(root, id, pause, command(&std::env::current_exe().unwrap(), queue, id))
    }

    /// The same, which queues [`BATCH`] events in each entry.
    pub(crate) fn of_batches(root: &Path, queue: &Path, id: usize) -> Producer {
        let mut command = command(&std::env::current_exe().unwrap(), queue, id);
        command.env(BATCHES, "1");
        Producer::run(root, id, Duration::from_micros(600), command)
    }

    fn run(root: &Path, id: usize, pause: Duration, mut command: Command) -> Producer {
        let journal = root.join(format!("journal-{id}"));
        File::create(&journal).unwrap();
        command.env(JOURNAL, &journal).env(PAUSE, pause.as_micros().to_string());
        Producer { process: Process::spawn(&mut command), journal, id }
    }

    /// Stops it, and waits until it stands still.
    pub(crate) fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// For how many events it got success.
    pub(crate) fn queued(&self) -> usize {
        fs::metadata(&self.journal).unwrap().len() as usize
    }
}

/// Lets a producer make `root` its root directory before it begins, as php-fpm's `chroot` does. Needs root.
pub(crate) fn within_root(command: &mut Command, root: &Path) {
    command.env(ROOT, root);
}

/// A copy of the producer's program that every user may run.
pub(crate) fn public_program(directory: &Path) -> PathBuf {
    public_copy(&std::env::current_exe().unwrap(), directory)
}

/// Sets the umask of a producer.
pub(crate) fn with_umask(command: &mut Command, umask: u32) {
    command.env(UMASK, umask.to_string());
}

/// A command that queues `[id,0]` up to `[id,count - 1]` and ends well if all were queued.
pub(crate) fn bounded(program: &Path, queue: &Path, id: usize, count: usize) -> Command {
    let mut command = command(program, queue, id);
    command.env(COUNT, count.to_string());
    command
}

fn command(program: &Path, queue: &Path, id: usize) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "support::producer::runs_in_a_process_of_its_own", "--ignored", "--nocapture"]);
    command.env(QUEUE, queue).env(ID, id.to_string());
    command
}

#[test]
#[ignore = "it is the producer process of other tests"]
fn runs_in_a_process_of_its_own() {
    let Some(queue) = std::env::var_os(QUEUE) else { return };
    let number = |key| std::env::var(key).ok().and_then(|text| text.parse::<usize>().ok());
    let id = number(ID).unwrap();
    let mut journal = std::env::var_os(JOURNAL).map(|path| OpenOptions::new().append(true).open(path).unwrap());
    let pause = Duration::from_micros(number(PAUSE).unwrap_or(0) as u64);
    if let Some(umask) = number(UMASK) {
        umask_of_process(Mode::from_raw_mode(umask as u32));
    }
    if let Some(root) = std::env::var_os(ROOT) {
        chroot(root).unwrap();
        std::env::set_current_dir("/").unwrap();
    }
    let writer = Writer::new(queue);
    let batch = if std::env::var_os(BATCHES).is_some() { BATCH } else { 1 };
    for first in (0..number(COUNT).unwrap_or(usize::MAX)).step_by(batch) {
        let payloads: Vec<String> = (first..first + batch).map(|event| payload(id, event)).collect();
        if batch == 1 {
            writer.enqueue(br#""test""#, payloads[0].as_bytes()).unwrap();
        } else {
            let events: Vec<NewEvent<'_>> = payloads.iter().map(|payload| new_event(payload)).collect();
            writer.enqueue_events(&events, Priority::Normal).unwrap();
        }
        if let Some(journal) = &mut journal {
            journal.write_all(&vec![b'.'; batch]).unwrap();
        }
        std::thread::sleep(pause);
    }
}

/// Now and then a large one, so that frames are written in parts.
fn payload(id: usize, event: usize) -> String {
    match event % 50 {
        49 => format!("[{id},{event},\"{}\"]", "x".repeat(20_000)),
        _ => format!("[{id},{event}]"),
    }
}

/// An event for everybody that has this payload.
pub(crate) fn new_event(payload: &str) -> NewEvent<'_> {
    NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: payload.as_bytes(),
        channels: None,
        ttl: None,
        key: None,
        except: None,
    }
}
