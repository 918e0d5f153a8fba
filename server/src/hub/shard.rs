//! A thread of the hub: who is connected to it, and the writing of the log to all of them. One epoll instance holds
//! every socket; nothing here waits for a single client, and fan-out allocates nothing per client.

mod channels;
mod clock;
mod close_order;
mod closing;
mod commands;
mod deadlines;
mod distributing;
mod logins;
mod memory;
mod progress;
mod read_order;
mod reading;
#[cfg(test)]
pub(crate) mod stepping;
mod subscribing;
mod timeouts;
mod turn;
mod writing;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use crate::application::Application;
use crate::hub::inbox::{Arrivals, Inbox};
use crate::hub::log::{Log, Position};
use crate::hub::run::Ticket;
use crate::hub::session::Session;
use crate::hub::undelivered::Undelivered;
use crate::hub::{Hub, Limits};
use crate::log_limit::LogLimit;
use crate::protocol::incoming::ReadBuffer;
use crate::rights::Rights;
use channels::Channels;
use clock::{Clock, TICK};
use close_order::CloseOrder;
use deadlines::CLOSE_TIMEOUT;
use distributing::Waiting;
use read_order::ReadOrder;
use turn::Turn;

const WAKE: Token = Token(usize::MAX);
/// What the kernel tells at once. If it tells so much, it may have more to tell.
const EVENTS: usize = 1024;
/// How often the timeouts are looked at while a client is behind.
const PACE_TICK: Duration = Duration::from_millis(100);

/// One thread of the hub, with its clients and its log.
pub(crate) struct Shard<A> {
    poll: Poll,
    hub: Hub,
    inbox: Arc<Inbox>,
    arrivals: Arrivals,
    log: Log,
    sessions: Slab<Session>,
    channels: Channels,
    /// What the inbox brought for subscribers, while it is handed over.
    turn: Turn,
    /// Of that turn, if some of it waits.
    ticket: Option<Ticket>,
    undelivered: Undelivered,
    waiting: Waiting,
    /// Sessions that do not have all of the log, or of their outbox.
    behind: BTreeSet<usize>,
    /// Sessions whose input was not read to its end.
    reading: ReadOrder,
    read_buffer: ReadBuffer,
    /// Clients that were sent again what they have missed, since the inbox was looked at.
    resumed: usize,
    /// Sessions that were given something of their own and are written to before the hub sleeps.
    touched: Vec<usize>,
    /// Where the head of the log was at recent ticks: what was older than the timeout must have been read by now.
    marks: VecDeque<(Instant, Position)>,
    /// Sessions that are being closed.
    closing_sessions: usize,
    /// Bytes that sessions hold for themselves, and how many there may be.
    held_bytes: usize,
    max_memory: usize,
    /// The most that they held since memory was given back.
    most_held_bytes: usize,
    generation: u32,
    stopping: Option<CloseOrder>,
    clock: Clock,
    notices: Notices,
    limits: Limits,
    rights: Arc<Rights>,
    application: A,
}

/// When timeouts are looked at.
struct Ticks {
    next: Instant,
    /// Polls in a row that did not tell all there is.
    partial_polls: usize,
}

/// What is logged now and then only, because clients can cause it.
#[derive(Debug, Default)]
struct Notices {
    throttled: LogLimit,
    frames: LogLimit,
    memory: LogLimit,
}

impl<A: Application> Shard<A> {
    /// Prepares a hub of some threads.
    pub(crate) fn new(
        threads: usize,
        limits: &Limits,
        rights: &Arc<Rights>,
        mut make_application: impl FnMut(&Hub) -> A,
    ) -> io::Result<(Vec<Shard<A>>, Hub)> {
        let polls = (0..threads).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKE)).collect::<io::Result<Vec<_>>>()?;
        let hub = Hub::new(wakers, limits)?;
        let shard = |(poll, inbox): (Poll, &Arc<Inbox>)| Shard {
            poll,
            hub: hub.clone(),
            inbox: inbox.clone(),
            arrivals: Arrivals::default(),
            log: Log::new(limits.log_bytes),
            sessions: Slab::new(),
            channels: Channels::default(),
            turn: Turn::default(),
            ticket: None,
            undelivered: Undelivered::default(),
            waiting: Waiting::default(),
            behind: BTreeSet::new(),
            reading: ReadOrder::default(),
            read_buffer: ReadBuffer::new(),
            resumed: 0,
            touched: Vec::new(),
            marks: VecDeque::new(),
            closing_sessions: 0,
            held_bytes: 0,
            most_held_bytes: 0,
            max_memory: limits.max_memory / threads,
            generation: 0,
            stopping: None,
            clock: Clock::new(Instant::now()),
            notices: Notices::default(),
            application: make_application(&hub),
            limits: limits.clone(),
            rights: rights.clone(),
        };
        let shards = polls.into_iter().zip(hub.inboxes()).map(shard).collect();
        Ok((shards, hub))
    }

    /// Runs until [`Hub::shutdown`] has ended every session.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut ticks = Ticks { next: self.clock.turn(Instant::now()) + TICK, partial_polls: 0 };
        loop {
            let is_whole = self.sleep(&mut events, ticks.next)?;
            if self.take_turn(&events, is_whole, &mut ticks) {
                return Ok(());
            }
        }
    }

    /// Does all that there is to do. Returns whether everything has ended. `is_whole`: the kernel has told all.
    fn take_turn(&mut self, events: &Events, is_whole: bool, ticks: &mut Ticks) -> bool {
        let now = self.clock.turn(Instant::now());
        for event in events {
            self.on_event(event, now);
        }
        self.read_unread(now);
        ticks.partial_polls = if is_whole { 0 } else { ticks.partial_polls + 1 };
        // Nobody is judged by what the kernel has and did not tell yet. It tells of each in turn.
        if now >= ticks.next && (is_whole || ticks.partial_polls > 1 + self.sessions.len() / EVENTS) {
            self.on_tick(now);
            ticks.next = now + TICK;
        }
        self.close_due(now);
        self.take_inbox(now);
        self.write_waiting(now);
        self.bound_memory(now);
        self.application.turn_ended();
        self.publish_progress(now);
        self.has_stopped(now)
    }

    /// Sleeps until there is something to do. Returns whether the kernel has told all that there is.
    fn sleep(&mut self, events: &mut Events, next_tick: Instant) -> io::Result<bool> {
        let now = self.clock.at(Instant::now());
        let until = |time: Instant| Some(time.saturating_duration_since(now));
        let timeout = if self.reading.is_due() || !self.touched.is_empty() || !self.waiting.is_empty() {
            Some(Duration::ZERO)
        } else if let Some(next) = self.stopping.as_ref().and_then(|stopping| stopping.next()) {
            until(next)
        } else if !self.behind.is_empty() {
            Some(PACE_TICK)
        } else if !self.sessions.is_empty() || self.stopping.is_some() {
            until(self.stopping.as_ref().map_or(next_tick, |stopping| stopping.deadline().min(next_tick)))
        } else {
            None
        };
        let timeout = self.reading.next().and_then(until).into_iter().chain(timeout).min();
        let timeout = if self.inbox.fall_asleep() { timeout } else { Some(Duration::ZERO) };
        let polled = self.poll.poll(events, timeout);
        self.inbox.awake();
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            polled => polled.map(|()| events.iter().count() < EVENTS),
        }
    }

    fn on_event(&mut self, event: &Event, now: Instant) {
        let key = event.token().0;
        if event.token() == WAKE || !self.sessions.contains(key) {
            return;
        }
        if event.is_read_closed() || event.is_error() {
            self.sessions[key].peer_closed = true;
            self.set_deadline_if_peer_closed(key, now);
        }
        if event.is_readable() || event.is_error() {
            self.mark_unread(key);
        }
        if event.is_writable() && self.behind.contains(&key) {
            self.write(key, now);
        }
    }

    /// A client that has left while it is not read from, because the application takes no messages or it had sent too
    /// much: what it had sent may still be taken for a while, and then the session ends.
    fn set_deadline_if_peer_closed(&mut self, key: usize, now: Instant) {
        let session = &mut self.sessions[key];
        if session.peer_closed && (session.is_paused() || session.throttled) {
            session.deadline.get_or_insert(now + CLOSE_TIMEOUT);
        }
    }

    /// Takes what has come in, and writes it.
    fn take_inbox(&mut self, now: Instant) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.resumed = 0;
        self.inbox.take(&mut arrivals);
        let (appended, from) = (!arrivals.ends.is_empty(), self.log.head());
        if appended {
            self.append(&arrivals, now);
            self.turn.begin(&mut arrivals.channel_frames, &mut self.channels);
        }
        // Nothing is written before every command has found its place between the new frames.
        for (seq, command) in arrivals.commands.drain(..) {
            self.on_command(seq, command, now);
        }
        self.arrivals = arrivals;
        let mut touched = std::mem::take(&mut self.touched);
        self.write_all(from, now);
        touched.iter().for_each(|key| self.write(*key, now));
        self.distribute(now);
        // Only now, so that a burst is no reason to disconnect a client whose socket takes it.
        touched.drain(..).for_each(|key| self.bound_outbox(key, now));
        touched.append(&mut self.touched);
        self.touched = touched;
    }
}
