//! What was decided of the broker.

use super::Address;

/// Where the stream is, and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOptions {
    /// Where Redis is.
    pub address: Address,
    /// How the names of all keys begin, so that several applications can share one Redis.
    pub prefix: String,
    /// About how many events the stream keeps.
    pub max_events: u64,
    /// About how many bytes of events the stream keeps.
    pub max_bytes: u64,
    /// Replicas that must have an event before it is acked.
    pub min_replicas: u32,
}

impl BrokerOptions {
    /// The key of the stream. The braces keep all keys on one server of a Redis Cluster.
    pub fn stream_key(&self) -> String {
        format!("{{{}}}:events", self.prefix)
    }
}
