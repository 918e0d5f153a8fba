//! Ways to write publications with an id, for clients that get them by channel. What a publication says is the same in
//! each of them.

use queue::ChannelName;

use crate::protocol::id::Id;
use crate::protocol::{native, plain, pusher, sse};

/// A way to write publications with an id. Each publication is written once for all clients that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Text messages of WebSocket.
    WebSocket,
    /// Server-sent events, all of one type.
    Sse,
    /// Server-sent events, each of a type that is the event's name.
    SseNamed,
    /// Text messages of the Pusher protocol. They have no id.
    Pusher,
}

/// What a publication says, as all ways to write it have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    /// The message of a plain client, without its last brace.
    pub(crate) text: &'a [u8],
    /// Bytes of the event's name in it.
    pub(crate) name_len: usize,
}

impl Encoding {
    pub(crate) const ALL: [Encoding; 4] = [Encoding::WebSocket, Encoding::Sse, Encoding::SseNamed, Encoding::Pusher];

    /// Whether a client gets an event of several of its channels once for each of them: its library goes by the channel.
    pub(crate) fn repeats_by_channel(self) -> bool {
        self == Encoding::Pusher
    }

    /// Whether a publication can be written so.
    pub(crate) fn has(self, written: Written<'_>) -> bool {
        self != Encoding::Pusher || !pusher::event::is_left_out(written)
    }

    /// Appends a publication, as `channel` brings it. None: it is for everybody.
    pub(crate) fn encode(self, written: Written<'_>, id: Id, channel: Option<&ChannelName>, frames: &mut Vec<u8>) {
        match self {
            Encoding::WebSocket => native::encode_event(written.text, id, channel, frames),
            Encoding::Sse => sse::encode_event(written.text, None, id, channel, frames),
            Encoding::SseNamed => {
                let name = plain::name_of(written.text, written.name_len);
                sse::encode_event(written.text, Some(name), id, channel, frames);
            }
            Encoding::Pusher => pusher::event::encode(written, channel, frames),
        }
    }
}
