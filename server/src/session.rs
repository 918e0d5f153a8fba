//! One client: its socket, where it stands in the log, what it says. Driven by the hub's thread; never blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::time::Instant;

use mio::net::TcpStream;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use crate::application::ClientMessage;
use crate::disconnect::Disconnect;
use crate::hub::SessionId;
use crate::listener::Permit;
use crate::log::{Log, Position};
use crate::message;
use crate::outbox::Outbox;
use crate::shard::Connection;

/// Bytes that one read asks for. Clients of a broadcaster say little; a longer message takes several reads.
const READ_BUFFER_BYTES: usize = 1024;
/// Messages of one client that are handled before the others have their turn.
const MESSAGES_PER_TURN: usize = 32;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    stream: TcpStream,
    /// The frames of the log before this position were written to the socket.
    position: Position,
    outbox: Outbox,
    /// What the client's bytes mean. Made when the first arrive: most clients never speak.
    protocol: Option<Box<WebSocketContext>>,
    max_message_bytes: usize,
    /// Where the close frame stands: nothing of the log goes out after it.
    finish: Option<Position>,
    ending: Ending,
    /// The application takes no more messages until it says so.
    paused: bool,
    /// The kernel takes no more bytes until it says so.
    pub(crate) blocked: bool,
    /// When the kernel last took bytes, or had nothing to take.
    pub(crate) progressed: Instant,
    /// When the client was last heard.
    pub(crate) heard: Instant,
    /// When a ping was sent that no sign of life has answered.
    pub(crate) pinged: Option<Instant>,
    /// When a session that is being closed is dropped at the latest.
    pub(crate) deadline: Option<Instant>,
    _permit: Permit,
}

/// How a session ends once its close frame is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The client's close frame is awaited, or nothing ends yet.
    Awaited,
    /// Both close frames have passed: the server drops the connection first (RFC 6455, section 7.1.1).
    Dropped,
    /// The client broke the protocol: input is thrown away until it goes, since unread input would turn our close frame
    /// into a reset.
    Lingering,
}

/// What writing led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The client has all there is.
    All,
    /// The socket is full.
    Blocked,
    /// Both close frames have passed.
    Finished,
}

/// What reading led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is nothing more to read.
    All,
    /// There may be more, in the next turn.
    More,
    /// There may be more, but the application cannot take it now.
    Paused,
    /// The client has sent its close frame, or broke the protocol: our close frame waits to be written.
    Closing,
    /// The connection has ended.
    Ended,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closing the socket would not end the connection while a forked process has a copy. It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        position: Position,
        connection: Connection,
        max_message_bytes: usize,
        now: Instant,
    ) -> Session {
        let Connection { stream, response, received, permit } = connection;
        let mut outbox = Outbox::default();
        outbox.push(position, response);
        let mut session = Session {
            id,
            stream,
            position,
            outbox,
            protocol: None,
            max_message_bytes,
            finish: None,
            ending: Ending::Awaited,
            paused: false,
            blocked: false,
            progressed: now,
            heard: now,
            pinged: None,
            deadline: None,
            _permit: permit,
        };
        if !received.is_empty() {
            session.protocol = Some(Box::new(session.new_protocol(received)));
        }
        session
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The position whose frames this session still needs, if it needs any.
    pub(crate) fn needs(&self) -> Option<Position> {
        (self.finish != Some(self.position)).then_some(self.position)
    }

    /// Bytes that wait for this client alone.
    pub(crate) fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// Whether a close frame was sent or is on its way.
    pub(crate) fn is_closing(&self) -> bool {
        self.finish.is_some()
    }

    /// Hands over a frame for this client alone, to go out when the log before `after` has.
    pub(crate) fn send(&mut self, after: Position, frame: Box<[u8]>) {
        if !self.is_closing() {
            self.outbox.push(after.max(self.position), frame);
        }
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self, log: &Log, now: Instant) {
        self.pinged = Some(now);
        let ping = message::encode_control(tungstenite::protocol::frame::Frame::ping(Vec::new()));
        self.send(log.boundary(self.position), ping.into());
    }

    /// Puts the close frame where the log before `after` has gone out.
    pub(crate) fn close(&mut self, after: Position, disconnect: Disconnect) {
        if self.is_closing() {
            return;
        }
        let mut frame = Vec::new();
        let mut protocol = self.protocol.take().unwrap_or_else(|| Box::new(self.new_protocol(Vec::new())));
        let mut wire = Wire { stream: &mut self.stream, out: &mut frame };
        // The protocol writes into our memory only, which cannot fail; it now expects the client's close frame.
        let _ = protocol.close(&mut wire, Some(disconnect.close_frame()));
        self.protocol = Some(protocol);
        self.finish_at(after.max(self.position), frame);
    }

    /// Ends a session that the log no longer covers, or that does not read: the frame it stands in is completed, if it
    /// ever reads again, and the close frame follows.
    pub(crate) fn fall_out(&mut self, log: &Log, disconnect: Disconnect) {
        let was_closing = self.is_closing();
        if was_closing && self.outbox.is_last() && self.needs().is_none() {
            return; // Nothing but its close frame is left, and part of that may be out.
        }
        // One that is closing and needs nothing of the log may stand where that has forgotten everything.
        let boundary = self.needs().map_or(self.position, |position| log.boundary(position));
        let rest = self.needs().map_or(Vec::new(), |position| log.between(position, boundary).to_vec());
        self.outbox.truncate_unwritten();
        self.position = boundary;
        if !rest.is_empty() {
            self.outbox.push_rest(boundary, rest);
        }
        if was_closing {
            // The close frame that was dropped is made up for: the client must not take what it has for all.
            let close = tungstenite::protocol::frame::Frame::close(Some(disconnect.close_frame()));
            self.finish_at(boundary, message::encode_control(close));
            self.ending = Ending::Lingering;
        } else {
            self.close(boundary, disconnect);
        }
    }

    /// Writes what this client still has to receive of what comes before a position, until there is nothing or the socket
    /// is full.
    pub(crate) fn write(&mut self, limit: Position, log: &Log, now: Instant) -> io::Result<Written> {
        loop {
            let head = self.finish.unwrap_or(limit).min(limit);
            let next = self.outbox.next().filter(|(after, _)| *after <= limit);
            let end = next.map_or(head, |(after, _)| after);
            let (bytes, of_log) = match next {
                _ if self.position < end => (log.between(self.position, end), true),
                Some((_, bytes)) => (bytes, false),
                None => break,
            };
            let written = match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(Written::Blocked);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // A stream socket that takes less than it was given is full (epoll(7), on edge-triggered use).
            self.blocked = written < bytes.len();
            self.progressed = now;
            if of_log {
                self.position += written as u64;
            } else {
                self.outbox.advance(written);
            }
            if self.blocked {
                return Ok(Written::Blocked);
            }
        }
        self.blocked = false;
        self.progressed = now;
        match self.ending {
            _ if limit < log.head() => Ok(Written::All),
            Ending::Awaited => Ok(Written::All),
            Ending::Dropped => Ok(Written::Finished),
            Ending::Lingering => {
                // If the client is gone already there is nobody to tell that nothing more will come.
                let _ = self.stream.shutdown(Shutdown::Write);
                Ok(Written::All)
            }
        }
    }

    /// Whether the application has paused the client, who cannot answer pings then.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reads again.
    pub(crate) fn resume(&mut self) {
        self.paused = false;
    }

    /// Reads what the client has sent and hands each message to `deliver`, until that breaks or there is no more.
    pub(crate) fn read(
        &mut self,
        log: &Log,
        now: Instant,
        mut deliver: impl FnMut(ClientMessage) -> ControlFlow<()>,
    ) -> Heard {
        if self.paused && !self.is_closing() {
            return Heard::Paused;
        }
        if self.ending != Ending::Awaited {
            return self.discard();
        }
        let mut protocol = self.protocol.take().unwrap_or_else(|| Box::new(self.new_protocol(Vec::new())));
        let mut out = Vec::new();
        let mut heard = Heard::More;
        let mut broken = None;
        for _ in 0..MESSAGES_PER_TURN {
            let message = match protocol.read(&mut Wire { stream: &mut self.stream, out: &mut out }) {
                Ok(Message::Text(text)) => Some(ClientMessage::Text(text.as_str().to_owned())),
                Ok(Message::Binary(bytes)) => Some(ClientMessage::Binary(bytes.to_vec())),
                Ok(_) => None,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    heard = Heard::All;
                    break;
                }
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Err(Error::ConnectionClosed) => {
                    heard = Heard::Closing;
                    break;
                }
                Err(error) => {
                    broken = disconnect_for(&error);
                    heard = if broken.is_some() { Heard::Closing } else { Heard::Ended };
                    break;
                }
            };
            self.heard = now;
            self.pinged = None;
            // What comes after our close frame is of no interest, but the client's close frame is among it.
            if let Some(message) = message.filter(|_| !self.is_closing())
                && deliver(message).is_break()
            {
                self.paused = true;
                heard = Heard::Paused;
                break;
            }
        }
        // The answer to the last ping waits for the next read; a close frame of ours could come first.
        let _ = protocol.flush(&mut Wire { stream: &mut self.stream, out: &mut out });
        self.protocol = Some(protocol);
        if heard == Heard::Ended {
            return heard;
        }
        // A session that is closing may stand where the log has forgotten everything; it sends nothing more either.
        let boundary = if self.is_closing() { self.position } else { log.boundary(self.position) };
        if let Some(disconnect) = broken {
            self.ending = Ending::Lingering;
            if !self.is_closing() {
                let close = tungstenite::protocol::frame::Frame::close(Some(disconnect.close_frame()));
                self.finish_at(boundary, message::encode_control(close));
            }
        } else if heard == Heard::Closing {
            self.ending = Ending::Dropped;
            if !self.is_closing() {
                self.finish_at(boundary, out);
            }
        } else if !out.is_empty() {
            self.send(boundary, out.into());
        }
        heard
    }

    /// The client's bytes mean nothing any more, but unread ones would turn our last bytes into a reset.
    fn discard(&mut self) -> Heard {
        let mut buffer = [0; 4096];
        for _ in 0..MESSAGES_PER_TURN {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Heard::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::All,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Ended,
            }
        }
        Heard::More
    }

    fn finish_at(&mut self, after: Position, close_frame: Vec<u8>) {
        // What was to go out later would come after the close frame (RFC 6455, section 5.5.1), and the log is not kept for it.
        self.outbox.truncate_after(after);
        self.outbox.push(after, close_frame);
        self.finish = Some(after);
    }

    fn new_protocol(&self, received: Vec<u8>) -> WebSocketContext {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes));
        WebSocketContext::from_partially_read(received, Role::Server, Some(config))
    }
}

/// Lets the protocol read from the socket, and keeps what it wants to write for the next frame boundary.
struct Wire<'a> {
    stream: &'a mut TcpStream,
    out: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
