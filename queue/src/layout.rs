//! The names that appear on disk, and the order they imply. No other file spells one.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

use crate::entry::{EntryName, QueuedAt};

/// Folder of rejected entries.
pub(crate) const FAILED: &str = "failed";
/// Held by the one consumer of a directory.
pub(crate) const LOCK: &str = ".lock";
/// An entry of a name that may be used again while it is being deleted. It may turn out to be another that was written meanwhile.
pub(crate) const ACKED: &str = ".tmp-acked";
/// Mode of a queue directory that we create: owner and group only, new files inherit the group.
pub(crate) const DIRECTORY_MODE: u32 = 0o2770;
/// Mode of an entry: the broadcaster may be another user of the same group.
pub(crate) const ENTRY_MODE: u32 = 0o640;

/// The unit of the 12 bits: a millisecond divided by 4096, rounded up, as the uuid crate divides.
const NANOS_PER_FRACTION: u64 = 1_000_000_u64.div_ceil(4096);

const ENTRY_SUFFIX: &str = ".json";
/// What a file system takes for a name, in bytes.
const MAX_NAME: usize = 255;
const REASON_SUFFIX: &str = ".reason";
const TEMPORARY_PREFIX: &str = ".tmp-";

/// One reading of the clock, from which all times and the name of an entry are derived.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    since_epoch: Duration,
}

impl Now {
    pub(crate) fn read() -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { since_epoch }
    }

    pub(crate) fn secs(self) -> u64 {
        self.since_epoch.as_secs()
    }

    pub(crate) fn subsec_micros(self) -> u32 {
        self.since_epoch.subsec_micros()
    }

    pub(crate) fn queued_at(self) -> QueuedAt {
        QueuedAt::from_nanos(self.since_epoch.as_nanos() as u64)
    }
}

/// Returns a name that sorts after every earlier one of this thread, even when the clock was set back, and by the clock
/// among processes: a UUIDv7 (RFC 9562, section 5.7) whose 12 bits of `rand_a` hold the fraction of the millisecond
/// (section 6.2, method 3) and whose further bits are a counter and random.
pub(crate) fn new_entry_name(now: Now) -> EntryName {
    thread_local! {
        static CONTEXT: RefCell<ContextV7> = RefCell::new(ContextV7::new().with_additional_precision());
    }
    let uuid = CONTEXT.with_borrow(|context| {
        Uuid::new_v7(Timestamp::from_unix(context, now.since_epoch.as_secs(), now.since_epoch.subsec_nanos()))
    });
    let mut name = String::with_capacity(41);
    name.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    name.push_str(ENTRY_SUFFIX);
    EntryName::new(name)
}

/// Seeds the generator anew from which the names of this thread get their random bits.
///
/// A process that was forked has a copy of its parent's generator: without this, it gives its entries the same random bits as
/// the parent and as every other child. Names go on to sort after those that the parent made before the fork.
///
/// # Errors
/// What the system said, which has no random bits then.
pub fn reseed() -> io::Result<()> {
    rand::rng().reseed().map_err(io::Error::other)
}

/// Tells whether a file of the queue directory is an entry. Names with a leading dot never are.
pub(crate) fn is_entry(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    !bytes.starts_with(b".") && bytes.ends_with(ENTRY_SUFFIX.as_bytes())
}

/// Tells whether a name is one that our producer gives, or the pure-PHP class: `microtime(true)`, `_`, `uniqid()`.
pub(crate) fn is_producer_name(name: &OsStr) -> bool {
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

/// Tells whether a name begins with a number, as those of producers do, whether it is of a clock or of a counter.
pub(crate) fn is_numbered(name: &OsStr) -> bool {
    name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// Tells whether a file that is no entry may be in any directory: hidden ones such as `.gitignore`, those that producers without
/// the extension write before they rename them, and what a file system has of its own.
pub(crate) fn may_be_in_any_directory(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".") || bytes.ends_with(b".tmp") || bytes == b"lost+found"
}

/// Tells whether a file is an entry that a producer is writing, or was when it died.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) && name != ACKED
}

/// The time of queueing that a name of ours tells. `None` for the names of other producers.
pub(crate) fn queued_at(name: &OsStr) -> Option<QueuedAt> {
    let stem = name.to_str()?.strip_suffix(ENTRY_SUFFIX)?;
    if stem.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let uuid = Uuid::try_parse(stem).ok().filter(|uuid| uuid.get_version_num() == 7)?;
    let (head, _) = uuid.as_u64_pair();
    let millis = head >> 16;
    let fraction = head & 0xfff;
    // The end of the interval that the name stands for: an entry must never seem older than it is. Any 48 bits can stand
    // there, and what is too far away for our count is last.
    Some(QueuedAt::from_nanos(millis.saturating_mul(1_000_000).saturating_add((fraction + 1) * NANOS_PER_FRACTION)))
}

/// The name of the text beside a rejected entry that says why: that of the entry, cut where it would be too long for a name.
pub(crate) fn reason_name(entry: &EntryName) -> OsString {
    let bytes = entry.as_os_str().as_bytes();
    let mut name = OsStr::from_bytes(&bytes[..bytes.len().min(MAX_NAME - REASON_SUFFIX.len())]).to_owned();
    name.push(REASON_SUFFIX);
    name
}

/// The name under which an entry is written where the file system has no unnamed files.
pub(crate) fn temporary_name(entry: &EntryName) -> std::ffi::OsString {
    let mut name = std::ffi::OsString::from(TEMPORARY_PREFIX);
    name.push(entry.as_os_str());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_in_the_order_they_were_made() {
        let names: Vec<EntryName> = (0..10_000).map(|_| new_entry_name(Now::read())).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn names_sort_in_order_when_the_clock_is_set_back() {
        let late = Now { since_epoch: Duration::from_secs(2_000_000_000) };
        let early = Now { since_epoch: Duration::from_secs(1_000_000_000) };
        assert!(new_entry_name(late) < new_entry_name(early));
    }

    #[test]
    fn a_name_tells_its_time_to_the_microsecond() {
        let now = Now { since_epoch: Duration::new(1_729_000_000, 123_456_789) };
        let time = queued_at(new_entry_name(now).as_os_str()).expect("a name of ours tells its time");
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
    fn names_of_other_producers_tell_no_time() {
        for name in ["1729000000.1234_671234abc.json", "0.json", "c232ab00-9414-11ec-b3c8-9f6bdeced846.json"] {
            assert_eq!(queued_at(OsStr::new(name)), None, "{name}");
        }
    }
}
