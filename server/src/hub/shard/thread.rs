//! The thread of a shard: it sleeps until there is something to do.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::{Events, Poll, Waker};

use super::{EVENTS, Shard, WAKE};
use crate::application::Application;
use crate::hub::inbox::Inbox;
use crate::hub::{Hub, Limits};
use crate::rights::Rights;

/// One thread of the hub, with its clients.
pub(crate) struct ShardThread<A> {
    pub(super) poll: Poll,
    pub(super) inbox: Arc<Inbox>,
    /// Locked for a turn, by this thread or by one that has put something into the inbox.
    pub(super) shard: Arc<Mutex<Shard<A>>>,
}

impl<A: Application> ShardThread<A> {
    /// Prepares a hub of some threads.
    pub(crate) fn prepare(
        threads: usize,
        limits: &Limits,
        rights: &Arc<Rights>,
        mut make_application: impl FnMut(&Hub) -> A,
    ) -> io::Result<(Vec<ShardThread<A>>, Hub)> {
        let polls = (0..threads).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), WAKE)).collect::<io::Result<Vec<_>>>()?;
        let hub = Hub::new(wakers, limits)?;
        hub.serve_pusher(rights.app.is_some());
        let thread = |(poll, inbox): (Poll, &Arc<Inbox>)| {
            let registry = poll.registry().try_clone()?;
            let shard = Shard::new(registry, &hub, inbox, limits, rights, make_application(&hub));
            let shard = Arc::new(Mutex::new(shard));
            let weak = Arc::downgrade(&shard);
            inbox.set_turn_elsewhere(move || {
                let Some(shard) = weak.upgrade() else { return false };
                // If its thread takes a turn already, that one is enough.
                shard.try_lock().is_ok_and(|mut shard| shard.take_turn_elsewhere())
            });
            Ok(ShardThread { poll, inbox: inbox.clone(), shard })
        };
        let threads = polls.into_iter().zip(hub.inboxes()).map(thread).collect::<io::Result<_>>()?;
        Ok((threads, hub))
    }

    /// Runs until [`Hub::shutdown`] has ended every session.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut timeout = None;
        loop {
            let is_whole = self.sleep(&mut events, timeout)?;
            let Ok(mut shard) = self.shard.lock() else {
                // What a thread that panicked has left is not fit to go on with.
                return Err(io::Error::other("another thread failed while it delivered an event"));
            };
            if shard.take_turn(&events, is_whole) {
                return Ok(());
            }
            timeout = shard.plan_sleep();
        }
    }

    /// Sleeps until there is something to do. Returns whether the kernel has told all that there is.
    fn sleep(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        // Also before a poll that does not wait: the source is told of progress by it.
        let timeout = if self.inbox.fall_asleep() { timeout } else { Some(Duration::ZERO) };
        let polled = self.poll.poll(events, timeout);
        self.inbox.awake();
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            polled => polled.map(|()| events.iter().count() < EVENTS),
        }
    }
}
