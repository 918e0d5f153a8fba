//! What was published, and who is interested in what comes next: the state that is protected by the lock of the hub's
//! order.

use crate::history::log::{HistoryLog, LogTime};
use crate::history::{History, PastPublication};
use crate::hub::batch::{Batch, Item};
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::interest::Interest;
use crate::protocol::native::Id;
use crate::publication::Seq;
use crate::session_id::SessionId;

/// The order of all publications.
///
/// A publication has two numbers: its place in the order of this process, which progress is told in, and its number in
/// the ids of clients. They differ by those that were published again at the start: these had their number before. One
/// can be computed from the other only for the place that was given last and for the next one.
#[derive(Debug)]
pub(super) struct Published {
    /// The last place.
    pub(super) last: Seq,
    /// The number of the last publication of the processes before.
    before: Seq,
    /// How many have a place and no number of their own.
    pub(super) without_number: u64,
    /// No more numbers are given.
    pub(super) is_over: bool,
    /// When the last number was given.
    at: LogTime,
    /// Names the series of numbers in the ids.
    epoch: u64,
    pub(super) interest: Interest,
    /// What can be sent again, if anything is kept.
    history: Option<History>,
    /// Used again and again.
    pub(super) frames: ChannelFrames,
}

/// Where a process goes on.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) epoch: u64,
    /// The last number that was given.
    pub(crate) last: Seq,
    /// What can be sent again.
    pub(crate) history: Option<History>,
    /// The log, which is written from now on.
    pub(crate) log: Option<HistoryLog>,
}

impl Published {
    pub(super) fn new(max_channels: usize) -> Published {
        Published {
            last: Seq(0),
            before: Seq(0),
            without_number: 0,
            is_over: false,
            at: LogTime::default(),
            epoch: rand::random(),
            interest: Interest::new(max_channels),
            history: None,
            frames: ChannelFrames::default(),
        }
    }

    pub(super) fn begin(&mut self, epoch: u64, last: Seq, history: Option<History>) {
        (self.epoch, self.before, self.history) = (epoch, last, history);
    }

    /// The number of the publication at a place.
    fn number(&self, place: Seq) -> Seq {
        Seq(self.before.0 + place.0 - self.without_number)
    }

    /// The last number that was given.
    pub(super) fn head(&self) -> Seq {
        self.number(self.last)
    }

    /// The publication at a place as clients name it.
    pub(super) fn id(&self, place: Seq) -> Id {
        self.id_of(self.number(place))
    }

    /// A number as clients name it.
    pub(super) fn id_of(&self, number: Seq) -> Id {
        Id { epoch: self.epoch, seq: number }
    }

    /// Whether an id is of this series of numbers.
    pub(super) fn is_ours(&self, id: Id) -> bool {
        id.epoch == self.epoch
    }

    /// A time at which numbers are given. It never goes backwards.
    pub(super) fn time(&mut self, at: LogTime) -> LogTime {
        self.at = self.at.max(at);
        self.at
    }

    /// Keeps a publication that was just given a place.
    pub(super) fn keep(&mut self, place: Seq, at: LogTime, batch: &Batch, item: &Item, except: Option<SessionId>) {
        let number = self.number(place);
        if let Some(history) = &mut self.history {
            history.add(number, at, batch.written(item), batch.channels(item), except, item.expires_at);
        }
    }

    /// Forgets what is too old to be sent again.
    pub(super) fn forget_old(&mut self) {
        if let Some(history) = &mut self.history {
            history.forget_old(self.at.max(LogTime::now()));
        }
    }

    pub(super) fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// All that is kept, in no order, some of it more than once.
    pub(super) fn kept(&self) -> Vec<PastPublication> {
        self.history.as_ref().map(History::all).unwrap_or_default()
    }

    /// The oldest number that can be sent again, or one before it.
    pub(super) fn oldest_kept(&mut self) -> Option<Seq> {
        self.history.as_mut().and_then(History::oldest)
    }
}
