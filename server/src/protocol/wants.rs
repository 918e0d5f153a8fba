//! What a client has asked for, and may have.

use queue::ChannelName;

use crate::rights::Identity;

/// The subprotocol of clients that send commands.
pub(crate) const NATIVE: &str = "fastapi.v1";

/// What a client gets, as the gate admitted it.
#[derive(Debug)]
pub(crate) struct Wants {
    pub(crate) kind: ClientKind,
    /// Who it is said to be, by the token of its request.
    pub(crate) identity: Option<Box<Identity>>,
    /// The id, or moment, after which it wants to go on.
    pub(crate) after: Option<String>,
}

/// Kinds of clients. Those of server-sent events get messages by channel.
#[derive(Debug)]
pub(crate) enum ClientKind {
    /// Gets the messages of the pure-PHP server, of every event for everybody, and nothing else.
    Plain,
    /// Gets what the application sends to it and nothing else: the application answers on its path, and it may not have
    /// the events for everybody.
    ApplicationOnly,
    /// Gets messages with an id, by channel.
    Channels {
        /// Whether it sends commands (subprotocol `fastapi.v1`).
        is_native: bool,
        /// Subscribed at once: those of the URL, then those of the token; no name twice. Each may be read.
        channels: Vec<ChannelName>,
        /// Whether it gets the events for everybody.
        everybody: bool,
    },
    /// Speaks the Pusher protocol.
    Pusher,
}
