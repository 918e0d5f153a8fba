//! How a record is framed in a file to which records are appended, so that one that was not written whole is noticed.
//! What a record holds is not known here.
//!
//! A record is one byte 0x1E, then in hexadecimal digits the CRC-32C of all that follows (8), the length of the body (8)
//! and a time in nanoseconds since 1970 (16), a line end, and the body. 0x1E is nowhere else: JSON text has none.

use thiserror::Error;

/// Bytes before the body of a record.
pub const HEAD_BYTES: usize = 34;
/// The byte that a record begins with, and that is nowhere else in it.
pub(crate) const MARK: u8 = 0x1e;
/// Where in the head the bytes begin that the checksum is of.
const CHECKED: usize = 9;

/// A body that cannot be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a record has at most 4 GiB and no byte 0x1e")]
pub struct InvalidBody;

/// What stands before the body of a record.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Bytes of the body.
    pub body_bytes: usize,
    /// Nanoseconds since 1970.
    pub time: u64,
    checksum: u32,
    /// Of the part of the head that it is of.
    checksum_of_head: u32,
}

/// Begins a record in an empty buffer: the body is appended to it.
pub fn begin(record: &mut Vec<u8>) {
    record.resize(HEAD_BYTES, 0);
}

/// Fills in the head of a record, once the body is complete.
///
/// # Errors
/// When the body cannot be framed.
pub fn finish(record: &mut [u8], time: u64) -> Result<(), InvalidBody> {
    let (head, body) = record.split_at_mut_checked(HEAD_BYTES).ok_or(InvalidBody)?;
    let body_bytes = u32::try_from(body.len()).map_err(|_| InvalidBody)?;
    if body.contains(&MARK) {
        return Err(InvalidBody);
    }
    head[0] = MARK;
    write_hex(&mut head[9..17], u64::from(body_bytes));
    write_hex(&mut head[17..33], time);
    head[33] = b'\n';
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[CHECKED..]), body);
    write_hex(&mut head[1..9], u64::from(checksum));
    Ok(())
}

impl Head {
    /// Reads the head of a record. `None`: it is none.
    pub fn parse(head: &[u8; HEAD_BYTES]) -> Option<Head> {
        if head[0] != MARK || head[33] != b'\n' {
            return None;
        }
        Some(Head {
            checksum: u32::try_from(read_hex(&head[1..9])?).ok()?,
            body_bytes: usize::try_from(read_hex(&head[9..17])?).ok()?,
            time: read_hex(&head[17..33])?,
            checksum_of_head: crc32c::crc32c(&head[CHECKED..]),
        })
    }

    /// Whether head and body are as they were written.
    pub fn is_of(&self, body: &[u8]) -> bool {
        body.len() == self.body_bytes && crc32c::crc32c_append(self.checksum_of_head, body) == self.checksum
    }
}

/// Checks a body piece by piece, for one that is too large to be held before it is known to be right.
#[derive(Debug)]
pub struct BodyCheck {
    head: Head,
    bytes: usize,
    checksum: u32,
}

impl BodyCheck {
    /// For the body behind a head.
    pub fn new(head: Head) -> BodyCheck {
        BodyCheck { head, bytes: 0, checksum: head.checksum_of_head }
    }

    /// Takes the next bytes of the body.
    pub fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        self.checksum = crc32c::crc32c_append(self.checksum, piece);
    }

    /// Whether head and body are as they were written.
    pub fn is_right(&self) -> bool {
        (self.bytes, self.checksum) == (self.head.body_bytes, self.head.checksum)
    }
}

/// Whether bytes can be of the body of a record.
pub fn is_of_a_body(bytes: &[u8]) -> bool {
    !bytes.contains(&MARK)
}

/// Whether the last bytes of a file can be the beginning of a record whose writer was killed. What has the full length
/// was damaged later.
pub fn is_torn(rest: &[u8]) -> bool {
    let Some((&MARK, more)) = rest.split_first() else { return false };
    let is_cut = match rest.first_chunk::<HEAD_BYTES>() {
        Some(head) => Head::parse(head).is_some_and(|head| head.body_bytes > rest.len() - HEAD_BYTES),
        None => more.iter().all(|byte| is_digit(*byte)),
    };
    is_cut && !more.contains(&MARK)
}

fn write_hex(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xf) as usize];
        value >>= 4;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    // Digits in capitals, or a sign, as the standard library's parser takes them, are not what we write.
    let value_of = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | u64::from(value_of(*digit)?)))
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: &[u8], time: u64) -> Vec<u8> {
        let mut record = Vec::new();
        begin(&mut record);
        record.extend_from_slice(body);
        finish(&mut record, time).expect("a body");
        record
    }

    /// The time and the body of a record, if it is as it was written.
    fn read(record: &[u8]) -> Option<(u64, &[u8])> {
        let (head, body) = record.split_first_chunk::<HEAD_BYTES>()?;
        let head = Head::parse(head)?;
        head.is_of(body).then_some((head.time, body))
    }

    #[test]
    fn a_record_is_readable_as_text() {
        let record = record(b"{\"n\":1}\n", 0x1234);
        assert_eq!(record, b"\x1e4a9733be000000080000000000001234\n{\"n\":1}\n");
        assert_eq!(read(&record), Some((0x1234, &b"{\"n\":1}\n"[..])));
    }

    #[test]
    fn a_record_that_lacks_bytes_at_its_end_is_torn() {
        let record = record(b"body", 7);
        assert!(!is_torn(&record) && !is_torn(b""));
        for bytes in 1..record.len() {
            assert!(is_torn(&record[..bytes]), "{bytes}");
            assert_eq!(read(&record[..bytes]), None, "{bytes}");
        }
    }

    #[test]
    fn a_record_with_another_bit_is_noticed_and_is_not_torn_unless_it_seems_longer() {
        let good = record(b"body", 7);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&bad), None, "{bit}");
            assert_eq!(is_torn(&bad), (9..17).contains(&(bit / 8)) && is_torn_length(&bad), "{bit}");
        }
    }

    fn is_torn_length(record: &[u8]) -> bool {
        read_hex(&record[9..17]).is_some_and(|length| length > 4)
    }

    #[test]
    fn what_is_followed_by_another_record_is_not_torn() {
        let (first, second) = (record(b"body", 7), record(b"more", 8));
        for bytes in 1..first.len() {
            assert!(!is_torn(&[&first[..bytes], &second[..20]].concat()), "{bytes}");
        }
    }

    #[test]
    fn a_body_with_the_mark_is_refused() {
        let mut record = Vec::new();
        begin(&mut record);
        record.push(MARK);
        assert_eq!(finish(&mut record, 0), Err(InvalidBody));
        assert_eq!(finish(&mut [0; HEAD_BYTES - 1], 0), Err(InvalidBody));
    }
}
