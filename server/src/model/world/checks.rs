//! What must hold at the end of a run.

use std::collections::HashSet;
use std::time::Duration;

use super::World;
use crate::model::order::Queued;
use crate::model::{Broken, broken};

/// How long a key is known.
const KEY_AGE: Duration = Duration::from_secs(300);

impl World {
    /// Each event that was accepted is published, has expired, or repeats a key, or was lost when the power failed.
    pub(super) fn check_accepted(&self) -> Result<(), Broken> {
        let published: HashSet<u64> = self.order.published.iter().map(|published| published.payload).collect();
        let same_key = |one: &Queued, other: &Queued| one.key == other.key && one.channels[0] == other.channels[0];
        for (payload, queued) in &self.order.queued {
            let has_expired = queued.expires_at.is_some_and(|time| time <= self.now.as_secs_f64());
            let repeats = queued.key.is_some()
                && published
                    .union(&self.lost)
                    .any(|other| other != payload && same_key(queued, &self.order.queued[other]));
            if !published.contains(payload) && !has_expired && !repeats && !self.lost.contains(payload) {
                return broken("EVENT LOST", format_args!("{payload} {queued:?}"));
            }
        }
        Ok(())
    }

    /// No key comes twice while it is known.
    pub(super) fn check_keys(&self) -> Result<(), Broken> {
        let all = &self.order.published;
        for (index, first) in all.iter().enumerate() {
            let one = &self.order.queued[&first.payload];
            for second in all[index + 1..].iter().filter(|second| second.payload != first.payload) {
                let other = &self.order.queued[&second.payload];
                let is_repeat = one.key.is_some() && one.key == other.key && one.channels[0] == other.channels[0];
                let mut starts = first.starts..second.starts;
                let is_forgotten = starts.any(|start| !self.known_keys[start].contains(&first.payload));
                if is_repeat && second.at - first.at < KEY_AGE && !is_forgotten {
                    return broken("KEY TWICE", format_args!("{first:?} {second:?}"));
                }
            }
        }
        Ok(())
    }
}
