//! The broadcaster's binary under faults: killed, without descriptors, without rights, with bad clients. Each test
//! causes its fault; `support` has what several of them need.
//!
//! Some need root (to mount a file system, to be another user) and say so when they are skipped. None waits for a time
//! to pass: they wait for conditions, as long as [`testkit::TIMEOUT`].
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed unwrap is a failed test, a skipped one says why"
)]

mod admin;
mod attack;
mod backlog;
mod cleaners;
mod commands;
mod crowd;
mod directory;
mod disk;
mod doctor;
mod doctor_broker;
mod doctor_client;
mod doctor_fpm;
mod events;
mod frames;
mod guarantees;
mod health;
mod history;
mod history_commands;
mod inotify;
mod journal;
mod journal_commands;
mod kill;
mod late;
mod listening;
mod listening_sse;
mod log;
mod log_lines;
mod looking;
mod names;
mod nodes;
mod other_files;
mod ownership;
mod permission;
mod pusher_api;
mod pusher_auth;
mod rejections;
mod reload;
mod scripting;
mod settings;
mod shutdown;
mod signals;
mod slow;
mod soak;
mod standby;
mod starvation;
mod support;
mod surroundings_of_php;
mod systemd;
mod timeouts;
mod tokens;
mod torture;
mod uploads;
mod webhooks;
