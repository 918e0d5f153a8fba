//! A client of the reference: its place in the shared log, or what waits for it alone.

use std::io::{Read, Write};

use mio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;

use crate::frames;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: TcpStream,
    /// How far it is in the shared log, if it has no channels.
    pub(super) position: u64,
    pub(super) open: bool,
    pub(super) blocked: bool,
    subscriber: Option<Box<Subscriber>>,
}

/// What a client with channels has beside.
#[derive(Debug, Default)]
pub(super) struct Subscriber {
    /// The places of its channels.
    pub(super) places: Vec<usize>,
    /// Those of them that have frames of this turn.
    pub(super) due: Vec<usize>,
    /// What the socket did not take.
    pending: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Client {
        Client { stream, position: 0, open: false, blocked: false, subscriber: None }
    }

    pub(super) fn subscriber(&mut self) -> Option<&mut Subscriber> {
        self.subscriber.as_deref_mut()
    }

    /// Whether it gets the frames of the shared log.
    pub(super) fn is_in_log(&self) -> bool {
        self.open && self.subscriber.is_none()
    }

    pub(super) fn read(&mut self, scratch: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(scratch)
    }

    /// Writes what it does not have yet of the shared log.
    pub(super) fn write(&mut self, log: &[u8], base: u64) {
        let gap = &log[(self.position - base) as usize..];
        // A broken connection is noticed at the next read.
        let written = self.stream.write(gap).unwrap_or(0);
        self.position += written as u64;
        self.blocked = written < gap.len();
    }

    /// Writes frames for a subscriber after those that wait.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let Some(subscriber) = self.subscriber.as_deref_mut() else { return };
        let written = if subscriber.pending.is_empty() { self.stream.write(bytes).unwrap_or(0) } else { 0 };
        subscriber.pending.extend_from_slice(&bytes[written..]);
    }

    /// Writes what waits for a subscriber.
    pub(super) fn flush(&mut self) {
        let Some(subscriber) = self.subscriber.as_deref_mut() else { return };
        if !subscriber.pending.is_empty() {
            let written = self.stream.write(&subscriber.pending).unwrap_or(0);
            subscriber.pending.drain(..written);
        }
    }

    /// Answers the request. A client that names channels is welcomed: `subscribe` returns their places, and the number of
    /// the last event.
    pub(super) fn shake_hands(
        &mut self,
        request: &[u8],
        subscribe: impl FnOnce(&[&str]) -> (Vec<usize>, u64),
    ) -> Option<()> {
        let text = std::str::from_utf8(request).ok()?;
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
        let accept = derive_accept_key(key.trim().as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let mut response = response.into_bytes();
        let names = channels_of(text);
        if !names.is_empty() {
            let (places, head) = subscribe(&names);
            let names = names.join("\",\"");
            let welcome = format!(
                r#"{{"type":"welcome","client":"1.1","version":1,"ping_interval":25,"channels":["{names}"],"id":"{head}"}}"#
            );
            frames::encode_text(welcome.as_bytes(), &mut response);
            self.subscriber = Some(Box::new(Subscriber { places, ..Subscriber::default() }));
        }
        self.open = true;
        self.stream.write_all(&response).ok()
    }
}

/// The channels that the first line of a request names. Names of a load need no escapes.
fn channels_of(request: &str) -> Vec<&str> {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.strip_prefix("channel=")).collect()
}
