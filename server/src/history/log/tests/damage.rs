//! Files that are not as they were written.

use queue::record;
use rustix::io::Errno;
use testkit::sandbox;

use super::*;
use crate::history::log::header::{HEADER_BYTES, SLOT_BYTES};

/// Where each record begins.
fn records(content: &[u8]) -> Vec<usize> {
    (HEADER_BYTES..content.len()).filter(|offset| content[*offset] == 0x1e).collect()
}

/// What a process leaves that was killed while it appended the last record: the header does not know of that yet.
fn killed_while_appending(queue: &Queue, whole: u64) -> (Saved, Vec<Kept>) {
    let mut log = queue.open().log;
    let kept = (1..=whole).flat_map(|seq| append(&mut log, &[event(seq)])).collect();
    log.append([event(whole + 1).logged()]).expect("appended");
    drop(log);
    (Saved::of(queue), kept)
}

#[test]
fn a_last_record_that_was_not_written_whole_is_cut_off_and_its_number_is_given_again() {
    let queue = Queue::new();
    let (saved, kept) = killed_while_appending(&queue, 1);
    let content = saved.content.clone();
    let last = records(&content)[1];
    for cut in last..content.len() {
        saved.restore_as(&queue, &content[..cut]);
        let mut opened = queue.open();
        assert_eq!((&opened.anew, opened.next), (&None, Seq(2)), "{cut}");
        assert_eq!(opened.kept, kept, "{cut}");
        assert_eq!(fs::metadata(queue.log()).expect("there").len(), last as u64, "{cut}");
        let again = append(&mut opened.log, &[event(2)]);
        drop(opened.log);
        let opened = queue.open();
        assert_eq!((opened.anew, &opened.kept[1..]), (None, &again[..]), "{cut}");
    }
    // It is whole, and nobody has it.
    saved.restore_as(&queue, &content);
    let opened = queue.open();
    assert_eq!((opened.anew, opened.next), (None, Seq(3)));
}

#[test]
fn a_log_that_ends_before_what_was_sent_begins_a_new_epoch() {
    let cut_anywhere = |queue: &Queue| {
        let saved = Saved::of(queue);
        let starts = records(&saved.content);
        for cut in HEADER_BYTES..saved.content.len() {
            saved.restore_as(queue, &saved.content[..cut]);
            let offset = *starts.iter().rfind(|start| **start <= cut).expect("a record") as u64;
            assert_eq!(queue.open().anew, Some(Anew::Damaged { offset }), "{cut} of {}", saved.content.len());
        }
        saved.restore(queue);
        assert_eq!(queue.open().anew, None);
    };
    let queue = Queue::new();
    killed_after(&queue, 3);
    cut_anywhere(&queue);
    // What a process finds and adds nothing to counts as well.
    let queue = Queue::new();
    killed_after(&queue, 2);
    drop(queue.open());
    cut_anywhere(&queue);
    // A log that was written as a whole.
    let queue = Queue::new();
    let Opened { mut log, trimmed, .. } = queue.open();
    let no_room = sandbox::filter(&[(libc::SYS_pwrite64, 0, 0)], Errno::NOSPC);
    let kept = sandbox::run_under(no_room, || append(&mut log, &[event(1)]));
    assert!(log.renew(trimmed, kept.iter().map(|event| (event.at, event.logged()))));
    drop(log);
    cut_anywhere(&queue);
}

#[test]
fn a_damaged_record_begins_a_new_epoch() {
    let queue = Queue::new();
    killed_after(&queue, 3);
    let saved = Saved::of(&queue);
    let starts = records(&saved.content);
    let before = queue.open().epoch;
    for offset in starts[0]..saved.content.len() {
        let record = *starts.iter().rfind(|start| **start <= offset).expect("a record");
        for bit in [0, 3, 6] {
            let mut content = saved.content.clone();
            content[offset] ^= 1 << bit;
            saved.restore_as(&queue, &content);
            let opened = queue.open();
            assert_eq!(opened.anew, Some(Anew::Damaged { offset: record as u64 }), "{offset}");
            assert_ne!(opened.epoch, before);
            assert_eq!((opened.next, opened.kept.len(), opened.trimmed.seq), (Seq(1), 0, Seq(0)));
        }
    }
}

#[test]
fn a_record_that_lacks_bytes_in_the_middle_of_the_log_begins_a_new_epoch() {
    let queue = Queue::new();
    killed_after(&queue, 3);
    let saved = Saved::of(&queue);
    let starts = records(&saved.content);
    for cut in 1..starts[2] - starts[1] {
        let content = [&saved.content[..starts[1] + cut], &saved.content[starts[2]..]].concat();
        saved.restore_as(&queue, &content);
        assert_eq!(queue.open().anew, Some(Anew::Damaged { offset: starts[1] as u64 }), "{cut}");
    }
    // A whole one that is missing, at the front and in the middle.
    for missing in 0..2 {
        let content = [&saved.content[..starts[missing]], &saved.content[starts[missing + 1]..]].concat();
        saved.restore_as(&queue, &content);
        assert_eq!(queue.open().anew, Some(Anew::Damaged { offset: starts[missing] as u64 }), "{missing}");
    }
}

#[test]
fn whatever_follows_the_last_record_begins_a_new_epoch_unless_it_is_the_beginning_of_one() {
    let queue = Queue::new();
    killed_after(&queue, 1);
    let saved = Saved::of(&queue);
    for rest in [&b"\0"[..], b"\n", b"{}", &[0; 100], b"\x1exx", b"\x1e\x1e", &[0xff; 34]] {
        saved.restore_as(&queue, &[&saved.content, rest].concat());
        let offset = saved.content.len() as u64;
        assert_eq!(queue.open().anew, Some(Anew::Damaged { offset }), "{rest:?}");
    }
    saved.restore_as(&queue, &[&saved.content[..], b"\x1e01"].concat());
    assert_eq!(queue.open().anew, None);
}

#[test]
fn a_closed_log_has_no_record_that_was_not_written_whole() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    append(&mut log, &[event(1)]);
    log.close(&queue.reader).expect("closed");
    let saved = Saved::of(&queue);
    let (start, end) = (records(&saved.content)[0], saved.content.len());
    for cut in start + 1..end {
        saved.restore_as(&queue, &saved.content[..cut]);
        assert_eq!(queue.open_in(NEXT_BOOT).anew, Some(Anew::Damaged { offset: start as u64 }), "{cut}");
    }
}

#[test]
fn one_of_the_two_copies_of_the_header_is_enough() {
    let queue = Queue::new();
    killed_after(&queue, 2);
    let saved = Saved::of(&queue);
    for (damaged, expected) in [(&[0, SLOT_BYTES][..], Some(Anew::NotALog)), (&[0], None), (&[SLOT_BYTES], None)] {
        let mut content = saved.content.clone();
        damaged.iter().for_each(|slot| content[slot + 50] ^= 1);
        saved.restore_as(&queue, &content);
        assert_eq!(queue.open().anew, expected, "{damaged:?}");
    }
    for length in [0, 1, HEADER_BYTES - 1] {
        saved.restore_as(&queue, &saved.content[..length]);
        assert_eq!(queue.open().anew, Some(Anew::NotALog), "{length}");
    }
}

#[test]
fn the_older_copy_of_the_header_counts_while_the_newer_one_is_not_whole() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    (1..=3).for_each(|seq| drop(append(&mut log, &[event(seq)])));
    log.trim(&Bounds { keep_from: Seq(2), acked: Seq(3), max_bytes: u64::MAX });
    log.trim(&Bounds { keep_from: Seq(3), acked: Seq(3), max_bytes: u64::MAX });
    drop(log);
    let saved = Saved::of(&queue);
    // One generation for each event and each trim: the last one is in the second copy.
    for (damaged, first) in [(0, 3), (SLOT_BYTES, 2)] {
        let mut content = saved.content.clone();
        content[damaged + 50] ^= 1;
        saved.restore_as(&queue, &content);
        let opened = queue.open();
        let numbers: Vec<u64> = opened.kept.iter().map(|event| event.seq.0).collect();
        assert_eq!((opened.anew, numbers, opened.trimmed.seq), (None, (first..=3).collect(), Seq(first - 1)));
    }
}

#[test]
fn numbers_with_a_hole_begin_a_new_epoch() {
    for numbers in [[2, 3], [1, 3], [1, 1], [2, 1]] {
        let queue = Queue::new();
        let mut log = queue.open().log;
        numbers.iter().for_each(|seq| drop(append(&mut log, &[event(*seq)])));
        drop(log);
        assert!(matches!(queue.open().anew, Some(Anew::Damaged { .. })), "{numbers:?}");
    }
}

#[test]
fn the_log_of_a_newer_version_is_not_read() {
    let queue = Queue::new();
    killed_after(&queue, 1);
    let saved = Saved::of(&queue);
    let mut content = saved.content.clone();
    for slot in [0, SLOT_BYTES] {
        let bytes = &content[slot + record::HEAD_BYTES..slot + SLOT_BYTES];
        let body = str::from_utf8(bytes).expect("text").trim_end().replace("{\"v\":1,", "{\"v\":2,");
        let mut newer = Vec::new();
        record::begin(&mut newer);
        newer.extend_from_slice(body.as_bytes());
        record::finish(&mut newer, 0).expect("a record");
        content[slot..slot + newer.len()].copy_from_slice(&newer);
    }
    saved.restore_as(&queue, &content);
    assert_eq!(queue.open().anew, Some(Anew::NewerVersion));
}

#[test]
fn a_file_that_is_much_larger_than_what_was_written_is_not_read_as_a_whole() {
    let queue = Queue::new();
    killed_after(&queue, 1);
    let saved = Saved::of(&queue);
    let offset = saved.content.len() as u64;
    let head = |bytes: u64| format!("\x1e00000000{bytes:08x}0000000000000000\n");
    // Nothing, a body that is wrong, and one that is not there as a whole and has bytes that no body has.
    for rest in [String::new(), head(1 << 24), head(1 << 31) + "\x1e"] {
        saved.restore_as(&queue, &[&saved.content, rest.as_bytes()].concat());
        let size = if rest.ends_with('\x1e') { 1 << 30 } else { 1 << 40 };
        File::options().write(true).open(queue.log()).expect("opened").set_len(size).expect("made longer");
        assert_eq!(queue.open().anew, Some(Anew::Damaged { offset }), "{rest} {size}");
    }
}
