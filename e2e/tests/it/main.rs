//! The whole path with real parts: PHP with the extension, php-fpm behind nginx, the broadcaster, WebSocket clients.
//!
//! `make e2e` builds what is tested and runs this. Every test has its own directories, ports and processes, and waits
//! for conditions with a deadline; what it started ends with it. The helpers that only these tests need are in
//! `harness`. What is missing on the machine fails a test, by name.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "a failed test shows what its processes printed")]

mod harness;

mod admin;
mod backlog;
mod bad_start;
mod channels;
mod containers;
mod delivery;
mod demo;
mod docs;
mod doctor;
mod document_scripts;
mod echo;
mod event_source;
mod example_channels;
mod example_pages;
mod examples;
mod failed_entries;
mod handlers;
mod hook;
mod http;
mod laravel_echo;
mod monitoring;
mod older_reader;
mod operations_dashboard;
mod other_producers;
mod packages;
mod page;
mod page_figures;
mod performance_plot;
mod phone_offline;
mod precedence;
mod proxies;
mod pusher;
mod requests;
mod restart;
mod resuming;
mod sandboxes;
mod scale;
mod shutdown;
mod status_page;
mod tls;
mod two_servers;
