//! Clients: one that speaks WebSocket, and the bytes of one that does not.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use testkit::{Broadcaster, HANDSHAKE, TIMEOUT, payload_of};
use tungstenite::{Error, HandshakeError, Message, WebSocket};

/// A WebSocket client that blocks, but no longer than a test may wait.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// A client of a broadcaster that listens.
    pub(crate) fn of(broadcaster: &Broadcaster) -> Client {
        Client::connect(broadcaster.address())
    }

    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).unwrap()
    }

    pub(crate) fn try_connect(address: SocketAddr) -> Result<Client, Error> {
        Client::try_connect_at(address, "/")
    }

    /// A client of a path and its parameters, such as channels.
    pub(crate) fn at(address: SocketAddr, path: &str) -> Client {
        Client::try_connect_at(address, path).unwrap()
    }

    fn try_connect_at(address: SocketAddr, path: &str) -> Result<Client, Error> {
        let stream = connect(address)?;
        match tungstenite::client::client(format!("ws://{address}{path}"), stream) {
            Ok((socket, _)) => Ok(Client { socket }),
            Err(HandshakeError::Failure(error)) => Err(error),
            Err(HandshakeError::Interrupted(_)) => panic!("no answer to a handshake"),
        }
    }

    /// The next text or close message, or what the connection ended with.
    pub(crate) fn next(&mut self) -> Result<Message, Error> {
        loop {
            match self.socket.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                // A read with a time limit is not begun anew by the system, for example when this process starts
                // another.
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => panic!("nothing comes"),
                next => return next,
            }
        }
    }

    /// The payload of the next event, as text.
    pub(crate) fn payload(&mut self) -> String {
        match self.next() {
            Ok(Message::Text(text)) => payload_of(&text).to_owned(),
            other => panic!("expected an event, got {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    /// Reads to the end and returns the close code.
    pub(crate) fn close_code(&mut self) -> u16 {
        let mut code = None;
        loop {
            match self.next() {
                Ok(Message::Close(frame)) => code = Some(frame.map_or(1005, |frame| frame.code.into())),
                Ok(_) => {}
                Err(error) => return code.unwrap_or_else(|| panic!("{error} before a close frame")),
            }
        }
    }
}

/// A connection on which nothing was sent.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream, std::io::Error> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// A connection whose handshake was accepted, and on which nothing else was sent.
pub(crate) fn shake_hands(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address).unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

/// Asks for the server's health: status and text.
pub(crate) fn health(address: SocketAddr) -> (u16, String) {
    let answer = exchange(address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"));
    (status.parse().unwrap(), answer.split("\r\n\r\n").nth(1).unwrap().to_owned())
}

/// Reads the head of a response and not a byte more.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Sends bytes on a new connection and reads until the server ends it.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address).unwrap();
    // The server may close before it has all.
    let _ = stream.write_all(bytes);
    read_to_end(&mut stream)
}

/// What comes until the end, which may be a reset.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {} bytes", received.len()),
    }
    received
}

/// A connection whose buffer for what it receives is so small that little is sent ahead.
pub(crate) fn connect_with_small_buffer(address: SocketAddr) -> Result<TcpStream, std::io::Error> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_recv_buffer_size(4096)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    socket.connect(&SockAddr::from(address))?;
    Ok(socket.into())
}
