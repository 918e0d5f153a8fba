//! As much of the Pusher protocol as a publisher and a subscriber need.

use std::fmt::Write;

use anyhow::{Context, bail, ensure};
use data_encoding::HEXLOWER;
use ring::hmac;

use crate::message;
use crate::publisher::timestamp;

/// The application that a server is configured with.
pub(crate) const APP: &str = "bench";
pub(crate) const KEY: &str = "bench-key";
pub(crate) const SECRET: &str = "bench-secret";

/// A presence channel.
pub(crate) const ROOM: &str = "presence-bench";
/// Events that a request may have.
pub(crate) const BATCH: usize = 10;

/// What is asked for to connect, behind the host.
pub(crate) const TARGET: &str = "/app/bench-key?protocol=7&client=bench&version=8.4.0";
pub(crate) const SUBSCRIBE: &str = r#"{"event":"pusher:subscribe","data":{"channel":"bench"}}"#;

pub(crate) const PONG: &str = r#"{"event":"pusher:pong","data":{}}"#;

const TO_EVENT: &str = r#""event":""#;
const TO_DATA: &str = r#""data":""#;
/// In data, which is JSON in a string.
const TO_SOCKET_ID: &str = r#"\"socket_id\":\""#;
/// What a message has beside its data.
const AROUND_DATA: usize = r#"{"event":"b","channel":"bench","data":""}"#.len();
const NUMBER_DIGITS: usize = 10;
const TIME_DIGITS: usize = 16;

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// Commands may be sent now.
    Connected {
        socket_id: &'a str,
    },
    Subscribed,
    /// Asks for [`PONG`].
    Ping,
    Joined,
    Left,
    Event {
        number: u64,
        /// In nanoseconds of the monotonic clock.
        sent_at: u64,
    },
}

/// A signed request that publishes a message: its number, its time, and as many bytes.
pub(crate) fn request(text: &str) -> String {
    signed("events", &event(text))
}

/// The same for several messages.
pub(crate) fn batch(texts: &[String]) -> String {
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    signed("batch_events", &format!(r#"{{"batch":[{}]}}"#, events.join(",")))
}

/// What subscribes a user to the presence channel.
pub(crate) fn join(socket_id: &str, user: usize) -> String {
    let data = format!(r#"{{"user_id":"{user}","user_info":{{"n":{user}}}}}"#);
    let signature = sign(&format!("{socket_id}:{ROOM}:{data}"));
    let data = data.replace('"', "\\\"");
    format!(
        r#"{{"event":"pusher:subscribe","data":{{"channel":"{ROOM}","auth":"{KEY}:{signature}","channel_data":"{data}"}}}}"#
    )
}

/// What leaves it.
pub(crate) fn leave() -> String {
    format!(r#"{{"event":"pusher:unsubscribe","data":{{"channel":"{ROOM}"}}}}"#)
}

fn event(text: &str) -> String {
    let (number, sent_at) = (message::number(text.as_bytes()).unwrap_or_default(), message::sent_at(text.as_bytes()));
    let fill = text.len().saturating_sub(AROUND_DATA + NUMBER_DIGITS + TIME_DIGITS + 2);
    let data = format!("{number:010} {sent_at:016} {:x<fill$}", "");
    format!(r#"{{"name":"b","channel":"bench","data":"{data}"}}"#)
}

fn signed(path: &str, body: &str) -> String {
    let target = format!("/apps/{APP}/{path}");
    let digest = format!("{:x}", md5::compute(body));
    let query = format!("auth_key={KEY}&auth_timestamp={}&auth_version=1.0&body_md5={digest}", timestamp());
    let signature = sign(&format!("POST\n{target}\n{query}"));
    let mut request = format!("POST {target}?{query}&auth_signature={signature} HTTP/1.1\r\n");
    let length = body.len();
    let _ = write!(request, "Host: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    request
}

fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// Reads what a server says.
pub(crate) fn read(text: &[u8]) -> anyhow::Result<Said<'_>> {
    let text = std::str::from_utf8(text).context("not text")?;
    let event = field(text, TO_EVENT).with_context(|| format!("the server says {text}"))?;
    if event.starts_with("b\"") {
        let data = field(text, TO_DATA).context("an event without data")?.as_bytes();
        ensure!(data.len() > NUMBER_DIGITS + TIME_DIGITS, "an event is not one of ours: {text}");
        let digits =
            |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')));
        let number = digits(&data[..NUMBER_DIGITS]);
        return Ok(Said::Event { number, sent_at: digits(&data[NUMBER_DIGITS + 1..][..TIME_DIGITS]) });
    }
    if event.starts_with("pusher:connection_established\"") {
        let id = field(text, TO_SOCKET_ID).and_then(|rest| rest.split('\\').next());
        return Ok(Said::Connected { socket_id: id.context("a connection without an id")? });
    }
    if event.starts_with("pusher_internal:subscription_succeeded\"") {
        return Ok(Said::Subscribed);
    }
    if event.starts_with("pusher:ping\"") {
        return Ok(Said::Ping);
    }
    if event.starts_with("pusher_internal:member_added\"") {
        return Ok(Said::Joined);
    }
    if event.starts_with("pusher_internal:member_removed\"") {
        return Ok(Said::Left);
    }
    bail!("the server says {text}")
}

/// What comes behind the first such text.
fn field<'a>(text: &'a str, to: &str) -> Option<&'a str> {
    text.find(to).map(|at| &text[at + to.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{payload_json, text};

    #[test]
    fn an_event_has_the_bytes_of_the_message_and_its_number_and_time() {
        let text = text(&payload_json(42, 100), 1_729_000_000);
        let request = request(&text);
        let data = field(&request, TO_DATA).and_then(|rest| rest.split('"').next()).expect("data");
        let event = format!(r#"{{"event":"b","channel":"bench","data":"{data}"}}"#);
        let sent_at = message::sent_at(text.as_bytes());
        assert_eq!(
            (event.len(), read(event.as_bytes()).expect("an event")),
            (100, Said::Event { number: 42, sent_at })
        );
    }

    #[test]
    fn a_batch_has_every_event() {
        let texts = [1, 2].map(|number| text(&payload_json(number, 100), 1_729_000_000));
        let request = batch(&texts);
        let (_, body) = request.split_once("\r\n\r\n").expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let numbers = [0, 1].map(|place| body["batch"][place]["data"].as_str().expect("a text")[..10].to_owned());
        assert_eq!(numbers, ["0000000001", "0000000002"]);
    }

    #[test]
    fn the_servers_own_events_are_told_from_others() {
        let connected = br#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\"}"}"#;
        assert_eq!(read(connected).expect("an event"), Said::Connected { socket_id: "1.2" });
        let subscribed = br#"{"channel":"bench","event":"pusher_internal:subscription_succeeded","data":"{}"}"#;
        assert_eq!(read(subscribed).expect("an event"), Said::Subscribed);
        assert!(read(br#"{"event":"pusher:error","data":{"code":4100}}"#).is_err());
    }
}
