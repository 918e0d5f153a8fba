//! The blocks of a stream of server-sent events, from its bytes. The rules are those of the HTML standard, sections
//! "Parsing an event stream" and "Interpreting an event stream"
//! (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream). A browser tells its page
//! nothing of comments and of blocks without data. Here they are given as well: the id of such a block is a position,
//! and the last comment says why the stream ends.

use std::mem;
use std::time::Duration;

use thiserror::Error;

/// The longest block or comment, in bytes: as much as a message of a WebSocket may have here.
const MAX_BYTES: usize = 64 << 20;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A part of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Block(Block),
    Comment(String),
}

/// What stands before an empty line, if it has data or an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The last event id behind it. It may be from an earlier block.
    pub(super) id: Option<String>,
    /// The type of the event; empty if it has none.
    pub(super) event: String,
    /// The lines of data, with a line feed between.
    pub(super) data: Option<String>,
}

/// A block that nobody can hold.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the server sends an event of more than {} bytes", MAX_BYTES)]
pub(super) struct TooLong;

/// Finds the parts of a stream.
#[derive(Debug, Default)]
pub(super) struct Parser {
    received: Vec<u8>,
    /// The beginning of the next line.
    line: usize,
    /// No line ends between its beginning and here.
    searched: usize,
    /// Whether the line before ended with CR: then LF is the second half of its end.
    is_after_cr: bool,
    /// Whether the first line was read, which may begin with a byte order mark.
    has_begun: bool,
    last_event_id: String,
    /// Whether the id stands in this block.
    has_id: bool,
    event: String,
    data: String,
    retry: Option<Duration>,
}

impl Parser {
    /// Takes the next bytes. Those of before must have been read with [`Parser::next`].
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.received.drain(..self.line);
        self.searched -= mem::take(&mut self.line);
        if self.received.len() + self.data.len() + bytes.len() > MAX_BYTES {
            return Err(TooLong);
        }
        self.received.extend_from_slice(bytes);
        Ok(())
    }

    /// The next part that is complete.
    pub(super) fn next(&mut self) -> Option<Part> {
        while let Some(line) = self.next_line() {
            if let Some(part) = self.interpret(&line) {
                return Some(part);
            }
        }
        None
    }

    /// When the server wants its client to come back after the end of the stream.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Lines end with CRLF, LF or CR.
    fn next_line(&mut self) -> Option<String> {
        if self.is_after_cr {
            // What follows CR may not be here yet. The line before is complete without it.
            let next = *self.received.get(self.line)?;
            self.is_after_cr = false;
            self.line += usize::from(next == b'\n');
        }
        self.searched = self.searched.max(self.line);
        let Some(length) = self.received[self.searched..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.received.len();
            return None;
        };
        let end = self.searched + length;
        let mut line = &self.received[self.line..end];
        if !mem::replace(&mut self.has_begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let line = String::from_utf8_lossy(line).into_owned();
        self.is_after_cr = self.received[end] == b'\r';
        self.line = end + 1;
        self.searched = self.line;
        Some(line)
    }

    fn interpret(&mut self, line: &str) -> Option<Part> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(Part::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.last_event_id);
                self.has_id = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)));
            }
            // Unknown fields, and values that these fields cannot have, are ignored.
            _ => {}
        }
        None
    }

    /// An empty line ends a block.
    fn dispatch(&mut self) -> Option<Part> {
        let (event, data, has_id) =
            (mem::take(&mut self.event), mem::take(&mut self.data), mem::take(&mut self.has_id));
        let data = data.strip_suffix('\n').map(str::to_owned);
        if data.is_none() && !has_id {
            return None;
        }
        let id = Some(self.last_event_id.clone()).filter(|id| !id.is_empty());
        Some(Part::Block(Block { id, event, data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(parser: &mut Parser) -> Vec<Part> {
        std::iter::from_fn(|| parser.next()).collect()
    }

    /// The parts of a stream, which are the same however its bytes arrive.
    fn parse(stream: &[u8]) -> (Vec<Part>, Option<Duration>) {
        let mut whole = Parser::default();
        whole.feed(stream).expect("it is short");
        let parts = parts_of(&mut whole);
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let mut again = Vec::new();
            for bytes in stream.chunks(size) {
                parser.feed(bytes).expect("it is short");
                again.extend(parts_of(&mut parser));
            }
            assert_eq!((&again, parser.retry()), (&parts, whole.retry()), "{size} bytes at a time");
        }
        (parts, whole.retry())
    }

    fn block(id: &str, event: &str, data: Option<&str>) -> Part {
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        Part::Block(Block { id, event: event.to_owned(), data: data.map(str::to_owned) })
    }

    fn comment(text: &str) -> Part {
        Part::Comment(text.to_owned())
    }

    #[test]
    fn a_stream_of_this_server_is_read() {
        let stream = "retry: 4711\nid: e-1\n\nid: e-2\nevent: a b\ndata: {\"event\":1}\n\nid: e-3\n\n: 1001 bye\n\n";
        let expected = [
            block("e-1", "", None),
            block("e-2", "a b", Some(r#"{"event":1}"#)),
            block("e-3", "", None),
            comment("1001 bye"),
        ];
        assert_eq!(parse(stream.as_bytes()), (expected.to_vec(), Some(Duration::from_millis(4711))));
    }

    #[test]
    fn a_line_ends_with_cr_or_lf_or_both() {
        let expected = [block("", "x", Some("1\n2")), block("", "", Some("3"))];
        for end in ["\n", "\r", "\r\n"] {
            let stream = ["event: x", "data: 1", "data: 2", "", "data: 3", "", ""].join(end);
            assert_eq!(parse(stream.as_bytes()).0, expected, "{end:?}");
        }
        // Each of them ends a line, also where they are mixed. LF and CR are two ends.
        assert_eq!(
            parse(b"data: 1\r\ndata: 2\n\rdata: 3\r\r\n").0,
            [block("", "", Some("1\n2")), block("", "", Some("3"))]
        );
    }

    #[test]
    fn the_end_of_a_line_needs_no_byte_behind_it() {
        let mut parser = Parser::default();
        parser.feed(b"data: 1\r\r").expect("it is short");
        assert_eq!(parts_of(&mut parser), [block("", "", Some("1"))]);
        parser.feed(b"\ndata: 2\r\n\r").expect("it is short");
        assert_eq!(parts_of(&mut parser), [block("", "", Some("2"))]);
    }

    #[test]
    fn comments_begin_with_a_colon_and_change_nothing() {
        let stream = b":\n: a: b\ndata: 1\n:c\ndata: 2\n\n";
        assert_eq!(parse(stream).0, [comment(""), comment("a: b"), comment("c"), block("", "", Some("1\n2"))]);
    }

    #[test]
    fn lines_of_data_are_put_together_and_one_space_is_left_out() {
        for (stream, data) in [
            ("data: a\ndata:  b\ndata:c\n\n", "a\n b\nc"),
            ("data\n\n", ""),
            ("data:\n\n", ""),
            ("data\ndata\n\n", "\n"),
            ("data: \ndata: a:b\n\n", "\na:b"),
            ("data:\u{a0}\n\n", "\u{a0}"),
        ] {
            assert_eq!(parse(stream.as_bytes()).0, [block("", "", Some(data))], "{stream:?}");
        }
    }

    #[test]
    fn an_id_stays_until_there_is_another_and_one_with_nul_is_ignored() {
        let stream = b"id: a\ndata: 1\n\ndata: 2\n\nid: b\0\ndata: 3\n\nid: b\0\n\nid\ndata: 4\n\nid: c\n\n";
        let expected = [
            block("a", "", Some("1")),
            block("a", "", Some("2")),
            block("a", "", Some("3")),
            block("", "", Some("4")),
            block("c", "", None),
        ];
        assert_eq!(parse(stream).0, expected);
    }

    #[test]
    fn a_retry_has_digits_only() {
        for (value, expected) in [
            ("0", Some(0)),
            ("0017", Some(17)),
            ("99999999999999999999", Some(u64::MAX)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1.5", None),
            ("1 ", None),
            ("\u{661}", None),
        ] {
            let (parts, retry) = parse(format!("retry: {value}\n\n").as_bytes());
            assert_eq!((parts, retry), (vec![], expected.map(Duration::from_millis)), "{value:?}");
        }
        assert_eq!(parse(b"retry: 5\nretry: x\n\n").1, Some(Duration::from_millis(5)));
    }

    #[test]
    fn one_byte_order_mark_is_left_out_at_the_beginning() {
        assert_eq!(parse("\u{feff}data: 1\n\n".as_bytes()).0, [block("", "", Some("1"))]);
        // With a second one, or later, it is a part of a name that nobody knows.
        assert_eq!(parse("\u{feff}\u{feff}data: 1\n\n".as_bytes()).0, []);
        assert_eq!(parse("\n\u{feff}data: 1\n\n".as_bytes()).0, []);
    }

    #[test]
    fn what_is_no_field_is_ignored_and_what_has_no_end_is_not_given() {
        assert_eq!(parse(b"Data: 1\n data: 2\ndata : 3\nother: 4\nevent: x\n\n").0, []);
        assert_eq!(parse(b"data: 1\n\ndata: 2\nid: 3\n").0, [block("", "", Some("1"))]);
        // The type is that of its block alone.
        assert_eq!(parse(b"event: x\n\ndata: 1\n\n").0, [block("", "", Some("1"))]);
        assert_eq!(parse(b"data: \xff\xc3\n\n").0, [block("", "", Some("\u{fffd}\u{fffd}"))]);
    }

    #[test]
    fn a_block_and_a_line_have_a_bound() {
        let part = vec![b'x'; 1 << 20];
        let mut parser = Parser::default();
        let fed = (0..=64).map(|_| parser.feed(&part).map(|()| assert_eq!(parser.next(), None)));
        assert_eq!(fed.filter(Result::is_err).count(), 1, "a line without an end");

        let line = [b"data: ", &part[..], b"\n"].concat();
        let mut parser = Parser::default();
        let fed = (0..=64).map(|_| parser.feed(&line).map(|()| assert_eq!(parser.next(), None)));
        assert!(fed.filter(Result::is_err).count() > 0, "lines of data");

        let block = [&line[..], b"\n"].concat();
        let mut parser = Parser::default();
        for _ in 0..=64 {
            parser.feed(&block).expect("each is shorter");
            assert!(parser.next().is_some() && parser.next().is_none());
        }
    }
}
