//! Webhooks of the Pusher protocol: the application's server is told over HTTP what happens to channels.
//!
//! Parts of the server say it to [`Webhooks`], which never makes them wait. A task ([`telling`]) takes it from there,
//! keeps back that a channel is vacated ([`vacated`]), and hands all to each URL ([`webhook`]): that has a queue and a
//! task of its own, so that none holds up another.

mod happened;
mod telling;
#[cfg(test)]
mod tests;
mod vacated;
mod webhook;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use crate::rights::{PusherApp, WebhookEvent, WebhookEvents};

pub(crate) use happened::Happened;
pub(crate) use telling::Telling;

/// Bytes of what was told and not taken yet, and of what waits for one URL. Not a setting.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Where parts of the server say what happens. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Webhooks {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// What is taken, as [`WebhookEvents::bits`].
    taken: AtomicU8,
    app: ArcSwapOption<PusherApp>,
    waiting: Mutex<Waiting>,
    /// Something waits, or the application is another.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Happened>,
    bytes: usize,
    /// What found no room since somebody asked.
    dropped: u64,
}

impl Webhooks {
    /// Tells the webhooks of this application from now on.
    pub(crate) fn change(&self, app: Option<&PusherApp>) {
        let wanted = app.map_or(WebhookEvents::NONE, PusherApp::webhook_events);
        let either = [WebhookEvent::ChannelOccupied, WebhookEvent::ChannelVacated];
        // A channel that is vacated for a moment is neither vacated nor occupied: each needs the other to be known.
        let coupled = either.iter().any(|event| wanted.has(*event)).then_some(either).into_iter().flatten();
        let taken: WebhookEvents = wanted.iter().chain(coupled).collect();
        self.shared.app.store(app.map(|app| Arc::new(app.clone())));
        self.shared.taken.store(taken.bits(), Ordering::Relaxed);
        self.shared.changed.notify_one();
    }

    /// Whether somebody wants to be told of such events. Who must allocate to tell them asks before.
    pub(crate) fn wants(&self, event: WebhookEvent) -> bool {
        WebhookEvents::from_bits(self.shared.taken.load(Ordering::Relaxed)).has(event)
    }

    /// Says what has happened. Never waits for a webhook: what has no room is dropped. What is about the clients of one
    /// user is not told.
    pub(crate) fn tell(&self, happened: Happened) {
        if !self.wants(happened.event()) || happened.channel().is_for_producers() {
            return;
        }
        let bytes = happened.bytes();
        let mut waiting = self.lock();
        if waiting.bytes + bytes > MAX_WAITING_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += bytes;
        waiting.events.push_back(happened);
        let is_first = waiting.events.len() == 1;
        drop(waiting);
        if is_first {
            self.shared.changed.notify_one();
        }
    }

    /// The oldest of what waits, so many at most, and how many found no room.
    fn take(&self, most: usize) -> (Vec<Happened>, u64) {
        let mut waiting = self.lock();
        let count = waiting.events.len().min(most);
        let taken: Vec<Happened> = waiting.events.drain(..count).collect();
        waiting.bytes -= taken.iter().map(Happened::bytes).sum::<usize>();
        if waiting.events.is_empty() && waiting.events.capacity() > 1024 {
            waiting.events = VecDeque::new();
        }
        (taken, std::mem::take(&mut waiting.dropped))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
