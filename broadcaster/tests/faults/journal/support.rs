//! Appending to a journal from within a test.

use std::path::Path;

use queue::{
    AppendError, AppendOptions, DEFAULT_MAX_EVENT_BYTES, Durability, JournalWriter, Priority, RecordName, record,
};
use testkit::QueueDir;

use crate::support::producer::new_event;

/// Appends an event whose payload is the number.
pub(crate) fn append(writer: &mut JournalWriter, queue: &Path, number: usize) -> Result<RecordName, AppendError> {
    append_text(writer, queue, &number.to_string())
}

pub(crate) fn append_text(writer: &mut JournalWriter, queue: &Path, payload: &str) -> Result<RecordName, AppendError> {
    let max_event_bytes = DEFAULT_MAX_EVENT_BYTES;
    let options = AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes };
    writer.append(queue, &[new_event(payload)], options)
}

/// Appends an event, or queues a file where there is no journal, as the extension does.
pub(crate) fn queue_anyhow(writer: &mut JournalWriter, queue: &QueueDir, number: usize) {
    match append(writer, &queue.path(), number) {
        Ok(_) => {}
        Err(AppendError::NoReader) => drop(queue.enqueue(number)),
        Err(error) => panic!("{error}"),
    }
}

/// The names of segments.
pub(crate) fn segments(queue: &QueueDir) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(queue.path().join("journal")) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Makes a segment whose producer has ended, with an event whose payload is the number. They sort by the number.
pub(crate) fn leave_segment(queue: &QueueDir, number: usize) {
    let time = 1_700_000_000_000_000_000 + number as u64 * 1_000_000;
    let line = format!(
        concat!(
            r#"{{"v":1,"uid":"018bcfe5-6800-7000-9000-{number:012x}","event":"test","payload":{number},"#,
            r#""timestamp":1,"queued_at":1.5,"channels":null}}"#,
            "\n"
        ),
        number = number
    );
    let mut content = Vec::new();
    record::begin(&mut content);
    content.extend(line.as_bytes());
    record::finish(&mut content, time).unwrap();
    let millis = time / 1_000_000;
    let name = format!("{:08x}-{:04x}-7000-8000-{number:012x}.seg", millis >> 16, millis & 0xffff);
    std::fs::write(queue.path().join("journal").join(name), content).unwrap();
}
