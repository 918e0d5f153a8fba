//! Reads the head of a request from a connection: in no more memory than a head may have, and with work in proportion
//! to its bytes, however slowly they come.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::http_server::head::{Head, HeadError};

/// Memory that a request begins with: most need no more.
const FIRST_BYTES: usize = 1024;

/// What has come of a request, and how far it was looked at.
#[derive(Debug)]
pub(super) struct HeadReader {
    received: Vec<u8>,
    max_bytes: usize,
    /// Line ends in front of the request, which count for nothing (RFC 9112, section 2.2).
    blank: usize,
    /// How much was searched for the head's end.
    searched: usize,
    /// How much there was at the last attempt.
    tried: usize,
}

impl HeadReader {
    pub(super) fn new(max_bytes: usize) -> HeadReader {
        HeadReader { received: Vec::new(), max_bytes, blank: 0, searched: 0, tried: 0 }
    }

    /// Reads until the head is complete. None if the client leaves before.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Result<Option<Head>, HeadError>> {
        loop {
            self.make_room();
            if stream.read_buf(&mut self.received).await? == 0 {
                return Ok(Ok(None));
            }
            if !self.is_due() {
                continue;
            }
            self.tried = self.received.len();
            match Head::parse(&self.received, self.max_bytes) {
                Ok(None) => {}
                done => return Ok(done),
            }
        }
    }

    /// What has come, the head in front.
    pub(super) fn into_received(self) -> Vec<u8> {
        self.received
    }

    /// For twice as much, up to a byte more than is allowed: a vector left to itself would take up to twice that.
    fn make_room(&mut self) {
        let length = self.received.len();
        if length == self.received.capacity() {
            let wanted = (length * 2).max(FIRST_BYTES).min(self.max_bytes + 1);
            self.received.reserve_exact(wanted.saturating_sub(length));
        }
    }

    /// Whether it is worth parsing: at the end of the head, when there is too much of it, and whenever there is twice
    /// as much as at the last attempt, so that what is no HTTP is found out early.
    fn is_due(&mut self) -> bool {
        if self.blank == self.searched {
            self.blank += self.received[self.blank..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        }
        // An end that came in two pieces is found as well.
        let unsearched = &self.received[self.searched.saturating_sub(2).max(self.blank)..];
        self.searched = self.received.len();
        let ends = unsearched.windows(2).any(|end| end == b"\n\n") || unsearched.windows(3).any(|end| end == b"\n\r\n");
        ends || self.searched > self.max_bytes || self.searched >= self.tried * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a head is parsed that comes in pieces of a length.
    fn attempts(head: &str, piece: usize) -> usize {
        let mut reader = HeadReader::new(32 * 1024);
        let mut attempts = 0;
        for bytes in head.as_bytes().chunks(piece) {
            reader.received.extend_from_slice(bytes);
            if reader.is_due() {
                reader.tried = reader.received.len();
                attempts += 1;
            }
        }
        assert_eq!(reader.tried, head.len(), "the last piece completes it");
        attempts
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_parsed_a_few_times() {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(30_000));
        assert!(attempts(&head, 1) < 20);
        assert_eq!(attempts(&head, 100_000), 1);
        let unix = head.replace("\r\n", "\n");
        assert!(attempts(&unix, 1) < 20 && attempts(&unix, 7) < 20);
        let blank = format!("{}{head}", "\r\n".repeat(1000));
        assert!(attempts(&blank, 1) < 20 && attempts(&blank, 3) < 20);
    }

    #[tokio::test]
    async fn it_takes_no_more_memory_than_the_head_may_have() {
        for max_bytes in [1024, 32 * 1024] {
            let mut endless = tokio::io::repeat(b'y');
            let mut reader = HeadReader::new(max_bytes);
            reader.received.extend_from_slice(b"GET / HTTP/1.1\r\nX: ");
            let refused = reader.read(&mut endless).await.expect("reading goes on");
            assert!(matches!(refused, Err(HeadError::TooLarge(_))), "{refused:?}");
            assert!(reader.received.capacity() <= max_bytes + 1, "{}", reader.received.capacity());
        }
    }

    #[tokio::test]
    async fn what_is_no_http_is_found_out_before_it_ends() {
        let mut reader = HeadReader::new(32 * 1024);
        let refused = reader.read(&mut &b"\x16\x03\x01\x02\x00"[..]).await.expect("reading goes on");
        assert!(matches!(refused, Err(HeadError::NotHttp(_))), "{refused:?}");
    }
}
