//! The server as clients and producers see it: real sockets, real files, no sleeping.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod actions;
mod application;
mod bounds;
mod broadcast;
mod broker;
mod budget;
mod burst;
mod channels;
mod commands;
mod handshake;
mod history;
mod hook;
mod isolation;
mod joining;
mod logins;
mod metrics;
mod plain_http;
mod protocol;
mod pusher;
mod pusher_api;
mod rights;
mod shutdown;
mod slow;
mod slow_subscribers;
mod sse;
mod sse_ends;
mod sse_requests;
mod starting;
mod threads;
mod util;
