//! A Redis cluster of three masters.

use std::net::SocketAddr;

use super::options::{Kind, RedisOptions};
use super::server::RedisServer;
use crate::wait::until;

/// Three nodes that share the slots, without replicas: while one is gone, the cluster answers nobody.
pub struct Cluster {
    nodes: Vec<RedisServer>,
}

const NODES: u16 = 3;
const SLOTS: u16 = 16_384;

/// After so many milliseconds without an answer, nodes take another one for failed. Not less: on a busy machine a node
/// that lives may not run for a while.
const NODE_TIMEOUT: &str = "2000";

impl Cluster {
    /// Starts one, and blocks until every node knows all others and serves.
    pub fn start() -> Cluster {
        Cluster::start_with(&RedisOptions::default())
    }

    /// The same with options for every node.
    pub fn start_with(options: &RedisOptions) -> Cluster {
        let options = options.clone().of_kind(Kind::ClusterNode).set("cluster-node-timeout", &[NODE_TIMEOUT]);
        let nodes: Vec<RedisServer> = (0..NODES).map(|_| options.clone().start()).collect();
        for (index, node) in (0..NODES).zip(&nodes) {
            let [first, end] = [index, index + 1].map(first_slot);
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]);
            // Different ones from the beginning: otherwise the nodes have to agree first.
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for other in &nodes[1..] {
            let (address, bus) = (other.addr(), other.bus());
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            nodes[0].command(&["CLUSTER", "MEET", &ip, &port, &bus.to_string()]);
        }
        let cluster = Cluster { nodes };
        cluster.await_ok();
        cluster
    }

    /// Blocks until every node knows all others and serves.
    pub fn await_ok(&self) {
        for node in &self.nodes {
            until("the cluster serves", || {
                let info: String = node.query(&["CLUSTER", "INFO"]).unwrap_or_default();
                let is = |line: &str| info.lines().any(|found| found == line);
                is("cluster_state:ok") && is("cluster_slots_ok:16384") && is("cluster_known_nodes:3")
            });
        }
    }

    /// Where the nodes listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(RedisServer::addr).collect()
    }

    /// The URL of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The nodes, in the order of their slots.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The same, to kill one.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// The index of the node that has a key.
    pub fn index_of(&self, key: &str) -> usize {
        let slot: u16 = self.nodes[0].query(&["CLUSTER", "KEYSLOT", key]).unwrap();
        (0..NODES).rposition(|index| first_slot(index) <= slot).expect("the first node begins at 0")
    }

    /// The node that has a key.
    pub fn node_of(&self, key: &str) -> &RedisServer {
        &self.nodes[self.index_of(key)]
    }
}

/// The first slot of a node, by its index.
fn first_slot(index: u16) -> u16 {
    SLOTS / NODES * index + if index == NODES { SLOTS % NODES } else { 0 }
}
