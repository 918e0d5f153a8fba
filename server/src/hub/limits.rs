//! What clients may cost the hub.

use std::time::Duration;

use crate::protocol::allowance::Rates;

/// What clients may cost the hub.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Encoded frames that are kept, in bytes.
    pub log_bytes: usize,
    /// How long a message may wait for one client.
    pub slow_client_timeout: Duration,
    /// Bytes that may wait for one client alone when its socket was offered them; four times that while it goes on
    /// reading.
    pub max_outbox_bytes: usize,
    /// Largest message of a client, in bytes.
    pub max_message_bytes: usize,
    /// What a client may send in a second.
    pub rates: Rates,
    /// Bytes that all clients together may hold: what waits for one alone, and messages that are not complete. Each
    /// thread of the hub has its part.
    pub max_memory: usize,
    /// How often a client is pinged.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping.
    pub pong_timeout: Duration,
    /// Whether events that clients send are broadcast.
    pub relay_client_events: bool,
    /// Channels that one client may have.
    pub max_channels_per_client: usize,
    /// Channels that there may be at a time.
    pub max_channels: usize,
    /// Subscriptions of all clients together.
    pub max_subscriptions: usize,
}

impl Limits {
    /// Encoded frames that are kept unless it is set, in bytes.
    pub const DEFAULT_LOG_BYTES: u64 = 16 * 1024 * 1024;

    /// How far the log may run ahead of clients that are waited for: a quarter of it, so that with one batch (as much
    /// at most) and one event more (at most half of it, [`Limits::min_log_bytes`]) the log still covers them.
    pub(super) fn window(&self) -> u64 {
        self.log_bytes as u64 / 4
    }

    /// The smallest log with which one event does not disconnect every client.
    pub fn min_log_bytes(max_event_bytes: u64) -> u64 {
        max_event_bytes.saturating_mul(2)
    }
}
