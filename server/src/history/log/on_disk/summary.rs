//! What a log holds, in numbers.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use queue::ChannelName;

use crate::history::log::event::Kept;
use crate::history::log::header::Header;
use crate::history::log::time::LogTime;

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSummary {
    /// What the ids of its events begin with.
    pub epoch: String,
    /// The numbers of the first and the last event in it.
    pub numbers: Option<(u64, u64)>,
    /// The number of the last event that is no longer in it, or 0.
    pub trimmed: u64,
    /// Events in it.
    pub events: u64,
    /// How many of them are for everybody.
    pub events_for_everybody: u64,
    /// Channels that the others are for.
    pub channels: usize,
    /// Bytes of the records.
    pub bytes: u64,
    /// Bytes that the file takes on disk.
    pub bytes_on_disk: u64,
    /// How old the first and the last event are.
    pub ages: Option<(Duration, Duration)>,
    /// Whether it is marked as closed: all of it is on disk.
    pub is_closed: bool,
    /// What the next start does with it.
    pub next_start: NextStart,
}

/// What the next start does with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStart {
    /// It continues it.
    Continues,
    /// It begins anew, for this reason.
    BeginsAnew(String),
    /// The queue is not known or cannot be opened. It says whether events were sent that the log lacks.
    Unknown,
}

/// What is counted while a log is read.
#[derive(Debug, Default)]
pub(super) struct Counts {
    events: u64,
    for_everybody: u64,
    channels: HashSet<ChannelName>,
    /// Number and time.
    first: Option<(u64, LogTime)>,
    last: Option<(u64, LogTime)>,
}

impl Counts {
    pub(super) fn add(&mut self, event: &Kept) {
        self.events += 1;
        match &event.channels {
            None => self.for_everybody += 1,
            Some(names) => self.channels.extend(names.iter().cloned()),
        }
        let this = (event.seq.0, event.at);
        self.first.get_or_insert(this);
        self.last = Some(this);
    }

    /// What it is together with what the file says.
    pub(super) fn summary(self, header: &Header, size: u64, blocks: u64, next_start: NextStart) -> LogSummary {
        let both = self.first.zip(self.last);
        LogSummary {
            epoch: format!("{:016x}", header.epoch),
            numbers: both.map(|((first, _), (last, _))| (first, last)),
            trimmed: header.trimmed().seq.0,
            events: self.events,
            events_for_everybody: self.for_everybody,
            channels: self.channels.len(),
            bytes: size.saturating_sub(header.start),
            bytes_on_disk: blocks * 512,
            ages: both.map(|((_, first), (_, last))| (age(first), age(last))),
            is_closed: header.is_closed(),
            next_start,
        }
    }
}

fn age(at: LogTime) -> Duration {
    let at = UNIX_EPOCH + Duration::from_nanos(at.0);
    // The clock may have been set back.
    SystemTime::now().duration_since(at).unwrap_or_default()
}
