//! A socket to Redis: TCP, TCP with TLS, or a Unix socket. The `redis` crate has such sockets too. It does not give
//! their descriptors, which we need: a thread waits for its socket and for its stop at the same time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, TcpKeepalive, Type};

use super::address::Host;

/// How long connecting to one address of a server may take, and each answer while logging in.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may be silent before the system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long the other side's system may leave what was sent, or keepalive probes, without an acknowledgment.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

impl Socket {
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
    ) -> io::Result<Socket> {
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            match session.complete_io(&mut socket).map_err(timed_out) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(Socket::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// Connects to a Unix socket.
    pub(super) fn unix(path: &Path) -> io::Result<Socket> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // It bounds connecting as well, which waits when the server accepts nothing and its backlog is full.
        socket.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        socket.connect(&SockAddr::unix(path)?).map_err(timed_out)?;
        let stream = UnixStream::from(socket);
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        Ok(Socket::Unix(stream))
    }

    /// How long one read may wait.
    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        SockRef::from(&self.as_fd()).set_read_timeout(Some(timeout))
    }

    /// How long one write may wait.
    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        SockRef::from(&self.as_fd()).set_write_timeout(Some(timeout))
    }

    /// Whether TLS holds bytes that were read from the socket already: `poll` does not show them.
    pub(super) fn holds_bytes(&mut self) -> io::Result<bool> {
        let Socket::Tls(tls) = self else { return Ok(false) };
        let state = tls.conn.process_new_packets().map_err(io::Error::other)?;
        Ok(state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }

    /// Whether a read gives something, now that the socket is readable. With TLS that may have been a message of TLS
    /// itself, such as a ticket, and a read would wait.
    pub(super) fn has_bytes(&mut self) -> io::Result<bool> {
        let Socket::Tls(tls) = self else { return Ok(true) };
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

/// When its time is over, a socket with a timeout fails with `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Tls(stream) => stream.sock.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Socket::Tcp(stream) => stream.read(buffer),
                Socket::Tls(stream) => stream.read(buffer),
                Socket::Unix(stream) => stream.read(buffer),
            };
            match read {
                // A signal ends a read that has a timeout, whatever SA_RESTART says.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(timed_out),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Tls(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        };
        written.map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.flush(),
            Socket::Tls(stream) => stream.flush(),
            Socket::Unix(stream) => stream.flush(),
        }
    }
}
