//! What the tests of several crates share: a queue directory, child processes, Redis servers, a WebSocket client,
//! waiting for conditions.
//!
//! Everything panics when it cannot do what it is asked to do: that fails the test. What only one set of tests needs is
//! beside those tests.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test, which shows what its processes printed"
)]

mod bad_lines;
mod broadcaster;
mod certificate;
mod client;
mod event_stream;
mod faulty_proxy;
mod proc;
mod process;
mod pusher_request;
mod queue_dir;
pub mod redis;
mod reserved_port;
pub mod sandbox;
mod skip;
mod wait;

pub use bad_lines::{BadLine, bad_lines};
pub use broadcaster::{Broadcaster, without_settings};
pub use certificate::Certificate;
pub use client::{Client, HANDSHAKE, free_address, payload_of};
pub use event_stream::{Block, EventStream};
pub use faulty_proxy::FaultyProxy;
pub use process::{Finish, Process};
pub use pusher_request::PusherRequest;
pub use queue_dir::{QueueDir, enqueue, make_old, public_copy, temporary_directory};
pub use reserved_port::ReservedPort;
pub use rustix::process::Signal;
pub use skip::{has_root, is_root, skipped};
pub use wait::{Condition, INTERVAL, TIMEOUT, eventually, eventually_for, until, within};
