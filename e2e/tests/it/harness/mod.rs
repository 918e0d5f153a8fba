//! The parts of a deployment as values: created they run, dropped they are gone.

mod broadcaster;
mod browser;
pub(crate) mod built;
mod client;
mod demo;
mod fpm;
mod http;
mod nginx;
mod php;
mod php_server;
mod process;
mod proxy;
mod queue_dir;
mod skip;
mod talker;
mod wait;

pub(crate) use broadcaster::{Broadcaster, Standby};
pub(crate) use browser::{Browser, Page};
pub(crate) use client::{Client, Message};
pub(crate) use demo::Demo;
pub(crate) use fpm::Fpm;
pub(crate) use http::{get, post_json, request};
pub(crate) use nginx::Nginx;
pub(crate) use php::{Php, example, extension_setting};
pub(crate) use php_server::PhpServer;
pub(crate) use process::{Process, Signal};
pub(crate) use proxy::Proxy;
pub(crate) use queue_dir::{QueueDir, temporary_directory};
pub(crate) use skip::skipped;
pub(crate) use talker::Talker;
pub(crate) use wait::{eventually, within_deadline};

/// An ordinary user and group for what must not run as root; 65534 is "nobody" on every Linux system.
pub(crate) const NOBODY: u32 = 65534;

/// Tells whether the tests may act as other users.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
