//! What else ends up in a queue directory: files that are no events, and a producer that writes in place.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

/// The producer number of the events that are written in place, one by one, as the pure-PHP class does.
pub(crate) const IN_PLACE: usize = 1_000_000;

/// Puts something there, of another kind each time. Returns whether it was an event.
pub(crate) fn put_into(queue: &Path, round: usize) -> bool {
    let path = queue.join(format!("{round}-garbage.json"));
    let done = match round % 7 {
        0 => fs::write(path, "{\"event\":\"torn\",\"payl"),
        1 => fs::write(path, b"\xff\xfe"),
        2 => symlink("/etc/passwd", path),
        3 => fs::create_dir(path),
        4 => fs::write(path, vec![b' '; 2 << 20]),
        5 => fs::write(queue.join(format!(".tmp-{round}.json")), "half"),
        _ => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let event = format!(
                r#"{{"event":"test","payload":[{IN_PLACE},{}],"timestamp":{},"queued_at":{}.{:06}}}"#,
                round / 7,
                now.as_secs(),
                now.as_secs(),
                now.subsec_micros()
            );
            fs::write(
                queue.join(format!("{}.{:04}_{round:013x}.json", now.as_secs(), now.subsec_micros() / 100)),
                event,
            )
        }
    };
    done.unwrap();
    round % 7 == 6
}
