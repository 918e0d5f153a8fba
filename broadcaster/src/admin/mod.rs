//! The admin listener: what operators see of a server that runs, and what they may do to it. It is part of the binary
//! alone. Everything runs on the runtime that accepts clients, so no handler waits for a disk.
//!
//! A connection is [`accepting`]'s; a request goes through the [`guard`] to a handler ([`ready`], [`status`], [`page`],
//! [`publishing`], [`clients`]).

mod accepting;
mod answer;
mod body;
mod clients;
mod guard;
mod page;
mod publishing;
mod ready;
mod routes;
mod status;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::net::sockopt;
use server::config::AdminOptions;
use server::{Config, Observer, Publisher};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use self::guard::CurrentGuard;
use self::status::Snapshots;
use crate::recent_problems::RecentProblems;

/// How often an address that is in use is tried again. The broadcaster that we took over from may have it until it ends.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// Descriptors that it takes at most.
pub(crate) const DESCRIPTORS: u64 = accepting::MAX_CONNECTIONS as u64 + 1;

/// What the handlers share.
pub(crate) struct App {
    observer: Observer,
    guard: CurrentGuard,
    publisher: Publisher,
    snapshots: Snapshots,
    problems: RecentProblems,
    /// The server stops: it does not take new clients any more.
    stopping: CancellationToken,
    /// Streams end.
    ending: CancellationToken,
}

/// The listener while it runs.
pub(crate) struct Admin {
    task: Option<JoinHandle<()>>,
    guard: CurrentGuard,
    stopping: CancellationToken,
    ending: CancellationToken,
}

/// Starts the listener, if the configuration has one.
///
/// # Errors
/// When its address cannot be had. If it is in use, it is waited for meanwhile.
pub(crate) fn start(
    config: &AdminOptions,
    publisher: Publisher,
    observer: Observer,
    problems: RecentProblems,
) -> anyhow::Result<Admin> {
    let (stopping, ending) = (CancellationToken::new(), CancellationToken::new());
    let guard = CurrentGuard::new(config);
    let Some(address) = config.listen else { return Ok(Admin { task: None, guard, stopping, ending }) };
    let app = Arc::new(App {
        observer,
        guard: guard.clone(),
        publisher,
        snapshots: Snapshots::default(),
        problems,
        stopping: stopping.clone(),
        ending: ending.clone(),
    });
    let listener = match listen(address) {
        Ok(listener) => Some(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            warn!(%address, "the address of the admin listener is in use, trying again until it is free");
            None
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot listen on {address} for operators (admin_listen)"));
        }
    };
    if let Some(listener) = &listener {
        tell(listener);
    }
    let task = tokio::spawn(async move {
        let ending = app.ending.clone();
        let serving = async move {
            let listener = match listener {
                Some(listener) => listener,
                None => wait_for(address).await,
            };
            accepting::run(listener, routes::router(app.clone()), app.ending.clone()).await;
        };
        tokio::select! {
            () = serving => {}
            // It may be waiting for its address.
            () = async { ending.cancelled().await; sleep(accepting::END_TIMEOUT).await } => {}
        }
    });
    Ok(Admin { task: Some(task), guard, stopping, ending })
}

/// What `/publish` writes to.
pub(crate) fn publisher(config: &Config, queue: &Path) -> Publisher {
    Publisher::new(queue, config.max_event_bytes)
}

impl Admin {
    /// By which a reload replaces tokens and names.
    pub(crate) fn guard(&self) -> CurrentGuard {
        self.guard.clone()
    }

    /// By which `/ready` learns that the server stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Ends the streams, lets requests be answered for a moment, and closes the listener.
    pub(crate) async fn stop(self) {
        self.ending.cancel();
        if let Some(task) = self.task {
            // It cannot fail but by a panic, which is in the log.
            let _ = task.await;
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // Connections of the process before may be in their last state.
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // Whether it is on the loopback was decided for this address alone.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn wait_for(address: SocketAddr) -> TcpListener {
    let mut last = io::ErrorKind::AddrInUse;
    loop {
        sleep(RETRY_INTERVAL).await;
        match listen(address) {
            Ok(listener) => {
                tell(&listener);
                return listener;
            }
            Err(error) if error.kind() != last => {
                last = error.kind();
                warn!(%address, %error, "cannot listen for operators, trying again");
            }
            Err(_) => {}
        }
    }
}

fn tell(listener: &TcpListener) {
    if let Ok(address) = listener.local_addr() {
        info!(%address, "admin listener");
    }
}
