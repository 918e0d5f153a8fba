//! What is left of a journal after a power failure, and what strangers write into it: what is whole is read, nothing is
//! forged or partial, and it takes a bounded time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;

use queue::{Failed, Reader, ReaderOptions};
use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};
use rustix::io::Errno;
use testkit::{TIMEOUT, sandbox, until};

use crate::segments::{
    Random, line, number_of, numbered, numbers, record_of, segment_name, segment_path, take_all, write_segment,
};
use crate::util::{Queue, names};

const PAGE: usize = 4096;

/// The content of a segment, and where its records begin and end.
struct Whole {
    content: Vec<u8>,
    ends: Vec<usize>,
}

impl Whole {
    /// Records with these lengths of their fillers, numbered from `first` on.
    fn of(first: usize, fillers: impl IntoIterator<Item = usize>) -> Whole {
        let mut whole = Whole { content: Vec::new(), ends: Vec::new() };
        for (index, filler) in fillers.into_iter().enumerate() {
            whole.content.extend(numbered(first + index, filler));
            whole.ends.push(whole.content.len());
        }
        whole
    }

    /// Which records are as they were, if the file is now this.
    fn left_in(&self, damaged: &[u8]) -> Vec<usize> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let records = begins.zip(&self.ends).enumerate();
        records
            .filter(|(_, (begin, end))| damaged.get(*begin..**end) == Some(&self.content[*begin..**end]))
            .map(|(index, _)| index)
            .collect()
    }
}

/// Cuts a segment at an offset, and checks what is read of it.
fn check_cut(queue: &Queue, reader: &mut Reader, whole: &Whole, cut: usize) {
    let path = write_segment(queue, cut, &whole.content[..cut]);
    let expected: Vec<usize> = (0..whole.ends.iter().filter(|end| **end <= cut).count()).collect();
    let taken = take_all(reader);
    assert!(taken.iter().all(|entry| entry.events.is_ok()), "cut at {cut}");
    assert_eq!(numbers(&taken), expected, "cut at {cut}");
    // A record whose producer was killed looks the same.
    assert_eq!(reader.take_damage(), None, "cut at {cut}");
    assert!(!path.exists() || cut == 0, "cut at {cut}");
    let _ = fs::remove_file(path);
}

/// More than 64 KiB, with records of all sizes.
fn to_be_cut() -> Whole {
    let mut random = Random::new(3);
    Whole::of(0, (0..60).map(|index| if index % 20 == 7 { 20_000 } else { random.below(900) }))
}

#[test]
fn a_segment_that_was_cut_is_read_up_to_there() {
    let (queue, whole) = (Queue::new(), to_be_cut());
    let mut reader = queue.reader();
    let heads = whole.ends.iter().rev().take(6).flat_map(|end| end - 40..(end + 80).min(whole.content.len()));
    let others = (0..whole.content.len()).step_by(257);
    let chunk = 65_536 - 2..65_536 + 40;
    for cut in heads.chain(others).chain(chunk) {
        check_cut(&queue, &mut reader, &whole, cut);
    }
}

#[test]
#[ignore = "takes a minute; make torture-journal runs it"]
fn a_segment_that_was_cut_anywhere_in_its_last_64_kib_is_read_up_to_there() {
    let (queue, whole) = (Queue::new(), to_be_cut());
    let mut reader = queue.reader();
    for cut in whole.content.len().saturating_sub(65_536)..=whole.content.len() {
        check_cut(&queue, &mut reader, &whole, cut);
    }
}

/// Damages some pages or bytes of a segment.
fn damage(content: &mut Vec<u8>, stale: &[u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let pages = content.len() / PAGE;
        let page = random.below(pages) * PAGE;
        match random.below(7) {
            0 => content[page..page + PAGE].fill(0),
            1 => {
                let other = random.below(pages) * PAGE;
                let bytes = content[other..other + PAGE].to_vec();
                let replaced = content[page..page + PAGE].to_vec();
                content[page..page + PAGE].copy_from_slice(&bytes);
                content[other..other + PAGE].copy_from_slice(&replaced);
            }
            2 => content[page..page + PAGE].copy_from_slice(&stale[page..page + PAGE]),
            3 => content[page..page + PAGE].copy_from_slice(&random.bytes(PAGE)),
            4 => {
                for _ in 0..1 + random.below(5) {
                    let at = random.below(content.len());
                    content[at] ^= 1 << random.below(8);
                }
            }
            // What the file system has not written yet is zero.
            5 => {
                let tail = content.len() - random.below(2 * PAGE);
                content[tail..].fill(0);
            }
            _ => content.truncate((content.len() - random.below(3 * PAGE)).max(4 * PAGE)),
        }
    }
}

fn check_damage(rounds: u64) {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let (mut lost, mut read, mut reported) = (0, 0, 0);
    for seed in 0..rounds {
        let mut random = Random::new(seed + 1);
        let fillers: Vec<usize> = (0..120)
            .map(|_| match random.below(20) {
                0 => 9_000,
                1 => 4_000,
                _ => random.below(600),
            })
            .collect();
        let whole = Whole::of(0, fillers.iter().copied());
        // Pages that an earlier file had at the same places: its records were read long ago.
        let stale = Whole::of(1000, fillers.iter().rev().copied()).content;
        let stale = [stale, vec![0; whole.content.len()]].concat();
        let mut damaged = whole.content.clone();
        damage(&mut damaged, &stale, &mut random);
        let path = write_segment(&queue, seed as usize, &damaged);
        let taken = take_all(&mut reader);
        let left = whole.left_in(&damaged);
        for entry in &taken {
            let events = entry.events.as_ref().unwrap_or_else(|reason| panic!("seed {seed}: {reason}"));
            for event in events {
                let number = number_of(event);
                let filler = if number < 1000 { fillers[number] } else { fillers[fillers.len() - 1 - (number - 1000)] };
                let is_as_queued = event.payload_json() == format!(r#"[{number},"{}"]"#, "x".repeat(filler));
                assert!(is_as_queued, "seed {seed}: {number} is forged");
            }
        }
        let numbers = numbers(&taken);
        let missing: Vec<&usize> = left.iter().filter(|number| !numbers.contains(number)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?} were whole and are lost");
        let found = reader.take_damage();
        // What lacks only its end looks as if its producer was killed.
        let lacks_only_its_end = left.iter().copied().eq(0..left.len());
        assert!(found.is_some() || lacks_only_its_end, "seed {seed}: nothing is reported, and {left:?} were whole");
        assert!(!path.exists(), "seed {seed}");
        lost += whole.ends.len() - left.len();
        read += numbers.len();
        reported += usize::from(found.is_some());
    }
    let what = format!("{rounds} rounds: {lost} records damaged, {read} read, {reported} segments reported");
    assert!(lost as u64 > rounds && read as u64 > 50 * rounds && reported as u64 > rounds / 2, "{what}");
}

#[test]
fn of_a_damaged_segment_everything_is_read_that_is_whole() {
    check_damage(150);
}

#[test]
#[ignore = "takes a minute; make torture-journal runs it"]
fn of_many_damaged_segments_everything_is_read_that_is_whole() {
    check_damage(16_000);
}

/// How many bytes this thread has read so far.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).and_then(|count| count.parse().ok()).unwrap()
}

/// Heads that promise much, each with a wrong checksum.
fn heads(count: usize, body_bytes: usize) -> Vec<u8> {
    format!("\x1e00000000{body_bytes:08x}{:016x}\n", 7).into_bytes().repeat(count)
}

#[test]
fn heads_with_wrong_checksums_cost_a_bounded_time() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let mut content = heads(20_000, 300_000);
    content.extend(numbered(1, 10));
    write_segment(&queue, 1, &content);
    let before = bytes_read();
    take_all(&mut reader);
    let read = bytes_read() - before;
    assert!(read < 200 * content.len() as u64, "{read} bytes were read of {}", content.len());
    assert!(reader.take_damage().is_some());
    assert!(!segment_path(&queue, 1).exists());
}

#[test]
fn heads_with_wrong_checksums_between_records_cost_a_bounded_time() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let mut content = Vec::new();
    for number in 0..10_000 {
        content.extend(heads(1, 500_000));
        content.extend(numbered(number, 0));
    }
    write_segment(&queue, 1, &content);
    let before = bytes_read();
    let taken = numbers(&take_all(&mut reader));
    let read = bytes_read() - before;
    assert!(read < 200 * content.len() as u64, "{read} bytes were read of {}", content.len());
    assert!(taken.iter().copied().eq(0..taken.len()), "what is found is in order");
    assert!(reader.take_damage().is_some());
    assert!(!segment_path(&queue, 1).exists());
}

/// Runs a step that must come to an end.
fn in_time<T: Send + 'static>(what: &str, step: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, has_ended) = mpsc::channel();
    std::thread::spawn(move || done.send(step()));
    has_ended.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("{what} does not end"))
}

/// A segment that is being written: locked.
fn begun(queue: &Queue, number: usize, content: &[u8]) -> File {
    let path = write_segment(queue, number, b"");
    let file = File::options().write(true).open(path).unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file.write_all_at(content, 0).unwrap();
    file
}

#[test]
fn a_part_of_a_record_that_was_seen_and_taken_back_does_not_stop_the_reader() {
    // On a full disk a write may end early. The producer cuts the part off again, and closes the segment.
    for part in [1, 20, 34, 60, 2000] {
        let queue = Queue::new();
        let mut reader = queue.reader();
        let first = numbered(0, 10);
        let file = begun(&queue, 1, &[&first[..], &numbered(1, 3000)[..part]].concat());
        assert_eq!(numbers(&take_all(&mut reader)), [0]);
        file.set_len(first.len() as u64).unwrap();
        drop(file);
        let path = segment_path(&queue, 1);
        let damage = in_time("reading", move || {
            until("the segment is deleted", || {
                assert!(take_all(&mut reader).is_empty());
                !path.exists()
            });
            reader.take_damage()
        });
        assert_eq!(damage, None, "{part}");
    }
}

#[test]
fn a_record_that_was_taken_back_after_it_was_seen_is_given_out_whole_or_not_at_all() {
    // Its producer could not force it to disk. Most segments are closed by the reader when there are very many.
    let queue = Queue::new();
    let mut reader = queue.reader();
    let (first, second) = (numbered(0, 10), numbered(1, 3000));
    let file = begun(&queue, 0, &[&first[..], &second[..]].concat());
    let others: Vec<File> = (1..600).map(|number| begun(&queue, number, &numbered(number + 1, 10))).collect();
    let entries = reader.scan(1, u64::MAX).unwrap();
    assert_eq!(numbers(&entries), [0]);
    reader.ack(&entries[0].name).unwrap();
    file.set_len((first.len() + 1000) as u64).unwrap();
    drop((file, others));
    let taken = take_all(&mut reader);
    assert!(taken.iter().all(|entry| entry.events.is_ok()), "{taken:?}");
    assert!(queue.failed().is_empty(), "{:?}", queue.failed());
    let mut numbers = numbers(&taken);
    numbers.retain(|number| *number != 1);
    assert!(numbers.into_iter().eq(2..601));
}

#[test]
fn bytes_that_are_no_record_hold_up_a_live_segment_for_a_while_only() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let damaged = [&b"garbage"[..], &numbered(0, 10), &[0; 100], &numbered(1, 10)].concat();
    let file = begun(&queue, 1, &damaged);
    let mut taken = Vec::new();
    until("what is behind the garbage is read", || {
        taken.extend(numbers(&take_all(&mut reader)));
        taken.len() == 2
    });
    assert_eq!(taken, [0, 1]);
    let damage = reader.take_damage().unwrap();
    assert_eq!((damage.bytes, damage.places), (107, 2));
    assert_eq!(damage.record.to_string(), format!("{}@0", segment_name(1)));
    drop(file);
    until("the segment is deleted", || {
        assert!(take_all(&mut reader).is_empty());
        !segment_path(&queue, 1).exists()
    });
}

#[test]
fn a_payload_that_contains_a_whole_record_is_not_taken_for_one() {
    let inner = String::from_utf8(record_of(line("[77]").as_bytes(), 5)).unwrap();
    let payload = serde_json::to_string(&inner).unwrap();
    let queue = Queue::new();
    let mut reader = queue.reader();
    let whole = record_of(line(&payload).as_bytes(), 9);
    // Whole, and cut and damaged at any place, as JSON text that a producer has made.
    write_segment(&queue, 0, &whole);
    let taken = take_all(&mut reader);
    assert_eq!(taken[0].events.as_ref().unwrap()[0].payload_json(), payload);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        write_segment(&queue, 2 * at + 1, &damaged);
        write_segment(&queue, 2 * at + 2, &whole[..at]);
    }
    let taken = take_all(&mut reader);
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn a_record_inside_of_the_record_of_a_stranger_is_not_taken_for_one() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let inner = record_of(line("[77]").as_bytes(), 5);
    let bodies = [
        inner.clone(),
        [line("[1]").as_bytes(), &inner].concat(),
        [br#"{"v":1,"uid":""#, &inner[..], b"\"}\n"].concat(),
        // Larger than an event may be: it is not even read as a whole.
        [vec![b' '; 2 << 20], inner.clone()].concat(),
    ];
    for (index, body) in bodies.iter().enumerate() {
        write_segment(&queue, index, record_of(body, index as u64));
    }
    let taken = take_all(&mut reader);
    assert_eq!(taken.len(), bodies.len());
    assert!(taken.iter().all(|entry| entry.events.is_err()), "{taken:?}");
    assert_eq!(Failed::open(&queue.path()).unwrap().unwrap().list().unwrap().len(), bodies.len());
    assert_eq!(reader.take_damage(), None);
    assert!(names(&queue.path().join("journal")).is_empty());
}

/// A queue with a segment of 20 records, of which 7 are acked, and the positions that say so.
fn partly_acked() -> (Queue, Vec<u8>) {
    let queue = Queue::new();
    let mut reader = queue.reader();
    write_segment(&queue, 1, Whole::of(0, [100; 20]).content);
    let entries = reader.scan(7, u64::MAX).unwrap();
    entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    let positions = fs::read(queue.path().join(".positions")).unwrap();
    assert!(!positions.is_empty());
    (queue, positions)
}

/// What the next reader finds, if the positions are these.
fn found_with(positions: &[u8]) -> Vec<usize> {
    let (queue, _) = partly_acked();
    fs::write(queue.path().join(".positions"), positions).unwrap();
    let mut reader = queue.reader();
    let found = numbers(&take_all(&mut reader));
    assert!(!segment_path(&queue, 1).exists());
    found
}

#[test]
fn damaged_positions_repeat_what_was_acked_and_lose_nothing() {
    let (_, good) = partly_acked();
    let all: Vec<usize> = (0..20).collect();
    assert_eq!(found_with(&good), all[7..]);
    for cut in 0..good.len() {
        assert_eq!(found_with(&good[..cut]), all, "cut at {cut}");
    }
    for bit in (0..good.len() * 8).step_by(7) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(found_with(&bad), all, "bit {bit}");
    }
    let mut random = Random::new(5);
    for size in [1, 31, 32, 33, 4096, 100_000] {
        assert_eq!(found_with(&random.bytes(size)), all);
        assert_eq!(found_with(&vec![0; size]), all);
        // A slot that is whole counts wherever slots begin.
        assert_eq!(found_with(&[&random.bytes(size.next_multiple_of(32))[..], &good].concat()), all[7..]);
    }
}

#[test]
fn segments_of_one_uuid_in_two_lanes_have_positions_of_their_own() {
    let (queue, _) = partly_acked();
    let normal = segment_path(&queue, 1);
    fs::write(normal.with_extension("low.seg"), Whole::of(100, [100; 20]).content).unwrap();
    fs::remove_file(normal).unwrap();
    let found = numbers(&take_all(&mut queue.reader()));
    assert_eq!(found, (100..120).collect::<Vec<_>>());
}

#[test]
fn positions_that_are_no_file_are_an_error_that_may_pass_and_says_what_to_do() {
    let make: [&dyn Fn(&Path); 3] = [
        &|path| fs::create_dir(path).unwrap(),
        &|path| std::os::unix::fs::symlink("/etc/hostname", path).unwrap(),
        &|path| mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
    ];
    for make in make {
        let (queue, _) = partly_acked();
        let path = queue.path().join(".positions");
        fs::remove_file(&path).unwrap();
        make(&path);
        let error = Reader::open(queue.path(), ReaderOptions::default()).unwrap_err();
        assert!(error.is_passing(), "{error}");
        let expected = format!(
            "cannot read {}: it is not a regular file (delete it; what was acked may be sent again)",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_acked_is_not_repeated_when_the_folder_cannot_be_listed_at_the_start() {
    let (queue, _) = partly_acked();
    let open = || queue.reader();
    let mut reader = sandbox::run_under(sandbox::filter(&[(libc::SYS_getdents64, 0, 0)], Errno::IO), open);
    assert_eq!(numbers(&take_all(&mut reader)), (7..20).collect::<Vec<_>>());
}

#[test]
fn positions_that_are_older_or_newer_than_the_segment_give_out_nothing_that_is_no_record() {
    let whole = Whole::of(0, [100; 20]);
    let (queue, _) = partly_acked();
    // The power failed, and the file has less than was acked.
    for left in [whole.ends[6], whole.ends[3], whole.ends[6] + 3] {
        let (queue, _) = partly_acked();
        write_segment(&queue, 1, &whole.content[..left]);
        let mut reader = queue.reader();
        assert!(take_all(&mut reader).is_empty(), "{left}");
        assert!(!segment_path(&queue, 1).exists());
    }
    // Other bytes are there than before: the position may be in the middle of a record.
    write_segment(&queue, 1, &Whole::of(100, [37; 40]).content);
    let mut reader = queue.reader();
    let found = numbers(&take_all(&mut reader));
    assert!(found.iter().copied().eq(140 - found.len()..140) && found.len() > 20, "{found:?}");
    assert!(reader.take_damage().is_some());
}

#[test]
fn files_that_can_be_no_segments_are_put_aside_and_hold_up_nothing() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let journal = queue.path().join("journal");
    fs::create_dir(journal.join(segment_name(1))).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", journal.join(segment_name(2))).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        journal.join(segment_name(3)),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let sparse = File::create(journal.join(segment_name(4))).unwrap();
    sparse.set_len(1 << 40).unwrap();
    write_segment(&queue, 5, numbered(5, 10));
    assert_eq!(numbers(&take_all(&mut reader)), [5]);
    take_all(&mut reader);
    let put_aside = [1, 2, 3, 4].map(|number| queue.path().join("failed").join(segment_name(number)));
    for path in put_aside {
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
    }
    assert!(names(&journal).is_empty(), "{:?}", names(&journal));
}

#[test]
fn segments_beyond_those_that_are_held_do_not_overtake() {
    // One producer turns to a new segment again and again, while the reader holds few names.
    for held in 1..8 {
        let queue = Queue::new();
        let options = ReaderOptions { index_entries: held, ..ReaderOptions::default() };
        let mut reader = queue.reader_with(options);
        let (mut made, mut taken) = (0, Vec::new());
        for burst in [12, 1, 1, 5, 0, 3, 20, 1] {
            for _ in 0..burst {
                let path = write_segment(&queue, made, numbered(made, 10));
                reader.follow_journal(path.file_name().unwrap());
                made += 1;
            }
            let entries = reader.scan_followed(3, u64::MAX).unwrap();
            entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
            taken.extend(numbers(&entries));
        }
        taken.extend(numbers(&take_all(&mut reader)));
        assert_eq!(taken, (0..made).collect::<Vec<_>>(), "{held} names are held");
    }
}

#[test]
fn a_record_of_a_newer_version_waits_as_a_file_also_when_that_could_not_be_made_at_once() {
    let newer = record_of(line("1").replace(r#""v":1"#, r#""v":9"#).as_bytes(), 7);
    let name_of_file = {
        let queue = Queue::new();
        let mut reader = queue.reader();
        write_segment(&queue, 1, &newer);
        assert!(take_all(&mut reader).is_empty());
        queue.entries().pop().unwrap()
    };
    let queue = Queue::new();
    let mut reader = queue.reader();
    write_segment(&queue, 1, &newer);
    write_segment(&queue, 2, numbered(2, 10));
    // Nobody can write the file.
    let obstacle = queue.path().join(format!(".tmp-{name_of_file}"));
    fs::create_dir(&obstacle).unwrap();
    assert_eq!(numbers(&take_all(&mut reader)), [2]);
    assert!(reader.has_unrejectable());
    fs::remove_dir(obstacle).unwrap();
    reader.retry_unrejectable(10);
    let taken = take_all(&mut reader);
    assert!(taken.is_empty(), "{taken:?}");
    assert_eq!(queue.entries(), [name_of_file]);
    assert!(!reader.has_unrejectable() && queue.failed().is_empty());
    assert_eq!(reader.take_newer_entries().unwrap().files, 1);
    assert!(names(&queue.path().join("journal")).is_empty());
}

#[test]
fn a_record_that_could_not_be_put_aside_keeps_its_reason_when_it_cannot_be_read_meanwhile() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    write_segment(&queue, 1, record_of(b"no event\n", 7));
    let entries = reader.scan(10, u64::MAX).unwrap();
    reader.leave_unrejectable(&entries[0].name);
    reader.retry_unrejectable(1);
    let no_descriptors = sandbox::filter(&[(libc::SYS_openat, 0, 0)], Errno::MFILE);
    let found = sandbox::run_under(no_descriptors, || reader.scan_followed(10, u64::MAX)).unwrap();
    assert!(found.is_empty(), "{found:?}");
    assert!(reader.has_unrejectable());
    reader.retry_unrejectable(1);
    let entries = reader.scan(10, u64::MAX).unwrap();
    let reason = entries[0].events.as_ref().unwrap_err().to_string();
    assert!(reason.contains("line 1"), "{reason}");
}
