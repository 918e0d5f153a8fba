//! The head of a request, in pieces, and the handshake that it may be.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::handshake(bytes));
