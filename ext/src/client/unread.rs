//! Messages that clients have sent and their handlers have not read: those of each client, and the bytes of all
//! together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use server::ClientMessage;

/// Messages that may wait for `read()`. The client is not read from while there are more: TCP slows it down.
const MAX_MESSAGES: usize = 64;
/// Bytes of messages that may wait for `read()`. The message that exceeds them is still taken.
const MAX_BYTES: usize = 1024 * 1024;
/// Memory of a message in addition to its bytes.
const OVERHEAD_BYTES: usize = size_of::<ClientMessage>() + 16;

/// Bytes that wait for the handlers of all clients together.
pub(crate) struct UnreadBytes {
    now: AtomicUsize,
    most: usize,
}

/// The messages of one client.
pub(super) struct Unread {
    messages: VecDeque<ClientMessage>,
    bytes: usize,
    all: Arc<UnreadBytes>,
}

impl UnreadBytes {
    pub(crate) fn new(most: usize) -> UnreadBytes {
        UnreadBytes { now: AtomicUsize::new(0), most }
    }
}

impl Unread {
    pub(super) fn new(all: Arc<UnreadBytes>) -> Unread {
        Unread { messages: VecDeque::new(), bytes: 0, all }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether the server must stop reading from the client.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    /// Whether the server may read from the client again.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() <= MAX_MESSAGES / 2 && self.bytes <= MAX_BYTES / 2
    }

    /// Keeps a message. False if all clients together have too many bytes already: then it is dropped.
    pub(super) fn push(&mut self, message: ClientMessage) -> bool {
        let cost = cost(&message);
        if self.all.now.fetch_add(cost, Ordering::Relaxed).saturating_add(cost) > self.all.most {
            self.all.now.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        self.bytes += cost;
        self.messages.push_back(message);
        true
    }

    /// Takes the oldest message.
    pub(super) fn pop(&mut self) -> Option<ClientMessage> {
        let message = self.messages.pop_front()?;
        let cost = cost(&message);
        self.bytes -= cost;
        self.all.now.fetch_sub(cost, Ordering::Relaxed);
        Some(message)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.all.now.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.clear();
    }
}

fn cost(message: &ClientMessage) -> usize {
    let bytes = match message {
        ClientMessage::Text(text) => text.len(),
        ClientMessage::Binary(bytes) => bytes.len(),
    };
    bytes + OVERHEAD_BYTES
}
