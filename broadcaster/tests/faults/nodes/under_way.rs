//! A connection to Redis that breaks while a thousand events are on their way to the stream.

use std::collections::HashSet;
use std::net::SocketAddr;

use queue::{NewEvent, Priority, Uid, Writer};
use testkit::redis::RedisServer;
use testkit::until;

use crate::nodes::entries::all_of;
use crate::nodes::node::{Node, Visitor};
use crate::nodes::ways::Late;
use crate::support::Random;

const BATCHES: u32 = 12;
const BATCH: u32 = 250;
/// What a forwarder adds at once.
const AT_ONCE: usize = 1000;

#[test]
fn events_whose_answers_were_lost_reach_each_client_once_and_in_order() {
    let redis = RedisServer::start();
    let way = Late::start(redis.addr());
    let (nodes, clients) = several(&redis, way.address);
    enqueue(&nodes[0], 0..BATCHES);
    until("a thousand are under way", || way.has_held());
    let before = all_of(&redis).len();
    way.release();
    until("everything is forwarded", || nodes[0].queue.waiting() == 0);
    assert_eq!((all_of(&redis).len() - before >= AT_ONCE, copies_in(&redis)), (true, 0), "they were looked for first");
    each_gets_all(nodes, clients);
}

#[test]
fn events_that_arrive_again_later_reach_each_client_once_and_in_order() {
    let redis = RedisServer::start();
    let way = Late::start(redis.addr());
    let (nodes, clients) = several(&redis, way.address);
    enqueue(&nodes[0], 0..BATCHES);
    until("a thousand are under way", || way.has_held());
    way.end_client();
    until("everything is forwarded", || nodes[0].queue.waiting() == 0);
    way.release();
    until("they are there again", || copies_in(&redis) >= AT_ONCE);
    each_gets_all(nodes, clients);
}

/// Three broadcasters, the first with a way of its own to Redis, and a client of each.
fn several(redis: &RedisServer, way: SocketAddr) -> (Vec<Node>, Vec<Visitor>) {
    let urls = [redis.url_through(way), redis.url(), redis.url()];
    let nodes = urls.map(|url| Node::start(url, None, &mut Random::with_seed(1)));
    let clients = nodes.each_ref().map(|node| Visitor::open(node.address, "channel=all").unwrap());
    assert!(clients.iter().all(|client| client.recovered.is_none()), "they have asked for nothing");
    (nodes.into(), clients.into())
}

fn copies_in(redis: &RedisServer) -> usize {
    let events: Vec<_> = all_of(redis).into_iter().filter_map(|entry| entry.event).collect();
    events.len() - events.iter().collect::<HashSet<_>>().len()
}

fn each_gets_all(nodes: Vec<Node>, mut clients: Vec<Visitor>) {
    // Nothing comes again before this.
    enqueue(&nodes[1], BATCHES..BATCHES + 1);
    for client in &mut clients {
        for number in 0..(BATCHES + 1) * BATCH {
            assert_eq!(client.next_event().1, number);
        }
    }
    drop(clients);
    for node in nodes {
        node.end();
    }
}

/// Each batch is an entry. In every second one, events have keys.
fn enqueue(node: &Node, batches: std::ops::Range<u32>) {
    let writer = Writer::new(node.queue.path());
    for batch in batches {
        let payloads: Vec<String> = (0..BATCH).map(|index| format!("[0,{}]", batch * BATCH + index)).collect();
        let keys: Vec<Option<&str>> = payloads.iter().map(|key| (batch % 2 == 1).then_some(key.as_str())).collect();
        let events = payloads.iter().zip(keys).map(|(payload, key)| NewEvent {
            uid: Uid::new(),
            name_json: br#""test""#,
            payload_json: payload.as_bytes(),
            channels: None,
            ttl: None,
            key,
            except: None,
        });
        writer.enqueue_events(&events.collect::<Vec<_>>(), Priority::Normal).unwrap();
    }
}
