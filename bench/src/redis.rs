//! A Redis server for one measurement: it listens on loopback, and keeps nothing on the disk.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::machine::Cores;
use crate::process::Process;

/// Starts it on the server's core, with its working directory in `home`. It is killed when it is dropped.
pub(crate) fn start(cores: Cores, program: &str, home: &Path) -> anyhow::Result<Process> {
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--port"]).arg(address.port().to_string());
    command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(home);
    Process::listening_on(cores, &mut command, address, address)
}

/// Where a broadcaster finds it.
pub(crate) fn url(server: &Process) -> String {
    format!("redis://{}/0", server.address)
}

/// A connection that takes commands one after the other.
pub(crate) fn connect(server: &Process) -> anyhow::Result<redis::Connection> {
    redis::Client::open(url(server))?.get_connection().context("cannot connect to Redis")
}

/// An address that is free, unless another process takes it now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
