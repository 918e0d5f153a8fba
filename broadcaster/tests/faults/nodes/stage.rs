//! Three broadcasters and Redis, and what is done to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use testkit::{FaultyProxy, until};

use crate::nodes::NODES;
use crate::nodes::entries::all_of;
use crate::nodes::node::Node;
use crate::nodes::redis::Redis;
use crate::nodes::seen::Seen;
use crate::support::Random;
use crate::torture::message::Id;

/// What is done to Redis, or to one of the broadcasters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Redis is killed and has lost nothing.
    Kill,
    /// It is killed, and has lost what it confirmed in the last second.
    Lose,
    /// It is killed, and begins without anything.
    BeginAnew,
    Flush,
    /// It stands still.
    Pause,
    /// The master is killed, and replicas lack nothing, or something.
    FailOver,
    LoseAndFailOver,
    /// The connections of a broadcaster to Redis end, and no new ones are accepted.
    Cut,
    /// They bring nothing.
    Stall,
    /// What is sent arrives, and answers do not.
    DropReplies,
    KillNode,
    StopNode,
}

pub(super) const ACTS_OF_ONE: [Act; 12] = [
    Act::Kill,
    Act::Lose,
    Act::Lose,
    Act::BeginAnew,
    Act::Flush,
    Act::Pause,
    Act::Cut,
    Act::Stall,
    Act::DropReplies,
    Act::DropReplies,
    Act::KillNode,
    Act::StopNode,
];

pub(super) const ACTS_OF_SENTINELS: [Act; 6] =
    [Act::LoseAndFailOver, Act::KillNode, Act::FailOver, Act::Flush, Act::StopNode, Act::Pause];

pub(super) struct Stage {
    redis: Redis,
    nodes: Vec<Node>,
    pub(super) random: Random,
    seen: Seen,
}

impl Stage {
    pub(super) fn new(redis: Redis, mut random: Random) -> Stage {
        let nodes = (0..NODES).map(|_| {
            let (url, proxy) = match &redis {
                Redis::One(server) => {
                    let proxy = FaultyProxy::start(server.addr());
                    (server.url_through(proxy.addr()), Some(proxy))
                }
                Redis::Sentinels(sentinels) => (sentinels.url(), None),
            };
            Node::start(url, proxy, &mut random)
        });
        Stage { nodes: nodes.collect(), redis, random, seen: Seen::default() }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    pub(super) fn queues(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| node.queue.path()).collect()
    }

    fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.random.below(most - least)) as u64)
    }

    pub(super) fn perform(&mut self, act: Act) {
        match act {
            Act::Kill => {
                let away = self.millis(0, 1500);
                self.redis.kill(away);
            }
            Act::Lose => {
                let time = self.millis(50, 1000);
                // Who has not read what is lost cannot find that out.
                let away = Some(self.random.below(2 * NODES)).filter(|node| *node < NODES);
                let proxy = away.map(|node| self.nodes[node].proxy.as_ref().expect("Redis is at one place"));
                proxy.iter().for_each(|proxy| proxy.cut());
                self.redis.lose_what(&mut self.seen, || thread::sleep(time));
                proxy.iter().for_each(|proxy| proxy.mend());
            }
            Act::BeginAnew => {
                let away = self.millis(0, 1500);
                self.redis.begin_anew(away, &mut self.seen);
            }
            Act::Flush => self.redis.flush(&mut self.seen),
            Act::Pause => {
                // Sentinels would replace it after a second.
                let most = if matches!(self.redis, Redis::One(_)) { 3000 } else { 700 };
                let time = self.millis(200, most);
                self.redis.pause(time);
            }
            Act::FailOver => self.redis.fail_over(Duration::ZERO, &mut self.seen),
            Act::LoseAndFailOver => {
                let time = self.millis(50, 500);
                self.redis.fail_over(time, &mut self.seen);
            }
            Act::Cut => self.break_way(FaultyProxy::cut, 1500),
            Act::Stall => self.break_way(FaultyProxy::stall, 3000),
            Act::DropReplies => self.break_way(FaultyProxy::drop_replies, 500),
            Act::KillNode | Act::StopNode => {
                let (node, away) = (self.random.below(NODES), self.millis(0, 1000));
                let node = &mut self.nodes[node];
                if act == Act::KillNode {
                    node.kill();
                } else {
                    node.stop();
                }
                thread::sleep(away);
                node.start_again(&mut self.random);
            }
        }
    }

    /// Breaks the way of a broadcaster to Redis for a time.
    fn break_way(&mut self, fault: fn(&FaultyProxy), most_millis: usize) {
        let time = self.millis(50, most_millis);
        let node = self.random.below(NODES);
        let proxy = self.nodes[node].proxy.as_ref().expect("Redis is at one place");
        fault(proxy);
        thread::sleep(time);
        proxy.mend();
    }

    pub(super) fn await_all_forwarded(&self) {
        until("everything is forwarded", || self.nodes.iter().all(|node| node.queue.waiting() == 0));
    }

    pub(super) fn await_all_following(&self) {
        until("all broadcasters follow", || self.heads().iter().all(|head| head.drawn.is_some()));
    }

    /// The newest entry that each broadcaster has.
    pub(super) fn heads(&self) -> Vec<Id> {
        let nowhere = Id { epoch: 0, number: 0, drawn: None };
        self.nodes.iter().map(|node| node.head().unwrap_or(nowhere)).collect()
    }

    /// The newest entry of all.
    pub(super) fn newest(&self) -> Id {
        all_of(self.redis.master()).last().expect("entries").id()
    }

    /// Ends everything. Returns all that Redis ever had, and how many lines were logged.
    pub(super) fn end(mut self) -> (Seen, usize) {
        self.seen.add(&all_of(self.redis.master()));
        let lines = self.nodes.into_iter().map(Node::end).sum();
        (self.seen, lines)
    }
}
