//! How publications get in: numbered, into the history log, into history, and to the threads, in one order for all.

use std::time::Instant;

use crate::history::log::{Bounds, CannotGiveUp, HistoryLog, LogTime, Logged, Trimmed};
use crate::hub::batch::{Batch, Item};
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::published::Published;
use crate::hub::{Beginning, Hub};
use crate::publication::{Publication, Seq};
use crate::session_id::SessionId;

/// Where publications were put that went in together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Where the first is in the order of this process. Progress is told in that.
    pub(crate) first: Seq,
    /// The number of the first, in the ids of clients.
    pub(crate) number: Seq,
}

impl Hub {
    /// Goes on after what an earlier process has published. To be called before anything is published and before
    /// clients come.
    pub(crate) fn begin(&self, begin: Beginning) {
        let Beginning { epoch, last, history, log } = begin;
        self.lock().begin(epoch, last, history);
        *self.lock_log() = log;
    }

    /// Sends an event to those it is for. It does not come through the queue. This can wait for the disk that the history
    /// log is on, so an [application](crate::Application) does not call it on the hub's thread.
    pub fn publish(&self, publication: &Publication<'_>) {
        let mut batch = Batch::default();
        batch.push(publication);
        let logged = |seq| [Logged { seq, origin: None, uid: None, publication: *publication, key: None }];
        if let Err(error) = self.append(&batch, logged) {
            tracing::error!(%error, "an event is not sent, because clients could not get it again after a restart");
        }
    }

    /// Appends publications. `logged` makes what the history log gets of them of the number of the first.
    ///
    /// # Errors
    /// When the history log can neither be written nor deleted. Nothing is published then.
    pub(crate) fn append<'a, L: IntoIterator<Item = Logged<'a>>>(
        &self,
        batch: &Batch,
        logged: impl FnOnce(Seq) -> L,
    ) -> Result<Appended, CannotGiveUp> {
        // Held until all threads have them. Only those who publish wait for it.
        let mut log = self.lock_log();
        let (next, is_over) = {
            let published = self.lock();
            (Appended { first: published.last.plus(1), number: published.head().plus(1) }, published.is_over)
        };
        if batch.is_empty() {
            return Ok(next);
        }
        if is_over {
            self.append_without_ids(batch);
            return Ok(next);
        }
        let at = match log.as_mut() {
            Some(log) => log.append(logged(next.number))?,
            None => LogTime::now(),
        };
        let mut published = self.lock();
        let at = published.time(at);
        let mut frames = std::mem::take(&mut published.frames);
        frames.clear();
        for (index, item) in batch.items.iter().enumerate() {
            let seq = next.first.plus(index);
            let except = item.except.filter(|id| id.server == self.shared.server).map(|id| id.session);
            encode(seq, batch, item, except, &published, &mut frames);
            published.keep(seq, at, batch, item, except);
        }
        self.shared.inboxes.iter().for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &frames));
        published.frames = frames;
        published.last = published.last.plus(batch.len());
        Ok(next)
    }

    /// Appends publications that the process before had numbered already, for those clients that get no ids: others ask
    /// for what they do not have. Returns where the first is in the order of this process.
    pub(crate) fn append_again(&self, batch: &Batch) -> Seq {
        let _log = self.lock_log();
        self.append_without_ids(batch)
    }

    fn append_without_ids(&self, batch: &Batch) -> Seq {
        let mut published = self.lock();
        let first = published.last.plus(1);
        if !batch.is_empty() {
            let none = ChannelFrames::default();
            self.shared.inboxes.iter().for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &none));
            published.last = published.last.plus(batch.len());
            published.without_number += batch.len() as u64;
        }
        first
    }

    /// The last number that was given.
    pub(crate) fn head(&self) -> Seq {
        self.lock().head()
    }

    /// Forgets what is too old, in memory and in the log. `acked`: up to this number, all that came through the queue was
    /// acked.
    pub(crate) fn trim_history(&self, acked: Seq, max_bytes: u64) {
        let mut log = self.lock_log();
        let keep_from = {
            let mut published = self.lock();
            published.forget_old();
            published.oldest_kept().unwrap_or_else(|| published.head().plus(1))
        };
        if let Some(log) = log.as_mut() {
            log.trim(&Bounds { keep_from, acked, max_bytes });
        }
    }

    /// Writes the log again, if it had to be given up and it is time for that: what is kept without a hole. To be called
    /// when all that came through the queue is acked.
    pub(crate) fn renew_history_log(&self) {
        let mut log = self.lock_log();
        let Some(log) = log.as_mut().filter(|log| log.needs_renewal(Instant::now())) else { return };
        let (head, kept) = {
            let published = self.lock();
            (published.head(), published.without_hole())
        };
        // What was there before may have been numbered as late as this.
        let trimmed = match kept.first() {
            Some(first) => Trimmed { seq: Seq(first.seq.0 - 1), at: first.at },
            None => Trimmed { seq: head, at: LogTime::now() },
        };
        let logged: Option<Vec<_>> = kept.iter().map(|event| Some((event.at, event.logged()?))).collect();
        if let Some(logged) = logged {
            log.renew(trimmed, logged);
        }
    }

    /// Changes the log, if there is one.
    pub(crate) fn with_history_log<T>(&self, change: impl FnOnce(&mut HistoryLog) -> T) -> Option<T> {
        self.lock_log().as_mut().map(change)
    }

    /// Takes the log, to close it. No number is given afterwards: the next process would give it to another event. What
    /// is published then gets to clients without ids only.
    pub(crate) fn take_history_log(&self) -> Option<HistoryLog> {
        let mut log = self.lock_log();
        let taken = log.take();
        if taken.is_some() {
            self.lock().is_over = true;
        }
        taken
    }
}

/// Encodes a publication for those channels that have subscribers, once for each encoding that these use.
fn encode(
    seq: Seq,
    batch: &Batch,
    item: &Item,
    except: Option<SessionId>,
    published: &Published,
    frames: &mut ChannelFrames,
) {
    let (written, id, interest) = (batch.written(item), published.id(seq), &published.interest);
    let Some(names) = batch.channels(item) else {
        for (encoding, key, threads) in interest.everybody() {
            frames.push(seq, key, threads, except, |bytes| encoding.encode(written, id, None, bytes));
        }
        return;
    };
    for name in names {
        for (encoding, key, threads) in interest.of(name) {
            frames.push(seq, key, threads, except, |bytes| encoding.encode(written, id, Some(name), bytes));
        }
    }
}
