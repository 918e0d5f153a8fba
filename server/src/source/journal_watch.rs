//! How the source learns of records in the journal. While little happens, the file system reports each append. While
//! much happens, reports would cost the producers more than the appends themselves: then only new segments are reported,
//! and all segments are looked at after short pauses.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use queue::{Reader, clear_of_standard};
use rustix::fs::inotify::{self, WatchFlags};

/// Bytes of reports that are read at once.
const REPORTS: usize = 64 * 1024;
/// The pause between two looks at all segments.
const NAP: Duration = Duration::from_micros(250);
/// The time over which records are counted.
const PERIOD: Duration = Duration::from_millis(10);
/// Much happens if so many reports are read at once,
const MANY_REPORTS: usize = 64;
/// or a round brings so many records,
const MANY_OF_ROUND: usize = 32;
/// or so many come in a period.
const MANY_OF_PERIOD: usize = 40;
/// Little happens if fewer records come in a period.
const FEW_OF_PERIOD: usize = 20;
/// With more segments than this, a look at all of them is worth it only if it brings more records than there are
/// segments.
const MANY_SEGMENTS: usize = 100;
/// How often all segments are looked at where the file system reports nothing at all.
const UNWATCHED_INTERVAL: Duration = Duration::from_millis(5);
/// How often a missing watch is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the journal of one queue.
#[derive(Debug)]
pub(super) struct JournalWatch {
    folder: PathBuf,
    inotify: Option<OwnedFd>,
    /// When a missing watch is tried again.
    retry_due: Instant,
    mode: Mode,
    period_began: Instant,
    records_of_period: usize,
    nap_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The file system reports each append.
    Told,
    /// It reports only new segments, and all segments are looked at after a pause.
    Looking,
}

impl Mode {
    fn flags(self) -> WatchFlags {
        let always = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match self {
            Mode::Told => always | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE,
            Mode::Looking => always,
        }
    }
}

impl JournalWatch {
    /// Follows the journal in this folder. Where the file system reports nothing, a timer does, only slower.
    pub(super) fn new(folder: &Path) -> JournalWatch {
        let now = Instant::now();
        let mut watch = JournalWatch {
            folder: folder.to_owned(),
            inotify: None,
            retry_due: now,
            mode: Mode::Told,
            period_began: now,
            records_of_period: 0,
            nap_until: None,
        };
        watch.start();
        watch
    }

    /// Tells the reader what was reported, after a round was begun and the reports of the directory were read.
    pub(super) fn follow(&mut self, reader: &mut Reader) {
        self.nap_until = None;
        if self.inotify.is_none() {
            if self.retry_due <= Instant::now() {
                self.start();
            }
            // What appeared before is not reported.
            reader.lose_track_of_journal();
            return;
        }
        loop {
            let reports = self.read(reader);
            if reports < MANY_REPORTS {
                break;
            }
            // Before the rest is read: while each append is reported, producers may write reports faster than they are
            // read here, and this loop would not end.
            self.set_mode(Mode::Looking);
        }
        if self.mode == Mode::Looking {
            reader.look_at_all_segments();
        }
    }

    /// Notes how many records a round has brought. Returns whether the source may wait now.
    pub(super) fn note_round(&mut self, records: usize, reader: &mut Reader) -> bool {
        let now = Instant::now();
        let segments = reader.segments();
        self.records_of_period += records;
        let is_worth_it = segments <= MANY_SEGMENTS || records > segments;
        if self.mode == Mode::Told && records >= MANY_OF_ROUND && is_worth_it {
            self.set_mode(Mode::Looking);
        }
        if now.saturating_duration_since(self.period_began) >= PERIOD {
            let records = std::mem::take(&mut self.records_of_period);
            self.period_began = now;
            match self.mode {
                Mode::Told if records >= MANY_OF_PERIOD && is_worth_it => self.set_mode(Mode::Looking),
                Mode::Looking if records < FEW_OF_PERIOD || !is_worth_it => {
                    self.set_mode(Mode::Told);
                    // What was appended before that is not reported.
                    reader.look_at_all_segments();
                    return false;
                }
                _ => {}
            }
        }
        if self.mode == Mode::Looking && !reader.has_more() {
            self.nap_until = Some(now + NAP);
        }
        true
    }

    /// Whether records come so fast that the source pauses between two rounds.
    pub(super) fn is_looking(&self) -> bool {
        self.mode == Mode::Looking
    }

    /// How long the source may wait for reports, at most.
    pub(super) fn pause(&self) -> Duration {
        match (self.nap_until, &self.inotify) {
            (Some(until), _) => until.saturating_duration_since(Instant::now()),
            (None, None) if self.folder.symlink_metadata().is_ok_and(|folder| folder.is_dir()) => UNWATCHED_INTERVAL,
            _ => Duration::MAX,
        }
    }

    /// Whether the pause between two rounds is not over.
    pub(super) fn is_napping(&self) -> bool {
        self.nap_until.is_some_and(|until| Instant::now() < until)
    }

    /// Can be read when something is reported.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    fn start(&mut self) {
        self.retry_due = Instant::now() + RETRY_INTERVAL;
        self.inotify = self.try_start().ok();
    }

    fn try_start(&self) -> io::Result<OwnedFd> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let inotify = clear_of_standard(inotify);
        inotify::add_watch(&inotify, &self.folder, self.mode.flags())?;
        Ok(inotify)
    }

    fn set_mode(&mut self, mode: Mode) {
        if self.mode == mode {
            return;
        }
        self.mode = mode;
        // The watch of a folder is replaced by one with other flags.
        if let Some(inotify) = &self.inotify
            && inotify::add_watch(inotify, &self.folder, mode.flags()).is_err()
        {
            self.inotify = None;
        }
    }

    /// Reads a portion of what was reported. Returns how many reports there were.
    fn read(&mut self, reader: &mut Reader) -> usize {
        let Some(inotify) = &self.inotify else { return 0 };
        let mut buffer = [MaybeUninit::<u8>::uninit(); REPORTS];
        let mut reports = inotify::Reader::new(inotify, &mut buffer);
        let (mut count, mut is_gone) = (0, false);
        // The only failure is that there is nothing to read.
        while let Ok(report) = reports.next() {
            count += 1;
            match report.file_name() {
                _ if report.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) => reader.lose_track_of_journal(),
                Some(name) => reader.follow_journal(OsStr::from_bytes(name.to_bytes())),
                // The folder was deleted, or moved away.
                None => is_gone = true,
            }
            if reports.is_buffer_empty() {
                break;
            }
        }
        if is_gone {
            reader.lose_track_of_journal();
            self.inotify = None;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use queue::{
        Announcement, AppendOptions, DEFAULT_MAX_EVENT_BYTES, Durability, JournalWriter, NewEvent, Priority,
        ReaderOptions, Uid,
    };
    use testkit::QueueDir;

    use super::*;

    #[test]
    fn there_is_a_pause_between_rounds_of_many_records_unless_more_wait() {
        let queue = QueueDir::new();
        let mut reader = Reader::open(queue.path(), ReaderOptions::default()).expect("a reader");
        Announcement::new(1).write(reader.directory()).expect("announced");
        let mut watch = JournalWatch::new(reader.journal_path());
        let options = AppendOptions {
            priority: Priority::Normal,
            durability: Durability::None,
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
        };
        let mut writer = JournalWriter::new();
        for _ in 0..2 * MANY_OF_ROUND + 1 {
            let (name_json, payload_json) = (br#""a""#, b"1");
            let event = NewEvent {
                uid: Uid::new(),
                name_json,
                payload_json,
                channels: None,
                ttl: None,
                key: None,
                except: None,
            };
            writer.append(&queue.path(), &[event], options).expect("appended");
        }
        let mut round = |max_entries, max_bytes| {
            reader.begin_round();
            watch.follow(&mut reader);
            let entries = reader.scan_followed(max_entries, max_bytes).expect("entries").len();
            assert!(watch.note_round(entries, &mut reader), "{entries}");
            (entries, watch.is_napping())
        };
        assert_eq!(round(MANY_OF_ROUND, u64::MAX), (MANY_OF_ROUND, false));
        assert_eq!(round(MANY_OF_ROUND, 1), (1, false), "as many bytes as were asked for");
        assert_eq!(round(2 * MANY_OF_ROUND, u64::MAX), (MANY_OF_ROUND, true));
    }
}
