//! An entry of the stream: its fields, as they are written and read.

use queue::{Event, LineError};
use redis::Value;

use crate::history::log::LogTime;
use crate::hub::Numbered;
use crate::protocol::id::{StreamId, StreamPlace, hex};

/// The event, as a line.
pub(super) const EVENT: &str = "d";
/// A random number of the sender, another one for each entry: eight hexadecimal digits.
pub(super) const NONCE: &str = "n";
/// When it was sent, by the sender's clock: milliseconds since 1970.
pub(super) const SENT_AT: &str = "a";
/// What the entry is, if it is no event.
pub(super) const KIND: &str = "k";
/// Kind: acknowledged entries before this one were lost.
pub(super) const GAP: &str = "gap";
/// Kind: a follower found the stream empty. It has to name an entry after which it reads on.
pub(super) const BEGIN: &str = "begin";

/// An entry as it was read.
#[derive(Debug)]
pub(super) struct StreamEntry {
    pub(super) id: StreamId,
    /// Milliseconds since 1970, by the sender's clock. 0 if it does not say.
    sent_at: u64,
    pub(super) content: Content,
    /// Bytes of its fields.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) enum Content {
    Event(Box<Event>),
    Gap,
    Begin,
    /// A newer program wrote it.
    Newer,
    /// No broadcaster wrote it.
    Foreign(String),
}

impl StreamEntry {
    /// Its id, and the later of its two times: when Redis added it, and when it was sent.
    pub(super) fn numbered(&self) -> Numbered {
        let millis = self.id.place.millis.max(self.sent_at);
        Numbered { id: self.id, at: LogTime(millis.saturating_mul(1_000_000)) }
    }

    /// Reads the entries of a reply such as that of `XRANGE`: a list, with a place and fields for each. `None`: it is
    /// no such list.
    pub(super) fn read_all(reply: Value) -> Option<Vec<StreamEntry>> {
        match reply {
            Value::Nil => Some(Vec::new()),
            Value::Array(entries) => entries.into_iter().map(StreamEntry::read).collect(),
            _ => None,
        }
    }

    /// Reads the entries of one stream from a reply of `XREAD`.
    pub(super) fn read_stream(reply: Value) -> Option<Vec<StreamEntry>> {
        match reply {
            Value::Nil => Some(Vec::new()),
            Value::Array(mut streams) => match streams.pop()? {
                Value::Array(mut stream) => StreamEntry::read_all(stream.pop()?),
                _ => None,
            },
            Value::Map(mut streams) => StreamEntry::read_all(streams.pop()?.1),
            _ => None,
        }
    }

    fn read(entry: Value) -> Option<StreamEntry> {
        let Value::Array(parts) = entry else { return None };
        let [place, fields] = <[Value; 2]>::try_from(parts).ok()?;
        let place = StreamPlace::parse(&text(place)?)?;
        // An entry whose fields are gone was deleted while it was read.
        let fields = match fields {
            Value::Array(fields) => fields,
            _ => Vec::new(),
        };
        let (mut event, mut nonce, mut sent_at, mut kind, mut bytes) = (None, None, None, None, 0);
        let mut fields = fields.into_iter();
        while let (Some(name), Some(value)) = (fields.next().and_then(text), fields.next()) {
            let Value::BulkString(value) = value else { return None };
            bytes += name.len() + value.len();
            match name.as_str() {
                EVENT => event = Some(value),
                NONCE => nonce = str::from_utf8(&value).ok().and_then(|value| hex(value, 8)),
                SENT_AT => sent_at = str::from_utf8(&value).ok().and_then(|value| value.parse().ok()),
                KIND => kind = Some(value),
                _ => {}
            }
        }
        let content = match (kind.as_deref(), event) {
            (Some(kind), _) if kind == GAP.as_bytes() => Content::Gap,
            (Some(kind), _) if kind == BEGIN.as_bytes() => Content::Begin,
            (Some(_), _) => Content::Newer,
            (None, None) => Content::Foreign(format!("no field `{EVENT}`")),
            (None, Some(line)) => match Event::of_line(&line) {
                Ok(event) => Content::Event(Box::new(event)),
                Err(LineError::NewerVersion(_)) => Content::Newer,
                Err(problem) => Content::Foreign(problem.to_string()),
            },
        };
        let nonce = nonce.unwrap_or_default() as u32;
        Some(StreamEntry { id: StreamId { place, nonce }, sent_at: sent_at.unwrap_or_default(), content, bytes })
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn read(fields: &[(&str, &str)]) -> StreamEntry {
        let fields = fields.iter().flat_map(|(name, value)| [bulk(name), bulk(value)]).collect();
        StreamEntry::read(Value::Array(vec![bulk("1700000000123-4"), Value::Array(fields)])).expect("an entry")
    }

    #[test]
    fn an_entry_has_an_event_or_says_what_it_is() {
        let line = r#"{"v":1,"uid":"0190a3b4-7f00-7000-8000-000000000001","event":"e","channels":null}"#;
        let entry = read(&[(EVENT, line), (NONCE, "000000ab"), (SENT_AT, "1700000000125")]);
        assert_eq!(entry.id.place, StreamPlace { millis: 1_700_000_000_123, number: 4 });
        assert_eq!((entry.id.nonce, entry.numbered().at.millis()), (0xab, 1_700_000_000_125));
        assert!(matches!(entry.content, Content::Event(_)));
        assert!(matches!(read(&[(KIND, GAP), (NONCE, "000000ab")]).content, Content::Gap));
        assert!(matches!(read(&[(KIND, BEGIN)]).content, Content::Begin));
    }

    #[test]
    fn what_a_newer_program_wrote_is_told_from_what_none_wrote() {
        assert!(matches!(read(&[(EVENT, r#"{"v":2}"#)]).content, Content::Newer));
        assert!(matches!(read(&[(KIND, "other")]).content, Content::Newer));
        assert!(matches!(read(&[(EVENT, "{}")]).content, Content::Foreign(_)));
        assert!(matches!(read(&[("x", "y")]).content, Content::Foreign(_)));
        assert!(matches!(read(&[]).content, Content::Foreign(_)));
    }

    #[test]
    fn replies_of_both_commands_are_read() {
        let entries = || Value::Array(vec![Value::Array(vec![bulk("1-0"), Value::Array(vec![bulk(KIND), bulk(GAP)])])]);
        let of_range = StreamEntry::read_all(entries()).expect("entries");
        let of_read = Value::Array(vec![Value::Array(vec![bulk("{fastapi}:events"), entries()])]);
        let of_read = StreamEntry::read_stream(of_read).expect("entries");
        assert_eq!((of_range.len(), of_read.len()), (1, 1));
        assert!(StreamEntry::read_stream(Value::Nil).is_some_and(|entries| entries.is_empty()));
        assert!(StreamEntry::read_stream(Value::Int(1)).is_none());
    }
}
