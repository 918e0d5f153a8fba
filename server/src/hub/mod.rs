//! The hub as everybody sees it: publications go in, clients join, one client's frames are handed over. It has one
//! thread or several, each with some of the clients, and an inbox from which it takes all of it
//! ([`crate::hub::shard`]).

mod batch;
mod channel_frames;
mod feed;
pub(crate) mod inbox;
mod interest;
pub(crate) mod limits;
pub(crate) mod log;
mod outbox;
mod pace;
mod pacing;
mod progress;
mod published;
mod resuming;
mod run;
pub(crate) mod session;
pub(crate) mod shard;
mod subscriber;
mod undelivered;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Waker;
use queue::ChannelName;
use tokio::sync::oneshot;

use crate::disconnect::Disconnect;
use crate::history::log::{CannotGiveUp, HistoryLog, LogTime, Logged};
use crate::hub::batch::Item;
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::inbox::{Command, Inbox};
use crate::hub::interest::{ChannelKey, Interested, TooManyChannels};
use crate::hub::progress::{ClientCounts, ProgressNotifier};
use crate::hub::published::Published;
use crate::hub::resuming::{Asked, Outcome, Resumed, Subscribed};
use crate::notifier::Notifier;
use crate::protocol::client_id::ClientId;
use crate::protocol::native;
use crate::publication::{Publication, Seq};
use crate::session_id::SessionId;

pub use batch::Batch;
pub use feed::{Feed, Room};
pub use limits::Limits;
pub use progress::Progress;

pub(crate) use inbox::{Connection, Joining};
pub(crate) use published::Beginning;

/// A handle to the hub. Cheap to clone, usable from every thread, never blocks for longer than a copy takes.
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
    /// Names this server in the ids of its clients.
    server: u64,
    /// Subscriptions of all clients.
    subscriptions: AtomicUsize,
    max_subscriptions: usize,
    /// Clients that joined so far; each thread gets one in turn.
    joined: AtomicUsize,
    feeding: Arc<ProgressNotifier>,
}

impl Hub {
    /// A hub with a thread for each waker.
    pub(crate) fn new(wakers: impl IntoIterator<Item = Waker>, limits: &Limits) -> io::Result<Hub> {
        let feeding = Arc::new(ProgressNotifier::new()?);
        let inbox = |(index, waker)| Arc::new(Inbox::new(index, waker, feeding.clone()));
        let inboxes = wakers.into_iter().enumerate().map(inbox).collect();
        let published = Published::new(limits.max_channels);
        let shared = Shared {
            inboxes,
            published: Mutex::new(published),
            history_log: Mutex::new(None),
            server: rand::random::<u64>() >> 1,
            subscriptions: AtomicUsize::new(0),
            max_subscriptions: limits.max_subscriptions,
            joined: AtomicUsize::new(0),
            feeding,
        };
        Ok(Hub { shared: Arc::new(shared) })
    }

    /// Goes on after what an earlier process has published. To be called before anything is published and before
    /// clients come.
    pub(crate) fn begin(&self, begin: Beginning) {
        let Beginning { epoch, last, history, log } = begin;
        self.lock().begin(epoch, last, history);
        *self.lock_log() = log;
    }

    /// Sends an event to those it is for. It does not come through the queue.
    pub fn publish(&self, publication: &Publication<'_>) {
        let mut batch = Batch::default();
        batch.push(publication);
        let logged = |seq| [Logged { seq, origin: None, uid: None, publication: *publication, key: None }];
        if let Err(error) = self.append(&batch, logged) {
            tracing::error!(%error, "an event is not sent, because clients could not get it again after a restart");
        }
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

    /// Appends publications. `logged` makes what the history log gets of them of the number of the first. Returns where
    /// the first is in the order of this process.
    ///
    /// # Errors
    /// When the history log can neither be written nor deleted. Nothing is published then.
    pub(crate) fn append<'a, L: IntoIterator<Item = Logged<'a>>>(
        &self,
        batch: &Batch,
        logged: impl FnOnce(Seq) -> L,
    ) -> Result<Seq, CannotGiveUp> {
        let mut log = self.lock_log();
        if batch.is_empty() {
            return Ok(self.lock().last.plus(1));
        }
        let at = match log.as_mut() {
            Some(log) => log.append(logged(self.lock().head().plus(1)))?,
            None => LogTime::now(),
        };
        let mut published = self.lock();
        let at = published.time(at);
        let first = published.last.plus(1);
        let mut frames = std::mem::take(&mut published.frames);
        frames.clear();
        for (index, item) in batch.items.iter().enumerate() {
            let seq = first.plus(index);
            self.encode(seq, batch, item, &published, &mut frames);
            published.keep(seq, at, batch, item);
        }
        self.shared.inboxes.iter().for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &frames));
        published.frames = frames;
        published.last = published.last.plus(batch.len());
        Ok(first)
    }

    /// Appends publications that the process before had numbered already, for those clients that get no ids: others ask
    /// for what they do not have. Returns where the first is in the order of this process.
    pub(crate) fn append_again(&self, batch: &Batch) -> Seq {
        let _log = self.lock_log();
        let mut published = self.lock();
        let first = published.last.plus(1);
        if !batch.is_empty() {
            let none = ChannelFrames::default();
            self.shared.inboxes.iter().for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &none));
            published.last = published.last.plus(batch.len());
            published.again += batch.len() as u64;
        }
        first
    }

    /// The log on disk, if there is one.
    pub(crate) fn with_history_log<T>(&self, act: impl FnOnce(&mut HistoryLog, Option<Seq>) -> T) -> Option<T> {
        let mut log = self.lock_log();
        let oldest = self.lock().oldest_kept();
        log.as_mut().map(|log| act(log, oldest))
    }

    /// Takes the log, to close it. What is published then is in no log.
    pub(crate) fn take_history_log(&self) -> Option<HistoryLog> {
        self.lock_log().take()
    }

    /// Encodes a publication for those channels that have subscribers.
    fn encode(&self, seq: Seq, batch: &Batch, item: &Item, published: &Published, frames: &mut ChannelFrames) {
        let (text, id, interest) = (batch.text(item), published.id(seq), &published.interest);
        let except = item.except.filter(|id| id.server == self.shared.server).map(|id| id.session);
        let Some(names) = batch.channels(item) else {
            let threads = interest.everybody();
            if threads != 0 {
                let encode = |bytes: &mut Vec<u8>| native::encode_event(text, id, None, bytes);
                frames.push(seq, ChannelKey::EVERYBODY, threads, except, encode);
            }
            return;
        };
        for name in names {
            if let Some(Interested { key, threads }) = interest.find(name) {
                let encode = |bytes: &mut Vec<u8>| native::encode_event(text, id, Some(name), bytes);
                frames.push(seq, key, threads, except, encode);
            }
        }
    }

    /// Notes that a thread has subscribers of channels, and perhaps of what is for everybody, and sends a session what
    /// `answer` makes of the outcome: it stands behind all publications of before. Returns the keys of the new channels.
    fn subscribe(
        &self,
        session: SessionId,
        asked: &Asked<'_>,
        answer: impl FnOnce(&Outcome<'_>) -> Vec<u8>,
    ) -> Result<Subscribed, TooManyChannels> {
        let mut published = self.lock();
        let keys = published.interest.add_all(asked.new, session.thread())?;
        if asked.everybody {
            published.interest.add_everybody(session.thread());
        }
        let resumed = asked.after.map(|after| published.resume(after, asked));
        let head = published.id(published.last);
        self.inbox(session).answer(session, answer(&Outcome { head, resumed: resumed.as_ref() }).into());
        let has_after = match resumed {
            Some(Resumed::Recovered { from, .. }) => from,
            Some(Resumed::Gap) | None => published.head(),
        };
        Ok(Subscribed { keys, began: published.last, has_after })
    }

    /// Sends a session what `answer` makes of the id of the last publication. It stands behind all publications, so that
    /// no id that a client gets is less than one before.
    fn tell(&self, session: SessionId, answer: impl FnOnce(&str) -> Vec<u8>) {
        let published = self.lock();
        self.inbox(session).send(session, answer(&published.id(published.last).to_string()).into());
    }

    /// The key of a channel that has subscribers.
    fn find(&self, name: &ChannelName) -> Option<ChannelKey> {
        self.lock().interest.find(name).map(|channel| channel.key)
    }

    /// Notes that a thread has no subscribers of a channel any more, or nobody who gets what is for everybody with an id.
    fn lose_interest(&self, channel: Option<&ChannelName>, thread: usize) {
        self.lock().interest.remove(channel, thread);
    }

    /// Takes room for subscriptions. Returns false if that would be more than there may be.
    fn reserve_subscriptions(&self, count: usize) -> bool {
        let before = self.shared.subscriptions.fetch_add(count, Ordering::Relaxed);
        let has_room = before + count <= self.shared.max_subscriptions;
        if !has_room {
            self.release_subscriptions(count);
        }
        has_room
    }

    fn release_subscriptions(&self, count: usize) {
        self.shared.subscriptions.fetch_sub(count, Ordering::Relaxed);
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
