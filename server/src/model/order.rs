//! The order in which events were published: the truth that the checker compares with.

use std::collections::HashMap;
use std::time::Duration;

use super::{Broken, broken};

/// The place of what is for everybody among the channels.
pub(super) const EVERYBODY: usize = 3;
pub(super) const CHANNELS: [&str; EVERYBODY] = ["a", "b", "c"];

/// An event that was queued.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    /// Its channels, or everybody.
    pub(super) channels: Vec<usize>,
    pub(super) expires_at: Option<f64>,
    pub(super) key: Option<char>,
}

/// An event that got a number.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) payload: u64,
    epoch: String,
    seq: u64,
    pub(super) at: Duration,
    /// How many processes had started.
    pub(super) starts: usize,
}

/// Everything that was ever accepted and published.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) queued: HashMap<u64, Queued>,
    pub(super) published: Vec<Published>,
    /// Where the numbers of an epoch begin.
    epochs: HashMap<String, usize>,
}

fn parts(id: &str) -> (String, u64) {
    let (epoch, seq) = id.split_once('-').expect("an id");
    (epoch.to_owned(), seq.parse().expect("a number"))
}

impl Order {
    /// Notes the id of the last publication before a process begins.
    pub(super) fn begin(&mut self, id: &str) {
        self.epochs.entry(parts(id).0).or_insert(self.published.len());
    }

    /// Notes an event that was published.
    pub(super) fn push(&mut self, payload: u64, id: &str, at: Duration, starts: usize) -> Result<(), Broken> {
        let (epoch, seq) = parts(id);
        if let Some(other) = self.published.iter().find(|other| other.epoch == epoch && other.seq == seq) {
            return broken("NUMBER TWICE", format_args!("{payload} has the id {id} of {}", other.payload));
        }
        self.published.push(Published { payload, epoch, seq, at, starts });
        Ok(())
    }

    /// How many events come up to an id.
    pub(super) fn index(&self, id: &str) -> Result<usize, Broken> {
        let (epoch, seq) = parts(id);
        let Some(begin) = self.epochs.get(&epoch) else { return broken("UNKNOWN ID", id) };
        let last = self.published.iter().rposition(|published| published.epoch == epoch && published.seq <= seq);
        Ok(last.map_or(*begin, |last| last + 1))
    }

    /// Checks that an event has an id, and returns how many come up to it.
    pub(super) fn place(&self, payload: u64, id: &str) -> Result<usize, Broken> {
        let index = self.index(id)?;
        match index.checked_sub(1).map(|last| &self.published[last]) {
            Some(last) if last.payload == payload => Ok(index),
            last => broken("WRONG ID", format_args!("{payload} came with the id {id} of {last:?}")),
        }
    }

    /// How many were published before a moment.
    pub(super) fn before(&self, moment: Duration) -> usize {
        self.published.partition_point(|published| published.at < moment)
    }

    /// Whether an event at a place is for a channel, and a client needs it.
    pub(super) fn is_owed(&self, index: usize, channel: usize, now: Duration) -> bool {
        let payload = self.published[index].payload;
        let queued = &self.queued[&payload];
        let comes_again = self.published[index + 1..].iter().any(|later| later.payload == payload);
        let has_expired = queued.expires_at.is_some_and(|time| time <= now.as_secs_f64());
        queued.channels.contains(&channel) && !comes_again && !has_expired
    }
}
