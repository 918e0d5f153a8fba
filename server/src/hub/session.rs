//! One client: its socket, its position in the log or its channels, what it sends. Driven by the hub's thread; never
//! blocks.

mod reading;
mod writing;

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;

use crate::disconnect::Disconnect;
use crate::hub::Limits;
use crate::hub::joining::Connection;
use crate::hub::log::{Log, Position};
use crate::hub::outbox::Outbox;
use crate::hub::pace::Pace;
use crate::hub::run::Piece;
use crate::hub::subscriber::Subscriber;
use crate::metrics::Spoken;
use crate::permit::Permit;
use crate::protocol::Protocol;
use crate::protocol::pusher::Pusher;
use crate::rights::Identity;
use crate::session_id::SessionId;

pub(crate) use reading::ReadOutcome;
pub(crate) use writing::WriteOutcome;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    stream: TcpStream,
    /// The frames of the log before this position were written to the socket. 0 if it has a subscriber's part.
    position: Position,
    /// If it gets publications by channel, and not from the log.
    subscriber: Option<Box<Subscriber>>,
    /// How the client is counted.
    pub(super) spoken: Spoken,
    /// Who the client is said to be.
    pub(super) identity: Option<Box<Identity>>,
    outbox: Outbox,
    protocol: Protocol,
    /// Where the close frame stands: nothing of the log goes out after it.
    finish: Option<Position>,
    ending: Ending,
    /// The application takes no more messages until it says so.
    paused: bool,
    /// The kernel takes no more bytes until it says so.
    pub(super) blocked: bool,
    /// The client sends nothing more: what it has sent is to be read, and then the end.
    pub(crate) peer_closed: bool,
    /// There may be something to read, now or when the client may send again.
    pub(super) unread: bool,
    /// It waits for its turn to be written to.
    pub(super) is_waiting: bool,
    /// The client knows that its token ends soon.
    pub(super) is_warned: bool,
    /// The client has sent more than it may, and is not read from for a while.
    pub(super) throttled: bool,
    /// When the kernel last took bytes, or had nothing to take.
    pub(super) progressed: Instant,
    /// When the last ping was sent, or the client came.
    pub(super) pinged: Instant,
    /// Since when a ping waits for a response.
    pub(super) unanswered: Option<Instant>,
    /// When a session that ends is dropped at the latest.
    pub(super) deadline: Option<Instant>,
    /// How fast it takes what it is sent, while it is behind.
    pub(super) pace: Option<Box<Pace>>,
    /// What of `held_bytes` is in the sum of all.
    pub(super) counted_bytes: usize,
    _permit: Permit,
}

/// How a session ends once its close frame is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The client's close frame is awaited, or nothing ends yet.
    Awaited,
    /// Both close frames have passed: the server drops the connection first (RFC 6455, section 7.1.1).
    Dropped,
    /// The client broke the protocol, or cannot answer: input is thrown away until it goes, since unread input would
    /// turn our last bytes into a reset.
    Lingering,
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
        protocol: Protocol,
        subscriber: Option<Box<Subscriber>>,
        now: Instant,
    ) -> Session {
        let Connection { stream, response, permit } = connection;
        let position = if subscriber.is_some() { 0 } else { position };
        let mut outbox = Outbox::default();
        outbox.push(position, response);
        Session {
            id,
            stream,
            position,
            subscriber,
            spoken: Spoken::Plain,
            identity: None,
            outbox,
            protocol,
            finish: None,
            ending: Ending::Awaited,
            paused: false,
            blocked: false,
            peer_closed: false,
            unread: false,
            is_waiting: false,
            is_warned: false,
            throttled: false,
            progressed: now,
            pinged: now,
            unanswered: None,
            deadline: None,
            pace: None,
            counted_bytes: 0,
            _permit: permit,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The position whose frames this session still needs, if it needs any.
    pub(crate) fn needs(&self) -> Option<Position> {
        let is_in_log = self.subscriber.is_none() && self.finish != Some(self.position);
        is_in_log.then_some(self.position)
    }

    /// What the client speaks.
    pub(super) fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The same, if it is the Pusher protocol.
    pub(super) fn pusher_mut(&mut self) -> Option<&mut Pusher> {
        match &mut self.protocol {
            Protocol::Pusher(pusher) => Some(pusher),
            Protocol::WebSocket(_) | Protocol::Sse(_) => None,
        }
    }

    /// What of it is about channels, if it gets publications by channel.
    pub(super) fn subscriber(&self) -> Option<&Subscriber> {
        self.subscriber.as_deref()
    }

    pub(super) fn subscriber_mut(&mut self) -> Option<&mut Subscriber> {
        self.subscriber.as_deref_mut()
    }

    /// Whether a token allows the client something, for as long as that is valid.
    pub(super) fn has_rights_that_end(&self) -> bool {
        self.identity.is_some() || self.subscriber().is_some_and(Subscriber::has_ends)
    }

    /// The place in the log for a frame of this client that must come after a position.
    fn place(&self, after: Position) -> Position {
        if self.subscriber.is_some() { self.position } else { after.max(self.position) }
    }

    /// The place in the log for a frame of this client that may come now.
    fn boundary(&self, log: &Log) -> Position {
        if self.subscriber.is_some() { self.position } else { log.boundary(self.position) }
    }

    /// Since when publications of its channels wait, if any are next.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.outbox.waits_since()
    }

    /// Puts publications after what waits already. So many bytes of them were written.
    pub(super) fn push_publications(&mut self, piece: Arc<Piece>, written: usize) {
        self.outbox.push_publications(piece, written);
    }

    /// Takes a copy of what waits and is shared with others.
    pub(super) fn unshare_outbox(&mut self) {
        self.outbox.unshare();
    }

    /// Bytes that wait for this client alone.
    pub(super) fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        self.outbox.held_bytes() + self.protocol.held_bytes()
    }

    /// Whether a close frame was sent or is on its way.
    pub(crate) fn is_closing(&self) -> bool {
        self.finish.is_some()
    }

    /// Hands over a frame for this client alone, to go out when the log before `after` has.
    pub(crate) fn send(&mut self, after: Position, frame: Box<[u8]>) {
        if !self.is_closing() {
            self.outbox.push(self.place(after), frame);
        }
    }

    /// Sends a ping. One that the application has paused cannot give it, but what is between us and the client
    /// sees that the connection is used.
    pub(crate) fn ping(&mut self, log: &Log, now: Instant) {
        self.pinged = now;
        let Some(ping) = self.protocol.ping() else { return };
        if !self.paused {
            self.unanswered.get_or_insert(now);
        }
        self.send(self.boundary(log), ping.into());
    }

    /// Puts the close frame where the log before `after` has gone out.
    pub(crate) fn close(&mut self, after: Position, disconnect: Disconnect, limits: &Limits) {
        if self.is_closing() {
            return;
        }
        let frame = self.protocol.close(disconnect, limits.max_message_bytes);
        self.finish_at(self.place(after), frame);
        if !self.protocol.answers_close() {
            self.ending = Ending::Lingering;
        }
    }

    /// Ends a session that the log no longer covers, or that does not read: the frame it stands in is completed, if it
    /// ever reads again, and the close frame follows. What it sends from now on is thrown away.
    pub(crate) fn fall_out(&mut self, log: &Log, disconnect: Disconnect) {
        if self.is_closing() && self.outbox.is_last() && self.needs().is_none() {
            return; // Nothing but its close frame is left, and part of that may be out.
        }
        // One that is closing and needs nothing of the log may stand where that has forgotten everything.
        let boundary = self.needs().map_or(self.position, |position| log.boundary(position));
        let rest = self.needs().and_then(|position| log.between(position, boundary)).map_or(Vec::new(), <[u8]>::to_vec);
        self.outbox.truncate_unwritten(|messages, offset| self.protocol.boundary(messages, offset));
        self.position = boundary;
        if !rest.is_empty() {
            self.outbox.push_rest(boundary, rest);
        }
        // If one was sent already it was dropped, and is made up for: the client must not take what it has for all.
        let close = self.protocol.end(disconnect);
        self.finish_at(boundary, close);
        self.ending = Ending::Lingering;
    }

    fn finish_at(&mut self, after: Position, close_frame: Vec<u8>) {
        // What was to go out later would come after the close frame (RFC 6455, section 5.5.1), and the log is not kept
        // for it.
        self.outbox.truncate_after(after);
        self.outbox.push(after, close_frame);
        self.finish = Some(after);
    }
}
