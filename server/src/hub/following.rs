//! Publications that come from the stream of several machines: each entry of it has a number here, so that an id means
//! the same place on every machine.

use std::sync::Arc;

use tracing::debug;

use crate::history::log::LogTime;
use crate::hub::Hub;
use crate::hub::batch::Batch;
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::inbox::Command;
use crate::hub::published::Published;
use crate::hub::publishing::encode;
use crate::protocol::after::After;
use crate::protocol::id::{Id, StreamId};
use crate::publication::Seq;

/// An entry of the stream, as it gets a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbered {
    pub(crate) id: StreamId,
    /// The latest time that is known for it: when it was sent, or added.
    pub(crate) at: LogTime,
}

/// Who gets what comes from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Clients, now.
    Live,
    /// Those who come back and ask for it: it was published before this server came.
    Past,
    /// Clients without ids, now, and those who come back: the stream was lost, and this was added before it was read
    /// anew. Clients with ids are told that they have missed something.
    Late,
}

impl Hub {
    /// From now on publications come from the stream of several machines. To be called before anything is published.
    pub(crate) fn follow_stream(&self) {
        self.lock().follow();
    }

    /// Appends publications of the stream, without waking the threads. Returns where the first is in the order of this
    /// process. `entries`: one for each.
    pub(crate) fn append_followed(&self, batch: &Batch, entries: &[Numbered], delivery: Delivery) -> Seq {
        let mut published = self.lock();
        let first = published.last.plus(1);
        let mut frames = published.take_frames();
        for (index, (item, entry)) in batch.items.iter().zip(entries).enumerate() {
            let (seq, except) = (first.plus(index), self.session_of(item));
            published.name_next(entry.id);
            published.last = seq;
            let at = published.time(entry.at);
            if delivery == Delivery::Live {
                encode(seq, batch, item, except, &mut published, &mut frames, self.metrics());
            }
            published.keep(seq, at, batch, item, except);
        }
        match delivery {
            Delivery::Live | Delivery::Late => {
                self.append_to_all(&batch.frames, &batch.ends, &batch.queued_at, &frames);
            }
            Delivery::Past => self.append_to_all(&[], &vec![0; batch.len()], &[], &frames),
        }
        published.frames = frames;
        published.count_history(self.metrics());
        drop(published);
        self.stream_has_changed();
        first
    }

    /// Forgets all that came so far: what was lost is not known. All clients with ids are told. Everything comes behind
    /// this entry.
    pub(crate) fn begin_again(&self, entry: Numbered) {
        let mut published = self.lock();
        published.begin_again(entry.id, entry.at);
        published.last = published.last.plus(1);
        self.append_to_all(&[], &[0], &[], &ChannelFrames::default());
        published.count_history(self.metrics());
        // While it is filled, they are told at its end.
        if published.is_filled() {
            self.tell_of_gap(&published);
        }
        drop(published);
        self.stream_has_changed();
    }

    /// Forgets all that came so far: the stream is read from its beginning, whose time this is. Until
    /// [all of it](Self::end_filling) is there, no place of it is named to clients: who is connected gets nothing of
    /// it, and would be taken for one that has.
    pub(crate) fn begin_filling(&self, at: LogTime) {
        let mut published = self.lock();
        published.begin_filling(at);
        published.count_history(self.metrics());
        drop(published);
        self.stream_has_changed();
    }

    /// Notes that all of the stream is there. Clients with ids that came before are told that they have missed
    /// something. They can get it again.
    pub(crate) fn end_filling(&self) {
        let mut published = self.lock();
        published.end_filling();
        self.tell_of_gap(&published);
        drop(published);
        self.stream_has_changed();
        self.wake();
    }

    /// Under the lock, so that it comes before everything that follows.
    fn tell_of_gap(&self, published: &Published) {
        let id: Arc<str> = published.id(published.last).to_string().into();
        self.shared.inboxes.iter().for_each(|inbox| inbox.command(Command::Gap(id.clone())));
    }

    pub(super) fn append_to_all(
        &self,
        frames: &[u8],
        ends: &[usize],
        queued_at: &[u64],
        channel_frames: &ChannelFrames,
    ) {
        self.shared.inboxes.iter().for_each(|inbox| inbox.append(frames, ends, queued_at, channel_frames));
    }

    /// The entry that a client has named, if it has to come from the stream yet.
    pub(crate) fn ahead(&self, after: After) -> Option<StreamId> {
        let After::Id(Id::Stream(id)) = after else { return None };
        self.lock().is_ahead(id).then_some(id)
    }

    /// Which of these still have to come.
    pub(crate) fn still_ahead(&self, ids: impl Iterator<Item = StreamId>) -> Vec<bool> {
        let published = self.lock();
        ids.map(|id| published.is_ahead(id)).collect()
    }

    /// Asks whether an entry is in the stream.
    pub(crate) fn ask_for(&self, id: StreamId) {
        self.shared.questions.ask(id);
    }

    /// Waits for an id of which somebody wants to know whether it is in the stream. `None`: nobody asks any more.
    pub(crate) fn next_question(&self) -> Option<StreamId> {
        self.shared.questions.take()
    }

    /// Lets nobody ask any more.
    pub(crate) fn end_questions(&self) {
        self.shared.questions.end();
    }

    /// Notes that an entry is not in the stream.
    pub(crate) fn note_absent(&self, id: StreamId) {
        debug!(id = %Id::Stream(id), "not in the stream");
        self.lock().note_absent(id);
        self.stream_has_changed();
        self.wake();
    }

    /// Changes when something of the stream has come, or is known not to come.
    pub(crate) fn stream_version(&self) -> u64 {
        self.shared.questions.version()
    }

    fn stream_has_changed(&self) {
        self.shared.questions.next_version();
    }
}
