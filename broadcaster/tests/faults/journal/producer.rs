//! A producer of the journal as a process of its own, so that it can be killed: this test binary, which runs one ignored
//! test. It changes between both forms of the queue, as if the setting were changed under load.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use queue::{AppendError, AppendOptions, DEFAULT_MAX_EVENT_BYTES, Durability, JournalWriter, Priority, Writer};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use testkit::Process;

use crate::support::Random;
use crate::support::producer::new_event;

const QUEUE: &str = "JOURNAL_QUEUE";
const NOTES: &str = "JOURNAL_NOTES";
const ID: &str = "JOURNAL_ID";
const LIMIT: &str = "JOURNAL_LIMIT";

/// Events that are queued at once now and then.
const BATCH: usize = 3;
/// A producer waits while so many segments or files are there: the reader may be dead.
const MUCH: usize = 300;

/// Queues `[id,0,filler]`, `[id,1,filler]` and so on, and notes after each success how many it has queued.
pub(crate) struct Appender {
    process: Process,
    notes: PathBuf,
    pub(crate) id: usize,
}

impl Appender {
    /// Starts one that runs until it is killed, and notes its success in `root`.
    pub(crate) fn start(root: &Path, queue: &Path, id: usize) -> Appender {
        Appender::of(root, id, command(root, queue, id))
    }

    /// The same with a clock that is set by what a file says.
    pub(crate) fn with_clock(root: &Path, queue: &Path, id: usize, library: &Path, clock: &Path) -> Appender {
        let mut command = command(root, queue, id);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Appender::of(root, id, command)
    }

    /// One whose files may have so many bytes. It waits for nobody.
    pub(crate) fn with_limit(root: &Path, queue: &Path, id: usize, bytes: usize) -> Appender {
        // The system refuses to write instead of sending a signal, if that is ignored.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let mut command = command_of(shell, root, queue, id);
        command.env(LIMIT, bytes.to_string());
        Appender::of(root, id, command)
    }

    fn of(root: &Path, id: usize, mut command: Command) -> Appender {
        let notes = notes(root, id);
        File::create(&notes).unwrap();
        Appender { process: Process::spawn(&mut command), notes, id }
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

    /// Waits until it has ended with an error, and returns what it said.
    pub(crate) fn await_failure(&mut self) -> Vec<String> {
        let status = self.process.await_exit();
        assert!(!status.success(), "{status}");
        [self.process.stdout(), self.process.stderr()].concat()
    }

    /// For how many events it got success.
    pub(crate) fn queued(&self) -> usize {
        let digits = fs::read_to_string(&self.notes).unwrap();
        digits.trim().parse().unwrap_or(0)
    }

    /// How many events it may have queued: it may have died between queueing an entry and noting it.
    pub(crate) fn may_have_queued(&self, received: usize) -> bool {
        let queued = self.queued();
        received == queued || received == queued + entry_at(self.id, queued)
    }
}

fn notes(root: &Path, id: usize) -> PathBuf {
    root.join(format!("notes-{id}"))
}

fn command(root: &Path, queue: &Path, id: usize) -> Command {
    command_of(Command::new(std::env::current_exe().unwrap()), root, queue, id)
}

fn command_of(mut command: Command, root: &Path, queue: &Path, id: usize) -> Command {
    command.args(["--exact", "journal::producer::runs_in_a_process_of_its_own", "--ignored", "--nocapture"]);
    command.env(QUEUE, queue).env(NOTES, notes(root, id)).env(ID, id.to_string());
    command
}

/// The lane of a producer.
fn priority(id: usize) -> Priority {
    match id % 8 {
        0 => Priority::High,
        1 => Priority::Low,
        _ => Priority::Normal,
    }
}

/// How many events the entry has that begins with this event.
fn entry_at(id: usize, event: usize) -> usize {
    if (id + event * 7).is_multiple_of(11) { BATCH } else { 1 }
}

/// How long the filler of an event is: up to 64 kB, mostly short.
fn filler(id: usize, event: usize) -> usize {
    let mut random = Random::with_seed(((id as u64) << 32) ^ (event as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // The first numbers of seeds that differ little are much alike.
    for _ in 0..3 {
        random.below(2);
    }
    match random.below(100) {
        0 => 64_000,
        1..4 => random.below(60_000),
        _ => random.below(400),
    }
}

fn payload(id: usize, event: usize) -> String {
    format!("[{id},{event},\"{}\"]", "x".repeat(filler(id, event)))
}

/// Whether a payload is what a producer has queued, all of it.
pub(crate) fn is_whole(id: usize, event: usize, text: &str) -> bool {
    let head = format!("[{id},{event},\"");
    let is_filled = |rest: &str| rest.len() == filler(id, event) && rest.bytes().all(|byte| byte == b'x');
    text.strip_prefix(&head).and_then(|rest| rest.strip_suffix("\"]")).is_some_and(is_filled)
}

fn is_much_there(queue: &Path) -> bool {
    let count = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    count(&queue.join("journal")) > MUCH || count(queue) > MUCH
}

#[test]
#[ignore = "it is the producer process of other tests"]
fn runs_in_a_process_of_its_own() {
    let Some(queue) = std::env::var_os(QUEUE).map(PathBuf::from) else { return };
    let id = std::env::var(ID).unwrap().parse::<usize>().unwrap();
    let limit = std::env::var(LIMIT).ok().map(|bytes| bytes.parse().unwrap());
    if limit.is_some() {
        setrlimit(Resource::Fsize, Rlimit { current: limit, maximum: limit }).unwrap();
    }
    let notes = File::options().write(true).open(std::env::var_os(NOTES).unwrap()).unwrap();
    let mut random = Random::with_seed(id as u64 * 7919 + u64::from(std::process::id()));
    let (files, mut journal) = (Writer::new(&queue), JournalWriter::new());
    let options = AppendOptions {
        priority: priority(id),
        durability: Durability::None,
        max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
    };
    let (mut first, mut burst, mut is_journal, mut left_of_form) = (0, 50_usize, true, 300);
    loop {
        let payloads: Vec<String> = (first..first + entry_at(id, first)).map(|event| payload(id, event)).collect();
        let events: Vec<_> = payloads.iter().map(|payload| new_event(payload)).collect();
        let is_appended = is_journal
            && match journal.append(&queue, &events, options) {
                Ok(_) => true,
                Err(AppendError::NoReader | AppendError::NoLocks(_)) => false,
                Err(error) => panic!("{error}"),
            };
        if !is_appended {
            files.enqueue_events(&events, options.priority).unwrap();
        }
        first += events.len();
        notes.write_all_at(format!("{first:<20}").as_bytes(), 0).unwrap();
        (burst, left_of_form) = (burst.saturating_sub(1), left_of_form - 1);
        if left_of_form == 0 {
            is_journal = !is_journal;
            left_of_form = 1 + random.below(if is_journal { 2000 } else { 200 });
        }
        if burst == 0 && limit.is_none() {
            burst = 1 + random.below(400);
            // Pauses of random length are a part of the load. No test waits for a time.
            std::thread::sleep(Duration::from_micros(random.below(20_000) as u64));
            while is_much_there(&queue) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
