//! How publications get in: numbered, into the history log, into history, and to the threads, in one order for all.

use std::time::Instant;

use crate::history::log::{Bounds, CannotGiveUp, HistoryLog, LogTime, Logged, Trimmed};
use crate::history::{PastPublication, in_order};
use crate::hub::batch::{Batch, Item};
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::published::Published;
use crate::hub::{Beginning, Hub};
use crate::metrics::Metrics;
use crate::protocol::Encoding;
use crate::publication::{Publication, Seq};
use crate::session_id::SessionId;

/// Where publications were put that went in together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Where the first is in the order of this process. Progress is told in that.
    pub(crate) first: Seq,
    /// The number of the first, in the ids of clients.
    pub(crate) number: Seq,
    /// When they got their numbers.
    pub(crate) at: LogTime,
    /// Whether they are in the history log, if there is to be one.
    pub(crate) is_logged: bool,
}

impl Hub {
    /// Goes on after what an earlier process has published. To be called before anything is published and before
    /// clients come.
    pub(crate) fn begin(&self, begin: Beginning) {
        let Beginning { epoch, last, history, log } = begin;
        let mut published = self.lock();
        published.begin(epoch, last, history);
        published.count_history(self.metrics());
        drop(published);
        *self.lock_log() = log;
    }

    /// Sends an event to those it is for. It does not come through the queue. This can wait for the disk that the history
    /// log is on, so an [application](crate::Application) does not call it from its own methods.
    pub fn publish(&self, publication: &Publication<'_>) {
        let mut batch = Batch::default();
        batch.push(publication);
        let logged = |seq| [Logged { seq, origin: None, uid: None, publication: *publication, key: None }];
        let appended = self.append(&batch, logged);
        self.wake();
        if let Err(error) = appended
            && let Some(others) = self.shared.notices.unsent.allow(Instant::now())
        {
            let others = (others > 0).then_some(others);
            tracing::error!(%error, others, "an event is not sent, because clients could not get it again after a restart");
        }
    }

    /// Wakes the threads that sleep, so that they do what was appended.
    pub(crate) fn wake(&self) {
        self.shared.inboxes.iter().for_each(|inbox| inbox.wake());
    }

    /// Lets the threads do what was just appended: so many publications. A single one is delivered on the calling thread if
    /// it can be, and that must not be a thread that the application waits for. With several publications the hub's thread
    /// delivers while the caller collects the next. Several threads of the hub are woken, and deliver at the same time.
    pub(super) fn offer(&self, publications: usize) {
        match (publications, &*self.shared.inboxes) {
            (1, [inbox]) => inbox.deliver(),
            _ => self.wake(),
        }
    }

    /// Appends publications, without waking the threads. `logged` gets the number of the first of them, and returns what
    /// is written to the history log.
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
        let (next, has_no_number) = {
            let published = self.lock();
            let (first, number) = (published.last.plus(1), published.head().plus(1));
            (Appended { first, number, at: LogTime::default(), is_logged: true }, published.gives_no_numbers())
        };
        if batch.is_empty() {
            return Ok(next);
        }
        if has_no_number {
            return Ok(Appended { first: self.append_without_ids(batch), ..next });
        }
        let at = match log.as_mut() {
            Some(log) => log.append(logged(next.number))?,
            None => LogTime::now(),
        };
        let is_logged = log.as_ref().is_none_or(HistoryLog::is_written);
        let mut published = self.lock();
        let at = published.time(at);
        let mut frames = published.take_frames();
        // What is told beside events takes places too, also while the log was written.
        let first = published.last.plus(1);
        for (index, item) in batch.items.iter().enumerate() {
            let seq = first.plus(index);
            let except = self.session_of(item);
            encode(seq, batch, item, except, &mut published, &mut frames, self.metrics());
            published.keep(seq, at, batch, item, except);
        }
        self.shared
            .inboxes
            .iter()
            .for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &batch.queued_at, &frames));
        published.frames = frames;
        published.last = published.last.plus(batch.len());
        published.count_history(self.metrics());
        Ok(Appended { first, at, is_logged, ..next })
    }

    /// The client of this process that does not get a publication.
    pub(super) fn session_of(&self, item: &Item) -> Option<SessionId> {
        item.except.filter(|id| id.server == self.shared.server).map(|id| id.session)
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
            self.shared
                .inboxes
                .iter()
                .for_each(|inbox| inbox.append(&batch.frames, &batch.ends, &batch.queued_at, &none));
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
            published.count_history(self.metrics());
            published.oldest_kept().unwrap_or_else(|| published.head().plus(1))
        };
        if let Some(log) = log.as_mut() {
            log.trim(&Bounds { keep_from, acked, max_bytes });
        }
    }

    /// Writes the log again, if it had to be given up and it is time for that: what is kept without a hole, and
    /// `unacked`, which has all that came through the queue and is not acked, in order. Without that it waits. Returns
    /// whether it was written.
    pub(crate) fn renew_history_log<'a>(&self, unacked: impl FnOnce() -> Option<Vec<(LogTime, Logged<'a>)>>) -> bool {
        let mut log = self.lock_log();
        let Some(log) = log.as_mut().filter(|log| log.needs_renewal(Instant::now())) else { return false };
        let Some(unacked) = unacked() else { return false };
        let (head, kept, now) = {
            let mut published = self.lock();
            (published.head(), published.kept(), published.time(LogTime::now()))
        };
        let kept = in_order(kept);
        let (trimmed, events) = whole_log(head, now, &kept, unacked);
        log.renew(trimmed, events)
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

/// What a log that is written as a whole holds: the latest events up to a number without a hole, each either not acked
/// or kept, and before them the others that are not acked. `now` is not before any of them.
fn whole_log<'a>(
    head: Seq,
    now: LogTime,
    kept: &'a [PastPublication],
    mut unacked: Vec<(LogTime, Logged<'a>)>,
) -> (Trimmed, Vec<(LogTime, Logged<'a>)>) {
    let mut kept = kept.iter().rev().peekable();
    let mut trimmed = Trimmed { seq: head, at: now };
    let mut events = Vec::new();
    loop {
        let kept = kept.next_if(|event| event.seq() == trimmed.seq);
        // It has what is needed to find its entry again.
        let unacked = unacked.pop_if(|(_, event)| event.seq == trimmed.seq);
        let Some((at, event)) = unacked.or_else(|| kept.and_then(|event| Some((event.at(), event.logged()?)))) else {
            break;
        };
        // What was there before may have been numbered as late as this.
        trimmed = Trimmed { seq: Seq(trimmed.seq.0.saturating_sub(1)), at };
        events.push((at, event));
    }
    events.extend(unacked.into_iter().rev());
    events.reverse();
    (trimmed, events)
}

/// Encodes a publication for those channels that have subscribers, once for each encoding that these use.
pub(super) fn encode(
    seq: Seq,
    batch: &Batch,
    item: &Item,
    except: Option<SessionId>,
    published: &mut Published,
    frames: &mut ChannelFrames,
    metrics: &Metrics,
) {
    let (written, id) = (batch.written(item), published.id(seq));
    published.keep_last_event(batch.channels(item), written, item.expires_at);
    let mut is_left_out = false;
    let mut is_encoded = |encoding: Encoding| {
        let is_encoded = encoding.has(written);
        is_left_out |= !is_encoded;
        is_encoded
    };
    let interest = &published.interest;
    match batch.channels(item) {
        None => {
            for (encoding, key, threads) in interest.everybody().filter(|in_use| is_encoded(in_use.0)) {
                frames.push(seq, key, threads, except, |bytes| encoding.encode(written, id, None, bytes));
            }
        }
        Some(names) => {
            for name in names {
                for (encoding, key, threads) in interest.of(name).filter(|in_use| is_encoded(in_use.0)) {
                    frames.push(seq, key, threads, except, |bytes| encoding.encode(written, id, Some(name), bytes));
                }
            }
        }
    }
    if is_left_out {
        metrics.reserved_names.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::native;

    fn logged(seq: u64) -> (LogTime, Logged<'static>) {
        let publication = Publication::to_everybody("\"e\"", "1", 7);
        (
            LogTime(10 * seq),
            Logged { seq: Seq(seq), origin: None, uid: Some(queue::Uid::new()), publication, key: None },
        )
    }

    fn kept(seqs: &[u64]) -> Vec<PastPublication> {
        let mut text = Vec::new();
        native::write_text(&Publication::to_everybody("\"e\"", "1", 7), &mut text);
        let written = crate::protocol::Written { text: &text, name_len: 3 };
        let past = |seq: &u64| PastPublication::new(Seq(*seq), LogTime(10 * seq), written, None, None, None);
        seqs.iter().map(past).collect()
    }

    /// The last number that is not in the log, its time, and the numbers that are; those of what is not acked twice.
    fn whole(head: u64, kept_seqs: &[u64], unacked: &[u64]) -> (u64, u64, Vec<u64>) {
        let kept = kept(kept_seqs);
        let unacked = unacked.iter().copied().map(logged).collect();
        let (trimmed, events) = whole_log(Seq(head), LogTime(1000), &kept, unacked);
        let numbers = events.iter().flat_map(|(at, event)| {
            assert_eq!(at.0, 10 * event.seq.0);
            [event.seq.0].repeat(1 + usize::from(event.uid.is_some()))
        });
        (trimmed.seq.0, trimmed.at.0, numbers.collect())
    }

    #[test]
    fn a_log_as_a_whole_has_what_is_kept_up_to_a_hole_and_what_is_not_acked() {
        assert_eq!(whole(9, &[1, 2, 5, 7, 8, 9], &[]), (6, 70, vec![7, 8, 9]));
        assert_eq!(whole(9, &[1, 2, 5, 7, 8, 9], &[6, 8]), (4, 50, vec![5, 6, 6, 7, 8, 8, 9]));
        assert_eq!(whole(9, &[5, 7, 9], &[2, 3, 8]), (6, 70, vec![2, 2, 3, 3, 7, 8, 8, 9]));
        assert_eq!(whole(9, &[], &[8, 9]), (7, 80, vec![8, 8, 9, 9]));
        assert_eq!(whole(9, &[7, 8], &[2]), (9, 1000, vec![2, 2]));
        assert_eq!(whole(2, &[1, 2], &[]), (0, 10, vec![1, 2]));
        assert_eq!(whole(0, &[], &[]), (0, 1000, vec![]));
    }
}
