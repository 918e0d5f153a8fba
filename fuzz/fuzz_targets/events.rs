//! The content of an entry of several events: all lines are events, or the reason names the line. No line reaches more
//! clients than it says, and what is parsed is JSON that clients can take.
#![no_main]

use libfuzzer_sys::fuzz_target;
use queue::{FileName, Event, MAX_CHANNELS_OF_EVENT, MAX_EVENTS_OF_ENTRY};
use server::Publication;

const MAX_BYTES: u64 = 64 * 1024;

fuzz_target!(|content: &[u8]| {
    let name: FileName = "019a3a5e-7f00-7000-8000-000000000000.events".parse().expect("a name");
    match queue::parse_entry(&name, content, None, MAX_BYTES) {
        Ok(events) => {
            assert!((1..=MAX_EVENTS_OF_ENTRY).contains(&events.len()));
            let lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
            assert_eq!(lines.len(), events.len() + 1, "an event a line, and nothing after the last");
            for (event, line) in events.iter().zip(lines) {
                check_audience(event, line);
                check_message(event);
            }
        }
        Err(reason) => {
            let reason = reason.to_string();
            assert!(!reason.contains('\n'), "a reason is one line");
            let has_line = reason.starts_with("line ");
            assert!(has_line || content.is_empty() || reason.contains(" channels is more than "), "{reason}");
        }
    }
});

/// An event is for everybody only if its line says `null`.
fn check_audience(event: &Event, line: &[u8]) {
    let text = std::str::from_utf8(line).expect("text");
    match event.channels() {
        None => assert!(text.contains("null"), "{text}"),
        Some(channels) => {
            assert!((1..=MAX_CHANNELS_OF_EVENT).contains(&channels.len()));
            for (index, channel) in channels.iter().enumerate() {
                assert_eq!(channel.as_str().parse().as_ref(), Ok(channel));
                assert!(!channels[..index].contains(channel), "none twice");
            }
        }
    }
    assert!(event.key().is_none_or(|key| !key.is_empty()) && event.except().is_none_or(|except| !except.is_empty()));
}

fn check_message(event: &Event) {
    let mut frame = Vec::new();
    let publication = Publication::to_everybody(event.name_json(), event.payload_json(), event.timestamp());
    server::fuzzing::encode(&publication, &mut frame);
    let text = br#"{"event":"#;
    let start = frame.windows(text.len()).position(|bytes| bytes == text).expect("the text is an object");
    let again = Event::parse(&frame[start..]).expect("a message is an event again");
    assert_eq!((again.name_json(), again.payload_json()), (event.name_json(), event.payload_json()));
}
