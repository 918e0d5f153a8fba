//! Access for the benches in `bench/benches/`: parts of the server that have no interface of their own. Only there with
//! the feature `benching`; no part of the server's interface.

use std::io;
use std::sync::Arc;

use mio::{Poll, Token, Waker};

use crate::config::Settings;
use crate::history::History;
use crate::history::log::{LogTime, Trimmed};
use crate::hub::inbox::{Arrivals, Inbox};
use crate::hub::log::Log;
use crate::hub::{Batch, Beginning, Hub};
use crate::publication::Seq;

/// A hub without a thread: the caller is both who feeds it and its thread.
#[derive(Debug)]
pub struct Appending {
    hub: Hub,
    inbox: Arc<Inbox>,
    arrivals: Arrivals,
    log: Log,
    /// What the waker belongs to.
    _poll: Poll,
}

impl Appending {
    /// A hub with an empty log of so many bytes.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn new(log_bytes: usize) -> io::Result<Appending> {
        let poll = Poll::new()?;
        let limits = Settings::default().resolve().map_err(io::Error::other)?.limits;
        let hub = Hub::new([Waker::new(poll.registry(), Token(0))?], &limits)?;
        let inbox = hub.inboxes()[0].clone();
        // It is in the middle of a turn, so that nobody has to wake it.
        inbox.awake();
        Ok(Appending { hub, inbox, arrivals: Arrivals::default(), log: Log::new(log_bytes), _poll: poll })
    }

    /// The same, which keeps history as a server does by default.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn with_history(log_bytes: usize) -> io::Result<Appending> {
        let appending = Appending::new(log_bytes)?;
        let rules = Settings::default().resolve().map_err(io::Error::other)?.history;
        let begin = Trimmed { seq: Seq::default(), at: LogTime::now() };
        let history = Some(History::new(rules, begin));
        appending.hub.begin(Beginning { epoch: 1, last: begin.seq, history, log: None });
        Ok(appending)
    }

    /// Takes publications through the inbox into the log, and what no client needs out of it.
    pub fn append(&mut self, batch: &Batch) {
        let _ = self.hub.append(batch, |_| []);
        self.inbox.take(&mut self.arrivals);
        self.log.append(&self.arrivals.frames, &self.arrivals.ends);
        self.log.release(self.log.head());
    }
}
