//! The hub as everybody sees it: publications go in, clients join, one client's frames are handed over. It has one
//! thread or several, each with some of the clients, and an inbox from which it takes all of it
//! ([`crate::hub::shard`]).

mod actions;
mod batch;
mod beside;
mod channel_frames;
mod channel_info;
mod feed;
mod following;
pub(crate) mod inbox;
mod interest;
mod joining;
mod last_events;
pub(crate) mod limits;
pub(crate) mod log;
mod notices;
mod outbox;
mod pace;
mod pacing;
mod presence;
mod progress;
mod published;
mod publishing;
mod questions;
mod relay;
mod relaying;
mod reloading;
mod resuming;
mod run;
pub(crate) mod session;
pub(crate) mod shard;
mod stream_ids;
mod subscriber;
mod traced;
mod undelivered;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Waker;
use queue::ChannelName;
use tokio::sync::oneshot;

use crate::disconnect::Disconnect;
use crate::history::log::HistoryLog;
use crate::hub::inbox::{Command, Inbox};
use crate::hub::interest::{ChannelKey, NoRoom};
use crate::hub::notices::Notices;
use crate::hub::progress::{ClientCounts, ProgressNotifier};
use crate::hub::published::Published;
use crate::hub::questions::Questions;
use crate::hub::relay::Relay;
use crate::hub::resuming::{Asked, Outcome, Resumed, Subscribed};
use crate::metrics::Metrics;
use crate::notifier::Notifier;
use crate::protocol::Encoding;
use crate::protocol::client_id::ClientId;
use crate::session_id::SessionId;
use crate::webhooks::Webhooks;

pub use actions::{ChannelPage, InvalidClient, NotDone, Who};
pub use batch::Batch;
pub use feed::{Feed, Room};
pub use limits::Limits;
pub use progress::Progress;

pub(crate) use following::{Delivery, Numbered};
pub(crate) use joining::{Connection, Joining};
pub(crate) use published::Beginning;
pub(crate) use publishing::Appended;

/// A handle to the hub. Cheap to clone, usable from every thread. Of its public methods only [`publish`](Hub::publish)
/// may wait for the disk.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inboxes: Vec<Arc<Inbox>>,
    /// Held while something is appended to every inbox: the order is the same in each.
    published: Mutex<Published>,
    /// Held by who appends, from the number of the first publication on until all threads have them. The log on disk
    /// is not written under the lock that the threads of the hub need.
    history_log: Mutex<Option<HistoryLog>>,
    relay: Relay,
    questions: Questions,
    /// Names this server in the ids of its clients.
    server: u64,
    /// Subscriptions of all clients.
    subscriptions: AtomicUsize,
    max_subscriptions: AtomicUsize,
    /// Clients that joined so far; each thread gets one in turn.
    joined: AtomicUsize,
    metrics: Metrics,
    feeding: Arc<ProgressNotifier>,
    notices: Notices,
    webhooks: Webhooks,
}

impl Hub {
    /// A hub with a thread for each waker.
    pub(crate) fn new(wakers: impl IntoIterator<Item = Waker>, limits: &Limits) -> io::Result<Hub> {
        let feeding = Arc::new(ProgressNotifier::new()?);
        let inbox = |(index, waker)| Arc::new(Inbox::new(index, waker, feeding.clone()));
        let inboxes: Vec<Arc<Inbox>> = wakers.into_iter().enumerate().map(inbox).collect();
        let (metrics, mut published) = (Metrics::new(inboxes.len()), Published::new(limits));
        let webhooks = Webhooks::default();
        published.interest.webhooks = webhooks.clone();
        let shared = Shared {
            inboxes,
            published: Mutex::new(published),
            history_log: Mutex::new(None),
            relay: Relay::default(),
            questions: Questions::default(),
            server: rand::random::<u64>() >> 1,
            subscriptions: AtomicUsize::new(0),
            max_subscriptions: AtomicUsize::new(limits.max_subscriptions),
            joined: AtomicUsize::new(0),
            metrics,
            feeding,
            notices: Notices::default(),
            webhooks,
        };
        Ok(Hub { shared: Arc::new(shared) })
    }

    /// What is counted. Also for parts that are no part of the hub: it has the way to all of them.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Sends a frame ([`crate::protocol::frames::encode_text`]) to one client, after everything that was broadcast
    /// before. Nothing happens if the session has ended. Returns false if more waits already than the hub can take: the
    /// client is disconnected as slow then.
    pub fn send(&self, session: SessionId, frame: impl Into<Box<[u8]>>) -> bool {
        self.inbox(session).send(session, frame.into())
    }

    /// Reads again from a client that was not read from since
    /// [`Reception::TakenAndFull`](crate::Reception::TakenAndFull).
    pub fn resume(&self, session: SessionId) {
        self.inbox(session).command(Command::Resume(session));
    }

    /// Ends a session with a close frame, after everything that was sent to it before.
    pub fn close(&self, session: SessionId, disconnect: Disconnect) {
        self.inbox(session).command(Command::Close(session, disconnect));
    }

    /// Returns once every thread of the hub has had its turn.
    pub async fn is_alive(&self) -> bool {
        let ask = |inbox: &Arc<Inbox>| {
            let (answer, answered) = oneshot::channel();
            inbox.command(Command::Answer(answer));
            answered
        };
        for answered in self.shared.inboxes.iter().map(ask).collect::<Vec<_>>() {
            if answered.await.is_err() {
                return false;
            }
        }
        true
    }

    /// Notes that a thread has subscribers of channels, and perhaps of what is for everybody, and sends a session what
    /// `answer` makes of the outcome: it stands after all earlier publications. For the thread of the session only.
    fn subscribe(
        &self,
        session: SessionId,
        asked: &Asked<'_>,
        answer: impl FnOnce(&Outcome) -> Vec<u8>,
    ) -> Result<Subscribed, NoRoom> {
        let inbox = self.inbox(session);
        let mut published = self.lock();
        published.check_room(asked)?;
        let keys = published.interest.add_all(asked.new, asked.encoding, session.thread())?;
        self.shared.metrics.channels.set(published.interest.channels() as u64);
        if asked.everybody {
            published.interest.add_everybody(asked.encoding, session.thread());
        }
        let resumed = asked.after.map(|after| published.resume(after, session, asked));
        let has_after = match resumed {
            Some(Resumed::Recovered { from, .. }) => from,
            Some(Resumed::Gap) | None => published.head(),
        };
        let missed = resumed.as_ref().map(Resumed::missed);
        let head = published.id(published.last);
        let place = inbox.reserve(session);
        let has_joined = self.join_presence(&mut published, session, asked);
        let (members, last_event) = published.for_new_channel(asked);
        let outcome = Outcome { head, resumed, members, last_event };
        let subscribed = Subscribed { keys, began: published.last, has_after, missed };
        // Publishers need not wait while it is written.
        drop(published);
        inbox.fill(place, answer(&outcome).into());
        if has_joined {
            self.wake();
        }
        Ok(subscribed)
    }

    /// `answer` gets the id of the last publication. What it returns is sent after all publications so far, so that no id
    /// that a client gets is less than one before.
    fn tell(&self, session: SessionId, answer: impl FnOnce(&str) -> Vec<u8>) {
        let published = self.lock();
        self.inbox(session).send(session, answer(&published.id(published.last).to_string()).into());
    }

    /// The key of a channel that has subscribers, in an encoding.
    fn find(&self, name: &ChannelName, encoding: Encoding) -> Option<ChannelKey> {
        self.lock().interest.find(name, encoding)
    }

    /// Notes that a thread has no subscribers any more who use the encoding of a key: of the channel, or of what is for
    /// everybody.
    fn lose_interest(&self, channel: Option<&ChannelName>, key: ChannelKey, thread: usize) {
        let mut published = self.lock();
        published.interest.remove(channel, key.encoding(), thread);
        self.shared.metrics.channels.set(published.interest.channels() as u64);
    }

    /// Takes room for subscriptions. Returns false if that would be more than there may be.
    fn reserve_subscriptions(&self, count: usize) -> bool {
        let before = self.shared.subscriptions.fetch_add(count, Ordering::Relaxed);
        let has_room = before + count <= self.shared.max_subscriptions.load(Ordering::Relaxed);
        if !has_room {
            self.release_subscriptions(count);
        }
        has_room
    }

    fn release_subscriptions(&self, count: usize) {
        self.shared.subscriptions.fetch_sub(count, Ordering::Relaxed);
    }

    /// Subscriptions of all clients.
    pub(crate) fn subscriptions(&self) -> usize {
        self.shared.subscriptions.load(Ordering::Relaxed)
    }

    /// Where is said what happens to channels.
    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.shared.webhooks
    }

    fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// A session as clients and publishers name it.
    fn client_id(&self, session: SessionId) -> ClientId {
        ClientId { server: self.shared.server, session }
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        // What it protects stays consistent in every critical section, so a poisoned mutex can be used.
        self.shared.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_log(&self) -> MutexGuard<'_, Option<HistoryLog>> {
        self.shared.history_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn join(&self, joining: Joining) {
        let turn = self.shared.joined.fetch_add(1, Ordering::Relaxed);
        self.shared.inboxes[turn % self.shared.inboxes.len()].command(Command::Join(Box::new(joining)));
    }

    /// Closes all sessions and ends the hub's threads, after `grace` at the latest.
    pub(crate) fn shutdown(&self, grace: Duration) {
        self.shared.inboxes.iter().for_each(|inbox| inbox.command(Command::Shutdown { grace }));
    }

    /// What each thread of the hub takes from and reports to.
    pub(crate) fn inboxes(&self) -> &[Arc<Inbox>] {
        &self.shared.inboxes
    }

    /// How far all threads have come.
    pub(crate) fn progress(&self) -> Progress {
        let all = self.shared.inboxes.iter().map(|inbox| inbox.progress());
        all.reduce(Progress::least).unwrap_or_default()
    }

    /// Who is connected, and how many are far behind.
    fn client_counts(&self) -> ClientCounts {
        self.shared.inboxes.iter().map(|inbox| inbox.client_counts()).fold(ClientCounts::default(), ClientCounts::and)
    }

    /// Asks to be notified when the threads are further than given. Returns false if they are already.
    pub(crate) fn await_progress(&self, since: Progress) -> bool {
        self.shared.feeding.set_awaited(true);
        let same = self.progress() == since;
        if !same {
            self.shared.feeding.set_awaited(false);
        }
        same
    }

    /// Is notified when a thread has come further, at most once in a turn of it.
    pub(crate) fn notifier(&self) -> &Notifier {
        self.shared.feeding.notifier()
    }

    fn inbox(&self, session: SessionId) -> &Inbox {
        // The modulo is for the ids of another hub, of whose sessions none is here.
        &self.shared.inboxes[session.thread() % self.shared.inboxes.len()]
    }
}
