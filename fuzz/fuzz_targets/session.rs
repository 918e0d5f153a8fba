//! What a client sends after its handshake, while the server broadcasts, pings and closes.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| server::fuzzing::session(script));
