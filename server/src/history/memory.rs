//! What was published a short time ago: kept by channel, within bounds, for those who come back.

use queue::ChannelName;

use crate::history::channels::Channels;
use crate::history::fronts::{Front, Fronts};
use crate::history::list::{Freed, List};
use crate::history::log::{Kept, LogTime, Trimmed};
use crate::history::past::PastPublication;
use crate::history::rules::HistoryRules;
use crate::history::times::Times;
use crate::protocol::{Written, native};
use crate::publication::Seq;
use crate::session_id::SessionId;

/// Channels without events have at most one part in so many of all bytes.
const EMPTY_SHARE: usize = 4;
/// Lists that are looked at to find the oldest event exactly.
const MAX_LOOKED_AT: usize = 1024;
/// How many events that a client does not get are looked at for it. The lock is held meanwhile.
const MAX_PASSED_OVER: usize = 10_000;
/// By so much a moment may be ahead of the clock.
const MAX_AHEAD_MILLIS: u64 = 2_000;

/// Publications that are kept. Read and changed under the lock of the hub's order, so that what is sent again and what
/// follows live neither overlap nor leave a hole.
#[derive(Debug)]
pub(crate) struct History {
    rules: HistoryRules,
    everybody: List,
    channels: Channels,
    fronts: Fronts,
    size: HistorySize,
    /// What is before is not known.
    begin: Seq,
    times: Times,
}

/// The events that are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HistorySize {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl History {
    /// Without events. `begin`: what is not known.
    pub(crate) fn new(rules: HistoryRules, begin: Trimmed) -> History {
        History {
            everybody: List::new(Seq(0)),
            channels: Channels::default(),
            fronts: Fronts::default(),
            size: HistorySize::default(),
            begin: begin.seq,
            times: Times::new((begin.at, begin.seq)),
            rules,
        }
    }

    /// Keeps an event that is in the log of the process before.
    pub(crate) fn add_logged(&mut self, event: &Kept) {
        // Those before the beginning are there because their entries still wait. There are holes between them.
        if event.seq > self.begin {
            let publication = event.logged().publication;
            let mut text = Vec::new();
            native::write_text(&publication, &mut text);
            let written = Written { text: &text, name_len: publication.name_json.len() };
            self.add(event.seq, event.at, written, event.channels.as_deref(), None, event.expires_at);
        }
    }

    /// Forgets everything. What came up to `begin` cannot be sent again.
    pub(crate) fn begin_again(&mut self, begin: Trimmed) {
        *self = History::new(self.rules.clone(), begin);
    }

    /// Keeps by other rules from now on. What was not kept is missing; `head` is the last number. What is kept and would
    /// not be by the new rules is forgotten in the course of time, and not sent any more.
    pub(crate) fn set_rules(&mut self, rules: &HistoryRules, head: Seq) {
        if self.rules == *rules {
            return;
        }
        let before = std::mem::replace(&mut self.rules, rules.clone());
        if before.everybody.events == 0 {
            self.everybody.lose(head);
        }
        // Of most servers, something is kept of every channel. Then no list has a hole.
        if before.leaves_channels_out() {
            self.channels.forget_up_to(head);
            let lists = self.channels.lists_mut();
            lists.filter(|(name, _)| before.of(Some(*name)).events == 0).for_each(|(_, list)| list.lose(head));
        }
    }

    /// Bytes that are kept at most.
    pub(crate) fn max_bytes(&self) -> usize {
        self.rules.max_bytes
    }

    /// Keeps a publication. Numbers and times rise.
    pub(crate) fn add(
        &mut self,
        seq: Seq,
        at: LogTime,
        written: Written<'_>,
        channels: Option<&[ChannelName]>,
        except: Option<SessionId>,
        expires_at: Option<f64>,
    ) {
        self.times.add(seq, at);
        let shared = channels.map(|names| names.iter().map(|name| self.channels.shared(name)).collect());
        let event = PastPublication::new(seq, at, written, shared, except, expires_at);
        let mut freed = Freed::default();
        match channels {
            None => freed += self.add_to(None, &event),
            Some(names) => names.iter().for_each(|name| freed += self.add_to(Some(name), &event)),
        }
        if event.is_kept() {
            self.size.bytes += event.bytes();
            self.size.events += 1;
        }
        self.free(freed);
        self.bound(at);
    }

    /// Adds an event to what is kept of a channel, if anything is.
    fn add_to(&mut self, channel: Option<&ChannelName>, event: &PastPublication) -> Freed {
        let rule = self.rules.of(channel);
        if rule.events == 0 {
            return Freed::default();
        }
        let (was_empty, freed) = match channel {
            None => (self.everybody.is_empty(), self.everybody.push(event.clone(), rule)),
            Some(name) => self.channels.push(name, rule, event.clone()),
        };
        if was_empty {
            let channel = channel.map(|name| self.channels.shared(name));
            self.fronts.push(Front { seq: event.seq(), at: event.at(), channel });
        }
        freed
    }

    fn list(&self, channel: Option<&ChannelName>) -> Option<&List> {
        match channel {
            None => Some(&self.everybody),
            Some(name) => self.channels.get(name),
        }
    }

    /// Drops what is too old.
    pub(crate) fn forget_old(&mut self, now: LogTime) {
        self.bound(now);
    }

    /// Drops what is beyond the bounds: what is too old for every channel, and the oldest if all is too much.
    fn bound(&mut self, now: LogTime) {
        let max_age = self.rules.max_age().as_nanos() as u64;
        while let Some(front) = self.fronts.first() {
            let is_old = now.0.saturating_sub(front.at.0) >= max_age;
            if !is_old && self.size.bytes + self.channels.bytes() <= self.rules.max_bytes {
                break;
            }
            if self.is_front_exact() {
                self.drop_oldest();
                self.bound_empty();
            }
        }
        self.channels.forget_before(LogTime(now.0.saturating_sub(self.rules.meta_age.as_nanos() as u64)));
        self.times.forget_before(LogTime(now.0.saturating_sub(max_age)));
    }

    /// Forgets channels without events that take too much.
    fn bound_empty(&mut self) {
        while self.channels.empty_bytes() > self.rules.max_bytes / EMPTY_SHARE && self.channels.forget_oldest() {}
    }

    /// Returns whether the oldest front is the first event of its list. If not, it is put right.
    fn is_front_exact(&mut self) -> bool {
        let Some(front) = self.fronts.first() else { return true };
        let first = self.list(front.channel.as_ref()).and_then(List::first);
        if first.is_some_and(|(seq, _)| seq == front.seq) {
            return true;
        }
        if let Some(Front { channel, .. }) = self.fronts.pop()
            && let Some((seq, at)) = first
        {
            self.fronts.push(Front { seq, at, channel });
        }
        false
    }

    /// Drops the oldest event from its list. Other lists that have it come next: its number is the lowest there too.
    fn drop_oldest(&mut self) {
        let Some(Front { channel, .. }) = self.fronts.pop() else { return };
        let freed = match &channel {
            None => self.everybody.drop_first(),
            Some(name) => self.channels.drop_first(name),
        };
        if let Some((seq, at)) = self.list(channel.as_ref()).and_then(List::first) {
            self.fronts.push(Front { seq, at, channel });
        }
        self.free(freed);
    }

    fn free(&mut self, freed: Freed) {
        self.size.events -= freed.events;
        self.size.bytes -= freed.bytes;
    }

    /// The events of these channels after a number, in order, each once: those that have not expired and that the
    /// client gets. `None`: something is not kept any more, or it is too much to be sent again. `head` is the last
    /// number. `now` in seconds since 1970.
    pub(crate) fn after<'a>(
        &self,
        seq: Seq,
        head: Seq,
        channels: impl IntoIterator<Item = Option<&'a ChannelName>>,
        now: f64,
        gets: impl Fn(&PastPublication) -> bool,
    ) -> Option<Vec<PastPublication>> {
        if seq > head || seq < self.begin {
            return None;
        }
        let time = LogTime((now * 1e9) as u64);
        let limit = self.rules.recover_limit;
        let (mut found, mut passed_over) = (Vec::new(), 0);
        for channel in channels {
            let rule = self.rules.of(channel);
            if rule.events == 0 && seq < head {
                return None;
            }
            let Some(list) = self.list(channel) else {
                if seq < self.channels.forgotten() {
                    return None;
                }
                continue;
            };
            let before = found.len();
            for event in list.after(seq, rule, time)? {
                if event.has_expired(now) || !gets(event) {
                    passed_over += 1;
                } else {
                    found.push(event.clone());
                }
                // Of more, none is sent. The events of one channel are all different.
                if found.len() - before > limit || passed_over > MAX_PASSED_OVER {
                    return None;
                }
            }
            if found.len() > limit.saturating_mul(2) {
                found = in_order(found);
                if found.len() > limit {
                    return None;
                }
            }
        }
        let found = in_order(found);
        let bytes: usize = found.iter().map(|event| event.written().text.len()).sum();
        let is_too_much = found.len() > limit || bytes > self.rules.recover_bytes;
        (!is_too_much).then_some(found)
    }

    /// A number after which everything comes that was numbered at a moment or later. `None`: it is not known. Both in
    /// milliseconds since 1970.
    pub(crate) fn last_before(&self, moment: u64, now: u64) -> Option<Seq> {
        if moment > now.saturating_add(MAX_AHEAD_MILLIS) {
            return None;
        }
        self.times.last_before(moment)
    }

    /// The oldest number that is kept, or one before it.
    pub(crate) fn oldest(&mut self) -> Option<Seq> {
        for _ in 0..MAX_LOOKED_AT {
            if self.is_front_exact() {
                break;
            }
        }
        self.fronts.first().map(|front| front.seq)
    }

    /// All that is kept, by channel. [`in_order`] is for the caller, without the lock.
    pub(crate) fn all(&self) -> Vec<PastPublication> {
        let lists = self.channels.lists().chain([&self.everybody]);
        lists.flat_map(List::events).cloned().collect()
    }

    /// How much is kept, with all that is kept beside the events, and when the oldest event was published or one before
    /// it.
    pub(crate) fn usage(&self) -> (HistorySize, Option<LogTime>) {
        let bytes = self.size.bytes + self.channels.bytes();
        (HistorySize { bytes, ..self.size }, self.fronts.first().map(|front| front.at))
    }

    /// How much is kept.
    #[cfg(test)]
    pub(crate) fn size(&self) -> HistorySize {
        self.size
    }
}

/// Sorts publications by their numbers, and leaves each once.
pub(crate) fn in_order(mut events: Vec<PastPublication>) -> Vec<PastPublication> {
    events.sort_unstable_by_key(|event| event.seq());
    events.dedup_by_key(|event| event.seq());
    events
}

#[cfg(test)]
mod tests;
