//! Two broadcasters of one directory on one address.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::broadcaster::{BINARY, Broadcaster, command};

/// An address that is free when it is asked for.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The command of either.
pub(crate) fn on(queue: &Path, address: SocketAddr) -> Command {
    let mut command = command(BINARY);
    command.args(["--listen", &address.to_string(), "--queue"]).arg(queue);
    command
}

/// Starts the second one.
pub(crate) fn waiting(command: Command) -> Broadcaster {
    let mut standby = Broadcaster::spawn(command);
    standby.await_log("waiting to take over");
    standby
}
