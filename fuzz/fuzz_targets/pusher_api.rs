//! Requests to the HTTP API of the Pusher protocol: targets, signatures, bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::pusher_api(bytes));
