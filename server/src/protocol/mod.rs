//! What clients receive and send, as bytes.

pub(crate) mod allowance;
pub(crate) mod frame_meter;
pub mod frames;
pub(crate) mod incoming;
pub mod plain;

use crate::publication::Publication;

/// A way to write publications for clients. Each is encoded once for all clients that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Text messages of WebSocket, in the format of the pure-PHP server.
    Plain,
}

impl Encoding {
    /// Appends the frame of a publication.
    pub(crate) fn encode(self, publication: &Publication<'_>, frames: &mut Vec<u8>) {
        match self {
            Encoding::Plain => plain::encode(publication, frames),
        }
    }
}
