//! Servers to measure against, and our hub without its queue. Each is a process: `bench serve NAME`.

mod echo;
mod hub;
mod input;
mod naive;
mod reference;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use listenfd::ListenFd;

/// A server that this program can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One thread on epoll with one shared log of encoded frames, one write per client and wake-up.
    Reference,
    /// A task per client with tokio-tungstenite, and a broadcast channel.
    Naive,
    /// The hub of the broadcaster, fed by lines over TCP instead of a queue.
    Hub,
    /// The server library with an application that sends back what it is sent.
    Echo,
}

/// What may differ of our hub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HubOptions {
    pub(crate) threads: usize,
    pub(crate) history_events: Option<usize>,
}

/// Serves until its standard input ends, which happens when the process that started it ends.
pub(crate) fn serve(kind: Kind, queue: Option<PathBuf>, hub_options: HubOptions) -> anyhow::Result<()> {
    std::thread::spawn(|| {
        // An error of the input is an end as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0);
    });
    match kind {
        Kind::Reference => reference::serve(queue),
        Kind::Naive => naive::serve(),
        Kind::Hub => hub::serve(hub_options),
        Kind::Echo => echo::serve(),
    }
}

/// The socket that was passed to this process, if one was.
fn passed_listener() -> anyhow::Result<Option<TcpListener>> {
    ListenFd::from_env().take_tcp_listener(0).context("the socket that was passed is no TCP socket")
}

fn announce(clients: SocketAddr, feed: Option<SocketAddr>) {
    println!("clients {clients}");
    match feed {
        Some(feed) => println!("feed {feed}"),
        None => println!("feed none"),
    }
}
