//! Listening on the addresses that a host has.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// How many ports are tried if any will do, and one is to be free at several addresses.
const PORT_TRIES: u32 = 20;
/// Connections that the kernel keeps until they are accepted; it cuts the number to net.core.somaxconn.
const LISTEN_BACKLOG: i32 = 4096;

/// Listens on every address that the host has: who connects to `localhost` may come by either protocol.
pub(crate) fn listen(host: &str, port: u16, shares_port: bool) -> io::Result<Vec<TcpListener>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let mut tries = 1..=PORT_TRIES;
    loop {
        match listen_on_all(&addresses, shares_port) {
            // The port that the system chose for the first is taken at another address. The next choice is another.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries.next().is_some() => {}
            listening => return listening,
        }
    }
}

fn listen_on_all(addresses: &[SocketAddr], shares_port: bool) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in addresses {
        let port = match listeners.first() {
            Some(first) => first.local_addr()?.port(),
            None => address.port(),
        };
        let address = SocketAddr::new(address.ip(), port);
        // The port is shared only with the one that we take over from: with another it would be a mistake, and the
        // system would give each of them half of the clients.
        let free = if shares_port { Ok(()) } else { TcpListener::bind(address).map(drop) };
        match free.and_then(|()| listen_sharing(address)) {
            Ok(listener) => listeners.push(listener),
            // A name may have an address that the machine has not: `localhost` where there is no IPv6.
            Err(error) if is_elsewhere(&error) => failure = error,
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() { Err(failure) } else { Ok(listeners) }
}

fn is_elsewhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn listen_sharing(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}
