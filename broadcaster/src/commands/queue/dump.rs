//! `fastapi-broadcaster queue dump`: what waits in both forms of the queue, in one order.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use queue::{Content, Seen, Waiting, shown_bytes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use super::cannot_read;
use crate::output::message_in_one_line;

/// How often segments are looked at. To be told of each record would cost their producers more than the records do.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often it is checked that the folders are the ones that are watched.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of reports that are read at once.
const REPORTS: usize = 16 * 1024;

/// Prints what waits.
pub(super) fn once(queue: &Path, max_event_bytes: u64) -> anyhow::Result<()> {
    let mut waiting = Waiting::open(queue, max_event_bytes).with_context(|| cannot_read(queue))?;
    let mut out = BufWriter::new(io::stdout().lock());
    waiting.list().with_context(|| cannot_read(queue))?;
    print_all(&mut out, &mut waiting, queue)?;
    if waiting.damaged_bytes() > 0 {
        let _ = writeln!(
            io::stderr(),
            "fastapi-broadcaster: {} bytes of the journal are no records, and were left out",
            waiting.damaged_bytes()
        );
    }
    Ok(())
}

/// Prints what waits, and what comes, until nobody reads it any more.
pub(super) fn follow(queue: &Path, max_event_bytes: u64) -> anyhow::Result<()> {
    let open = || Waiting::open(queue, max_event_bytes).map(Waiting::following);
    let mut waiting = open().with_context(|| cannot_read(queue))?;
    let mut out = BufWriter::new(io::stdout().lock());
    // Before the first listing: what appears later is reported.
    let mut watch = Watch::new(queue);
    waiting.list().with_context(|| cannot_read(queue))?;
    let mut check_due = Instant::now() + CHECK_INTERVAL;
    loop {
        print_all(&mut out, &mut waiting, queue)?;
        if !watch.wait()? {
            return Ok(());
        }
        let mut needs_listing = watch.read(&mut waiting).with_context(|| cannot_read(queue))?;
        if Instant::now() >= check_due {
            check_due = Instant::now() + CHECK_INTERVAL;
            if !waiting.is_current() {
                // Until there is another directory.
                let Ok(next) = open() else { continue };
                (waiting, watch) = (next, Watch::new(queue));
                needs_listing = true;
            }
            needs_listing |= watch.watch_folders();
        }
        if needs_listing {
            // The folder of the journal may be new.
            watch.watch_folders();
            waiting.list().with_context(|| cannot_read(queue))?;
        }
        waiting.look_again().with_context(|| cannot_read(queue))?;
    }
}

fn print_all(out: &mut impl Write, waiting: &mut Waiting, queue: &Path) -> anyhow::Result<()> {
    while let Some(seen) = waiting.take().with_context(|| cannot_read(queue))? {
        print(out, &seen)?;
    }
    Ok(out.flush()?)
}

/// Prints an entry: a line for each of its events.
fn print(out: &mut impl Write, Seen { name, queued_at, content }: &Seen) -> io::Result<()> {
    let since = queued_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let begin = format!("{}.{:06}\t{name}\t", since.as_secs(), since.subsec_micros());
    let content = match content {
        Content::Events(content) => content,
        Content::NoEvent(reason) => return writeln!(out, "{begin}-\t{}", queue::printable(&reason.to_string())),
        Content::Gone => return writeln!(out, "{begin}-\tdelivered and deleted before it could be read"),
    };
    let is_one = name.file().is_some_and(|name| name.as_os_str().as_encoded_bytes().ends_with(b".json"));
    if is_one {
        return print_event(out, &begin, content);
    }
    content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).try_for_each(|it| print_event(out, &begin, it))
}

fn print_event(out: &mut impl Write, begin: &str, event: &[u8]) -> io::Result<()> {
    match str::from_utf8(event) {
        Ok(text) => writeln!(out, "{begin}{}", message_in_one_line(text.trim_end())),
        Err(_) => writeln!(out, "{begin}{}", shown_bytes(event)),
    }
}

/// What is reported of the folders of a queue: files and segments that appear.
struct Watch {
    queue: PathBuf,
    inotify: Option<OwnedFd>,
    of_queue: Option<i32>,
    of_journal: Option<i32>,
}

impl Watch {
    /// Where the file system reports nothing, everything is listed after each pause.
    fn new(queue: &Path) -> Watch {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let mut watch = Watch { queue: queue.to_owned(), inotify, of_queue: None, of_journal: None };
        watch.watch_folders();
        watch
    }

    /// Watches the folders that have these names now. One that is watched already stays so. Returns whether the folder
    /// of the journal is watched only now: what has appeared there before is not reported.
    fn watch_folders(&mut self) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        self.of_queue = inotify::add_watch(inotify, &self.queue, flags).ok();
        let before = self.of_journal;
        // There is none before a broadcaster has run.
        let journal = queue::journal_folder(&self.queue);
        self.of_journal = inotify::add_watch(inotify, journal, flags | WatchFlags::DONT_FOLLOW).ok();
        self.of_journal.is_some() && self.of_journal != before
    }

    /// Waits for a report, or for the time to look at the segments. Returns whether somebody still reads what is
    /// printed.
    fn wait(&self) -> anyhow::Result<bool> {
        let out = io::stdout();
        let mut descriptors = vec![PollFd::new(&out, PollFlags::empty())];
        descriptors
            .extend(self.inotify.as_ref().map(|inotify| PollFd::from_borrowed_fd(inotify.as_fd(), PollFlags::IN)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: INTERVAL.subsec_nanos().into() };
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        // A terminal that is gone ends the process by a signal.
        let is_closed = descriptors[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) && !out.is_terminal();
        Ok(!is_closed)
    }

    /// Notes what was reported. Returns whether the folders are to be listed.
    fn read(&self, waiting: &mut Waiting) -> io::Result<bool> {
        let Some(inotify) = &self.inotify else { return Ok(true) };
        let Some(of_queue) = self.of_queue else { return Ok(true) };
        let mut needs_listing = false;
        let mut buffer = [MaybeUninit::<u8>::uninit(); REPORTS];
        let mut reports = inotify::Reader::new(inotify, &mut buffer);
        // The only failure is that there is nothing to read.
        while let Ok(report) = reports.next() {
            needs_listing |= report.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let Some(name) = report.file_name() else { continue };
            let name = std::ffi::OsStr::from_bytes(name.to_bytes());
            if report.wd() == of_queue {
                // The folder of the journal, for example.
                needs_listing |= report.events().contains(ReadFlags::ISDIR);
                waiting.note_file(name);
            } else {
                waiting.note_segment(name)?;
            }
        }
        Ok(needs_listing)
    }
}
