//! Ids: a place in the order of all publications, as clients know it. To clients it is a text without a meaning, which
//! they compare for equality only.

use std::fmt;
use std::io::{Cursor, Write};

use crate::publication::Seq;

/// Longest id that we write, in bytes: two numbers of 20 digits, one of 8, and two hyphens.
const MAX_BYTES: usize = 50;

/// A place in the order of all publications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id {
    /// In the numbers of this machine.
    Own {
        /// Names the series of numbers.
        epoch: u64,
        seq: Seq,
    },
    /// In the stream that several machines share.
    Stream(StreamId),
}

/// Names an entry of the stream. After the stream was emptied, or another server took its place, a new entry can have
/// the place of an older one. Then the two have different nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamId {
    pub(crate) place: StreamPlace,
    /// A random number of the sender, another one for each entry.
    pub(crate) nonce: u32,
}

/// What Redis calls the id of an entry. A later entry has a greater one, as long as the stream is on the same server
/// and is not deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamPlace {
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) millis: u64,
    /// The number within the millisecond.
    pub(crate) number: u64,
}

/// An id as clients get it.
pub(crate) struct IdText {
    bytes: [u8; MAX_BYTES],
    len: usize,
}

impl Id {
    /// As clients get it, without an allocation.
    pub(crate) fn text(self) -> IdText {
        let mut text = Cursor::new([0; MAX_BYTES]);
        // It has room for the longest.
        let _ = match self {
            Id::Own { epoch, seq } => write!(text, "{epoch:016x}-{seq}"),
            Id::Stream(StreamId { place, nonce }) => write!(text, "{place}-{nonce:08x}"),
        };
        let len = text.position() as usize;
        IdText { bytes: text.into_inner(), len }
    }

    /// Reads an id as we write it. `None`: it is of another program.
    pub(crate) fn parse(text: &str) -> Option<Id> {
        let parts: Vec<&str> = text.split('-').collect();
        match *parts {
            [epoch, seq] => Some(Id::Own { epoch: hex(epoch, 16)?, seq: Seq(decimal(seq)?) }),
            [millis, number, nonce] => {
                let place = StreamPlace { millis: decimal(millis)?, number: decimal(number)? };
                Some(Id::Stream(StreamId { place, nonce: u32::try_from(hex(nonce, 8)?).ok()? }))
            }
            _ => None,
        }
    }
}

impl IdText {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl StreamPlace {
    /// Reads it as Redis writes it.
    pub(crate) fn parse(text: &str) -> Option<StreamPlace> {
        let (millis, number) = text.split_once('-')?;
        Some(StreamPlace { millis: decimal(millis)?, number: decimal(number)? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(str::from_utf8(self.text().as_bytes()).unwrap_or_default())
    }
}

impl fmt::Display for StreamPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.number)
    }
}

/// Reads a number of so many hexadecimal digits, as we write them.
pub(crate) fn hex(text: &str, digits: usize) -> Option<u64> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// Reads a number as we write it.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let place = |millis, number| StreamPlace { millis, number };
        for (id, text) in [
            (Id::Own { epoch: 0xab, seq: Seq(12) }, "00000000000000ab-12"),
            (Id::Own { epoch: u64::MAX, seq: Seq(u64::MAX) }, "ffffffffffffffff-18446744073709551615"),
            (Id::Stream(StreamId { place: place(1_700_000_000_123, 0), nonce: 0xab }), "1700000000123-0-000000ab"),
            (
                Id::Stream(StreamId { place: place(u64::MAX, u64::MAX), nonce: u32::MAX }),
                "18446744073709551615-18446744073709551615-ffffffff",
            ),
        ] {
            assert_eq!(id.to_string(), text);
            assert_eq!(Id::parse(text), Some(id));
        }
    }

    #[test]
    fn what_we_do_not_write_is_no_id() {
        for text in [
            "",
            "-",
            "--",
            "1",
            "1-2",
            "00000000000000AB-1",
            "00000000000000ab-01",
            "00000000000000ab-",
            "1-2-3",
            "01-0-000000ab",
            "1-0-000000AB",
            "1-0-0000000ab",
            "1-0-000000ab-1",
            "+1-0-000000ab",
            "18446744073709551616-0-000000ab",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
