//! What a script that decides about logins writes: headers and JSON, or anything else.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::hook_answer(bytes));
