//! What was published, and who is interested in what comes next: the state that is protected by the lock of the hub's
//! order.

use std::collections::VecDeque;

use crate::history::log::{HistoryLog, LogTime, Trimmed};
use crate::history::{History, HistoryRules, PastPublication};
use crate::hub::Limits;
use crate::hub::batch::{Batch, Item};
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::interest::Interest;
use crate::hub::last_events::LastEvents;
use crate::hub::presence::Presence;
use crate::hub::stream_ids::{Found, StreamIds};
use crate::metrics::Metrics;
use crate::protocol::id::{Id, StreamId};
use crate::publication::Seq;
use crate::session_id::SessionId;

/// How many ids are remembered that clients have named and that are not in the stream.
const MAX_ABSENT: usize = 256;

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
    /// How publications are named that come from the stream of several machines, if they do.
    stream: Option<Stream>,
    pub(super) interest: Interest,
    /// Who is on presence channels.
    pub(super) presence: Presence,
    /// The last events of cache channels, if there are clients of the Pusher protocol.
    pub(super) last_events: Option<LastEvents>,
    /// What can be sent again, if anything is kept.
    history: Option<History>,
    /// Used again and again.
    pub(super) frames: ChannelFrames,
}

/// What is known of the stream of several machines.
#[derive(Debug, Default)]
struct Stream {
    /// `None`: nothing has come of it.
    ids: Option<StreamIds>,
    /// What it had when it was read from its beginning is there.
    is_filled: bool,
    /// Ids that clients have named and that are not in it.
    absent: VecDeque<StreamId>,
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
    pub(super) fn new(limits: &Limits) -> Published {
        Published {
            last: Seq(0),
            before: Seq(0),
            without_number: 0,
            is_over: false,
            at: LogTime::default(),
            epoch: rand::random(),
            stream: None,
            interest: Interest::new(limits.max_channels),
            presence: Presence::new(limits.max_outbox_bytes),
            last_events: None,
            history: None,
            frames: ChannelFrames::default(),
        }
    }

    pub(super) fn begin(&mut self, epoch: u64, last: Seq, history: Option<History>) {
        (self.epoch, self.before, self.history) = (epoch, last, history);
    }

    /// Keeps by other rules from now on, if anything is kept at all.
    pub(super) fn set_history_rules(&mut self, rules: &HistoryRules) {
        let head = self.head();
        if let Some(history) = &mut self.history {
            history.set_rules(rules, head);
        }
    }

    pub(super) fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// Bytes that are kept at most.
    pub(super) fn history_bytes(&self) -> usize {
        self.history.as_ref().map_or(0, History::max_bytes)
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
        let of_stream = self.stream_ids().and_then(|ids| ids.of(number));
        of_stream.map_or(Id::Own { epoch: self.epoch, seq: number }, Id::Stream)
    }

    /// The number that an id names. `None`: it is of another series of numbers, or not known any more.
    pub(super) fn number_of(&self, id: Id) -> Option<Seq> {
        match (id, &self.stream) {
            (Id::Own { epoch, seq }, None) => (epoch == self.epoch && seq <= self.head()).then_some(seq),
            (Id::Stream(id), Some(_)) => match self.stream_ids()?.find(id) {
                Found::At(number) => Some(number),
                Found::Ahead | Found::Nowhere => None,
            },
            _ => None,
        }
    }

    /// Those that clients may know.
    fn stream_ids(&self) -> Option<&StreamIds> {
        self.stream.as_ref().filter(|stream| stream.is_filled).and_then(|stream| stream.ids.as_ref())
    }

    /// Whether what can be sent again is there, as far as it is kept.
    pub(super) fn is_filled(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.is_filled)
    }

    /// Whether publications come from the stream of several machines.
    pub(super) fn follows(&self) -> bool {
        self.stream.is_some()
    }

    /// From now on publications come from the stream.
    pub(super) fn follow(&mut self) {
        self.stream = Some(Stream::default());
    }

    /// Whether an entry that a client has named may still come.
    pub(super) fn is_ahead(&self, id: StreamId) -> bool {
        let Some(stream) = &self.stream else { return false };
        let is_ahead = self.stream_ids().is_none_or(|ids| ids.find(id) == Found::Ahead);
        is_ahead && !stream.absent.contains(&id)
    }

    /// Notes that an id is not in the stream.
    pub(super) fn note_absent(&mut self, id: StreamId) {
        if let Some(Stream { absent, .. }) = &mut self.stream {
            if absent.len() >= MAX_ABSENT {
                absent.pop_front();
            }
            absent.push_back(id);
        }
    }

    /// Names the next number, which is to be given now.
    pub(super) fn name_next(&mut self, id: StreamId) {
        let number = self.head().plus(1);
        if let Some(Stream { ids, .. }) = &mut self.stream {
            match ids {
                Some(ids) => ids.push(id),
                None => *ids = Some(StreamIds::beginning(number, id)),
            }
        }
    }

    /// Forgets all that came so far: nothing of it can be sent again. The next number is that of an entry of the stream
    /// that everything comes behind.
    pub(super) fn begin_again(&mut self, id: StreamId, at: LogTime) {
        let (number, at) = (self.head().plus(1), self.time(at));
        if let Some(stream) = &mut self.stream {
            let is_filled = stream.is_filled;
            *stream = Stream { ids: Some(StreamIds::beginning(number, id)), is_filled, absent: VecDeque::new() };
        }
        if let Some(history) = &mut self.history {
            history.begin_again(Trimmed { seq: number, at });
        }
    }

    /// Forgets all that came so far. The next number is that of the first entry of the stream, which came at this time:
    /// everything comes behind it.
    pub(super) fn begin_filling(&mut self, at: LogTime) {
        let number = self.head().plus(1);
        self.stream = Some(Stream::default());
        self.at = at;
        if let Some(history) = &mut self.history {
            history.begin_again(Trimmed { seq: number, at });
        }
    }

    pub(super) fn end_filling(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.is_filled = true;
        }
    }

    /// Whether a publication that does not come from the stream of several machines gets no number: because there is
    /// such a stream, or because another process gives the next numbers.
    pub(super) fn gives_no_numbers(&self) -> bool {
        self.is_over || self.follows()
    }

    /// Where frames for subscribers are put, empty.
    pub(super) fn take_frames(&mut self) -> ChannelFrames {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        frames
    }

    /// A time at which numbers are given. It never goes backwards, except when a stream is read from its beginning.
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

    /// Notes how much is kept, where it can be read without this lock.
    pub(super) fn count_history(&self, metrics: &Metrics) {
        if let Some(history) = &self.history {
            let (size, oldest) = history.usage();
            metrics.history.set(size, oldest);
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
