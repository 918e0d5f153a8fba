//! A whole directory with a file of any name and content: scanned, acked or put aside, and never in the way of others.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use queue::{Reader, ReaderOptions, Writer};
use tempfile::TempDir;

thread_local! {
    static QUEUE: RefCell<(TempDir, Reader)> = RefCell::new(open());
}

fn open() -> (TempDir, Reader) {
    let root = TempDir::new().expect("a temporary directory");
    let path = root.path().join("queue");
    queue::create_directory(&path).expect("a queue directory");
    let options = ReaderOptions { grace: Duration::ZERO, max_event_bytes: 4096, ..ReaderOptions::default() };
    let reader = Reader::open(path, options).expect("a reader");
    (root, reader)
}

fuzz_target!(|input: (bool, bool, &str, &[u8])| {
    let (in_place, in_lines, name, content) = input;
    QUEUE.with_borrow_mut(|(_, reader)| {
        let path = reader.path().to_owned();
        let is_name =
            !name.is_empty() && name.len() < 250 && !name.contains(['/', '\0']) && name != "." && name != "..";
        let suffix = if in_lines { "events" } else { "json" };
        let file = path.join(if in_place && is_name { format!("{name}.{suffix}") } else { format!("a.{suffix}") });
        std::fs::write(&file, content).expect("the file is written");
        let sent = Writer::new(&path).enqueue(br#""good""#, b"1").expect("an entry is queued");
        let mut seen = false;
        reader.follow(file.file_name().expect("a name"));
        reader.follow(sent.as_os_str());
        for round in 0..3 {
            let scanned = if round == 0 { reader.scan_followed(10, u64::MAX) } else { reader.scan(10, u64::MAX) };
            for entry in scanned.expect("a scan") {
                seen |= entry.name == sent;
                match &entry.events {
                    Ok(_) => reader.ack(&entry.name).expect("an ack"),
                    Err(reason) => {
                        reader.reject(&entry.name, reason).expect("a rejection");
                    }
                }
            }
        }
        assert!(seen, "the good entry was not found");
        // Only what is hidden is no entry, and only what does not look like one, by its name and content, may be left.
        let begins_with =
            |is: fn(&u8) -> bool| file.file_name().is_some_and(|name| name.as_encoded_bytes().first().is_some_and(is));
        let (hidden, numbered) = (begins_with(|byte| *byte == b'.'), begins_with(u8::is_ascii_digit));
        let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
        let begins_as_json = text.starts_with(b"{") || text.starts_with(b"[");
        // An entry of several events needs a name of a certain form, and one of a newer version waits.
        let may_be_left = hidden || !numbered || begins_as_json || in_lines;
        assert!(!hidden || file.exists(), "{file:?}");
        assert!(may_be_left || !file.exists(), "{file:?}");
        let entry = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let is_event = |name| queue::parse_entry(&name, content, None, 4096).is_ok() && content.len() <= 4096;
        assert!(!entry.is_some_and(is_event) || !file.exists(), "{file:?}");
        let _ = std::fs::remove_file(&file);
        if let Some(failed) = queue::Failed::open(&path).expect("the failed folder") {
            for entry in failed.list().expect("a list") {
                failed.read(&entry.name).expect("the content");
                failed.drop_entry(&entry.name).expect("a deletion");
            }
        }
    });
});
