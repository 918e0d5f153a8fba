//! A socket to Redis: TCP, TCP with TLS, or a socket of the machine. The `redis` crate has such sockets too, and does
//! not give their descriptors, on which a thread waits together with its stop.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use super::address::Host;

/// How long each address of a server, and each answer while logging in, may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may be silent before the system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long what was sent may stay without the confirmation of the other side's system. It holds for keepalive too.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// A connected socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

impl Stream {
    /// Tries all addresses of the name, one after the other.
    pub(super) fn tcp(host: &Host) -> io::Result<TcpStream> {
        let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in (host.name.as_str(), host.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return prepared(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Agrees on TLS over a connected socket.
    pub(super) fn tls(
        mut socket: TcpStream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Stream> {
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            match session.complete_io(&mut socket).map_err(told) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    pub(super) fn unix(path: &Path) -> io::Result<Stream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // It bounds connecting as well: a server that accepts nothing has a full queue.
        socket.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        socket.connect(&SockAddr::unix(path)?).map_err(told)?;
        let stream = UnixStream::from(socket);
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        Ok(Stream::Unix(stream))
    }

    /// How long one read may wait.
    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        SockRef::from(&self.as_fd()).set_read_timeout(Some(timeout))
    }

    /// How long one write may wait.
    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        SockRef::from(&self.as_fd()).set_write_timeout(Some(timeout))
    }

    /// Whether TLS holds bytes that were read from the socket already: polling that does not show them.
    pub(super) fn holds_bytes(&mut self) -> io::Result<bool> {
        let Stream::Tls(tls) = self else { return Ok(false) };
        let state = tls.conn.process_new_packets().map_err(io::Error::other)?;
        Ok(state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }

    /// Whether a read gives something, now that the socket is readable. With TLS that may have been a message of TLS
    /// itself, such as a ticket, and a read would wait.
    pub(super) fn has_bytes(&mut self) -> io::Result<bool> {
        let Stream::Tls(tls) = self else { return Ok(true) };
        match tls.conn.read_tls(&mut tls.sock) {
            // The end of the connection, which a read tells.
            Ok(0) => Ok(true),
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => self.holds_bytes(),
        }
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(CONNECT_TIMEOUT))?;
    socket.set_write_timeout(Some(CONNECT_TIMEOUT))?;
    Ok(stream)
}

/// A socket with a timeout says that it would wait, when the time is over.
fn told(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Tls(stream) => stream.sock.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Stream::Tcp(stream) => stream.read(buffer),
                Stream::Tls(stream) => stream.read(buffer),
                Stream::Unix(stream) => stream.read(buffer),
            };
            match read {
                // A signal ends a read that has a timeout, whatever SA_RESTART says.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(told),
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        };
        written.map_err(told)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}
