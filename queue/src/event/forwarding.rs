//! An event as a broadcaster gives it to others: a line as in an entry of several events, without the line feed. An
//! event of an entry of one is written in the same way, with the uid that it got when it was read.

use std::io::Write;

use super::{Event, lines};
use crate::limits::VERSION;
use crate::line_error::LineError;

impl Event {
    /// Appends the event as a JSON object. [`Event::of_line`] reads the same event from it: the same uid, bytes of name
    /// and payload, times and audience.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        append(line, format_args!(r#"{{"v":{VERSION},"uid":"{}","event":"#, self.uid));
        line.extend_from_slice(self.name_json().as_bytes());
        line.extend_from_slice(br#","payload":"#);
        line.extend_from_slice(self.payload_json().as_bytes());
        append(line, format_args!(r#","timestamp":{}"#, self.timestamp));
        if let Some(queued_at) = self.queued_at {
            let micros = queued_at.nanos() / 1_000;
            append(line, format_args!(r#","queued_at":{}.{:06}"#, micros / 1_000_000, micros % 1_000_000));
        }
        line.extend_from_slice(br#","channels":"#);
        match self.channels() {
            None => line.extend_from_slice(b"null"),
            Some(channels) => {
                for (index, channel) in channels.iter().enumerate() {
                    // No character of a name has to be escaped.
                    append(line, format_args!(r#"{}"{channel}""#, if index == 0 { '[' } else { ',' }));
                }
                line.push(b']');
            }
        }
        if let Some(time) = self.expires_at {
            append(line, format_args!(r#","expires_at":{time:?}"#));
        }
        for (key, text) in [("key", self.key()), ("except", self.except())] {
            if let Some(text) = text {
                append(line, format_args!(r#","{key}":{}"#, serde_json::Value::from(text)));
            }
        }
        line.push(b'}');
    }

    /// Reads an event that a broadcaster wrote.
    ///
    /// # Errors
    /// The reason why it is none. [`LineError::NewerVersion`]: a newer program wrote it.
    pub fn of_line(line: &[u8]) -> Result<Event, LineError> {
        lines::parse_object(line)
    }
}

fn append(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("a Vec takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uid::Uid;

    fn line(event: &Event) -> String {
        let mut line = Vec::new();
        event.write_line(&mut line);
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn an_event_of_an_entry_of_several_is_the_same_at_the_other_end() {
        let written = concat!(
            r#"{"v":1,"uid":"0190a3b4-7f00-7000-8000-000000000001","event":"a\/b","payload":{"x": 1.0,"y":[ 1e5 ]},"#,
            r#""timestamp":7,"queued_at":7.250001,"channels":["orders","private-user.42"],"expires_at":12.5,"#,
            r#""key":"k\"1","except":"12.34"}"#
        );
        assert_eq!(line(&Event::of_line(written.as_bytes()).expect("an event")), written);
    }

    #[test]
    fn an_event_of_an_entry_of_one_keeps_its_uid_and_a_name_that_is_no_string() {
        let uid = Uid::new();
        let content = b"{\"event\":17,\"payload\":{\n},\"timestamp\":-7}";
        let event = Event::of_entry(content, |_| uid).expect("an event");
        let written = line(&event);
        let expected =
            format!("{{\"v\":1,\"uid\":\"{uid}\",\"event\":17,\"payload\":{{\n}},\"timestamp\":-7,\"channels\":null}}");
        assert_eq!(written, expected);
        let read = Event::of_line(written.as_bytes()).expect("an event");
        assert_eq!((read.uid(), read.name_json(), read.payload_json()), (uid, "17", "{\n}"));
        assert_eq!((read.timestamp(), read.channels(), read.queued_at()), (-7, None, None));
    }

    #[test]
    fn what_a_newer_program_wrote_is_told_from_what_is_no_event() {
        let newer = Event::of_line(br#"{"v":2,"uid":1}"#).expect_err("newer");
        assert!(matches!(newer, LineError::NewerVersion(2)));
        for line in [&b"{}"[..], b"[1]", b"", br#"{"v":1,"uid":"x","event":"e","channels":null}"#, b"\xff"] {
            let error = Event::of_line(line).expect_err("no event");
            assert!(!matches!(error, LineError::NewerVersion(_)), "{error}");
        }
    }
}
