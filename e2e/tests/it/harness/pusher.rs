//! A broadcaster with an application of the Pusher protocol.

use std::fs;
use std::path::Path;

use testkit::{Broadcaster, QueueDir};

use super::broadcaster;

pub(crate) const APP_ID: &str = "app-id";
pub(crate) const APP_KEY: &str = "app-key";
pub(crate) const APP_SECRET: &str = "app-secret";

/// Starts one, and returns when it listens.
pub(crate) async fn start(queue: &QueueDir) -> Broadcaster {
    start_on(queue, "127.0.0.1:0").await
}

/// The same on an address.
pub(crate) async fn start_on(queue: &QueueDir, address: &str) -> Broadcaster {
    start_with(queue, address, "").await
}

/// Starts one that takes tokens as well.
pub(crate) async fn start_with_tokens(queue: &QueueDir, secret: &Path) -> Broadcaster {
    start_with(queue, "127.0.0.1:0", &format!("token_secret_file = [{secret:?}]\n")).await
}

async fn start_with(queue: &QueueDir, address: &str, settings: &str) -> Broadcaster {
    let config = queue.root().join("pusher.toml");
    let text = format!(
        "public_channels = [\"*\"]\n{settings}\n[[app]]\nid = \"{APP_ID}\"\nkey = \"{APP_KEY}\"\nsecret = \"{APP_SECRET}\"\n\
         client_events = \"members\"\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = broadcaster::command(["--listen", address, "--queue"]);
    command.arg(queue.path()).arg("--config").arg(config);
    broadcaster::spawn(&mut command).await
}
