//! What a server takes before it reads its history: its queue, and then its address. Reading can take seconds. Clients
//! that connect meanwhile wait in the backlog of the address and are not refused.

use std::io;
use std::net::{SocketAddr, TcpListener};

use queue::{OpenError, Reader, ReaderOptions, url_without_secrets};
use thiserror::Error;

use crate::config::Config;
use crate::history::HistoryError;
use crate::http_server::listen;

/// A queue and an address that belong to a server which does not run yet. Dropped, it releases both.
#[derive(Debug)]
pub struct Claim {
    pub(crate) config: Config,
    /// Unless no queue is configured.
    pub(crate) reader: Option<Reader>,
    pub(crate) listeners: Vec<TcpListener>,
    /// Whether the listener was passed, and stays open when the server ends.
    pub(crate) is_passed: bool,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Why a server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {}:{port}: {cause}{}", url_without_secrets(.host), hint(.cause))]
    Listen {
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
    /// The queue directory cannot be consumed.
    #[error(transparent)]
    Queue(#[from] OpenError),
    /// The history log cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The system has no descriptor or thread left.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// What the text of the system does not say.
fn hint(cause: &io::Error) -> &'static str {
    let is_elsewhere = cause.kind() == io::ErrorKind::AddrNotAvailable;
    if is_elsewhere { " (this machine does not have that address; `ip address` lists those that it has)" } else { "" }
}

impl Claim {
    /// Takes the queue directory, and then listens.
    ///
    /// # Errors
    /// When the directory or the address is not to be had.
    pub fn take(config: Config) -> Result<Claim, BindError> {
        Claim::with(config, false, |config| {
            listen(&config.host, config.port, config.shares_port).map_err(|cause| BindError::Listen {
                host: config.host.clone(),
                port: config.port,
                cause,
            })
        })
    }

    /// The same with a socket that is listening already, such as one that systemd holds.
    ///
    /// # Errors
    /// When the directory is not to be had.
    pub fn take_for(listener: TcpListener, config: Config) -> Result<Claim, BindError> {
        Claim::with(config, true, |_| {
            listener.set_nonblocking(true)?;
            Ok(vec![listener])
        })
    }

    fn with(
        config: Config,
        is_passed: bool,
        listen: impl FnOnce(&Config) -> Result<Vec<TcpListener>, BindError>,
    ) -> Result<Claim, BindError> {
        // The queue comes first: a server without the queue must not take the port.
        let reader = config.queue.as_ref().map(|queue| {
            let options = ReaderOptions {
                max_event_bytes: config.max_event_bytes,
                grace: config.entry_grace,
                ..ReaderOptions::default()
            };
            Reader::open(queue.clone(), options)
        });
        let reader = reader.transpose()?;
        let listeners = listen(&config)?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        Ok(Claim { config, reader, listeners, is_passed, addresses })
    }
}
