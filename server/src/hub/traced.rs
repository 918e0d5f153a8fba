//! Where events are that the log follows from PHP to the sockets, by their uids. Empty unless such lines are wanted.

use std::collections::VecDeque;

use queue::Uid;
use tracing::{Level, debug, enabled};

use crate::publication::Seq;

/// Events that are followed at a time. Of more, the oldest are not.
const MAX_TRACED: usize = 10_000;

/// Events that were published and not offered to every socket yet, in their order.
#[derive(Debug, Default)]
pub(super) struct Traced(VecDeque<(Seq, Uid)>);

impl Traced {
    /// Whether the log is to have a line for each step of an event.
    pub(super) fn is_wanted() -> bool {
        enabled!(Level::DEBUG)
    }

    /// Follows an event that was published at a place.
    pub(super) fn push(&mut self, place: Seq, uid: Uid) {
        if self.0.len() == MAX_TRACED {
            self.0.pop_front();
        }
        self.0.push_back((place, uid));
    }

    /// Logs which were offered to every socket that they are for, up to a place.
    pub(super) fn offered(&mut self, place: Seq) {
        while let Some((_, uid)) = self.0.front().filter(|(of_event, _)| *of_event <= place) {
            debug!(%uid, "event offered to the sockets of its clients");
            self.0.pop_front();
        }
    }
}
