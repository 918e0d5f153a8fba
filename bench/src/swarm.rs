//! Clients under load: thousands of them on one thread and one epoll instance.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Manner, Reading};

/// Handshakes at the same time: less than the backlog of a listening socket, which is 128 by default.
pub(crate) const CONCURRENT_HANDSHAKES: usize = 100;
/// No workload waits longer than this without any progress.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Between two looks at which clients can read, while nobody may be in the server's way.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);

/// When somebody does not wait any longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    begun: Instant,
    time: Duration,
}

impl Limit {
    /// Begins now.
    pub(crate) fn new(time: Duration) -> Limit {
        Limit { begun: Instant::now(), time }
    }

    fn check(self) -> anyhow::Result<()> {
        ensure!(self.begun.elapsed() < self.time, "did not finish in {:?}", self.time);
        Ok(())
    }
}

/// Clients that receive, however many threads they are on.
pub(crate) trait Load {
    /// Waits until there is something to read, at most for this time, and reads it.
    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()>;

    /// Messages received, by all of them together.
    fn received(&self) -> u64;

    /// The number of messages that every client has, as far as they are due to it.
    fn slowest(&self) -> u64;

    /// How many of the first messages are due to all of them together: to those that read what they are sent.
    fn due_among(&self, messages: u64) -> u64;

    /// Reads until every client has so many messages, those of them that are due to it.
    fn until_all_have(&mut self, messages: u64) -> anyhow::Result<()> {
        let wanted = self.due_among(messages);
        let mut progress = (self.received(), Instant::now());
        // Every client checks that it misses none, so the sum shows that all have received all.
        while self.received() < wanted {
            self.turn(Duration::from_millis(100))?;
            if self.received() > progress.0 {
                progress = (self.received(), Instant::now());
            }
            ensure!(
                progress.1.elapsed() < TIMEOUT,
                "no message for {TIMEOUT:?}: the slowest client has {} of {messages}",
                self.slowest()
            );
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Swarm {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    pub(crate) reading: Reading,
    open: usize,
}

impl Swarm {
    /// Connects clients and returns when every handshake is complete.
    pub(crate) fn connect(
        address: SocketAddr,
        manner: Manner,
        count: usize,
        concurrent: usize,
    ) -> anyhow::Result<Swarm> {
        Swarm::connect_to(&[address], manner, count, concurrent)
    }

    /// The same with clients that are dealt out among several servers.
    pub(crate) fn connect_to(
        addresses: &[SocketAddr],
        manner: Manner,
        count: usize,
        concurrent: usize,
    ) -> anyhow::Result<Swarm> {
        let mut swarm = Swarm::new(count)?;
        swarm.let_in(addresses, manner, count, concurrent, None)?;
        Ok(swarm)
    }

    /// Connects clients, but gives up at a limit.
    pub(crate) fn connect_within(
        address: SocketAddr,
        manner: Manner,
        count: usize,
        limit: Limit,
    ) -> anyhow::Result<Swarm> {
        let mut swarm = Swarm::new(count)?;
        swarm.let_in(&[address], manner, count, CONCURRENT_HANDSHAKES, Some(limit))?;
        Ok(swarm)
    }

    fn new(count: usize) -> anyhow::Result<Swarm> {
        Ok(Swarm {
            poll: Poll::new().context("cannot create an epoll instance")?,
            events: Events::with_capacity(1024),
            clients: Vec::with_capacity(count),
            reading: Reading::new(),
            open: 0,
        })
    }

    fn let_in(
        &mut self,
        addresses: &[SocketAddr],
        manner: Manner,
        count: usize,
        concurrent: usize,
        limit: Option<Limit>,
    ) -> anyhow::Result<()> {
        let mut waited = Instant::now();
        while self.open < count {
            while self.clients.len() < count && self.clients.len() - self.open < concurrent {
                let index = self.clients.len();
                let mut client = Client::connect(addresses[index % addresses.len()], manner, index)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut client.stream, Token(index), interest)?;
                self.clients.push(client);
            }
            let before = self.open;
            self.turn(Duration::from_secs(1))?;
            if self.open > before {
                waited = Instant::now();
            }
            ensure!(waited.elapsed() < TIMEOUT, "only {} of {count} clients were let in", self.open);
            limit.map_or(Ok(()), Limit::check)?;
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Makes the last clients stop reading.
    pub(crate) fn silence(&mut self, count: usize) {
        self.clients.iter_mut().rev().take(count).for_each(|client| client.reads = false);
    }

    /// Sends a text, as one of the clients.
    pub(crate) fn send(&mut self, client: usize, text: &str) -> anyhow::Result<()> {
        self.clients[client].send_text(text)
    }

    /// Reads until so many commands were answered.
    pub(crate) fn until_answered(&mut self, answers: u64) -> anyhow::Result<()> {
        let mut progress = (self.reading.tally.answers, Instant::now());
        while self.reading.tally.answers < answers {
            self.turn(Duration::from_millis(100))?;
            if self.reading.tally.answers > progress.0 {
                progress = (self.reading.tally.answers, Instant::now());
            }
            ensure!(progress.1.elapsed() < TIMEOUT, "only {} of {answers} commands were answered", progress.0);
        }
        Ok(())
    }

    /// Reads until a condition holds of what the clients were told of other users, but gives up at a limit.
    pub(crate) fn until_others(&mut self, limit: Limit, is_met: impl Fn(&[Client]) -> bool) -> anyhow::Result<()> {
        let mut progress = (self.reading.tally.bytes, Instant::now());
        while !is_met(&self.clients) {
            self.turn(Duration::from_millis(100))?;
            if self.reading.tally.bytes > progress.0 {
                progress = (self.reading.tally.bytes, Instant::now());
            }
            ensure!(progress.1.elapsed() < TIMEOUT, "nothing for {TIMEOUT:?}: {:?}", self.clients[0].others);
            limit.check()?;
        }
        Ok(())
    }

    /// Waits until every client has something to read, and reads nothing. The thread does not sleep: waking it is work for
    /// the core that sends.
    pub(crate) fn until_all_can_read(&mut self) -> anyhow::Result<()> {
        let (mut can_read, mut count, begun) = (vec![false; self.clients.len()], 0, Instant::now());
        while count < self.clients.len() {
            self.poll.poll(&mut self.events, Some(Duration::ZERO)).context("cannot ask for clients")?;
            for event in self.events.iter().filter(|event| event.is_readable()) {
                count += usize::from(!std::mem::replace(&mut can_read[event.token().0], true));
            }
            let looked = Instant::now();
            while looked.elapsed() < LOOK_INTERVAL {
                std::hint::spin_loop();
            }
            ensure!(begun.elapsed() < TIMEOUT, "only {count} clients have a message");
        }
        Ok(())
    }

    /// Reads from every client once, whether there is something or not.
    pub(crate) fn read_in_turn(&mut self) -> anyhow::Result<()> {
        self.clients.iter_mut().try_for_each(|client| client.on_ready(&mut self.reading))
    }

    /// Makes every client send a message, and the next each time it has come back.
    pub(crate) fn converse(&mut self, bytes: usize) -> anyhow::Result<()> {
        self.clients.iter_mut().try_for_each(|client| client.converse(bytes))
    }
}

impl Load for Swarm {
    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            polled => polled.context("cannot wait for clients")?,
        }
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            let was_open = client.is_open();
            client.on_ready(&mut self.reading)?;
            self.open += usize::from(client.is_open() && !was_open);
        }
        Ok(())
    }

    fn received(&self) -> u64 {
        self.reading.tally.received
    }

    fn slowest(&self) -> u64 {
        self.clients.iter().filter(|client| client.reads).map(Client::reached).min().unwrap_or(0)
    }

    fn due_among(&self, messages: u64) -> u64 {
        self.clients.iter().filter(|client| client.reads).map(|client| client.due_among(messages)).sum()
    }
}
