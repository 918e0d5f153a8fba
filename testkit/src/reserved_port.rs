//! A port that belongs to a test, also while no server listens there.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that the system gives to nobody else as long as this value lives. A server that is told to
/// listen there can do so, again and again, if it sets `SO_REUSEADDR`, as nearly all do. Connections are refused while
/// none does.
pub struct ReservedPort {
    // It is bound and never listens: then Linux lets another socket listen on its port.
    socket: Socket,
}

impl ReservedPort {
    /// Reserves one.
    #[allow(clippy::new_without_default, reason = "it takes a port from the system")]
    pub fn new() -> ReservedPort {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        ReservedPort { socket }
    }

    /// The address with this port.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().expect("an IP address")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address().port()
    }
}
