//! The names that appear on disk, and the order that follows from them. No other file spells one.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use uuid::Uuid;

use crate::priority::Priority;
use crate::queued_at::{Now, QueuedAt};
use crate::uid::Uid;

/// Folder of rejected entries.
pub(crate) const FAILED: &str = "failed";
/// Locked by the one consumer of a directory.
pub(crate) const LOCK: &str = ".lock";
/// An entry that is being deleted and whose name may be used again. It can turn out to be another one, written
/// meanwhile.
pub(crate) const ACKED: &str = ".tmp-acked";
/// What the consumer says of itself, for producers and for its own next start.
pub(crate) const READER: &str = ".reader";
/// The same while it is being written.
pub(crate) const NEW_READER: &str = ".reader.new";
/// Folder of the history log, unless another directory is configured for it.
pub const HISTORY: &str = "history";
/// The history log, in its directory.
pub const HISTORY_LOG: &str = "log";
/// The same while it is being written as a whole.
pub const NEW_HISTORY_LOG: &str = "log.new";
/// In the history directory: what a broadcaster that forwards to other machines has last seen at their broker.
pub const FORWARDED: &str = "forwarded";
/// Folder of the journal: its segments, and nothing else.
pub const JOURNAL: &str = "journal";
/// How far the consumer has acked each segment of the journal.
pub const POSITIONS: &str = ".positions";
/// The same while it is being written as a whole.
pub(crate) const NEW_POSITIONS: &str = ".positions.new";
/// Mode of a queue directory that we create: only owner and group have access, and new files inherit the group.
pub(crate) const DIRECTORY_MODE: u32 = 0o2770;
/// Mode of an entry: the broadcaster may be another user of the same group.
pub(crate) const ENTRY_MODE: u32 = 0o640;

/// How the names of entries end, and what they are. A longer ending stands before the one that it ends in.
const SUFFIXES: [(&str, Form); 4] = [
    (".json", Form::Event),
    (".high.events", Form::Lines(Priority::High)),
    (".low.events", Form::Lines(Priority::Low)),
    (".events", Form::Lines(Priority::Normal)),
];
/// How the names of segments of the journal end, and their lane. A longer ending stands before the one that it ends in.
pub(crate) const SEGMENT_SUFFIXES: [(&str, Priority); 3] =
    [(".high.seg", Priority::High), (".low.seg", Priority::Low), (".seg", Priority::Normal)];
/// Between the name of a segment and the offset of a record in it, where a record is named in text.
pub(crate) const AT_OFFSET: char = '@';
/// The longest name that a file system accepts, in bytes.
const MAX_NAME: usize = 255;
const REASON_SUFFIX: &str = ".reason";
const TEMPORARY_PREFIX: &str = ".tmp-";

/// What an entry holds. Its name tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One event, for everybody.
    Event,
    /// An event a line, in a lane.
    Lines(Priority),
}

impl Form {
    fn suffix(self) -> &'static str {
        // Each form has a suffix.
        SUFFIXES.iter().find(|(_, form)| *form == self).map_or("", |(suffix, _)| *suffix)
    }

    /// The priority of such entries.
    pub(crate) fn priority(self) -> Priority {
        match self {
            Form::Event => Priority::Normal,
            Form::Lines(priority) => priority,
        }
    }
}

/// The parts of an entry's name: what stands before the suffix, and what the suffix says. None: it is no entry.
fn parts(name: &OsStr) -> Option<(&[u8], Form)> {
    let bytes = name.as_encoded_bytes();
    let parts = |(suffix, form): &(&str, Form)| Some((bytes.strip_suffix(suffix.as_bytes())?, *form));
    SUFFIXES.iter().find_map(parts).filter(|_| !bytes.starts_with(b"."))
}

/// What an entry of this name holds. None: a file of this name is no entry.
pub(crate) fn form(name: &OsStr) -> Option<Form> {
    parts(name).map(|(_, form)| form)
}

/// Returns a name that sorts after every earlier one of this thread, even when the clock was set back, and by the clock
/// among processes.
pub(crate) fn new_entry_name(now: Now, form: Form) -> OsString {
    entry_name(Uid::at(now), form)
}

/// The name of an entry with this uid.
pub(crate) fn entry_name(uid: Uid, form: Form) -> OsString {
    let suffix = form.suffix();
    let mut name = String::with_capacity(uuid::fmt::Hyphenated::LENGTH + suffix.len());
    name.push_str(uid.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    name.push_str(suffix);
    name.into()
}

/// Tells whether a file of the queue directory is an entry. Names with a leading dot never are.
pub(crate) fn is_entry(name: &OsStr) -> bool {
    form(name).is_some()
}

/// Tells whether a name is one that a producer makes: ours a UUIDv7, the pure-PHP class `microtime(true)`, `_`,
/// `uniqid()`.
pub(crate) fn is_producer_name(name: &OsStr) -> bool {
    let is_of_php = || {
        let (stem, Form::Event) = parts(name)? else { return None };
        let stem = str::from_utf8(stem).ok()?;
        let (time, unique) = stem.split_once('_')?;
        // A float as PHP prints it with its `precision`, or the whole second; not a year.
        let is_float = time.parse::<f64>().is_ok() && (time.len() >= 10 || time.contains('.'));
        let is_unique = !unique.is_empty() && unique.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.');
        Some(is_numbered(name) && is_float && is_unique)
    };
    queued_at(name).is_some() || is_of_php() == Some(true)
}

/// Tells whether a name begins with a digit, as the names of producers do, whether they use a clock or a counter.
pub(crate) fn is_numbered(name: &OsStr) -> bool {
    name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// Tells whether a file that is no entry can be in any directory: hidden files such as `.gitignore`, files that
/// producers without the extension write before they rename them, and the file system's own.
pub(crate) fn may_be_in_any_directory(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".") || bytes.ends_with(b".tmp") || bytes == b"lost+found"
}

/// Tells whether a file is an entry that a producer is writing, or was writing when it ended.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) && name != ACKED
}

/// The UUID in an entry's name, if what stands before the suffix is one.
pub(crate) fn uid(name: &OsStr) -> Option<Uid> {
    let (stem, _) = parts(name)?;
    str::from_utf8(stem).ok()?.parse().ok()
}

/// The time of queueing in a name of our producer. `None` for the names of other producers.
pub(crate) fn queued_at(name: &OsStr) -> Option<QueuedAt> {
    // An entry must never seem older than it is.
    uid(name).filter(|uid| uid.is_by_time()).map(Uid::latest)
}

/// The name of the text beside a rejected entry that gives the reason: that of the entry, cut if it would be too long.
pub(crate) fn reason_name(entry: &OsStr) -> OsString {
    let bytes = entry.as_bytes();
    let mut name = OsStr::from_bytes(&bytes[..bytes.len().min(MAX_NAME - REASON_SUFFIX.len())]).to_owned();
    name.push(REASON_SUFFIX);
    name
}

/// The name under which an entry is written where the file system has no unnamed files.
pub(crate) fn temporary_name(entry: &OsStr) -> OsString {
    let mut name = OsString::from(TEMPORARY_PREFIX);
    name.push(entry);
    name
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_sort_in_the_order_they_were_made() {
        let names: Vec<OsString> = (0..10_000).map(|_| new_entry_name(Now::read(), Form::Event)).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn names_of_all_forms_sort_in_order_when_the_clock_is_set_back() {
        let late = Now::at(Duration::from_secs(2_000_000_000));
        let early = Now::at(Duration::from_secs(1_000_000_000));
        let forms = SUFFIXES.map(|(_, form)| form);
        for (first, second) in forms.iter().flat_map(|first| forms.map(|second| (*first, second))) {
            assert!(new_entry_name(late, first) < new_entry_name(early, second), "{first:?} {second:?}");
        }
    }

    #[test]
    fn the_end_of_a_name_says_what_an_entry_holds() {
        for (_, form_of_name) in SUFFIXES {
            let name = new_entry_name(Now::read(), form_of_name);
            assert_eq!(form(&name), Some(form_of_name), "{name:?}");
            assert!(queued_at(&name).is_some() && is_producer_name(&name), "{name:?}");
        }
        let uuid = "019a3a5e-7f00-7000-8000-000000000000";
        for suffix in [".urgent.events", ".HIGH.events", "events", ".high", ".events.json", ".json.events", "..events"]
        {
            assert!(!is_producer_name(OsStr::new(&format!("{uuid}{suffix}"))), "{suffix}");
        }
        assert!(!is_producer_name(OsStr::new("1729000000.1234_671234abc.events")));
    }

    #[test]
    fn a_name_has_its_time_to_the_microsecond() {
        let now = Now::at(Duration::new(1_729_000_000, 123_456_789));
        let time = queued_at(&new_entry_name(now, Form::Event)).expect("a name of ours has its time");
        assert!(time > now.queued_at(), "{time:?} is before {:?}", now.queued_at());
        assert!(time < QueuedAt::from_nanos(1_729_000_000_123_457_789), "{time:?} is more than a microsecond late");
    }

    #[test]
    fn only_visible_files_with_certain_endings_are_entries() {
        assert!(is_entry(OsStr::new("1729000000.1234_671234abc.json")) && is_entry(OsStr::new("a.low.events")));
        for name in [".tmp-a.json", ".tmp-a.events", ".events", "a.json.tmp", "failed", ".lock", "json", "events"] {
            assert!(!is_entry(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn names_of_other_producers_have_no_time() {
        for name in ["1729000000.1234_671234abc.json", "0.json", "c232ab00-9414-11ec-b3c8-9f6bdeced846.json"] {
            assert_eq!(queued_at(OsStr::new(name)), None, "{name}");
        }
    }
}
