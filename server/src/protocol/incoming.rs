//! What a client sends: bytes of its socket in, messages out. The WebSocket library reads the frames and puts messages
//! together; what bounds them is here, because the library reads on until a message is complete.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::time::Instant;

use mio::net::TcpStream;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use crate::client_message::ClientMessage;
use crate::disconnect::Disconnect;
use crate::protocol::allowance::{Allowance, Rates};
use crate::protocol::frame_meter::FrameMeter;
use crate::protocol::wire::{Stopped, Wire};

/// Bytes that are read of one client before it is the next one's turn.
const TURN_BYTES: usize = 16 * 1024;
/// Bytes that the library asks for at once.
const PIECE_BYTES: usize = 1024;
/// What a client costs that is in the middle of a message, beside the bytes of that.
const OVERHEAD_BYTES: usize = size_of::<Incoming>() + PIECE_BYTES;

/// What a thread of the hub reads with. All of its clients share it.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: Box<[u8]>,
    /// Of a client that was left between two messages: any other can go on with it.
    idle: Option<Box<Incoming>>,
}

/// One client's stream in the middle of something: a message that is not complete, bytes that had to wait, a closing.
#[derive(Debug)]
pub(super) struct Incoming {
    context: WebSocketContext,
    meter: FrameMeter,
    /// Was read from the socket and waits to be looked at, from an offset on.
    rest: Vec<u8>,
    rest_from: usize,
    max_message_bytes: usize,
}

/// What came of one turn of reading.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) end: TurnEnd,
    /// Whether anything was received.
    pub(crate) received: bool,
    /// Messages that were read, whether or not anybody wanted them.
    pub(crate) messages: usize,
    /// What is to be sent to the client: pongs, or the answer to its close frame.
    pub(crate) answer: Vec<u8>,
}

impl Turn {
    /// Nothing was read: the client has sent all that it may until then.
    pub(super) fn throttled(again: Instant) -> Turn {
        Turn { end: TurnEnd::Throttled(again), received: false, messages: 0, answer: Vec::new() }
    }
}

/// Why a turn of reading ended.
#[derive(Debug)]
pub(crate) enum TurnEnd {
    /// There is nothing more to read.
    Drained,
    /// There may be more, in the next turn.
    More,
    /// The client has sent all that it may until then.
    Throttled(Instant),
    /// The application can take no more messages.
    Full,
    /// The close frames have passed, as far as the client is concerned.
    Closed,
    /// The client must go, for this reason.
    Broken(Disconnect),
    /// The connection has ended.
    Ended,
}

impl ReadBuffer {
    pub(crate) fn new() -> ReadBuffer {
        ReadBuffer { bytes: vec![0; TURN_BYTES].into(), idle: None }
    }

    /// One to begin a stream with.
    pub(super) fn begin(&mut self, max_message_bytes: usize) -> Box<Incoming> {
        let idle = self.idle.take().filter(|idle| idle.max_message_bytes == max_message_bytes);
        idle.unwrap_or_else(|| Box::new(Incoming::new(Vec::new(), max_message_bytes)))
    }

    /// Reads so many bytes at most, and forgets them. Returns what came of it, and how many there were.
    pub(super) fn discard(&mut self, source: Source<'_>, most: usize) -> (Turn, usize) {
        let (received, left) = source.receive(&mut self.bytes[..most.min(TURN_BYTES)]);
        let end = match left {
            Left::More => TurnEnd::More,
            Left::Later => TurnEnd::Drained,
            Left::Nothing => TurnEnd::Ended,
        };
        (Turn { end, received: !received.is_empty(), messages: 0, answer: Vec::new() }, received.len())
    }

    /// Takes back what is in the middle of nothing. Most clients need memory of their own only while they speak.
    pub(super) fn take_back(&mut self, incoming: Box<Incoming>) -> Option<Box<Incoming>> {
        if !incoming.is_idle() {
            return Some(incoming);
        }
        // The library keeps the room that a large frame took.
        self.idle = Some(incoming).filter(|incoming| incoming.meter.largest_frame() <= PIECE_BYTES as u64);
        None
    }
}

impl Incoming {
    /// A stream that begins with bytes that were read already.
    pub(super) fn new(rest: Vec<u8>, max_message_bytes: usize) -> Incoming {
        let config = WebSocketConfig::default()
            .read_buffer_size(PIECE_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        let context = WebSocketContext::new(Role::Server, Some(config));
        Incoming { context, meter: FrameMeter::default(), rest, rest_from: 0, max_message_bytes }
    }

    /// Bytes of memory that this client takes because of it.
    pub(super) fn held_bytes(&self) -> usize {
        OVERHEAD_BYTES + self.rest.capacity() + self.meter.held_bytes().min(3 * self.max_message_bytes)
    }

    /// Encodes our close frame. What the client sends from now on is read for its close frame alone.
    pub(super) fn close(&mut self, close: CloseFrame) -> Vec<u8> {
        let mut frame = Vec::new();
        let mut wire = Wire {
            input: &[],
            at_end: false,
            frames: 0,
            meter: &mut self.meter,
            max_message_bytes: self.max_message_bytes,
            stopped: None,
            answer: &mut frame,
        };
        // It is written into our memory only, which cannot fail.
        let _ = self.context.close(&mut wire, Some(close));
        frame
    }

    /// Reads from the socket once, unless something waits from before, and hands each message to `deliver` until that
    /// breaks. Without `deliver` nobody wants them.
    pub(super) fn read(
        &mut self,
        source: Source<'_>,
        buffer: &mut ReadBuffer,
        allowance: &mut Allowance,
        rates: &Rates,
        now: Instant,
        mut deliver: Option<impl FnMut(ClientMessage) -> ControlFlow<()>>,
    ) -> Turn {
        let waited = std::mem::take(&mut self.rest);
        let (received, left) = match waited.is_empty() {
            true => {
                // No more than it may send, or it would have to wait for what is owed.
                let most = allowance.bytes(rates, now).map_or(1, |bytes| (bytes as usize).min(TURN_BYTES));
                source.receive(&mut buffer.bytes[..most])
            }
            false => (&waited[self.rest_from..], Left::More),
        };
        let Incoming { context, meter, max_message_bytes, .. } = self;
        let mut answer = Vec::new();
        let frames = allowance.messages(rates, now).unwrap_or(0);
        let mut wire = Wire {
            input: received,
            at_end: left == Left::Nothing,
            frames,
            meter,
            max_message_bytes: *max_message_bytes,
            stopped: None,
            answer: &mut answer,
        };
        let (mut end, mut messages) = (None, 0);
        while end.is_none() {
            end = match context.read(&mut wire) {
                Ok(message) => {
                    messages += usize::from(message.is_text() || message.is_binary());
                    let delivered = deliver.as_mut().and_then(|deliver| client_message(message).map(deliver));
                    delivered.is_some_and(|delivered| delivered.is_break()).then_some(TurnEnd::Full)
                }
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Some(match (wire.stopped, left) {
                    (Some(Stopped::Throttled), _) => TurnEnd::Throttled(now),
                    (_, Left::Later) => TurnEnd::Drained,
                    _ => TurnEnd::More,
                }),
                Err(Error::ConnectionClosed) => Some(TurnEnd::Closed),
                Err(error) => Some(match wire.stopped {
                    Some(Stopped::Refused(disconnect)) => TurnEnd::Broken(disconnect),
                    _ => disconnect_for(&error).map_or(TurnEnd::Ended, TurnEnd::Broken),
                }),
            };
        }
        // The answer to the last ping waits for the next read; a close frame of ours could come first.
        let _ = context.flush(&mut wire);
        let (used, rest) = (frames - wire.frames, wire.input);
        let (fresh, taken) = (if waited.is_empty() { received.len() } else { 0 }, received.len() - rest.len());
        allowance.spend(used, fresh, rates, now);
        if let Some(TurnEnd::Throttled(again)) = &mut end {
            *again = allowance.messages(rates, now).err().unwrap_or(now);
        }
        if rest.is_empty() {
            (self.rest, self.rest_from) = (Vec::new(), 0);
        } else if waited.is_empty() {
            (self.rest, self.rest_from) = (rest.to_vec(), 0);
        } else {
            self.rest_from += taken;
            self.rest = waited;
        }
        Turn { end: end.unwrap_or(TurnEnd::More), received: taken > 0, messages, answer }
    }

    fn is_idle(&self) -> bool {
        self.rest.is_empty() && self.meter.is_idle() && self.context.can_write()
    }
}

/// Where a client's bytes come from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) stream: &'a mut TcpStream,
    /// The kernel has told that the stream ends, and does not tell again.
    pub(crate) peer_closed: bool,
}

/// What the socket may have after a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    More,
    /// Nothing now; the kernel tells when that changes.
    Later,
    /// Nothing ever.
    Nothing,
}

impl Source<'_> {
    fn receive(self, buffer: &mut [u8]) -> (&[u8], Left) {
        match self.stream.read(buffer) {
            Ok(0) => (&[], Left::Nothing),
            // A stream socket that gives less than it was asked for is empty (epoll(7), on edge-triggered use).
            Ok(read) if read < buffer.len() && !self.peer_closed => (&buffer[..read], Left::Later),
            Ok(read) => (&buffer[..read], Left::More),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (&[], Left::Later),
            Err(error) if error.kind() == ErrorKind::Interrupted => (&[], Left::More),
            Err(_) => (&[], Left::Nothing),
        }
    }
}

/// A message as the application gets it; none for what is no message.
fn client_message(message: Message) -> Option<ClientMessage> {
    match message {
        Message::Text(text) => Some(ClientMessage::Text(text.as_str().to_owned())),
        Message::Binary(bytes) => Some(ClientMessage::Binary(bytes.to_vec())),
        _ => None,
    }
}

/// The close code for what a client did wrong; none if the connection itself is gone.
fn disconnect_for(error: &Error) -> Option<Disconnect> {
    match error {
        Error::Capacity(_) => Some(Disconnect::TooLarge),
        Error::Utf8(_) => Some(Disconnect::InvalidText),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(Disconnect::Protocol),
        _ => None,
    }
}
