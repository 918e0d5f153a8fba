//! What a native client sends: a command is what its text says, and its answer has the `ref` that was sent.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::command(bytes));
