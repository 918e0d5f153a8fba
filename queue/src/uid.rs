//! The producer's name of an event, which drops repeats; and the generator of names that sort by time.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use uuid::timestamp::context::ContextV7;
use uuid::{Builder, Timestamp, Uuid, Variant, Version};

use crate::queued_at::{Now, QueuedAt};

/// The unit of the 12 bits in a UUIDv7: a millisecond divided by 4096, rounded up, as the uuid crate divides.
const NANOS_PER_FRACTION: u64 = 1_000_000_u64.div_ceil(4096);

thread_local! {
    static LAST: Cell<Uid> = const { Cell::new(Uid(Uuid::nil())) };
    /// Nanoseconds since the epoch that all following ones have at least, whatever the clock says.
    static EARLIEST: Cell<u64> = const { Cell::new(0) };
}

/// A UUID, one for each event. Our producers make a UUIDv7 (RFC 9562, section 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub(crate) Uuid);

impl Uid {
    /// A new one, which sorts after every earlier one of this thread, and after the names of entries that it made.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Uid {
        Uid::at(Now::read())
    }

    /// The same for a time: it sorts after every earlier one of this thread even when the clock was set back, and by
    /// the clock among processes. The 12 bits of `rand_a` hold the fraction of the millisecond (RFC 9562, section 6.2,
    /// method 3). The other bits are a counter and random.
    pub(crate) fn at(now: Now) -> Uid {
        thread_local! {
            static CONTEXT: RefCell<ContextV7> = RefCell::new(ContextV7::new().with_additional_precision());
        }
        let now = now.max(Now::at(Duration::from_nanos(EARLIEST.get())));
        let at = |context: &ContextV7| Timestamp::from_unix(context, now.secs(), now.subsec_nanos());
        let uid = Uid(CONTEXT.with_borrow(|context| Uuid::new_v7(at(context))));
        LAST.set(uid);
        uid
    }

    /// The time in the last one of this thread. No later one has an earlier time.
    pub(crate) fn last_of_thread() -> QueuedAt {
        LAST.get().earliest()
    }

    /// Lets all later ones of this thread have later times than this.
    pub(crate) fn make_later_than(time: QueuedAt) {
        // The interval after the one that the time is in.
        EARLIEST.set(time.nanos().saturating_add(NANOS_PER_FRACTION));
    }

    /// Its text: 36 bytes of ASCII. Faster than formatting it.
    pub fn to_bytes_of_text(self) -> [u8; 36] {
        let mut text = [0; 36];
        self.0.hyphenated().encode_lower(&mut text);
        text
    }

    /// Whether it is a UUIDv7, which begins with a time.
    pub(crate) fn is_by_time(self) -> bool {
        self.0.get_version_num() == 7
    }

    /// The beginning of the interval that the time of a UUIDv7 stands for.
    pub(crate) fn earliest(self) -> QueuedAt {
        let (head, _) = self.0.as_u64_pair();
        let (millis, fraction) = (head >> 16, head & 0xfff);
        QueuedAt::from_nanos(millis.saturating_mul(1_000_000).saturating_add(fraction * NANOS_PER_FRACTION))
    }

    /// The end of the interval that the time of a UUIDv7 stands for.
    pub(crate) fn latest(self) -> QueuedAt {
        QueuedAt::from_nanos(self.earliest().nanos().saturating_add(NANOS_PER_FRACTION))
    }

    /// The uid of an event that has none of its own, from the name of its entry and when it was queued: the same at
    /// each reading. It is a UUIDv8 of the 128 bits of FNV-1a, which is the same in every version of this program.
    pub(crate) fn of_entry(name: &[u8], queued_at: QueuedAt) -> Uid {
        let bytes = name.iter().copied().chain([0]).chain(queued_at.nanos().to_be_bytes());
        Uid(Builder::from_custom_bytes(hash(bytes).to_be_bytes()).into_uuid())
    }

    /// The uid of a part of what has a UUIDv7: one with the same time, and the same at each call.
    pub(crate) fn of_part(whole: Uid, offset: u64) -> Uid {
        let (head, _) = whole.0.as_u64_pair();
        let hash = hash(whole.0.as_bytes().iter().copied().chain(offset.to_be_bytes()));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&head.to_be_bytes());
        bytes[8..].copy_from_slice(&((hash >> 64) as u64).to_be_bytes());
        // The builder sets the bits of version and variant.
        Uid(Builder::from_bytes(bytes).with_version(Version::SortRand).with_variant(Variant::RFC4122).into_uuid())
    }
}

/// FNV-1a of 128 bits.
fn hash(bytes: impl Iterator<Item = u8>) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// Gives the generator of random bits of this thread's uids and names a new seed.
///
/// A forked process has a copy of its parent's generator. Without a new seed it gives its events and entries the same
/// random bits as the parent and as every other child. They still sort after those that the parent made before the
/// fork.
///
/// # Errors
/// The error of the system when it has no random bits.
pub fn reseed() -> io::Result<()> {
    rand::rng().reseed().map_err(io::Error::other)
}

/// The text is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a UUID: 32 hexadecimal digits with hyphens, such as 019a3a5e-7f00-7000-8000-000000000000")]
pub struct InvalidUid;

impl FromStr for Uid {
    type Err = InvalidUid;

    fn from_str(text: &str) -> Result<Uid, InvalidUid> {
        // The parser of that crate also takes braces, `urn:uuid:` and digits without hyphens.
        let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        Uuid::try_parse(text).ok().filter(|_| is_hyphenated).map(Uid).ok_or(InvalidUid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_sort_in_the_order_they_were_made() {
        let uids: Vec<Uid> = (0..10_000).map(|_| Uid::new()).collect();
        assert!(uids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(uids[0].0.get_version_num(), 7);
    }

    #[test]
    fn uids_sort_in_order_when_the_clock_is_set_back() {
        let late = Now::at(Duration::from_secs(2_000_000_000));
        let early = Now::at(Duration::from_secs(1_000_000_000));
        assert!(Uid::at(late) < Uid::at(early));
    }

    #[test]
    fn a_uid_is_read_as_it_is_shown_and_nothing_else_is_one() {
        let uid = Uid::new();
        assert_eq!(uid.to_string().parse(), Ok(uid));
        assert_eq!(uid.to_string().to_uppercase().parse(), Ok(uid));
        let simple = uid.to_string().replace('-', "");
        for text in ["", "7", &simple, &format!("{{{uid}}}"), &format!("urn:uuid:{uid}"), &format!("{uid} ")] {
            assert_eq!(text.parse::<Uid>(), Err(InvalidUid), "{text}");
        }
    }

    #[test]
    fn the_uid_of_an_entry_follows_from_its_name_and_time_in_every_version() {
        let uid = |name: &str, nanos| Uid::of_entry(name.as_bytes(), QueuedAt::from_nanos(nanos));
        assert_eq!(uid("1.json", 7), uid("1.json", 7));
        assert!(uid("1.json", 7) != uid("1.json", 8) && uid("1.json", 7) != uid("2.json", 7));
        assert_eq!(uid("1.json", 7).0.get_version_num(), 8);
        assert_eq!(uid("1.json", 7).to_string().parse(), Ok(uid("1.json", 7)));
    }
}
