//! What `JournalWriter` leaves in the journal, and what it refuses.
#![allow(unsafe_code, reason = "forks")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Once;

use queue::record::{HEAD_BYTES, Head};
use queue::{
    AppendError, AppendOptions, DEFAULT_MAX_EVENT_BYTES, Durability, EnqueueError, JournalWriter, NewEvent, Priority,
    RecordName, SegmentName,
};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use testkit::{QueueDir, has_root, sandbox, until};

use crate::util::new_event;

const OPTIONS: AppendOptions = AppendOptions {
    priority: Priority::Normal,
    durability: Durability::None,
    max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
};
/// A segment is not larger, unless it has a single record.
const SEGMENT_BYTES: u64 = 256 * 1024;

/// A queue whose consumer reads journals.
struct Journal {
    queue: QueueDir,
}

impl Journal {
    fn new() -> Journal {
        Journal::of(QueueDir::new())
    }

    fn of(queue: QueueDir) -> Journal {
        let journal = Journal { queue };
        announce(&journal.path(), r#""directory","journal""#);
        fs::create_dir(journal.folder()).unwrap();
        journal
    }

    fn path(&self) -> PathBuf {
        self.queue.path()
    }

    fn folder(&self) -> PathBuf {
        self.path().join("journal")
    }

    fn segment(&self, name: SegmentName) -> PathBuf {
        self.folder().join(name.to_file_name())
    }

    fn segments(&self) -> Vec<OsString> {
        segments(&self.folder())
    }

    /// Appends an event whose payload is the number.
    fn append(&self, writer: &mut JournalWriter, number: usize) -> RecordName {
        self.try_append(writer, number).unwrap()
    }

    fn try_append(&self, writer: &mut JournalWriter, number: usize) -> Result<RecordName, AppendError> {
        let payload = number.to_string();
        writer.append(&self.path(), &[new_event(&payload)], OPTIONS)
    }

    /// Appends until a segment other than this is used.
    fn append_until_another(&self, writer: &mut JournalWriter, segment: SegmentName) -> RecordName {
        until("another segment", || Some(self.append(writer, 0)).filter(|name| name.segment != segment))
    }

    fn payloads(&self) -> Vec<String> {
        let mut records: Vec<Record> =
            self.segments().iter().flat_map(|name| records(&self.folder().join(name))).collect();
        records.sort_by_key(|record| record.time);
        records.iter().flat_map(Record::payloads).collect()
    }
}

/// Says what the consumer reads, as each start of one does.
fn announce(queue: &Path, forms: &str) {
    let reader = format!(r#"{{"version":"0.1.0","forms":[{forms}],"epoch":"0000000000000001"}}"#);
    fs::write(queue.join(".reader.new"), reader).unwrap();
    fs::rename(queue.join(".reader.new"), queue.join(".reader")).unwrap();
}

fn segments(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    names
}

struct Record {
    offset: usize,
    time: u64,
    body: Vec<u8>,
}

impl Record {
    fn payloads(&self) -> Vec<String> {
        let lines = str::from_utf8(&self.body).unwrap().lines();
        let payload = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["payload"].to_string();
        lines.map(payload).collect()
    }
}

/// All records of a segment. There is nothing else in it.
fn records(segment: &Path) -> Vec<Record> {
    let content = fs::read(segment).unwrap();
    let (mut records, mut offset) = (Vec::new(), 0);
    while offset < content.len() {
        let (head, rest) = content[offset..].split_first_chunk::<HEAD_BYTES>().unwrap();
        let head = Head::parse(head).unwrap();
        let body = rest[..head.body_bytes].to_vec();
        assert!(head.is_of(&body), "{} at {offset}", segment.display());
        records.push(Record { offset, time: head.time, body });
        offset += HEAD_BYTES + head.body_bytes;
    }
    records
}

/// Whether a producer has the segment open, as readers ask it.
fn is_locked(segment: &Path) -> bool {
    flock(File::open(segment).unwrap(), FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
}

/// The number of the descriptor that a file is open by in this process.
fn descriptor_of(path: &Path) -> Option<RawFd> {
    let open = fs::read_dir("/proc/self/fd").unwrap().map(|number| number.unwrap());
    let number = open.into_iter().find(|number| fs::read_link(number.path()).is_ok_and(|target| target == path))?;
    number.file_name().to_str().unwrap().parse().ok()
}

/// Runs in a child of this process, where segments are closed first, as the extension has it. Returns what it says.
fn in_child(run: impl FnOnce() -> bool) -> bool {
    static INSTALLED: Once = Once::new();
    extern "C" fn begin_in_child() {
        queue::close_segments_in_child();
    }
    // SAFETY: the handler does only what is allowed in a child.
    INSTALLED.call_once(|| assert_eq!(unsafe { libc::pthread_atfork(None, None, Some(begin_in_child)) }, 0));
    // SAFETY: the child runs this code alone, and ends.
    match unsafe { libc::fork() } {
        // SAFETY: nothing else of this process runs.
        0 => unsafe { libc::_exit(i32::from(!run())) },
        child => {
            let mut status = 0;
            // SAFETY: the status is ours.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status == 0
        }
    }
}

#[test]
fn events_of_one_call_are_one_record_of_lines() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let channels = ["orders".parse().unwrap(), "user:42".parse().unwrap()];
    let plain = new_event("1\n");
    let full = NewEvent {
        channels: Some(&channels),
        ttl: Some(60),
        key: Some("order \"7\""),
        except: Some("1.2"),
        ..new_event("{}")
    };
    let first = writer.append(&journal.path(), &[plain, full], OPTIONS).unwrap();
    let second = writer.append(&journal.path(), &[new_event("3")], OPTIONS).unwrap();

    assert_eq!((first.segment, first.offset), (second.segment, 0));
    let records = records(&journal.segment(first.segment));
    assert_eq!(records.iter().map(|record| record.offset as u64).collect::<Vec<_>>(), [0, second.offset]);
    let time = records[0].time;
    let (secs, micros) = (time / 1_000_000_000, time / 1_000 % 1_000_000);
    let times = format!(r#""timestamp":{secs},"queued_at":{secs}.{micros:06}"#);
    let (plain, full) = (plain.uid, full.uid);
    let expected = [
        format!(r#"{{"v":1,"uid":"{plain}","event":"numbered","payload":1 ,{times},"channels":null}}"#),
        format!(
            r#"{{"v":1,"uid":"{full}","event":"numbered","payload":{{}},{times},"channels":["orders","user:42"],"expires_at":{}.{micros:06},"key":"order \"7\"","except":"1.2"}}"#,
            secs + 60
        ),
    ];
    assert_eq!(str::from_utf8(&records[0].body).unwrap(), expected.map(|line| line + "\n").concat());
    assert!(records[0].time < records[1].time);
}

#[test]
fn each_lane_has_a_segment_that_stays_locked_while_it_is_open() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let lanes = [Priority::High, Priority::Normal, Priority::Low];
    let names = lanes.map(|priority| {
        writer.append(&journal.path(), &[new_event("1")], AppendOptions { priority, ..OPTIONS }).unwrap().segment
    });
    assert_eq!(names.map(SegmentName::priority), lanes);
    for name in names {
        let segment = fs::metadata(journal.segment(name)).unwrap();
        assert_eq!(segment.mode() & 0o7777, 0o640);
        assert!(is_locked(&journal.segment(name)));
    }
    drop(writer);
    assert!(names.iter().all(|name| !is_locked(&journal.segment(*name))));
}

#[test]
fn a_segment_has_its_mode_whatever_the_umask_is() {
    let journal = Journal::new();
    let made = in_child(|| {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        journal.try_append(&mut JournalWriter::new(), 1).is_ok()
    });
    assert!(made);
    let segment = journal.folder().join(&journal.segments()[0]);
    assert_eq!(fs::metadata(segment).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_full_segment_is_closed_and_a_larger_record_has_its_own() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let text = format!("\"{}\"", "x".repeat(10_000));
    let mut append = |payload: &str| writer.append(&journal.path(), &[new_event(payload)], OPTIONS).unwrap();
    let first = append("1");
    let large = append(&format!("\"{}\"", "y".repeat(300_000)));
    assert!(!is_locked(&journal.segment(large.segment)));
    assert_eq!(records(&journal.segment(large.segment)).len(), 1);
    let names: Vec<RecordName> = (0..100).map(|_| append(&text)).collect();
    assert_eq!(names[0].segment, first.segment, "a larger record does not end a segment");

    let open = names.last().unwrap().segment;
    let mut segments: Vec<SegmentName> = names.iter().map(|name| name.segment).collect();
    segments.dedup();
    assert!(segments.is_sorted() && segments.len() == 4, "{segments:?}");
    let mut times = Vec::new();
    for name in segments {
        let path = journal.segment(name);
        assert!(fs::metadata(&path).unwrap().len() <= SEGMENT_BYTES);
        assert_eq!(is_locked(&path), name == open);
        times.extend(records(&path).iter().map(|record| record.time));
    }
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(times.len(), 101);
}

#[test]
fn a_segment_that_lost_its_name_is_left_and_the_record_appended_again() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let elsewhere = journal.queue.root().join("elsewhere");
    let move_away = |from: &Path| fs::rename(from, &elsewhere).unwrap();
    let replace_folder = |folder: &Path| {
        fs::remove_file(&elsewhere).unwrap();
        move_away(folder);
        fs::create_dir(folder).unwrap();
    };
    for lose in [
        &(|segment: &Path| fs::remove_file(segment).unwrap()) as &dyn Fn(&Path),
        &|segment| move_away(segment),
        &|segment| {
            fs::rename(segment, segment.with_extension("other")).unwrap();
            fs::copy(segment.with_extension("other"), segment).unwrap();
        },
        &|segment| replace_folder(segment.parent().unwrap()),
    ] {
        let before = journal.append(&mut writer, 0);
        lose(&journal.segment(before.segment));
        let after = journal.append_until_another(&mut writer, before.segment);
        assert_eq!(after.offset, 0);
        assert_eq!(records(&journal.segment(after.segment)).len(), 1, "the last record is there");
        assert!(is_locked(&journal.segment(after.segment)));
    }
}

#[test]
fn without_a_reader_of_journals_nothing_is_appended() {
    let queue = QueueDir::new();
    let append = |writer: &mut JournalWriter| writer.append(&queue.path(), &[new_event("1")], OPTIONS);
    let mut writer = JournalWriter::new();
    let refused = |appended| assert!(matches!(appended, Err(AppendError::NoReader)), "{appended:?}");

    refused(writer.append(&queue.root().join("missing"), &[new_event("1")], OPTIONS));
    refused(append(&mut writer));
    fs::create_dir(queue.path().join("journal")).unwrap();
    refused(append(&mut writer));
    announce(&queue.path(), r#""directory""#);
    refused(append(&mut writer));
    fs::remove_dir(queue.path().join("journal")).unwrap();
    announce(&queue.path(), r#""directory","journal","more""#);
    refused(append(&mut writer));
    symlink(queue.root(), queue.path().join("journal")).unwrap();
    refused(append(&mut writer));
    fs::remove_file(queue.path().join("journal")).unwrap();
    fs::write(queue.path().join("journal"), "").unwrap();
    refused(append(&mut writer));
    fs::remove_file(queue.path().join("journal")).unwrap();
    fs::create_dir(queue.path().join("journal")).unwrap();
    append(&mut writer).unwrap();
}

#[test]
fn an_older_consumer_that_takes_the_queue_is_noticed_while_a_segment_is_open() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let segment = journal.append(&mut writer, 0).segment;
    announce(&journal.path(), r#""directory""#);
    let mut appended = 1;
    until("the segment is closed", || match journal.try_append(&mut writer, 0) {
        Err(AppendError::NoReader) => true,
        more => {
            more.unwrap();
            appended += 1;
            false
        }
    });
    assert!(!is_locked(&journal.segment(segment)));
    assert_eq!(journal.payloads().len(), appended, "what was refused is not there");
    announce(&journal.path(), r#""directory","journal""#);
    journal.append(&mut writer, 0);
}

#[test]
fn before_a_large_record_has_its_own_segment_it_is_asked_who_reads_the_queue() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    journal.append(&mut writer, 0);
    announce(&journal.path(), r#""directory""#);
    let large = format!("\"{}\"", "x".repeat(300_000));
    let refused = writer.append(&journal.path(), &[new_event(&large)], OPTIONS);
    assert!(matches!(refused, Err(AppendError::NoReader)), "{refused:?}");
    assert_eq!(journal.payloads(), ["0"]);
}

#[test]
fn where_files_cannot_be_locked_nothing_is_left() {
    let journal = Journal::new();
    let append = || journal.try_append(&mut JournalWriter::new(), 1);
    let refused = sandbox::run_under(sandbox::filter(&[(libc::SYS_flock, 0, 0)], Errno::NOLCK), append);
    assert!(matches!(refused, Err(AppendError::NoLocks(_))), "{refused:?}");
    assert!(journal.segments().is_empty());
}

#[test]
fn where_others_lock_each_new_file_nothing_is_left_and_the_events_become_a_file() {
    let journal = Journal::new();
    let append = || journal.try_append(&mut JournalWriter::new(), 1);
    let filter = sandbox::filter(&[(libc::SYS_flock, 0, 0)], Errno::WOULDBLOCK);
    let refused = sandbox::run_under(filter, append);
    assert!(matches!(refused, Err(AppendError::LockedByOthers)), "{refused:?}");
    assert!(journal.segments().is_empty());
}

#[test]
fn a_journal_that_may_not_be_written_is_named_so_that_the_events_become_a_file() {
    let calls = [(libc::SYS_openat, 2, libc::O_CREAT as u64), (libc::SYS_write, 0, 0)];
    for (call, answer) in
        calls.into_iter().flat_map(|call| [Errno::ACCESS, Errno::PERM, Errno::ROFS].map(|e| (call, e)))
    {
        let journal = Journal::new();
        let append = || journal.try_append(&mut JournalWriter::new(), 1);
        let refused = sandbox::run_under(sandbox::filter(&[call], answer), append);
        assert!(matches!(&refused, Err(AppendError::NotWritable { .. })), "{call:?} {answer}: {refused:?}");
        assert!(refused.unwrap_err().to_string().contains(journal.folder().to_str().unwrap()));
        assert!(journal.segments().is_empty());
    }
}

#[test]
fn a_record_that_cannot_be_forced_to_disk_is_taken_back() {
    for (call, durability) in [(libc::SYS_fdatasync, Durability::Data), (libc::SYS_fsync, Durability::Full)] {
        let journal = Journal::new();
        let mut writer = JournalWriter::new();
        let options = AppendOptions { durability, ..OPTIONS };
        for number in ["1", "2"] {
            writer.append(&journal.path(), &[new_event(number)], options).unwrap();
        }
        let append = || writer.append(&journal.path(), &[new_event("3")], options);
        let refused = sandbox::run_under(sandbox::filter(&[(call, 0, 0)], Errno::IO), append).unwrap_err();
        assert!(refused.to_string().contains("journal: Input/output error"), "{refused}");
        assert_eq!(journal.payloads(), ["1", "2"]);
        assert!(!is_locked(&journal.folder().join(&journal.segments()[0])));

        let append = || writer.append(&journal.path(), &[new_event("4")], options);
        sandbox::run_under(sandbox::filter(&[(call, 0, 0)], Errno::IO), append).unwrap_err();
        assert_eq!(journal.segments().len(), 1, "a segment without a record is deleted");
        writer.append(&journal.path(), &[new_event("5")], options).unwrap();
        assert_eq!(journal.payloads(), ["1", "2", "5"]);
    }
}

#[test]
fn a_record_that_is_written_in_part_goes_into_another_segment() {
    let journal = Journal::new();
    let appended = in_child(|| {
        let mut writer = JournalWriter::new();
        let text = format!("\"{}\"", "x".repeat(1000));
        let mut append = |payload: &str| writer.append(&journal.path(), &[new_event(payload)], OPTIONS);
        // SAFETY: nothing else runs here.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let limit = |bytes: u64| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: the limit is ours.
            unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
        };
        let first = append(&text).is_ok();
        limit(2000);
        let second = append(&text).is_ok();
        limit(500);
        let third = matches!(append(&text), Err(AppendError::Enqueue(EnqueueError::Write { .. })));
        let fourth = append(&text).is_err();
        limit(libc::RLIM_INFINITY);
        first && second && third && fourth && append("5").is_ok()
    });
    assert!(appended);
    // The limit stops the third in a segment that has one already: nothing of it is written, and that one stays.
    let segments = journal.segments();
    assert_eq!(segments.len(), 2);
    let counts: Vec<usize> = segments.iter().map(|name| records(&journal.folder().join(name)).len()).collect();
    assert_eq!(counts, [1, 2]);
}

#[test]
fn on_a_full_disk_what_is_refused_leaves_nothing_that_counts() {
    if !has_root("to mount") {
        return;
    }
    let journal = Journal::of(QueueDir::mounted("256k"));
    let mut writer = JournalWriter::new();
    let text = format!("\"{}\"", "x".repeat(3000));
    let append = |writer: &mut JournalWriter| writer.append(&journal.path(), &[new_event(&text)], OPTIONS);
    let mut accepted = 0;
    let refused = loop {
        match append(&mut writer) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    let refused = refused.to_string();
    assert!(refused.contains("journal: No space left on device"), "{refused}");
    for _ in 0..10 {
        append(&mut writer).unwrap_err();
        append(&mut JournalWriter::new()).unwrap_err();
    }
    assert_eq!(journal.payloads().len(), accepted);
    assert!(accepted > 10);

    journal.queue.remount("size=2m");
    append(&mut writer).unwrap();
    assert_eq!(journal.payloads().len(), accepted + 1);
    drop(writer);
    journal.queue.remount("ro");
    let refused = append(&mut JournalWriter::new()).unwrap_err().to_string();
    assert!(refused.contains("journal cannot be made or written: Read-only file system"), "{refused}");
}

#[test]
fn a_fork_closes_the_segments_of_its_parent_and_leaves_them_locked() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let of_parent = journal.append(&mut writer, 1).segment;
    let path = journal.segment(of_parent);

    let of_child = in_child(|| {
        let is_closed = descriptor_of(&path).is_none() && is_locked(&path);
        // The handles that it has of them close nothing: here a number belongs to another file by now.
        let Ok(name) = journal.try_append(&mut writer, 2) else { return false };
        let is_own = name.segment != of_parent && name.offset == 0 && is_locked(&journal.segment(name.segment));
        is_closed && is_own && is_locked(&path)
    });
    assert!(of_child);
    assert!(is_locked(&path), "the child has not unlocked it");
    let third = journal.append(&mut writer, 3);
    assert_eq!(third.segment, of_parent);
    assert_eq!(journal.payloads(), ["1", "2", "3"]);

    // A child that lives on does not keep a segment of a parent that has ended.
    let (mut ready, mut tell) = std::io::pipe().unwrap();
    let (mut wait, mut wake) = std::io::pipe().unwrap();
    std::thread::scope(|scope| {
        let child = scope.spawn(move || in_child(|| tell.write_all(b"1").is_ok() && wait.read_exact(&mut [0]).is_ok()));
        ready.read_exact(&mut [0]).unwrap();
        drop(writer);
        let is_free = !is_locked(&path);
        wake.write_all(b"1").unwrap();
        assert!(child.join().unwrap() && is_free);
    });
}

#[test]
fn a_descriptor_that_code_outside_has_closed_and_used_again_is_left_alone() {
    let journal = Journal::new();
    let stranger = journal.queue.root().join("stranger");
    let is_right = in_child(|| {
        let mut writer = JournalWriter::new();
        let Ok(first) = journal.try_append(&mut writer, 1) else { return false };
        let Some(number) = descriptor_of(&journal.segment(first.segment)) else { return false };
        // SAFETY: that is the fault.
        unsafe { libc::close(number) };
        // Closed: another segment at once.
        let Ok(second) = journal.try_append(&mut writer, 2) else { return false };
        let Some(number) = descriptor_of(&journal.segment(second.segment)) else { return false };
        let Ok(file) = File::create(&stranger) else { return false };
        // SAFETY: that is the fault.
        unsafe { libc::dup2(file.as_raw_fd(), number) };
        let third = until("another segment", || {
            journal.try_append(&mut writer, 3).ok().filter(|name| name.segment != second.segment)
        });
        drop(writer);
        // SAFETY: it only asks.
        let is_open = descriptor_of(&stranger).is_some() && unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0;
        first.segment != second.segment && is_open && third.offset == 0
    });
    assert!(is_right);
    assert_eq!(journal.payloads(), ["1", "2", "3"]);
}

#[test]
fn writers_in_several_threads_lose_nothing() {
    let journal = Journal::new();
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                let mut writer = JournalWriter::new();
                (0..1000).for_each(|number| {
                    journal.append(&mut writer, producer * 1000 + number);
                });
            });
        }
    });
    let numbers: Vec<usize> = journal.payloads().iter().map(|payload| payload.parse().unwrap()).collect();
    for producer in 0..4 {
        let of_it: Vec<usize> = numbers.iter().copied().filter(|number| number / 1000 == producer).collect();
        assert_eq!(of_it, (producer * 1000..(producer + 1) * 1000).collect::<Vec<_>>());
    }
}

#[test]
fn only_a_few_queues_have_open_segments() {
    let journals = [0; 6].map(|_| Journal::new());
    let mut writer = JournalWriter::new();
    let first = journals.each_ref().map(|journal| journal.append(&mut writer, 1));
    let is_open = |index: usize| is_locked(&journals[index].segment(first[index].segment));
    assert_eq!([0, 1, 2, 3, 4, 5].map(is_open), [false, false, true, true, true, true]);
    assert_eq!(journals[2].append(&mut writer, 2).segment, first[2].segment);
    assert_ne!(journals[0].append(&mut writer, 2).segment, first[0].segment);
    assert_eq!([2, 3].map(is_open), [true, false]);
}

#[test]
fn what_is_no_event_is_refused_before_a_segment_is_made() {
    let journal = Journal::new();
    let mut writer = JournalWriter::new();
    let too_large = "1".repeat(1000);
    let small = AppendOptions { max_event_bytes: 1000, ..OPTIONS };
    let refused = writer.append(&journal.path(), &[new_event(&too_large)], small);
    assert!(matches!(refused, Err(AppendError::Enqueue(EnqueueError::TooLarge { limit: 1000, .. }))), "{refused:?}");
    let refused = writer.append(&journal.path(), &[], OPTIONS);
    assert!(matches!(refused, Err(AppendError::Enqueue(EnqueueError::NoEvents))), "{refused:?}");
    let refused = writer.append(Path::new(""), &[], OPTIONS);
    assert!(matches!(refused, Err(AppendError::Enqueue(EnqueueError::EmptyPath))), "{refused:?}");
    assert!(journal.segments().is_empty());
}
