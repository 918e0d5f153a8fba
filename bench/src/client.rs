//! One client of the load: its handshake, and what it sends.

mod checking;
mod reading;

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::frames;
use crate::message;
use crate::nats;

pub(crate) use reading::Reading;

/// The key of RFC 6455's example. A bench needs no secrets.
const REQUEST: &str = "GET /bench HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// What clients have to know of a server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Connections over which messages are published in turn. Each of them is in order. 0 if all messages are in one
    /// order.
    pub(crate) lanes: usize,
    /// NATS inside WebSocket frames.
    pub(crate) nats: bool,
    /// The address to connect from.
    pub(crate) from: Option<IpAddr>,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    manner: Manner,
    state: State,
    /// Messages received. This is also the number that the next must have, unless there are lanes.
    pub(crate) next: u64,
    /// For each lane, the number that the next message must have.
    lanes: Vec<u64>,
    /// The beginning of an operation of NATS.
    operation: Vec<u8>,
    /// The beginning of a frame or of the handshake response, whose rest has not arrived yet.
    rest: Vec<u8>,
    /// Bytes that arrived and were not checked.
    discarded: u64,
    /// If not set, what it is sent stays in the kernel.
    pub(crate) reads: bool,
    /// Answers every message with the next.
    words: Option<Words>,
}

/// What a client sends: the same message again and again, each time with another number.
#[derive(Debug)]
struct Words {
    frame: Vec<u8>,
    /// Where the text begins.
    text: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Connecting,
    AwaitingResponse,
    /// Only with NATS.
    Subscribing,
    Open,
}

impl Client {
    /// Begins to connect.
    pub(crate) fn connect(address: SocketAddr, manner: Manner) -> anyhow::Result<Client> {
        let stream = match manner.from {
            None => TcpStream::connect(address),
            Some(from) => connect_from(from, address),
        };
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        Ok(Client {
            stream,
            manner,
            state: State::Connecting,
            next: 0,
            lanes: (0..manner.lanes as u64).collect(),
            operation: Vec::new(),
            rest: Vec::new(),
            discarded: 0,
            reads: true,
            words: None,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Sends a message of so many bytes, and the next when it has come back.
    pub(crate) fn converse(&mut self, bytes: usize) -> anyhow::Result<()> {
        let text = message::text(&message::payload_json(0, bytes), 1_729_000_000);
        let (frame, text) = frames::encode_client_text(text.as_bytes());
        self.words = Some(Words { frame, text });
        self.send_message()
    }

    fn send_message(&mut self) -> anyhow::Result<()> {
        let Some(Words { frame, text }) = &mut self.words else { return Ok(()) };
        message::stamp(&mut frame[*text..], self.next);
        // It waits for each before it sends the next, so the socket takes it.
        let written = self.stream.write(frame).context("cannot send a message")?;
        ensure!(written == frame.len(), "a socket without anything on its way is full");
        Ok(())
    }

    /// Continues when the socket is ready.
    pub(crate) fn on_ready(&mut self, reading: &mut Reading) -> anyhow::Result<()> {
        if self.state == State::Connecting {
            if let Some(error) = self.stream.take_error()? {
                return Err(error).context("the server does not take the connection");
            }
            match self.stream.write(REQUEST.as_bytes()) {
                Ok(written) => ensure!(written == REQUEST.len(), "a new socket is full"),
                Err(error) if error.kind() == ErrorKind::NotConnected || error.kind() == ErrorKind::WouldBlock => {
                    return Ok(());
                }
                Err(error) => return Err(error).context("cannot send the request"),
            }
            self.state = State::AwaitingResponse;
        }
        match reading.discards {
            _ if !self.reads => Ok(()),
            Some(frame_bytes) if self.is_open() => self.discard(frame_bytes, reading),
            _ => self.read(reading),
        }
    }

    /// Returns how many bytes the response has, once it is complete.
    fn take_response(&mut self, bytes: &[u8]) -> anyhow::Result<usize> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
        let line = bytes[..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
        ensure!(line.starts_with(b"HTTP/1.1 101"), "the server answers {:?}", String::from_utf8_lossy(line));
        self.state = State::Open;
        if self.manner.nats {
            self.state = State::Subscribing;
            self.send_text(nats::SUBSCRIBE)?;
        }
        Ok(end + 4)
    }

    /// Sends a short text.
    fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
        let (frame, _) = frames::encode_client_text(text.as_bytes());
        let written = self.stream.write(&frame).context("cannot send a text")?;
        ensure!(written == frame.len(), "a socket that is hardly written to is full");
        Ok(())
    }
}

/// Begins to connect from an address.
fn connect_from(from: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // The port is chosen at connect, among those that are free for this peer.
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
