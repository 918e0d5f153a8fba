//! What a thread of the hub counts: in plain numbers during a turn, and where others can read it at its end.

use std::time::Duration;

use super::Shard;
use crate::application::Application;
use crate::hub::inbox::Arrivals;
use crate::metrics::Spoken;
use crate::unix_time;

impl<A: Application> Shard<A> {
    /// Counts what all clients of the log get: once for all of them. Notes when the publications were queued that
    /// anybody here gets.
    pub(super) fn count_arrivals(&mut self, arrivals: &Arrivals) {
        let mut of_channels = arrivals.channel_frames.all().iter().map(|frame| frame.seq).peekable();
        let (mut seq, mut start, mut frames) = (arrivals.first(), 0, 0);
        for (end, queued_at) in arrivals.ends.iter().zip(&arrivals.queued_at) {
            let is_in_log = *end > start;
            frames += usize::from(is_in_log);
            let mut is_for_channels = false;
            while of_channels.next_if(|of_channel| *of_channel <= seq).is_some() {
                is_for_channels = true;
            }
            if *queued_at > 0 && (is_in_log && self.in_log > 0 || is_for_channels) {
                self.queued_at.push(*queued_at);
            }
            (seq, start) = (seq.plus(1), *end);
        }
        self.turn_counts.sent(Spoken::Plain, frames * self.in_log, arrivals.frames.len() * self.in_log);
    }

    /// Counts how long the publications took that were written in this turn.
    pub(super) fn count_sends(&mut self) {
        if self.queued_at.is_empty() {
            return;
        }
        let now = unix_time::now().as_micros() as u64;
        for queued_at in self.queued_at.drain(..) {
            // The producer's clock may be that of another machine.
            self.counts.sent_after(Duration::from_micros(now.saturating_sub(queued_at)));
        }
        self.queued_at.shrink_to(4096);
    }

    /// Counts a message for one client.
    pub(super) fn count_message(&mut self, key: usize, bytes: usize) {
        if bytes > 0 {
            self.turn_counts.sent(self.sessions[key].spoken, 1, bytes);
        }
    }

    /// Counts a client that has said where it was.
    pub(super) fn count_resumed(&mut self, key: usize, missed: Option<usize>) {
        self.counts.resumed(missed.is_some());
        // Their bytes are those of the message that has them.
        self.turn_counts.sent(self.sessions[key].spoken, missed.unwrap_or_default(), 0);
    }

    /// Lets others read what was counted.
    pub(super) fn publish_counts(&mut self) {
        let outbox_bytes = self.held_bytes + self.undelivered.shared_bytes();
        self.counts.add_turn(&mut self.turn_counts, outbox_bytes);
    }
}

#[cfg(test)]
mod tests {
    use crate::NoApplication;
    use crate::config::Settings;
    use crate::hub::shard::ShardThread;
    use crate::hub::shard::stepping::connect;
    use crate::metrics::RefusedFor;
    use crate::protocol::{ClientKind, Opening, Wants};

    use super::*;

    #[test]
    fn who_comes_when_the_server_stops_is_refused_and_no_client() {
        let config = Settings::default().resolve().expect("defaults");
        let (mut shards, hub) =
            ShardThread::prepare(1, &config.limits, &config.rights, |_| NoApplication).expect("a hub");
        let mut shard = shards.pop().expect("one thread");
        hub.shutdown(Duration::ZERO);
        let wants = Wants { kind: ClientKind::Plain, identity: None, after: None };
        let (_client, joining) = connect(Opening::WebSocket { received: Vec::new(), wants }).expect("a client");
        shard.let_join(joining);
        shard.step().expect("a turn");
        assert_eq!(hub.metrics().refused_count(RefusedFor::Stopping), 1);
        assert_eq!(hub.metrics().hub().accepted, [0; 5]);
    }
}
