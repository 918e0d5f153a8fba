//! PHP's built-in server with the extension.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

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
        Self::start_with(script, queue, websocket_port, &[]).await
    }

    /// The same with further variables.
    pub(crate) async fn start_with(
        script: &str,
        queue: &QueueDir,
        websocket_port: u16,
        variables: &[(&str, &str)],
    ) -> PhpServer {
        let mut command = command(queue, websocket_port);
        command
            .envs(variables.iter().copied())
            .env("ORDERS_FILE", queue.path().with_file_name("orders.json"))
            .env("TOKEN_SECRET_FILE", secret::file(queue))
            .envs(variables.iter().copied());
        Self::serve(&mut command, built::repository().join("examples").join(script)).await
    }

    /// Starts the site whose pages use clients of the Pusher protocol.
    pub(crate) async fn start_pusher_site(queue: &QueueDir, websocket_port: u16, app: [&str; 2]) -> PhpServer {
        let mut command = command(queue, websocket_port);
        let [key, secret] = app;
        command.env("PUSHER_KEY", key).env("PUSHER_SECRET", secret);
        Self::serve(&mut command, php::script_path("pusher_site.php")).await
    }

    /// Starts the site that the scripts of the documents are for.
    pub(crate) async fn start_document_site(queue: &QueueDir, websocket_port: u16, app: [&str; 2]) -> PhpServer {
        let mut command = command(queue, websocket_port);
        let [key, app_secret] = app;
        command.env("PUSHER_KEY", key).env("PUSHER_SECRET", app_secret).env("TOKEN_SECRET_FILE", secret::file(queue));
        Self::serve(&mut command, php::script_path("document_site.php")).await
    }

    async fn serve(command: &mut Command, script: PathBuf) -> PhpServer {
        let mut process = Process::spawn(command.args(["-S", "127.0.0.1:0"]).arg(script));
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

fn command(queue: &QueueDir, websocket_port: u16) -> Command {
    let mut command = Process::command(built::php());
    command
        .env("EVENT_QUEUE_PATH", queue.path())
        .env("WEBSOCKET_PORT", websocket_port.to_string())
        .env("EXAMPLE_DATA", queue.root())
        .args(["-n", "-d", &php::extension_setting()])
        .args(["-d", &format!("session.save_path={}", queue.root().display())]);
    command
}
