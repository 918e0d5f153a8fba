//! The server as clients and producers see it: real sockets, real files, no sleeping.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod application;
mod broadcast;
mod budget;
mod burst;
mod handshake;
mod isolation;
mod plain_http;
mod protocol;
mod rights;
mod shutdown;
mod slow;
mod threads;
mod util;
