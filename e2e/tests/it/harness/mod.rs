//! The parts of a deployment as values: created they run, dropped they are gone.

pub(crate) mod broadcaster;
mod browser;
pub(crate) mod built;
mod collector;
mod demo;
mod example_script;
mod example_site;
mod fpm;
mod http;
mod line;
mod native;
mod nginx;
mod php;
mod php_server;
mod proxy;
pub(crate) mod pusher;
pub(crate) mod secret;
mod session;
mod token_gate;

pub(crate) use browser::{Browser, BrowserKind, Page, in_each_browser};
pub(crate) use collector::{Collector, Message};
pub(crate) use demo::Demo;
pub(crate) use example_script::example_script;
pub(crate) use example_site::{ExampleSite, fits, ran};
pub(crate) use fpm::Fpm;
pub(crate) use http::{exchange, get, post_json, request};
pub(crate) use line::Line;
pub(crate) use native::Native;
pub(crate) use nginx::Nginx;
pub(crate) use php::{Php, example, extension_setting, websocket_address};
pub(crate) use php_server::PhpServer;
pub(crate) use proxy::Proxy;
pub(crate) use session::Session;
pub(crate) use token_gate::TokenGate;

use testkit::{QueueDir, is_root};

/// An ordinary user and group for what must not run as root; 65534 is "nobody" on every Linux system.
pub(crate) const NOBODY: u32 = 65534;

/// An empty queue directory as an administrator creates it: for the broadcaster's user and the group of php-fpm.
pub(crate) fn queue_dir() -> QueueDir {
    let queue = QueueDir::new();
    if is_root() {
        queue.give_to(0, NOBODY);
    }
    queue
}
