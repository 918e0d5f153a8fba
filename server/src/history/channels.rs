//! What is kept of each channel, and the numbers of channels whose events are gone.

use std::collections::{BTreeSet, HashMap};

use queue::ChannelName;

use crate::history::fronts::Front;
use crate::history::list::{Freed, List};
use crate::history::log::LogTime;
use crate::history::past::PastPublication;
use crate::history::rules::Rule;
use crate::publication::Seq;

/// Channels without events of which the last number is known. Of more, the oldest are forgotten.
const MAX_EMPTY: usize = 1_000_000;
/// What a channel takes beside its name, about: its list and its place in the table, which has room for more.
const LIST_BYTES: usize = 2 * size_of::<(ChannelName, List)>() + 2 * size_of::<Front>() + 32;
/// What it takes beside that without events, about.
const EMPTY_BYTES: usize = 2 * size_of::<(LogTime, ChannelName)>();

/// All channels that had an event.
#[derive(Debug, Default)]
pub(super) struct Channels {
    lists: HashMap<ChannelName, List>,
    /// Those without events, each with the time of its last one.
    empty: BTreeSet<(LogTime, ChannelName)>,
    /// Bytes that all of them take, without the events.
    bytes: usize,
    /// Of these, those of channels without events.
    empty_bytes: usize,
    /// The highest number of those channels of which nothing is known any more.
    forgotten: Seq,
}

impl Channels {
    pub(super) fn get(&self, name: &ChannelName) -> Option<&List> {
        self.lists.get(name)
    }

    /// The events of each channel.
    pub(super) fn lists(&self) -> impl Iterator<Item = &List> {
        self.lists.values()
    }

    /// Up to this number, a channel of which nothing is known may have had events.
    pub(super) fn forgotten(&self) -> Seq {
        self.forgotten
    }

    /// Bytes of memory that they take beside their events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory for channels without events.
    pub(super) fn empty_bytes(&self) -> usize {
        self.empty_bytes
    }

    /// Notes that of all channels without a list, events up to a number may be missing.
    pub(super) fn forget_up_to(&mut self, seq: Seq) {
        self.forgotten = self.forgotten.max(seq);
    }

    /// The lists with their names.
    pub(super) fn lists_mut(&mut self) -> impl Iterator<Item = (&ChannelName, &mut List)> {
        self.lists.iter_mut()
    }

    /// The table's own copy of a name, or the name itself. So events that are kept share the memory of their channel's
    /// name.
    pub(super) fn shared(&self, name: &ChannelName) -> ChannelName {
        self.lists.get_key_value(name).map_or(name, |(shared, _)| shared).clone()
    }

    /// Adds an event to a channel. Returns whether the channel had none, and what is dropped for it.
    pub(super) fn push(&mut self, name: &ChannelName, rule: Rule, event: PastPublication) -> (bool, Freed) {
        match self.lists.get_mut(name) {
            Some(list) => {
                let was_empty = list.is_empty();
                if was_empty {
                    self.empty.remove(&(list.empty_since, name.clone()));
                    self.empty_bytes -= empty_bytes(name);
                    self.bytes -= EMPTY_BYTES;
                }
                (was_empty, list.push(event, rule))
            }
            None => {
                self.bytes += list_bytes(name);
                // It may be one that was forgotten.
                let list = self.lists.entry(name.clone()).or_insert(List::new(self.forgotten));
                (true, list.push(event, rule))
            }
        }
    }

    /// Drops the first event of a channel.
    pub(super) fn drop_first(&mut self, name: &ChannelName) -> Freed {
        let Some(list) = self.lists.get_mut(name).filter(|list| !list.is_empty()) else { return Freed::default() };
        let freed = list.drop_first();
        if list.is_empty() {
            self.empty.insert((list.empty_since, name.clone()));
            self.empty_bytes += empty_bytes(name);
            self.bytes += EMPTY_BYTES;
        }
        freed
    }

    /// Forgets channels whose last event was before a time, and the oldest without events if they are too many.
    pub(super) fn forget_before(&mut self, time: LogTime) {
        while self.empty.len() > MAX_EMPTY || self.empty.first().is_some_and(|(since, _)| *since <= time) {
            self.forget_oldest();
        }
    }

    /// Forgets the channel that has been without events for longest. Its number is kept for all that are unknown.
    /// Returns false if there is none.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let Some((_, name)) = self.empty.pop_first() else { return false };
        if let Some(list) = self.lists.remove(&name) {
            self.forgotten = self.forgotten.max(list.dropped());
        }
        self.empty_bytes -= empty_bytes(&name);
        self.bytes -= empty_bytes(&name);
        true
    }
}

/// Bytes of a channel beside its events.
fn list_bytes(name: &ChannelName) -> usize {
    LIST_BYTES + name.as_str().len()
}

/// Bytes of a channel without events.
fn empty_bytes(name: &ChannelName) -> usize {
    list_bytes(name) + EMPTY_BYTES
}
