//! One client of the load: its handshake, and the check that every message arrives once and in order.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail, ensure};
use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use socket2::{Domain, Socket, Type};

use crate::frames;
use crate::machine::monotonic_nanos;
use crate::message;
use crate::nats::{self, Operation};

/// The key of RFC 6455's example. A bench needs no secrets.
const REQUEST: &str = "GET /bench HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// An empty pong, masked with zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

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

/// What all clients share while they read.
#[derive(Debug)]
pub(crate) struct Reading {
    buffer: Box<[u8]>,
    /// Messages received.
    pub(crate) received: u64,
    /// Nanoseconds from sending to reading, where they are asked for.
    pub(crate) latencies: Option<Vec<u64>>,
    /// Bytes of every frame, if frames are only counted.
    discards: Option<usize>,
}

impl Reading {
    pub(crate) fn new() -> Reading {
        Reading { buffer: vec![0; 256 * 1024].into(), received: 0, latencies: None, discards: None }
    }

    /// Lets the kernel drop what arrives from now on, and counts frames by their bytes. All have the same length. There
    /// are no other frames, since pings are sent only to clients that were silent for longer than a load lasts.
    pub(crate) fn discard(&mut self, frame_bytes: usize) {
        self.discards = Some(frame_bytes);
        // The kernel does not write into it; its size is what it drops at once.
        self.buffer = vec![0; 4 * 1024 * 1024].into();
    }
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

    /// Counts what has arrived without a copy.
    fn discard(&mut self, frame_bytes: usize, reading: &mut Reading) -> anyhow::Result<()> {
        loop {
            match rustix::net::recv(&self.stream, &mut reading.buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => bail!("the server closed a connection after message {}", self.next),
                Ok((_, read)) => {
                    self.discarded += read as u64;
                    let messages = self.discarded / frame_bytes as u64;
                    reading.received += messages - self.next;
                    self.next = messages;
                    if read < reading.buffer.len() {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno).context("a connection broke"),
            }
        }
    }

    fn read(&mut self, reading: &mut Reading) -> anyhow::Result<()> {
        loop {
            // The rest is put before the bytes that are read next, so that every frame is in one piece.
            let kept = self.rest.len();
            reading.buffer[..kept].copy_from_slice(&self.rest);
            let read = match self.stream.read(&mut reading.buffer[kept..]) {
                Ok(0) => bail!("the server closed a connection after message {}", self.next),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a connection broke"),
            };
            let filled = kept + read;
            let drained = filled < reading.buffer.len();
            let mut begin = 0;
            if self.state == State::AwaitingResponse {
                begin = self.take_response(&reading.buffer[..filled])?;
            }
            if self.state > State::AwaitingResponse {
                let Reading { buffer, received, latencies, .. } = reading;
                begin += self.take_frames(&buffer[begin..filled], received, latencies)?;
            }
            self.rest.clear();
            self.rest.extend_from_slice(&reading.buffer[begin..filled]);
            if drained {
                return Ok(());
            }
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

    /// Checks the complete frames and returns how many bytes they have.
    fn take_frames(
        &mut self,
        bytes: &[u8],
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<usize> {
        let now = if latencies.is_some() { monotonic_nanos() } else { 0 };
        let mut begin = 0;
        while let Some(frame) = frames::first(&bytes[begin..]) {
            let payload = &bytes[begin + frame.header_bytes..begin + frame.bytes()];
            begin += frame.bytes();
            match frame.opcode {
                frames::TEXT | frames::BINARY if self.manner.nats => {
                    self.take_operations(payload, now, received, latencies)?;
                }
                frames::TEXT => {
                    self.take_message(payload, now, received, latencies)?;
                    self.send_message()?;
                }
                frames::PING => drop(self.stream.write(&PONG)),
                frames::CLOSE => {
                    let code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                    bail!("the server disconnected a client with code {code} after message {}", self.next)
                }
                opcode => bail!("a frame of opcode {opcode}"),
            }
        }
        Ok(begin)
    }

    /// Takes the operations that a frame completes.
    fn take_operations(
        &mut self,
        payload: &[u8],
        now: u64,
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<()> {
        let mut stream = std::mem::take(&mut self.operation);
        stream.extend_from_slice(payload);
        let mut begin = 0;
        while let Some((operation, bytes)) = nats::first(&stream[begin..])? {
            match operation {
                Operation::Message(text) => self.take_message(text, now, received, latencies)?,
                Operation::Ping => self.send_text(nats::PONG)?,
                Operation::Pong => self.state = State::Open,
                Operation::Info => {}
            }
            begin += bytes;
        }
        stream.drain(..begin);
        self.operation = stream;
        Ok(())
    }

    fn take_message(
        &mut self,
        text: &[u8],
        now: u64,
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<()> {
        let number = message::number(text)?;
        let lane = (number as usize).checked_rem(self.manner.lanes);
        let due = lane.map_or(self.next, |lane| self.lanes[lane]);
        ensure!(number == due, "message {number} came where {due} was due");
        if let Some(lane) = lane {
            self.lanes[lane] += self.manner.lanes as u64;
        }
        self.next += 1;
        *received += 1;
        if let Some(latencies) = latencies {
            latencies.push(now.saturating_sub(message::sent_at(text)));
        }
        Ok(())
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
