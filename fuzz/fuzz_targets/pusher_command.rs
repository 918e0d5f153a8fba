//! What a client of the Pusher protocol sends: a command is what its text says, and nothing unsigned is allowed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::pusher_command(bytes));
