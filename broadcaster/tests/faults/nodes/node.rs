//! A broadcaster of several, with its queue and its way to Redis.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{Broadcaster, FaultyProxy, QueueDir, TIMEOUT, free_address};

use crate::support::Random;
use crate::torture::broadcaster;
use crate::torture::connection::{Connection, Request};
use crate::torture::message::{EventKey, Id, Message};

/// Lines of the log in a second, and at the start and the end together, that nobody minds.
const LINES_PER_SECOND: usize = 5;
const LINES_ASIDE: usize = 40;

pub(super) struct Node {
    pub(super) queue: QueueDir,
    pub(super) address: SocketAddr,
    /// In front of Redis, if that is at one place.
    pub(super) proxy: Option<FaultyProxy>,
    url: String,
    serving: Broadcaster,
    since: Instant,
    /// Of all its processes so far.
    lines: usize,
}

impl Node {
    pub(super) fn start(url: String, proxy: Option<FaultyProxy>, random: &mut Random) -> Node {
        let (queue, address) = (QueueDir::new(), free_address());
        let serving = Broadcaster::spawn(command(queue.path(), address, &url, random)).listening();
        Node { queue, address, proxy, url, serving, since: Instant::now(), lines: 0 }
    }

    pub(super) fn kill(&mut self) {
        self.serving.kill();
        self.count_lines();
    }

    pub(super) fn stop(&mut self) {
        self.serving.stop();
        self.count_lines();
    }

    /// Starts it again after its end.
    pub(super) fn start_again(&mut self, random: &mut Random) {
        let command = command(self.queue.path(), self.address, &self.url, random);
        self.serving = Broadcaster::spawn(command).listening();
        self.since = Instant::now();
    }

    fn count_lines(&mut self) {
        let log = self.serving.stderr();
        let bound = LINES_ASIDE + LINES_PER_SECOND * self.since.elapsed().as_secs() as usize;
        assert!(log.len() < bound, "{} lines in {:?}", log.len(), self.since.elapsed());
        self.lines += log.len();
    }

    /// Asserts that it does nothing, and ends it. Returns how many lines all of its processes have logged.
    pub(super) fn end(mut self) -> usize {
        self.serving.assert_idle();
        self.stop();
        assert!(self.queue.failed().is_empty(), "{:?}", self.queue.failed());
        self.lines
    }

    /// The newest entry that it has. `None`: it has not seen the stream, or takes no clients now.
    pub(super) fn head(&self) -> Option<Id> {
        Visitor::open(self.address, "channel=all").map(|visitor| visitor.welcome).filter(|id| id.drawn.is_some())
    }
}

/// A client that the test itself reads.
pub(super) struct Visitor {
    connection: Connection,
    messages: VecDeque<Message>,
    pub(super) welcome: Id,
    pub(super) recovered: Option<bool>,
}

impl Visitor {
    /// `None`: it is to come back later.
    pub(super) fn open(address: SocketAddr, query: &str) -> Option<Visitor> {
        let request = Request { target: format!("/?{query}"), ..Request::default() };
        let mut connection = Connection::open(address, &request)?;
        let mut messages = VecDeque::new();
        match next(&mut connection, &mut messages)? {
            Message::Welcome { id, recovered } => Some(Visitor { connection, messages, welcome: id, recovered }),
            other => panic!("{other:?} comes first"),
        }
    }

    /// The next message that is no heartbeat.
    pub(super) fn next(&mut self) -> Message {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            assert!(Instant::now() < deadline, "only heartbeats come");
            match next(&mut self.connection, &mut self.messages).expect("an open connection") {
                Message::Heartbeat(_) => {}
                message => return message,
            }
        }
    }

    /// The next, which is an event.
    pub(super) fn next_event(&mut self) -> EventKey {
        match self.next() {
            Message::Event(arrival) => arrival.event,
            other => panic!("{other:?} instead of an event"),
        }
    }
}

/// The next message. `None`: the connection has ended.
fn next(connection: &mut Connection, messages: &mut VecDeque<Message>) -> Option<Message> {
    let deadline = Instant::now() + TIMEOUT;
    let mut is_open = true;
    while messages.is_empty() && is_open {
        assert!(Instant::now() < deadline, "no message in time");
        let mut received = Vec::new();
        is_open = connection.receive(Duration::from_millis(10), &mut received);
        messages.extend(received);
    }
    messages.pop_front()
}

fn command(queue: PathBuf, address: SocketAddr, url: &str, random: &mut Random) -> Command {
    let mut command = broadcaster(&queue, address, 1 + random.below(3));
    command.env("FASTAPI_WS_BROKER_URL", url);
    command
}
