//! A part of the hub: who is connected to it, and the writing of the log to all of them. It is driven by a thread of its
//! own ([`thread`]), and by who has published a single event. One epoll instance holds every socket; nothing here waits
//! for a single client, and fan-out allocates nothing per client.

mod acting;
mod ahead;
mod channels;
mod clock;
mod close_order;
mod closing;
mod commands;
mod counting;
mod deadlines;
mod distributing;
mod logins;
mod memory;
mod progress;
mod pusher;
mod read_order;
mod reading;
mod sleep;
#[cfg(test)]
pub(crate) mod stepping;
mod subscribing;
mod thread;
mod timeouts;
mod turn;
mod writing;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Registry, Token};
use slab::Slab;

use crate::application::Application;
use crate::hub::inbox::{Arrivals, Inbox};
use crate::hub::joining::Joining;
use crate::hub::log::{Log, Position};
use crate::hub::run::Ticket;
use crate::hub::session::Session;
use crate::hub::undelivered::Undelivered;
use crate::hub::{Hub, Limits};
use crate::metrics::{ThreadCounts, TurnCounts};
use crate::protocol::incoming::ReadBuffer;
use crate::rights::Rights;
use acting::Acting;
use ahead::Ahead;
use channels::Channels;
use clock::{Clock, Ticks};
use close_order::CloseOrder;
use deadlines::CLOSE_TIMEOUT;
use distributing::Waiting;
use read_order::ReadOrder;
use turn::Turn;

pub(crate) use commands::JOINS_AT_ONCE;
#[cfg(test)]
pub(crate) use subscribing::MUCH_AT_ONCE;
pub(crate) use thread::ShardThread;

const WAKE: Token = Token(usize::MAX);
/// What the kernel tells at once. If it tells so much, it may have more to tell.
const EVENTS: usize = 1024;
/// Clients that are written to on the thread of who has published, which does nothing else meanwhile. For more clients,
/// what waking the hub's thread costs is too small a part.
const MAX_RECEIVERS_ELSEWHERE: usize = 64;

/// The clients of one thread of the hub, and their log.
struct Shard<A> {
    registry: Registry,
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
    /// Clients that wait for their turn to join.
    joining: VecDeque<Box<Joining>>,
    /// Those that wait for what has to come from the stream of several machines first.
    ahead: Ahead,
    /// What operators ask for.
    acting: Acting,
    /// Subscriptions that brought what a client has missed, since the inbox was looked at.
    much: usize,
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
    /// Sessions that get what is for everybody from the log, and are not being closed.
    in_log: usize,
    /// What others can read of what is counted here, and what was counted in this turn.
    counts: Arc<ThreadCounts>,
    turn_counts: TurnCounts,
    /// When the publications were queued that are written in this turn, in microseconds since 1970.
    queued_at: Vec<u64>,
    clock: Clock,
    ticks: Ticks,
    /// When its thread wakes up by itself.
    wakes_at: Option<Instant>,
    limits: Limits,
    rights: Arc<Rights>,
    application: A,
}

impl<A: Application> Shard<A> {
    fn new(
        registry: Registry,
        hub: &Hub,
        inbox: &Arc<Inbox>,
        limits: &Limits,
        rights: &Arc<Rights>,
        application: A,
    ) -> Shard<A> {
        let now = Instant::now();
        Shard {
            registry,
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
            joining: VecDeque::new(),
            ahead: Ahead::default(),
            acting: Acting::default(),
            much: 0,
            touched: Vec::new(),
            marks: VecDeque::new(),
            closing_sessions: 0,
            held_bytes: 0,
            most_held_bytes: 0,
            max_memory: limits.max_memory / hub.inboxes().len(),
            generation: 0,
            stopping: None,
            in_log: 0,
            counts: hub.metrics().thread(inbox.index()),
            turn_counts: TurnCounts::default(),
            queued_at: Vec::new(),
            clock: Clock::new(now),
            ticks: Ticks::new(now),
            wakes_at: None,
            application,
            limits: limits.clone(),
            rights: rights.clone(),
        }
    }

    /// Does what the kernel tells of, and what waits in the inbox. Returns whether the hub has stopped.
    fn take_turn(&mut self, events: &Events, is_whole: bool) -> bool {
        let begin = Instant::now();
        let now = self.clock.turn(begin);
        for event in events {
            self.on_event(event, now);
        }
        self.read_unread(now);
        // Nobody is judged by what the kernel has and did not tell yet. It tells of each in turn.
        if self.ticks.is_due(now, is_whole, 1 + self.sessions.len() / EVENTS) {
            self.on_tick(now);
        }
        self.close_due(now);
        self.act(now);
        self.deliver(now);
        self.counts.turned(begin.elapsed());
        self.has_stopped(now)
    }

    /// Does what waits in the inbox on the thread of whoever put it there, if it is for few clients. Returns whether the
    /// shard's own thread can go on sleeping.
    fn take_turn_elsewhere(&mut self) -> bool {
        let others = self.behind.len() + self.waiting.len();
        if self.stopping.is_some()
            || others + self.inbox.look(|arrivals| self.receivers(arrivals)) > MAX_RECEIVERS_ELSEWHERE
        {
            return false;
        }
        let begin = Instant::now();
        let now = self.clock.turn(begin);
        self.deliver(now);
        self.counts.turned(begin.elapsed());
        self.can_sleep_on(now)
    }

    /// How many clients get what has arrived, at most.
    fn receivers(&self, arrivals: &Arrivals) -> usize {
        let plain = if arrivals.frames.is_empty() { 0 } else { self.sessions.len() };
        let of_channel = |key| self.channels.get(key).map_or(0, |channel| channel.subscribers.len());
        plain + arrivals.channel_frames.all().iter().map(|frame| of_channel(frame.channel)).sum::<usize>()
    }

    fn deliver(&mut self, now: Instant) {
        let from = self.collect(now);
        self.go_on_after_stream(now);
        self.let_join(JOINS_AT_ONCE, now);
        self.write_collected(from, now);
        self.write_waiting(now);
        self.bound_memory(now);
        self.application.turn_ended();
        self.publish_progress(now);
    }

    fn on_event(&mut self, event: &Event, now: Instant) {
        let Some(key) = self.key(commands::session_of(event.token())).filter(|_| event.token() != WAKE) else { return };
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

    /// Takes what has come in, and writes it, before something else is done in a turn.
    fn take_inbox(&mut self, now: Instant) {
        let from = self.collect(now);
        self.write_collected(from, now);
    }

    /// Takes what has come in. Returns where the new frames begin.
    fn collect(&mut self, now: Instant) -> Position {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.much = 0;
        self.inbox.take(&mut arrivals);
        let (appended, from) = (!arrivals.ends.is_empty(), self.log.head());
        if appended {
            self.append(&arrivals, now);
            self.count_arrivals(&arrivals);
            self.turn.begin(&mut arrivals.channel_frames, &mut self.channels);
        }
        // Nothing is written before every command has found its place between the new frames.
        for (seq, command) in arrivals.commands.drain(..) {
            self.on_command(seq, command, now);
        }
        self.arrivals = arrivals;
        from
    }

    /// Writes what was collected.
    fn write_collected(&mut self, from: Position, now: Instant) {
        let mut touched = std::mem::take(&mut self.touched);
        self.write_all(from, now);
        touched.iter().for_each(|key| self.write(*key, now));
        self.distribute(now);
        self.count_sends();
        // Only now, so that a burst is no reason to disconnect a client whose socket takes it.
        touched.drain(..).for_each(|key| self.bound_outbox(key, now));
        touched.append(&mut self.touched);
        self.touched = touched;
    }
}
