//! The position that a client names to go on after it.

use crate::protocol::id::{Id, decimal};

/// Longest id, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 64;

/// What a client names to get what came after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The `id` of a message.
    Id(Id),
    /// A moment, in milliseconds since 1970, as `EventQueue::now()` gives it.
    Moment(u64),
    /// The id of another server, or of a newer one.
    Unknown,
}

impl After {
    /// Reads a position. `None`: no position is written like that.
    pub(crate) fn parse(text: &str) -> Option<After> {
        if !is_position(text) {
            return None;
        }
        let moment = text.strip_prefix("t.").and_then(decimal);
        Some(moment.map(After::Moment).or_else(|| Id::parse(text).map(After::Id)).unwrap_or(After::Unknown))
    }
}

/// Tells whether a text can be a position: an id, of whatever server, or a moment.
pub fn is_position(text: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_of_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::Seq;

    #[test]
    fn ids_and_moments_are_read_as_they_are_written() {
        let id = Id::Own { epoch: 0xab, seq: Seq(12) };
        assert_eq!(After::parse(&id.to_string()), Some(After::Id(id)));
        assert_eq!(After::parse("t.1700000000123"), Some(After::Moment(1_700_000_000_123)));
    }

    #[test]
    fn what_others_have_made_is_unknown_and_what_nobody_makes_is_refused() {
        for text in [
            "1700000000123-0-0A1b2c3d",
            "x",
            "t.",
            "t.-1",
            "t.01",
            "00000000000000AB-1",
            "ab-1",
            "t.99999999999999999999",
        ] {
            assert_eq!(After::parse(text), Some(After::Unknown), "{text}");
        }
        for text in ["", "a b", "a/b", "ä", &"a".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(After::parse(text), None, "{text}");
        }
    }
}
