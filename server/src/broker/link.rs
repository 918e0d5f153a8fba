//! The connection of a thread: made when it is needed, and made anew when it has broken. Another thread can end it.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::SockRef;

use super::address::Address;
use super::connect::connect;
use super::connection::Connection;
use super::interruption::Interruption;

/// A connection, if there is one now.
pub(super) struct Link {
    address: Address,
    /// The key of the stream: a cluster has it on one of its servers.
    key: String,
    connection: Option<Connection>,
    end: LinkEnd,
}

/// Ends the connection of a thread that may wait for an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkEnd(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    is_over: bool,
    /// The socket of the connection.
    socket: Option<OwnedFd>,
}

impl Link {
    pub(super) fn new(address: Address, key: &str) -> Link {
        Link { address, key: key.to_owned(), connection: None, end: LinkEnd::default() }
    }

    /// What ends it.
    pub(super) fn end(&self) -> LinkEnd {
        self.end.clone()
    }

    /// Whether the next one is a new one.
    pub(super) fn is_down(&self) -> bool {
        self.connection.is_none()
    }

    /// The connection that was put back, or a new one.
    pub(super) fn take(&mut self) -> Result<Connection, Interruption> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connection = connect(&self.address, &self.key)?;
        self.end.watch(&connection).map_err(Interruption::CannotWait)?;
        Ok(connection)
    }

    /// Puts it back, unless what was done with it failed in a way that makes it useless.
    pub(super) fn put_back<T>(
        &mut self,
        connection: Connection,
        done: Result<T, Interruption>,
    ) -> Result<T, Interruption> {
        let done = done.map_err(|interruption| interruption.at(&connection));
        match &done {
            Err(interruption) if interruption.needs_another_connection() => {}
            _ => self.connection = Some(connection),
        }
        done
    }
}

impl Watched {
    fn end_if_over(&self) {
        if self.is_over
            && let Some(socket) = &self.socket
        {
            // It fails if the connection has ended already.
            _ = SockRef::from(socket).shutdown(Shutdown::Both);
        }
    }
}

impl LinkEnd {
    /// Ends the connection, and each later one: what waits for an answer fails.
    pub(super) fn end(&self) {
        let mut watched = self.lock();
        watched.is_over = true;
        watched.end_if_over();
    }

    fn watch(&self, connection: &Connection) -> io::Result<()> {
        let mut watched = self.lock();
        watched.socket = Some(connection.as_fd().try_clone_to_owned()?);
        watched.end_if_over();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
