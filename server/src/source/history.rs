//! What a source does with history: goes on where the process before stopped, forgets what is acked and too old, and
//! closes the log before others may have the queue.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use queue::Reader;
use tracing::{debug, info, warn};

use crate::history::log::{HistoryLog, begin_without_log};
use crate::history::{History, HistoryError, HistoryRules};
use crate::hub::{Beginning, Hub};
use crate::publication::Seq;
use crate::source::outstanding::Outstanding;
use crate::source::past::{NumberedEntry, Past};
use crate::source::selection::Selection;
use crate::trim::give_back_memory;

/// How often what is too old is forgotten.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

/// How much history there is, and where its log is.
#[derive(Debug, Clone)]
pub(crate) struct HistoryOptions {
    pub(crate) rules: HistoryRules,
    /// Unless it is in the queue directory.
    pub(crate) directory: Option<PathBuf>,
}

/// The history of a source.
#[derive(Debug)]
pub(super) struct SourceHistory {
    hub: Hub,
    /// Whether there is a log, or should be one.
    has_log: bool,
    /// Events in the log, if that goes on.
    goes_on_with: Option<usize>,
    /// What the process before has numbered and perhaps not delivered, in order.
    again: VecDeque<NumberedEntry>,
    /// Up to this number, all is acked.
    acked: Seq,
    trim_due: Instant,
}

impl SourceHistory {
    /// Of a source whose events get their numbers elsewhere. Begins a new epoch in the queue directory: the log of an
    /// earlier process lacks what is published from now on.
    pub(super) fn elsewhere(reader: &Reader, hub: &Hub) -> Result<SourceHistory, HistoryError> {
        begin_without_log(reader)?;
        Ok(SourceHistory::without_log(hub))
    }

    fn without_log(hub: &Hub) -> SourceHistory {
        SourceHistory {
            hub: hub.clone(),
            has_log: false,
            goes_on_with: None,
            again: VecDeque::new(),
            acked: Seq::default(),
            trim_due: Instant::now(),
        }
    }

    /// Opens the log, and lets the hub go on after what is in it. Keys of the events in it are taken.
    pub(super) fn begin(
        reader: &Reader,
        options: &HistoryOptions,
        hub: &Hub,
    ) -> Result<(SourceHistory, Selection), HistoryError> {
        let HistoryOptions { rules, directory } = options;
        let mut history = SourceHistory::without_log(hub);
        history.has_log = rules.keep_anything();
        if !history.has_log {
            let epoch = begin_without_log(reader)?;
            hub.begin(Beginning { epoch, last: Seq::default(), history: None, log: None });
            return Ok((history, Selection::default()));
        }
        let begin = |trimmed| Past::after(History::new(rules.clone(), trimmed));
        let opened = HistoryLog::open(reader, directory.as_deref(), begin)?;
        let Past { history: kept, selection, again, events, .. } = opened.kept;
        history.again = again;
        history.goes_on_with = opened.anew.is_none().then_some(events);
        let last = Seq(opened.next.0.saturating_sub(1));
        let (goes_on, entries) = (opened.anew.is_none(), history.again.len());
        debug!(goes_on, after = opened.trimmed.seq.0, last = last.0, entries, "history begins");
        hub.begin(Beginning { epoch: opened.epoch, last, history: Some(kept), log: Some(opened.log) });
        // All events in the log were in memory, one record after the other.
        give_back_memory();
        Ok((history, selection))
    }

    /// Logs that the numbers of the process before go on. To be called when the source runs: a start that fails, because
    /// the port is taken for example, is tried again many times.
    pub(super) fn log_begin(&self) {
        if let Some(events) = self.goes_on_with {
            info!(events, "continues the history log of the process before");
        }
    }

    /// Takes the next entry that the process before has numbered and that may still wait.
    pub(super) fn next_again(&mut self) -> Option<NumberedEntry> {
        self.again.pop_front()
    }

    /// Whether there may be more of them.
    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// Gives one back that could not be read.
    pub(super) fn put_back(&mut self, numbered: NumberedEntry) {
        self.again.push_front(numbered);
    }

    /// How long nothing has to be forgotten.
    pub(super) fn pause(&self) -> Duration {
        if self.has_log { self.trim_due.saturating_duration_since(Instant::now()) } else { Duration::MAX }
    }

    /// Bytes of events that are kept at most.
    pub(super) fn max_bytes(&self) -> usize {
        self.hub.history_bytes()
    }

    /// Forgets what is too old, and writes the log again if there is none. `has_refused`: entries that are delivered and
    /// cannot be deleted are there beside those that are outstanding.
    pub(super) fn trim(&mut self, outstanding: &mut Outstanding, has_refused: bool) {
        let now = Instant::now();
        if !self.has_log || now < self.trim_due {
            return;
        }
        self.trim_due = now + TRIM_INTERVAL;
        let is_complete = !has_refused && self.again.is_empty();
        if is_complete {
            let unacked = outstanding.first_number();
            self.acked = unacked.map_or_else(|| self.hub.head(), |first| Seq(first.0.saturating_sub(1)));
        }
        self.hub.trim_history(self.acked, self.max_bytes() as u64);
        if is_complete && self.hub.renew_history_log(|| outstanding.logged()) {
            outstanding.forget_events();
        }
    }

    /// Leaves the log as a process does that is killed.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        drop(self.hub.take_history_log());
    }

    /// Lets the time come for all that is done now and then.
    #[cfg(test)]
    pub(super) fn make_due(&mut self) {
        self.trim_due = Instant::now();
        self.hub.with_history_log(HistoryLog::make_renewal_due);
    }

    /// Goes on in the directory that replaced the queue directory.
    ///
    /// # Errors
    /// When it cannot be written. Nothing may be sent until it can.
    pub(super) fn move_to(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        self.hub.with_history_log(|log| log.move_to(reader)).unwrap_or_else(|| begin_without_log(reader).map(drop))?;
        // Their files are gone, or belong to the directory that was moved away.
        self.again.clear();
        Ok(())
    }

    /// Closes the log. The next process may open it when the lock of the queue is released.
    pub(super) fn close(&self, reader: &Reader) {
        if let Some(log) = self.hub.take_history_log()
            && let Err(error) = log.close(reader)
        {
            let queue = reader.path().display();
            warn!(%queue, %error, "cannot close the history log: it counts until the system is started again");
        }
    }
}
