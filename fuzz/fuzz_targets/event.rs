//! The content of an entry: parsed or refused with a reason, and what is parsed is JSON that clients can take.
#![no_main]

use libfuzzer_sys::fuzz_target;
use queue::Event;
use server::Publication;

fuzz_target!(|content: &[u8]| {
    match Event::parse(content) {
        Ok(event) => {
            let mut frame = Vec::new();
            server::fuzzing::encode(&Publication::of(&event), &mut frame);
            // After the frame's head, whose bytes may be anything.
            let text = br#"{"event":"#;
            let start = frame.windows(text.len()).position(|bytes| bytes == text).expect("the text is an object");
            let again = Event::parse(&frame[start..]).expect("a message is an event again");
            assert_eq!(again.name_json(), event.name_json());
            assert_eq!(again.payload_json(), event.payload_json());
        }
        Err(reason) => assert!(!reason.to_string().contains('\n'), "a reason is one line"),
    }
});
