//! Frames of two clients over time: in pieces, in turns, beyond their budgets.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| server::fuzzing::reading(script));
