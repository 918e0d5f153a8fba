//! The messages of a run: of an exact size, each with its number and the time of sending at fixed places.

use std::fmt::Write;

use anyhow::ensure;

use crate::machine::monotonic_nanos;

const HEAD: &str = r#"{"event":"b","payload":"#;
const TO_NUMBER: &str = r#"{"event":"b","payload":{"n":""#;
const NUMBER_DIGITS: usize = 10;
const TO_TIME: &str = r#"","t":""#;
const TIME_DIGITS: usize = 16;
const TO_FILL: &str = r#"","x":""#;
const END_OF_PAYLOAD: &str = r#""}"#;
/// The tail with a timestamp of ten digits, `,"timestamp":1729000000}`.
const TAIL_BYTES: usize = 24;

/// What a message begins with that is no event.
const NO_EVENT: &str = r#"{"type":""#;
/// What stands in the id of a message before its number.
const EPOCH: &str = "4d3c2b1a09f8e7d6";
/// Digits of the number in an id, in most messages of a load.
const ID_DIGITS: usize = 5;
const TO_ID: &str = r#","id":""#;
const TO_CHANNEL: &str = r#","channel":""#;
const END: &str = r#""}"#;

/// The event's name as JSON.
pub(crate) const NAME_JSON: &str = r#""b""#;

/// The shortest message there is, in bytes.
const MIN_BYTES: usize =
    TO_NUMBER.len() + NUMBER_DIGITS + TO_TIME.len() + TIME_DIGITS + TO_FILL.len() + END_OF_PAYLOAD.len() + TAIL_BYTES;

/// Builds the payload of message `number`, sent now, so that what clients receive has `bytes` bytes.
pub(crate) fn payload_json(number: u64, bytes: usize) -> String {
    let fill = bytes.saturating_sub(MIN_BYTES);
    let time = monotonic_nanos();
    format!(r#"{{"n":"{number:010}","t":"{time:016}","x":"{:x<fill$}"}}"#, "")
}

/// Builds the whole text that clients receive.
pub(crate) fn text(payload_json: &str, timestamp: u64) -> String {
    format!(r#"{HEAD}{payload_json},"timestamp":{timestamp}}}"#)
}

/// Bytes by which a message is longer that comes by a channel.
pub(crate) fn channel_bytes(channel: &str) -> usize {
    // Each of the two ends with a quotation mark.
    TO_ID.len() + EPOCH.len() + 1 + ID_DIGITS + 1 + TO_CHANNEL.len() + channel.len() + 1
}

/// Gives a message the id that clients with channels get, and the channel that it comes by.
pub(crate) fn append_id(text: &mut String, seq: u64, channel: Option<&str>) {
    text.pop();
    let _ = write!(text, "{TO_ID}{EPOCH}-{seq}\"");
    if let Some(channel) = channel {
        let _ = write!(text, "{TO_CHANNEL}{channel}\"");
    }
    text.push('}');
}

/// The channel that a message comes by.
pub(crate) fn channel(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_suffix(END.as_bytes())?;
    let begin = rest.iter().rposition(|byte| *byte == b'"')? + 1;
    rest[..begin].ends_with(TO_CHANNEL.as_bytes()).then(|| &rest[begin..])
}

/// Whether a message is no event, but says something of the connection.
pub(crate) fn is_no_event(text: &[u8]) -> bool {
    text.starts_with(NO_EVENT.as_bytes())
}

/// Gives a message another number and the present time.
pub(crate) fn stamp(text: &mut [u8], number: u64) {
    write_digits(&mut text[TO_NUMBER.len()..][..NUMBER_DIGITS], number);
    let time = TO_NUMBER.len() + NUMBER_DIGITS + TO_TIME.len();
    write_digits(&mut text[time..][..TIME_DIGITS], monotonic_nanos());
}

/// Reads a message's number.
pub(crate) fn number(text: &[u8]) -> anyhow::Result<u64> {
    ensure!(text.len() >= MIN_BYTES, "a message of {} bytes is not one of ours", text.len());
    ensure!(text.starts_with(TO_NUMBER.as_bytes()), "a message does not begin as ours do");
    Ok(digits(&text[TO_NUMBER.len()..][..NUMBER_DIGITS]))
}

/// Reads when a message was sent, in nanoseconds of the monotonic clock. Check its [`number`] first.
pub(crate) fn sent_at(text: &[u8]) -> u64 {
    digits(&text[TO_NUMBER.len() + NUMBER_DIGITS + TO_TIME.len()..][..TIME_DIGITS])
}

fn digits(text: &[u8]) -> u64 {
    text.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')))
}

fn write_digits(text: &mut [u8], mut value: u64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_size_asked_for_and_tells_its_number_and_time() {
        let before = monotonic_nanos();
        for bytes in [100, 1000] {
            let text = text(&payload_json(42, bytes), 1_729_000_000);
            assert_eq!(text.len(), bytes);
            assert_eq!(number(text.as_bytes()).expect("a number"), 42);
            assert!((before..=monotonic_nanos()).contains(&sent_at(text.as_bytes())));
            let mut named = text.clone();
            append_id(&mut named, 12_345, Some("c7"));
            assert_eq!(named.len(), bytes + channel_bytes("c7"));
            assert!(named.ends_with(r#""id":"4d3c2b1a09f8e7d6-12345","channel":"c7"}"#));
            assert_eq!((channel(named.as_bytes()), channel(text.as_bytes())), (Some(&b"c7"[..]), None));
            assert_eq!(number(named.as_bytes()).expect("a number"), 42);
            let (mut stamped, before) = (text.into_bytes(), monotonic_nanos());
            stamp(&mut stamped, 43);
            assert_eq!(number(&stamped).expect("a number"), 43);
            assert!((before..=monotonic_nanos()).contains(&sent_at(&stamped)));
        }
    }
}
