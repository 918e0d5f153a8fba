//! What comes from a FastCGI server, or from what is not one, in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::fastcgi_records(bytes));
