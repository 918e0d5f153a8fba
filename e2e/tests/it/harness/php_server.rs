//! PHP's built-in server with the extension.

use std::net::SocketAddr;

use testkit::{Process, QueueDir};

use super::{built, php};

pub(crate) struct PhpServer {
    _process: Process,
    address: SocketAddr,
}

impl PhpServer {
    /// Starts a script of `examples` on a port of the system's choice, and returns when it listens. Its orders are kept
    /// beside the queue.
    pub(crate) async fn start(script: &str, queue: &QueueDir, websocket_port: u16) -> PhpServer {
        let mut command = Process::command(built::php());
        command
            .env("EVENT_QUEUE_PATH", queue.path())
            .env("ORDERS_FILE", queue.path().with_file_name("orders.json"))
            .env("WEBSOCKET_PORT", websocket_port.to_string())
            .args(["-n", "-d", &php::extension_setting(), "-S", "127.0.0.1:0"])
            .arg(built::repository().join("examples").join(script));
        let mut process = Process::spawn(&mut command);
        let started = |line: &str| {
            let (_, rest) = line.split_once("Development Server (http://")?;
            rest.split(')').next()?.parse().ok()
        };
        let address = process.line("it listens", started).await.expect("php -S starts");
        PhpServer { _process: process, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
