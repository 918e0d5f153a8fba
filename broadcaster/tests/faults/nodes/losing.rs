//! What a broadcaster does when Redis has lost something, or its connection breaks while it reads what there was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use queue::Uid;
use testkit::redis::RedisServer;
use testkit::{FaultyProxy, until};

use crate::nodes::entries::{STREAM, flush};
use crate::nodes::node::{Node, Visitor};
use crate::nodes::redis::Redis;
use crate::nodes::seen::Seen;
use crate::nodes::ways::{pass, serve};
use crate::support::Random;
use crate::torture::message::{Id, Message};
use crate::torture::producers::now_millis;

#[test]
fn an_event_that_redis_has_lost_is_delivered_when_it_is_added_again() {
    let redis = RedisServer::start();
    let node = Node::start(redis.url(), None, &mut Random::with_seed(1));
    let mut client = Visitor::open(node.address, "channel=all").unwrap();
    let uid = Uid::new();
    add(&redis, uid, "[0,1]");
    assert_eq!(client.next_event(), (0, 1));
    flush(&redis);
    let after = next_gap(&mut client);
    // Its forwarder did not know that it was there. A client of another broadcaster may lack it.
    let mut other = Visitor::open(node.address, &format!("after={}", after.text())).unwrap();
    assert_eq!(other.recovered, Some(true));
    add(&redis, uid, "[0,1]");
    add(&redis, Uid::new(), "[0,2]");
    assert_eq!([other.next_event(), other.next_event()], [(0, 1), (0, 2)]);
    drop(client);
    node.end();
}

#[test]
fn a_loss_is_told_although_nothing_more_is_queued_where_it_came_from() {
    let mut redis = Redis::one();
    let mut random = Random::with_seed(1);
    let way = FaultyProxy::start(redis.master().addr());
    let origin = Node::start(redis.master().url(), None, &mut random);
    let other = Node::start(redis.master().url_through(way.addr()), None, &mut random);
    let mut client = Visitor::open(other.address, "channel=all").unwrap();
    origin.queue.enqueue("[0,1]");
    assert_eq!(client.next_event(), (0, 1));
    // Not stalled: an answer that is held back would arrive in the end.
    way.cut();
    let had = redis.lose_what(&mut Seen::default(), || {
        origin.queue.enqueue("[0,2]");
        until("it is confirmed", || origin.queue.waiting() == 0);
    });
    assert_eq!(had.last().unwrap().event, Some((0, 2)));
    // The other broadcaster has not read it, and so cannot miss it.
    way.mend();
    next_gap(&mut client);
    drop(client);
    other.end();
    origin.end();
}

#[test]
fn a_client_that_came_before_the_stream_was_read_is_told_although_the_reading_was_interrupted() {
    const EVENTS: u32 = 1000;
    let redis = RedisServer::start();
    let breaking = Breaking::start(redis.addr(), 300_000);
    let proxy = FaultyProxy::start(breaking.address);
    proxy.cut();
    let url = redis.url_through(proxy.addr());
    let node = Node::start(url, Some(proxy), &mut Random::with_seed(1));
    let mut client = Visitor::open(node.address, "channel=all").unwrap();
    assert_eq!(client.welcome.drawn, None);
    let text = "x".repeat(1000);
    (0..EVENTS).for_each(|number| add(&redis, Uid::new(), &format!("[0,{number},\"{text}\"]")));
    node.proxy.as_ref().unwrap().mend();
    let gap = next_gap(&mut client);
    assert!(breaking.has_broken.load(Ordering::SeqCst));
    add(&redis, Uid::new(), &format!("[0,{EVENTS}]"));
    assert_eq!(client.next_event(), (0, EVENTS));
    let mut other = Visitor::open(node.address, &format!("after={}", gap.text())).unwrap();
    assert_eq!((other.recovered, other.next_event()), (Some(true), (0, EVENTS)));
    drop((client, other));
    node.end();
}

/// Adds an event for everybody, as a forwarder does.
fn add(redis: &RedisServer, uid: Uid, payload: &str) {
    let line = format!(r#"{{"v":1,"uid":"{uid}","event":"test","payload":{payload},"timestamp":1,"channels":null}}"#);
    let (now, drawn) = (now_millis().to_string(), format!("{:08x}", rand::random::<u32>()));
    redis.command(&["XADD", STREAM, "*", "d", &line, "n", &drawn, "a", &now]);
}

/// The next message of a client, which says that something was lost.
fn next_gap(client: &mut Visitor) -> Id {
    match client.next() {
        Message::Gap(id) => id,
        other => panic!("{other:?} instead of a gap"),
    }
}

/// Ends the first connection on which the server has answered more than so many bytes.
struct Breaking {
    address: SocketAddr,
    has_broken: Arc<AtomicBool>,
}

impl Breaking {
    fn start(server: SocketAddr, bytes: usize) -> Breaking {
        let has_broken = Arc::new(AtomicBool::new(false));
        let breaks = has_broken.clone();
        let address = serve(server, move |client, server| {
            let (breaks, mut passed) = (breaks.clone(), 0);
            let (asks, asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(asks, asked, |_| true));
            let goes_on = move |answer| {
                passed += answer;
                passed <= bytes || breaks.swap(true, Ordering::SeqCst)
            };
            thread::spawn(move || pass(server, client, goes_on));
        });
        Breaking { address, has_broken }
    }
}
