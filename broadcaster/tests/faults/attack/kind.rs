//! The kinds of attack: what is sent, what is read.

use std::fmt;

use testkit::HANDSHAKE;

use crate::support::frames::frame;

/// Bytes that are given to the kernel at once, about.
const BLOCK: usize = 65_536;
/// A message just below the default of `max_message_bytes`.
const BIG: usize = 65_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message that is never complete and has no content: frames of 6 bytes.
    EmptyFragments,
    /// Messages of 65,000 frames with a byte each.
    OneByteFragments,
    /// Messages of 65,000 bytes that are not JSON.
    BigText,
    /// Messages of 65,000 bytes that are an event in JSON.
    BigJson,
    /// Messages of one byte.
    SmallText,
    /// Pings without content, their answers not read.
    EmptyPings,
    /// Pings of 125 bytes, their answers not read.
    BigPings,
    /// A frame that lacks its last byte, then silence.
    HalfFrames,
    /// Fragments of a message that lacks its last frame, then silence.
    HalfMessages,
    /// Reads so many bytes a second, in small segments.
    SlowReaders(u32),
    /// Connects and leaves.
    Connects,
    /// Asks for a WebSocket, gets it and leaves.
    Handshakes,
}

/// How an attacker reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    All,
    Nothing,
    /// So many bytes a second.
    Paced(u32),
}

/// When an attacker leaves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    Never,
    Connected,
    Answered,
}

/// What an attacker does on a connection.
pub(crate) struct Script {
    /// Is sent once.
    pub(crate) opening: Vec<u8>,
    /// Is sent again and again afterwards, if it is not empty.
    pub(crate) round: Vec<u8>,
    pub(crate) reading: Reading,
    pub(crate) leaving: Leaving,
    /// Whether a new connection follows one that has ended.
    pub(crate) comes_back: bool,
}

impl Kind {
    pub(crate) const ALL: [Kind; 14] = [
        Kind::EmptyFragments,
        Kind::OneByteFragments,
        Kind::BigText,
        Kind::BigJson,
        Kind::SmallText,
        Kind::EmptyPings,
        Kind::BigPings,
        Kind::HalfFrames,
        Kind::HalfMessages,
        Kind::SlowReaders(20_000),
        Kind::SlowReaders(200_000),
        Kind::SlowReaders(2_000_000),
        Kind::Connects,
        Kind::Handshakes,
    ];

    pub(crate) fn script(self) -> Script {
        let text = |payload: &[u8]| frame(0x81, payload);
        let many = |frame: Vec<u8>| frame.repeat(BLOCK / frame.len());
        let (after_handshake, round) = match self {
            Kind::EmptyFragments => (frame(0x01, b""), many(frame(0x00, b""))),
            Kind::OneByteFragments => {
                let between = frame(0x00, b"a").repeat(BIG - 2);
                (Vec::new(), [frame(0x01, b"a"), between, frame(0x80, b"a")].concat())
            }
            Kind::BigText => (Vec::new(), text(&[b'a'; BIG])),
            Kind::BigJson => {
                let numbers = "1,".repeat((BIG - 30) / 2);
                (Vec::new(), text(format!(r#"{{"event":"x","payload":[{numbers}1]}}"#).as_bytes()))
            }
            Kind::SmallText => (Vec::new(), many(text(b"a"))),
            Kind::EmptyPings => (Vec::new(), many(frame(0x89, b""))),
            Kind::BigPings => (Vec::new(), many(frame(0x89, &[b'p'; 125]))),
            Kind::HalfFrames => {
                let mut half = text(&[b'a'; BIG]);
                half.pop();
                (half, Vec::new())
            }
            Kind::HalfMessages => {
                let between = frame(0x00, &[b'a'; 1000]).repeat(BIG / 1000 - 1);
                ([frame(0x01, &[b'a'; 1000]), between].concat(), Vec::new())
            }
            Kind::SlowReaders(_) | Kind::Connects | Kind::Handshakes => (Vec::new(), Vec::new()),
        };
        let opening = match self {
            Kind::Connects => Vec::new(),
            _ => [HANDSHAKE.as_bytes(), &after_handshake].concat(),
        };
        let reading = match self {
            Kind::EmptyPings | Kind::BigPings => Reading::Nothing,
            Kind::SlowReaders(bytes) => Reading::Paced(bytes),
            _ => Reading::All,
        };
        let leaving = match self {
            Kind::Connects => Leaving::Connected,
            Kind::Handshakes => Leaving::Answered,
            _ => Leaving::Never,
        };
        Script { opening, round, reading, leaving, comes_back: true }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&match self {
            Kind::EmptyFragments => "empty fragments".to_owned(),
            Kind::OneByteFragments => "one-byte fragments".to_owned(),
            Kind::BigText => "65,000-byte texts".to_owned(),
            Kind::BigJson => "65,000-byte JSON".to_owned(),
            Kind::SmallText => "one-byte texts".to_owned(),
            Kind::EmptyPings => "empty pings, not read".to_owned(),
            Kind::BigPings => "125-byte pings, not read".to_owned(),
            Kind::HalfFrames => "half frames".to_owned(),
            Kind::HalfMessages => "half messages".to_owned(),
            Kind::SlowReaders(bytes) => format!("readers of {} kB/s", bytes / 1000),
            Kind::Connects => "connect and leave".to_owned(),
            Kind::Handshakes => "handshake and leave".to_owned(),
        })
    }
}
