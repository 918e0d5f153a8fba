//! PHP's built-in server with the extension.

use std::net::SocketAddr;

use testkit::{Process, QueueDir};

use super::{built, php, secret};

pub(crate) struct PhpServer {
    _process: Process,
    address: SocketAddr,
}

impl PhpServer {
    /// Starts a script of `examples` on a port of the system's choice, and returns when it listens. What it keeps is
    /// beside the queue, as is the secret of its tokens.
    pub(crate) async fn start(script: &str, queue: &QueueDir, websocket_port: u16) -> PhpServer {
        let mut command = Process::command(built::php());
        command
            .env("EVENT_QUEUE_PATH", queue.path())
            .env("ORDERS_FILE", queue.path().with_file_name("orders.json"))
            .env("WEBSOCKET_PORT", websocket_port.to_string())
            .env("TOKEN_SECRET_FILE", secret::file(queue))
            .env("EXAMPLE_DATA", queue.root())
            .args(["-n", "-d", &php::extension_setting()])
            .args(["-d", &format!("session.save_path={}", queue.root().display()), "-S", "127.0.0.1:0"])
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
