//! One client of the load: its handshake, and what it sends.

mod answers;
mod blocks;
mod checking;
mod reading;

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::channels::Channels;
use crate::due::Due;
use crate::frames;
use crate::message;
use crate::nats;
use crate::pusher;

pub(crate) use reading::{Reading, Tally};

const PATH: &str = "/bench";
/// The headers of the request. The key is that of RFC 6455's example: a bench needs no secrets.
const HEADERS: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
/// The one that asks for commands and answers.
const NATIVE: &str = "Sec-WebSocket-Protocol: fastapi.v1\r\n";

/// The header of a stream of server-sent events.
const STREAM: &str = "Accept: text/event-stream\r\n";

impl Default for Manner {
    fn default() -> Manner {
        Manner::PLAIN
    }
}

/// Where a client goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The id after which.
    pub(crate) after: &'static str,
    /// The number of the first message after it.
    pub(crate) first: u64,
}

/// What clients have to know of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Connections over which messages are published in turn. Each of them is in order. 0 if all messages are in one
    /// order.
    pub(crate) lanes: usize,
    /// NATS inside WebSocket frames.
    pub(crate) nats: bool,
    /// The Pusher protocol.
    pub(crate) pusher: bool,
    /// In the Pusher protocol: it joins a presence channel, each as another user.
    pub(crate) pusher_user: bool,
    /// It sends commands (subprotocol `fastapi.v1`).
    pub(crate) native: bool,
    /// It asks for what is for everybody, so that its messages have ids.
    pub(crate) everybody: bool,
    /// It is a client of server-sent events.
    pub(crate) stream: bool,
    /// Where it goes on. Messages before are not due.
    pub(crate) resume: Option<Resume>,
    /// Channels that are subscribed with the request. Without, every message is due.
    pub(crate) channels: Option<Channels>,
    /// What it says who it is, in the URL.
    pub(crate) token: Option<&'static str>,
    /// The address to connect from.
    pub(crate) from: Option<IpAddr>,
}

impl Manner {
    /// A client that gets what is for everybody, and nothing else.
    pub(crate) const PLAIN: Manner = Manner {
        lanes: 0,
        nats: false,
        pusher: false,
        pusher_user: false,
        native: false,
        everybody: false,
        stream: false,
        resume: None,
        channels: None,
        token: None,
        from: None,
    };

    /// Whether messages come that are no events.
    fn has_answers(self) -> bool {
        self.native || self.everybody || self.stream || self.resume.is_some() || self.channels.is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    manner: Manner,
    /// Which of the clients of the same manner it is.
    index: usize,
    /// What it was told of other users.
    pub(crate) others: Others,
    state: State,
    /// Messages received.
    next: u64,
    /// The number that the next must have, unless there are lanes.
    due: Due,
    /// For each lane, the number that the next message must have.
    lanes: Vec<u64>,
    /// The beginning of an operation of NATS.
    operation: Vec<u8>,
    /// The beginning of a frame or of the handshake response, whose rest has not arrived yet.
    rest: Vec<u8>,
    /// Where the parts of the next block of a stream are expected.
    usual: blocks::Usual,
    /// Bytes that arrived and were not checked.
    discarded: u64,
    /// If not set, what it is sent stays in the kernel.
    pub(crate) reads: bool,
    /// Answers every message with the next.
    words: Option<Words>,
}

/// Users of a presence channel that came and went while a client was there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Others {
    pub(crate) joined: u64,
    pub(crate) left: u64,
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
    /// Only with NATS and Pusher.
    Subscribing,
    /// Only if messages come that are no events.
    AwaitingWelcome,
    Open,
}

impl Client {
    /// Begins to connect. Clients of the same manner differ by their index.
    pub(crate) fn connect(address: SocketAddr, manner: Manner, index: usize) -> anyhow::Result<Client> {
        let stream = match manner.from {
            None => TcpStream::connect(address),
            Some(from) => connect_from(from, address),
        };
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        Ok(Client {
            stream,
            manner,
            index,
            others: Others::default(),
            state: State::Connecting,
            next: 0,
            due: Due::new(manner.channels, index, manner.resume.map_or(0, |resume| resume.first)),
            lanes: (0..manner.lanes as u64).collect(),
            operation: Vec::new(),
            rest: Vec::new(),
            usual: blocks::Usual::default(),
            discarded: 0,
            reads: true,
            words: None,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The number of the first message that it does not have, if messages are in one order.
    pub(crate) fn reached(&self) -> u64 {
        if self.manner.lanes > 0 { self.next } else { self.due.number() }
    }

    /// How many of the first messages are due to it.
    pub(crate) fn due_among(&self, messages: u64) -> u64 {
        self.due.among(messages)
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
            let request = self.request();
            match self.stream.write(request.as_bytes()) {
                Ok(written) => ensure!(written == request.len(), "a new socket is full"),
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

    fn request(&self) -> String {
        // NATS has subjects, which are subscribed after the handshake.
        let channels = self.due.names().filter(|_| !self.manner.nats).map(|name| format!("channel={name}"));
        let token = self.manner.token.map(|token| format!("token={token}"));
        let everybody = self.manner.everybody.then(|| "everybody=1".to_owned());
        let after = self.manner.resume.map(|resume| format!("after={}", resume.after));
        let query: Vec<_> = channels.chain(token).chain(everybody).chain(after).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let headers = if self.manner.stream { STREAM } else { HEADERS };
        let native = if self.manner.native { NATIVE } else { "" };
        let target = if self.manner.pusher { pusher::TARGET.to_owned() } else { format!("{PATH}{query}") };
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{native}\r\n")
    }

    /// Returns how many bytes the response has, once it is complete.
    fn take_response(&mut self, bytes: &[u8]) -> anyhow::Result<usize> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
        let line = bytes[..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
        let expected: &[u8] = if self.manner.stream { b"HTTP/1.1 200" } else { b"HTTP/1.1 101" };
        ensure!(line.starts_with(expected), "the server answers {:?}", String::from_utf8_lossy(line));
        self.state = if self.manner.nats {
            self.send_text(&nats::subscribe(self.due.names()))?;
            State::Subscribing
        } else if self.manner.pusher {
            State::Subscribing
        } else if self.manner.has_answers() {
            State::AwaitingWelcome
        } else {
            State::Open
        };
        Ok(end + 4)
    }

    /// Sends a short text.
    pub(crate) fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
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
