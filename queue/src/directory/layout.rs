//! The names that appear on disk, and the order that follows from them. No other file spells one.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

use crate::queued_at::{Now, QueuedAt};

/// Folder of rejected entries.
pub(super) const FAILED: &str = "failed";
/// Locked by the one consumer of a directory.
pub(super) const LOCK: &str = ".lock";
/// An entry that is being deleted and whose name may be used again. It can turn out to be another one, written
/// meanwhile.
pub(super) const ACKED: &str = ".tmp-acked";
/// Mode of a queue directory that we create: only owner and group have access, and new files inherit the group.
pub(super) const DIRECTORY_MODE: u32 = 0o2770;
/// Mode of an entry: the broadcaster may be another user of the same group.
pub(super) const ENTRY_MODE: u32 = 0o640;

/// The unit of the 12 bits in a UUIDv7: a millisecond divided by 4096, rounded up, as the uuid crate divides.
const NANOS_PER_FRACTION: u64 = 1_000_000_u64.div_ceil(4096);

const ENTRY_SUFFIX: &str = ".json";
/// The longest name that a file system accepts, in bytes.
const MAX_NAME: usize = 255;
const REASON_SUFFIX: &str = ".reason";
const TEMPORARY_PREFIX: &str = ".tmp-";

/// Returns a name that sorts after every earlier one of this thread, even when the clock was set back, and by the clock
/// among processes: a UUIDv7 (RFC 9562, section 5.7) whose 12 bits of `rand_a` hold the fraction of the millisecond
/// (section 6.2, method 3). The other bits are a counter and random.
pub(super) fn new_entry_name(now: Now) -> OsString {
    thread_local! {
        static CONTEXT: RefCell<ContextV7> = RefCell::new(ContextV7::new().with_additional_precision());
    }
    let uuid =
        CONTEXT.with_borrow(|context| Uuid::new_v7(Timestamp::from_unix(context, now.secs(), now.subsec_nanos())));
    let mut name = String::with_capacity(41);
    name.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    name.push_str(ENTRY_SUFFIX);
    name.into()
}

/// Gives the generator of random bits for this thread's names a new seed.
///
/// A forked process has a copy of its parent's generator. Without a new seed it gives its entries the same random bits
/// as the parent and as every other child. Its names still sort after those that the parent made before the fork.
///
/// # Errors
/// The error of the system when it has no random bits.
pub fn reseed() -> io::Result<()> {
    rand::rng().reseed().map_err(io::Error::other)
}

/// Tells whether a file of the queue directory is an entry. Names with a leading dot never are.
pub(super) fn is_entry(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    !bytes.starts_with(b".") && bytes.ends_with(ENTRY_SUFFIX.as_bytes())
}

/// Tells whether a name is one that a producer makes: ours a UUIDv7, the pure-PHP class `microtime(true)`, `_`,
/// `uniqid()`.
pub(super) fn is_producer_name(name: &OsStr) -> bool {
    let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(ENTRY_SUFFIX)) else { return false };
    let is_of_php = || {
        let (time, unique) = stem.split_once('_')?;
        // A float as PHP prints it with its `precision`, or the whole second; not a year.
        let is_float = time.parse::<f64>().is_ok() && (time.len() >= 10 || time.contains('.'));
        let is_unique = !unique.is_empty() && unique.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.');
        Some(is_numbered(name) && is_float && is_unique)
    };
    queued_at(name).is_some() || is_of_php() == Some(true)
}

/// Tells whether a name begins with a digit, as the names of producers do, whether they use a clock or a counter.
pub(super) fn is_numbered(name: &OsStr) -> bool {
    name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// Tells whether a file that is no entry can be in any directory: hidden files such as `.gitignore`, files that
/// producers without the extension write before they rename them, and the file system's own.
pub(super) fn may_be_in_any_directory(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".") || bytes.ends_with(b".tmp") || bytes == b"lost+found"
}

/// Tells whether a file is an entry that a producer is writing, or was writing when it ended.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) && name != ACKED
}

/// The time of queueing in a name of our producer. `None` for the names of other producers.
pub(super) fn queued_at(name: &OsStr) -> Option<QueuedAt> {
    let stem = name.to_str()?.strip_suffix(ENTRY_SUFFIX)?;
    if stem.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let uuid = Uuid::try_parse(stem).ok().filter(|uuid| uuid.get_version_num() == 7)?;
    let (head, _) = uuid.as_u64_pair();
    let millis = head >> 16;
    let fraction = head & 0xfff;
    // The end of the interval that the name stands for: an entry must never seem older than it is. The name can hold
    // any 48 bits; a time that is too late for our type is the latest one.
    Some(QueuedAt::from_nanos(millis.saturating_mul(1_000_000).saturating_add((fraction + 1) * NANOS_PER_FRACTION)))
}

/// The name of the text beside a rejected entry that gives the reason: that of the entry, cut if it would be too long.
pub(super) fn reason_name(entry: &OsStr) -> OsString {
    let bytes = entry.as_bytes();
    let mut name = OsStr::from_bytes(&bytes[..bytes.len().min(MAX_NAME - REASON_SUFFIX.len())]).to_owned();
    name.push(REASON_SUFFIX);
    name
}

/// The name under which an entry is written where the file system has no unnamed files.
pub(super) fn temporary_name(entry: &OsStr) -> OsString {
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
        let names: Vec<OsString> = (0..10_000).map(|_| new_entry_name(Now::read())).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn names_sort_in_order_when_the_clock_is_set_back() {
        let late = Now::at(Duration::from_secs(2_000_000_000));
        let early = Now::at(Duration::from_secs(1_000_000_000));
        assert!(new_entry_name(late) < new_entry_name(early));
    }

    #[test]
    fn a_name_has_its_time_to_the_microsecond() {
        let now = Now::at(Duration::new(1_729_000_000, 123_456_789));
        let time = queued_at(&new_entry_name(now)).expect("a name of ours has its time");
        assert!(time > now.queued_at(), "{time:?} is before {:?}", now.queued_at());
        assert!(time < QueuedAt::from_nanos(1_729_000_000_123_457_789), "{time:?} is more than a microsecond late");
    }

    #[test]
    fn only_visible_json_files_are_entries() {
        assert!(is_entry(OsStr::new("1729000000.1234_671234abc.json")));
        for name in [".tmp-a.json", "a.json.tmp", "failed", ".lock", "json"] {
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
