//! Streams of server-sent events: what a client of them has read is split into blocks.

use anyhow::{bail, ensure};

use super::{Client, State, Tally};
use crate::machine::monotonic_nanos;

/// How a block ends.
const END: &[u8] = b"\n\n";

/// Before the text of an event.
const DATA: &[u8] = b"\ndata: ";

/// Bytes of the last event, as many as most have. It is tried first: to search for each end would cost the load more than
/// all the rest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usual {
    block: usize,
    /// Of the line of its id.
    id: usize,
}

impl Client {
    /// Checks the complete blocks and returns how many bytes they have.
    pub(super) fn take_blocks(&mut self, bytes: &[u8], tally: &mut Tally) -> anyhow::Result<usize> {
        let now = if tally.latencies.is_some() { monotonic_nanos() } else { 0 };
        let mut begin = 0;
        while let Some(length) = first(&bytes[begin..], self.usual.block) {
            let block = &bytes[begin..begin + length];
            begin += length;
            match data(block, self.usual.id) {
                Some(text) if self.state == State::Open => {
                    let text_bytes = DATA.len() + text.len() + END.len();
                    self.usual = Usual { block: length, id: length - text_bytes };
                    self.take_message(text, now, tally)?;
                }
                Some(text) => bail!("the stream begins with {:?}", String::from_utf8_lossy(text)),
                None => self.take_block_without_data(block, tally)?,
            }
        }
        Ok(begin)
    }

    /// The first block of a stream, a heartbeat, or why it ends.
    fn take_block_without_data(&mut self, block: &[u8], tally: &mut Tally) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(block);
        if self.state == State::AwaitingWelcome {
            ensure!(!text.contains("event: gap"), "not what was missed: {text:?}");
            tally.position = text.lines().find_map(|line| line.strip_prefix("id: ")).map(str::to_owned);
            self.state = State::Open;
            return Ok(());
        }
        ensure!(text.starts_with("id: "), "the stream says {text:?}");
        Ok(())
    }
}

/// How long the block is that the bytes begin with, if all of it is there.
fn first(bytes: &[u8], expected: usize) -> Option<usize> {
    // If the end were that of a later block, the number of its message would be missing.
    if expected > END.len() && bytes.get(expected - END.len()..expected) == Some(END) {
        return Some(expected);
    }
    bytes.windows(END.len()).position(|end| end == END).map(|at| at + END.len())
}

/// The text of an event: the line of data behind the one of its id.
fn data(block: &[u8], expected: usize) -> Option<&[u8]> {
    if !block.starts_with(b"id: ") {
        return None;
    }
    let block = &block[..block.len() - END.len()];
    // An id has no line break and no space.
    if let Some(text) = block.get(expected..).and_then(|rest| rest.strip_prefix(DATA)) {
        return Some(text);
    }
    let line = block.iter().position(|byte| *byte == b'\n')?;
    block[line..].strip_prefix(DATA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_whether_they_are_as_long_as_expected_or_not() {
        let bytes = b"id: 1\ndata: a\n\nid: 2\ndata: bcd\n\nid: 3\n";
        let length = first(bytes, 0).expect("a block");
        assert_eq!((length, data(&bytes[..length], 0)), (15, Some(&b"a"[..])));
        assert_eq!(data(&bytes[..length], 5), Some(&b"a"[..]));
        assert_eq!(first(bytes, length), Some(length));
        let rest = &bytes[length..];
        let length = first(rest, length).expect("a block");
        assert_eq!(data(&rest[..length], 5), Some(&b"bcd"[..]));
        assert_eq!(first(&rest[length..], length), None);
        assert_eq!(data(b"id: 4\n\n", 5), None);
        assert_eq!(data(b": 1001 server is shutting down\n\n", 5), None);
    }
}
