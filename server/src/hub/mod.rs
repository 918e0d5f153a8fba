//! The hub as everybody sees it: publications go in, clients join, one client's frames are handed over. It has one
//! thread or several, each with some of the clients, and an inbox from which it takes all of it
//! ([`crate::hub::shard`]).

mod batch;
mod feed;
pub(crate) mod inbox;
pub(crate) mod limits;
pub(crate) mod log;
mod outbox;
mod pace;
mod pacing;
mod progress;
pub(crate) mod session;
pub(crate) mod shard;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::Waker;
use tokio::sync::oneshot;

use crate::disconnect::Disconnect;
use crate::hub::inbox::{Command, Inbox};
use crate::hub::progress::{ClientCounts, ProgressNotifier};
use crate::notifier::Notifier;
use crate::publication::{Publication, Seq};
use crate::session_id::SessionId;

pub use batch::Batch;
pub use feed::{Feed, Room};
pub use limits::Limits;
pub use progress::Progress;

pub(crate) use inbox::{Connection, Joining};

/// A handle to the hub. Cheap to clone, usable from every thread, never blocks for longer than a copy takes.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inboxes: Vec<Arc<Inbox>>,
    /// The last publication. Held while something is appended to every inbox: the order is the same in each.
    published: Mutex<Seq>,
    /// Clients that joined so far; each thread gets one in turn.
    joined: AtomicUsize,
    feeding: Arc<ProgressNotifier>,
}

impl Hub {
    /// A hub with a thread for each waker.
    pub(crate) fn new(wakers: impl IntoIterator<Item = Waker>) -> io::Result<Hub> {
        let feeding = Arc::new(ProgressNotifier::new()?);
        let inbox = |(index, waker)| Arc::new(Inbox::new(index, waker, feeding.clone()));
        let inboxes = wakers.into_iter().enumerate().map(inbox).collect();
        let (published, joined) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Hub { shared: Arc::new(Shared { inboxes, published, joined, feeding }) })
    }

    /// Sends an event to every client.
    pub fn publish(&self, publication: &Publication<'_>) {
        let mut batch = Batch::default();
        batch.push(publication);
        self.append(&batch);
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

    /// Appends publications. Returns the number of the first.
    pub(crate) fn append(&self, batch: &Batch) -> Seq {
        let mut published = self.shared.published.lock().unwrap_or_else(PoisonError::into_inner);
        let first = published.plus(1);
        if !batch.is_empty() {
            self.shared.inboxes.iter().for_each(|inbox| inbox.append(&batch.frames, &batch.ends));
            *published = published.plus(batch.len());
        }
        first
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
