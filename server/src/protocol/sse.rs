//! Server-sent events (HTML, section 9.2): blocks of lines that end with an empty line, one block an event. The
//! connection ends with the stream, so nothing but the blocks is on it.

use std::ops::RangeInclusive;
use std::time::Instant;

use queue::ChannelName;
use rand::RngExt;

use crate::disconnect::Disconnect;
use crate::protocol::allowance::{Allowance, Rates};
use crate::protocol::id::Id;
use crate::protocol::incoming::{ReadBuffer, Source, Turn};

/// When a client comes back whose connection has ended, in milliseconds: not all at the same time.
const RETRY_MS: RangeInclusive<u32> = 2000..=7000;
/// The same for a client that found the server full.
const LATER_MS: RangeInclusive<u32> = 5000..=15_000;

/// One client's side of the protocol. What it sends after its request has no meaning.
#[derive(Debug)]
pub(crate) struct Sse {
    pub(super) form: Form,
    allowance: Allowance,
}

/// What differs between streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form {
    /// The types of events are their names.
    pub(crate) is_named: bool,
    /// The client forgets the id of a block without data, as Firefox 153 does. By HTML (section 9.2.6) the id counts.
    pub(crate) needs_data: bool,
}

impl Sse {
    pub(super) fn new(form: Form, now: Instant) -> Sse {
        Sse { form, allowance: Allowance::new(now) }
    }

    /// Reads what the client has sent, if it may send now, and forgets it: only its end is of interest.
    pub(super) fn read(&mut self, source: Source<'_>, buffer: &mut ReadBuffer, rates: &Rates, now: Instant) -> Turn {
        match self.allowance.bytes(rates, now) {
            Err(again) => Turn::throttled(again),
            Ok(most) => {
                let (turn, received) = buffer.discard(source, most as usize);
                self.allowance.spend(0, received, rates, now);
                turn
            }
        }
    }
}

/// The first block of a stream: when to come back, and where the client is. `recovered` tells a client that has asked
/// to go on after an id whether it does.
pub(crate) fn welcome(id: &str, recovered: Option<bool>, form: Form) -> Vec<u8> {
    let retry = rand::rng().random_range(RETRY_MS);
    match recovered {
        Some(false) => [format!("retry: {retry}\n").into_bytes(), gap(id)].concat(),
        _ => format!("retry: {retry}\n{}", position(id, form)).into_bytes(),
    }
}

/// Tells that something was lost.
pub(super) fn gap(id: &str) -> Vec<u8> {
    format!("event: gap\nid: {id}\ndata: {{\"recovered\":false}}\n\n").into_bytes()
}

/// Tells how far the client is.
pub(super) fn heartbeat(id: &str, form: Form) -> Vec<u8> {
    position(id, form).into_bytes()
}

/// A block for its id. A browser notes the id and tells nobody, because there is no data, or because no page listens to
/// the type.
fn position(id: &str, form: Form) -> String {
    match form.needs_data {
        false => format!("id: {id}\n\n"),
        true => format!("id: {id}\nevent: fastapi:heartbeat\ndata: {{\"type\":\"heartbeat\",\"id\":\"{id}\"}}\n\n"),
    }
}

/// The only block for a client that is to come back later.
pub(crate) fn come_back_later() -> Vec<u8> {
    format!("retry: {}\n\n", rand::rng().random_range(LATER_MS)).into_bytes()
}

/// Why a stream ends, in a comment: browsers do not read it, people do.
pub(super) fn close(disconnect: Disconnect) -> Vec<u8> {
    let (code, reason) = (disconnect.code(), disconnect.reason());
    format!(": {code}{}{reason}\n\n", if reason.is_empty() { "" } else { " " }).into_bytes()
}

/// Where the first block ends at or after an offset, of blocks that the server has encoded.
pub(crate) fn boundary(blocks: &[u8], offset: usize) -> usize {
    if offset == 0 {
        return 0;
    }
    // The block may end with the byte before the offset, or with that at it.
    let from = offset.saturating_sub(2);
    blocks[from..].windows(2).position(|end| end == b"\n\n").map_or(blocks.len(), |at| from + at + 2)
}

/// Appends the block of an event, of whose text the last brace is missing. `name` is the JSON text of its name, if that
/// is its type.
pub(super) fn encode_event(
    text: &[u8],
    name: Option<&[u8]>,
    id: Id,
    channel: Option<&ChannelName>,
    blocks: &mut Vec<u8>,
) {
    let id = id.text();
    let id = id.as_bytes();
    let channel = channel.map_or([&b""[..], b"", b""], |name| [b",\"channel\":\"", name.as_str().as_bytes(), b"\""]);
    blocks.reserve(text.len() + 160 + channel[1].len());
    let mut append = |parts: &[&[u8]]| parts.iter().for_each(|part| blocks.extend_from_slice(part));
    append(&[b"id: ", id]);
    if let Some(name) = name.and_then(type_of) {
        append(&[b"\nevent: ", name.as_bytes()]);
    }
    append(&[b"\ndata: "]);
    // Between the parts of a JSON text there may be line breaks. They are whitespace there, and a browser puts the
    // lines together with a break between.
    if text.contains(&b'\n') || text.contains(&b'\r') {
        append_lines(text, &mut append);
    } else {
        append(&[text]);
    }
    append(&[b",\"id\":\"", id, b"\"", channel[0], channel[1], channel[2], b"}\n\n"]);
}

fn append_lines(text: &[u8], append: &mut impl FnMut(&[&[u8]])) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        append(&[&rest[..at], b"\ndata: "]);
        let is_pair = rest[at..].starts_with(b"\r\n");
        rest = &rest[at + if is_pair { 2 } else { 1 }..];
    }
    append(&[rest]);
}

/// The type of an event with a name. None if no line can hold the name: then the event has the type that all have
/// without one.
fn type_of(name_json: &[u8]) -> Option<String> {
    let name = match name_json.first() {
        Some(b'"') => serde_json::from_slice::<String>(name_json).ok()?,
        // A number or a boolean.
        _ => str::from_utf8(name_json).ok()?.to_owned(),
    };
    let fits = !name.is_empty() && !name.contains(['\n', '\r', '\0']);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::native::write_text;
    use crate::protocol::plain::name_of;
    use crate::publication::{Publication, Seq};

    const ID: Id = Id::Own { epoch: 0xab, seq: Seq(12) };

    fn block(name_json: &str, payload_json: &str, channel: Option<&str>, is_named: bool) -> String {
        let mut text = Vec::new();
        write_text(&Publication::to_everybody(name_json, payload_json, 7), &mut text);
        let channel = channel.map(|name| name.parse().expect("a name"));
        let mut bytes = b": before\n\n".to_vec();
        let name = is_named.then(|| name_of(&text, name_json.len()));
        encode_event(&text, name, ID, channel.as_ref(), &mut bytes);
        String::from_utf8(bytes).expect("a text").split_off(10)
    }

    /// What a browser makes of one block: its type and its data (HTML, section 9.2.6).
    fn dispatched(block: &str) -> (Option<String>, String) {
        let (mut event, mut data) = (None, Vec::new());
        let block = block.strip_suffix("\n\n").unwrap_or_else(|| panic!("{block:?} has no end"));
        for line in block.replace("\r\n", "\n").split(['\n', '\r']) {
            assert!(!line.is_empty(), "{block:?} ends early");
            let (field, value) = line.split_once(':').expect("a field");
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "event" => event = Some(value),
                "data" => data.push(value),
                _ => assert_eq!((field, value.as_str()), ("id", "00000000000000ab-12")),
            }
        }
        (event, data.join("\n"))
    }

    #[test]
    fn an_event_has_its_id_and_the_message_of_the_other_clients() {
        let json = r#"{"event":"order\/new","payload":{"a":1.0},"timestamp":7,"id":"00000000000000ab-12""#;
        let payload = r#"{"a":1.0}"#;
        let expected = format!("id: 00000000000000ab-12\ndata: {json},\"channel\":\"a/b\"}}\n\n");
        assert_eq!(block(r#""order\/new""#, payload, Some("a/b"), false), expected);
        let expected = format!("id: 00000000000000ab-12\nevent: order/new\ndata: {json}}}\n\n");
        assert_eq!(block(r#""order\/new""#, payload, None, true), expected);
    }

    #[test]
    fn line_breaks_of_a_payload_are_lines_of_data() {
        for (breaks, lines) in [("\n", 2), ("\r", 2), ("\r\n", 2), ("\n\n", 3), ("\n\r", 3), ("\r\n\r\n", 3)] {
            let payload = format!("{{{breaks} \"a\":1{breaks}}}");
            let (event, data) = dispatched(&block("\"x\"", &payload, Some("c"), true));
            assert_eq!(event.as_deref(), Some("x"));
            assert_eq!(data.lines().count(), 2 * (lines - 1) + 1, "{breaks:?}");
            let value: serde_json::Value =
                serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"));
            assert_eq!((&value["payload"]["a"], &value["channel"]), (&1.into(), &"c".into()));
            assert!(data.contains("\n \"a\":1"), "a space at the beginning of a line stays: {data:?}");
        }
    }

    #[test]
    fn the_type_is_the_name_as_a_text_where_a_line_can_hold_it() {
        for (name_json, expected) in [
            (r#""a b""#, Some("a b")),
            (r#"" a""#, Some(" a")),
            (r#"":""#, Some(":")),
            (r#""é\ud83d\ude00\t""#, Some("é😀\t")),
            ("1.5", Some("1.5")),
            ("true", Some("true")),
            (r#""""#, None),
            (r#""a\nevent: b""#, None),
            (r#""a\r""#, None),
            (r#""a\u0000""#, None),
            (r#""\ud800""#, None),
        ] {
            let (event, data) = dispatched(&block(name_json, "1", None, true));
            assert_eq!(event.as_deref(), expected, "{name_json}");
            assert!(data.starts_with(&format!("{{\"event\":{name_json},")), "{data}");
            assert_eq!(dispatched(&block(name_json, "1", None, false)).0, None);
        }
    }

    #[test]
    fn the_first_block_says_when_to_come_back_and_whether_something_was_lost() {
        let retry_of = |block: &[u8]| {
            let text = str::from_utf8(block).expect("a text");
            let (retry, rest) = text.strip_prefix("retry: ").and_then(|rest| rest.split_once('\n')).expect("a retry");
            (retry.parse::<u32>().expect("milliseconds"), rest.to_owned())
        };
        let first = |recovered| retry_of(&welcome("x-1", recovered, Form::default()));
        for recovered in [None, Some(true)] {
            let (retry, rest) = first(recovered);
            assert!(RETRY_MS.contains(&retry));
            assert_eq!(rest, "id: x-1\n\n");
        }
        let (_, rest) = first(Some(false));
        assert_eq!(rest, "event: gap\nid: x-1\ndata: {\"recovered\":false}\n\n");
        let (retry, rest) = retry_of(&come_back_later());
        assert!(LATER_MS.contains(&retry) && rest == "\n");
        let retries: Vec<u32> = (0..20).map(|_| first(None).0).collect();
        assert!(retries.iter().any(|retry| *retry != retries[0]), "{retries:?}");
    }

    #[test]
    fn for_a_client_that_needs_it_a_heartbeat_has_data_of_a_type_that_no_page_listens_to() {
        assert_eq!(heartbeat("x-1", Form::default()), b"id: x-1\n\n");
        let form = Form { needs_data: true, ..Form::default() };
        let block = String::from_utf8(heartbeat("00000000000000ab-12", form)).expect("a text");
        let (event, data) = dispatched(&block);
        assert_eq!(event.as_deref(), Some("fastapi:heartbeat"));
        assert_eq!(data, r#"{"type":"heartbeat","id":"00000000000000ab-12"}"#);
        assert!(welcome("00000000000000ab-12", None, form).ends_with(block.as_bytes()));
    }

    #[test]
    fn blocks_end_with_an_empty_line() {
        let blocks = b"id: 1\ndata: a\n\nid: 2\n\n";
        let boundaries = [0, 1, 13, 14, 15, 16, 20, 21, 22].map(|at| boundary(blocks, at));
        assert_eq!(boundaries, [0, 15, 15, 15, 15, 22, 22, 22, 22]);
        for disconnect in [Disconnect::Closed, Disconnect::Slow] {
            let close = close(disconnect);
            assert!(close.starts_with(b": ") && boundary(&close, 1) == close.len());
        }
    }
}
