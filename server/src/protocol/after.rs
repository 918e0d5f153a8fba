//! The position that a client names to go on after it.

use crate::protocol::native::Id;
use crate::publication::Seq;

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
        let moment = text.strip_prefix("t.").and_then(number);
        Some(moment.map(After::Moment).or_else(|| id(text).map(After::Id)).unwrap_or(After::Unknown))
    }
}

/// Tells whether a text can be a position: an id, of whatever server, or a moment.
pub fn is_position(text: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_of_id)
}

fn id(text: &str) -> Option<Id> {
    let (epoch, seq) = text.split_once('-')?;
    let is_epoch = epoch.len() == 16 && epoch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let epoch = is_epoch.then(|| u64::from_str_radix(epoch, 16).ok()).flatten()?;
    Some(Id { epoch, seq: Seq(number(seq)?) })
}

/// A number as we write it.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_moments_are_read_as_they_are_written() {
        let id = Id { epoch: 0xab, seq: Seq(12) };
        assert_eq!(After::parse(&id.to_string()), Some(After::Id(id)));
        assert_eq!(After::parse("t.1700000000123"), Some(After::Moment(1_700_000_000_123)));
    }

    #[test]
    fn what_others_have_made_is_unknown_and_what_nobody_makes_is_refused() {
        for text in [
            "1700000000123-0-0a1b2c3d",
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
