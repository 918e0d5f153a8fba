//! Tests of what other tests rely on.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cluster;
mod faulty_proxy;
mod redis_server;
mod reserved_port;
mod sentinels;
