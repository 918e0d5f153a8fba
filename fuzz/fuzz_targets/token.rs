//! What stands where a token may: any text, and claims that were signed by the right key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::token(bytes));
