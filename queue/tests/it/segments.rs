//! Segments of the journal, made by hand: whole ones, and what a power failure or a stranger makes of them.

use std::fs;
use std::path::PathBuf;

use queue::{Entry, Event, Reader, Uid, record};

use crate::util::Queue;

/// The time of the record with the number 0, long ago.
const BEGIN: u64 = 1_800_000_000_000_000_000;

/// A record with a body of any bytes, also such that no producer writes.
pub(crate) fn record_of(body: &[u8], time: u64) -> Vec<u8> {
    let mut record = Vec::new();
    record::begin(&mut record);
    record.extend_from_slice(body);
    if record::finish(&mut record, time).is_err() {
        // The checksum of a body that is refused, as a stranger makes it.
        record[0] = 0x1e;
        record[9..33].copy_from_slice(format!("{:08x}{time:016x}", body.len()).as_bytes());
        record[33] = b'\n';
        let checksum = crc32c::crc32c(&record[9..]);
        record[1..9].copy_from_slice(format!("{checksum:08x}").as_bytes());
    }
    record
}

/// The content of an entry of one event.
pub(crate) fn line(payload: &str) -> String {
    let uid = Uid::new();
    format!(
        r#"{{"v":1,"uid":"{uid}","event":"numbered","payload":{payload},"timestamp":1,"queued_at":1.5,"channels":null}}"#
    ) + "\n"
}

/// A record of one event. Its payload is a list of its number and some filler.
pub(crate) fn numbered(number: usize, filler: usize) -> Vec<u8> {
    record_of(line(&format!(r#"[{number},"{}"]"#, "x".repeat(filler))).as_bytes(), BEGIN + number as u64)
}

/// The number of an event.
pub(crate) fn number_of(event: &Event) -> usize {
    let payload = event.payload_json();
    payload[1..].split([',', ']']).next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{payload}"))
}

/// The name of a segment: they sort by the number.
pub(crate) fn segment_name(number: usize) -> String {
    format!("018bcfe5-6800-7000-8000-{number:012x}.seg")
}

/// Where a segment is.
pub(crate) fn segment_path(queue: &Queue, number: usize) -> PathBuf {
    queue.path().join("journal").join(segment_name(number))
}

/// Makes a segment whose producer has ended.
pub(crate) fn write_segment(queue: &Queue, number: usize, content: impl AsRef<[u8]>) -> PathBuf {
    let path = segment_path(queue, number);
    fs::write(&path, content).unwrap();
    path
}

/// Reads and acks everything that waits.
pub(crate) fn take_all(reader: &mut Reader) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let entries = reader.scan(1000, u64::MAX).unwrap();
        for entry in &entries {
            match &entry.events {
                Ok(_) => reader.ack(&entry.name).unwrap(),
                Err(reason) => drop(reader.reject(&entry.name, reason).unwrap()),
            }
        }
        reader.commit_acks().unwrap();
        if entries.is_empty() {
            return all;
        }
        all.extend(entries);
    }
}

/// The numbers of the events of all entries that are some.
pub(crate) fn numbers(entries: &[Entry]) -> Vec<usize> {
    entries.iter().flat_map(|entry| entry.events.as_deref().unwrap_or_default()).map(number_of).collect()
}

/// Random numbers, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
