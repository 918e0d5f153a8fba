//! Broadcasters that one Redis links, and the tables about them.

pub(super) mod forward;
pub(super) mod latency;
pub(super) mod nodes;
pub(super) mod peers;

use std::net::SocketAddr;

use tempfile::TempDir;

use super::{Plan, in_memory};
use crate::client::Manner;
use crate::process::{Options, Process};
use crate::publisher::Publisher;
use crate::redis;
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};

/// Several broadcasters, each with a queue in memory.
struct Nodes {
    has_broker: bool,
    /// All of them.
    server: Process,
    addresses: Vec<SocketAddr>,
    queues: Vec<TempDir>,
}

impl Nodes {
    /// Starts them on the server's core. Without Redis, each is alone.
    fn start(plan: &Plan, redis: Option<&Process>, count: usize) -> anyhow::Result<Nodes> {
        let url = redis.map(redis::url);
        let flags = url.as_deref().map_or(Vec::new(), |url| vec!["--broker-url", url]);
        let start = || -> anyhow::Result<(Process, TempDir)> {
            let queue = in_memory()?;
            let options = Options { flags: &flags, ..Options::default() };
            Ok((Process::broadcaster_of(options, plan.cores, &plan.broadcaster, queue.path())?, queue))
        };
        let (server, queue) = start()?;
        let first = Nodes { has_broker: redis.is_some(), addresses: vec![server.address], server, queues: vec![queue] };
        (1..count).try_fold(first, |Nodes { has_broker, server, mut addresses, mut queues }, _| {
            let (other, queue) = start()?;
            addresses.push(other.address);
            queues.push(queue);
            Ok(Nodes { has_broker, server: server.beside(other), addresses, queues })
        })
    }

    /// Clients, as many at each node.
    fn connect(&self, clients: usize) -> anyhow::Result<Swarm> {
        Swarm::connect_to(&self.addresses, Manner::default(), clients, CONCURRENT_HANDSHAKES)
    }

    /// Queues events at the first. Those that are alone need them each.
    fn publisher(&self, bytes: usize) -> Publisher {
        let queues = if self.has_broker { &self.queues[..1] } else { &self.queues };
        Publisher::to_queues(queues.iter().map(TempDir::path), bytes)
    }
}

/// A table without rows.
fn not_measured(title: &str, metrics: &'static [Metric]) -> Section {
    Section::new(title, "Not measured: redis-server is not installed.", metrics)
}
