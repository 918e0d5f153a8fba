//! How far the queue is read ahead of the clients. Clients that read are waited for, so that a backlog of any length disconnects
//! none of them; but few that read slowly do not make all others wait.

use std::time::{Duration, Instant};

use crate::log::Position;
use crate::shard::{Crowd, Reached};

/// How long a thread of the hub that is busy holds up the clients of the others, unless memory does not allow to go on.
const MAX_OFFER_WAIT: Duration = Duration::from_millis(100);
/// How long, all in all, a minority of the clients may hold up the others.
const MAX_PATIENCE: Duration = Duration::from_millis(250);
/// Which part of the time that passes brings back as much of it.
const PATIENCE_REFILL: u32 = 200;
/// How often it is looked whether the clients have come further.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Decides when the next batch is read.
#[derive(Debug)]
pub(crate) struct Pacing {
    /// Bytes that may wait in the hub before every client was offered them.
    window: u64,
    /// What is left of the patience with a minority, and since when it is spent or comes back.
    patience: Duration,
    counted: Instant,
    is_spending: bool,
    /// Since when the hub has something that not every client was offered.
    offered_since: Option<Instant>,
}

/// Whether there is room for the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Now,
    /// When the clients have come further, or after a while.
    Later(Duration),
}

impl Pacing {
    pub(crate) fn new(window: u64, now: Instant) -> Pacing {
        Pacing { window, patience: MAX_PATIENCE, counted: now, is_spending: false, offered_since: None }
    }

    /// Whether there is room behind what was appended.
    pub(crate) fn room(&mut self, appended: Position, reached: Reached, crowd: Crowd, now: Instant) -> Room {
        self.count(now);
        // While the hub writes, the next batch gathers in the directory. Reading each file at once would wake both threads more
        // often and make small writes: 1.7 times the CPU for 1,000 clients that share a core with us.
        if appended > reached.offered {
            let since = *self.offered_since.get_or_insert(now);
            let left = MAX_OFFER_WAIT.saturating_sub(now.saturating_duration_since(since));
            if !left.is_zero() || appended - reached.offered >= self.window {
                return Room::Later(left.max(LOOK_INTERVAL));
            }
        }
        self.offered_since = None;
        self.is_spending = false;
        if crowd.far_behind == 0 {
            return Room::Now;
        }
        let nobody_is_held_up = crowd.far_behind >= crowd.sessions && crowd.moving > 0;
        let most_read = crowd.reading * 2 > crowd.sessions;
        if nobody_is_held_up || most_read {
            return Room::Later(LOOK_INTERVAL);
        }
        if crowd.pressing > 0 && !self.patience.is_zero() {
            self.is_spending = true;
            return Room::Later(LOOK_INTERVAL.min(self.patience));
        }
        Room::Now
    }

    /// Spends patience, or lets it come back, for the time since the last look.
    fn count(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted);
        self.counted = now;
        self.patience = match self.is_spending {
            true => self.patience.saturating_sub(passed),
            false => MAX_PATIENCE.min(self.patience + passed / PATIENCE_REFILL),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1000;

    fn far_behind(sessions: usize, far_behind: usize) -> Crowd {
        Crowd { sessions, far_behind, ..Crowd::default() }
    }

    struct Run {
        pacing: Pacing,
        now: Instant,
    }

    impl Run {
        fn new() -> Run {
            let now = Instant::now();
            Run { pacing: Pacing::new(WINDOW, now), now }
        }

        /// How long it takes until there is room, at most a minute.
        fn waited(&mut self, crowd: Crowd) -> Duration {
            let begin = self.now;
            let reached = Reached { offered: 10, written: 0 };
            while let Room::Later(time) = self.pacing.room(10, reached, crowd, self.now)
                && self.now - begin < Duration::from_secs(60)
            {
                self.now += time;
            }
            self.now - begin
        }
    }

    #[test]
    fn clients_that_keep_up_are_not_waited_for_and_those_that_drip_neither() {
        assert_eq!(Run::new().waited(far_behind(10, 0)), Duration::ZERO);
        let drips = Crowd { moving: 9, ..far_behind(10, 9) };
        assert_eq!(Run::new().waited(drips), Duration::ZERO);
    }

    #[test]
    fn most_are_waited_for_as_long_as_they_read() {
        let read = Crowd { reading: 6, moving: 6, ..far_behind(10, 6) };
        assert_eq!(Run::new().waited(read), Duration::from_secs(60));
    }

    #[test]
    fn whoever_holds_up_nobody_is_waited_for_while_he_takes_anything() {
        let alone = Crowd { moving: 1, ..far_behind(3, 3) };
        assert_eq!(Run::new().waited(alone), Duration::from_secs(60));
        assert_eq!(Run::new().waited(far_behind(3, 3)), Duration::ZERO);
    }

    #[test]
    fn few_are_waited_for_until_the_patience_with_all_of_them_is_used_up() {
        let few = Crowd { reading: 1, moving: 3, ..far_behind(10, 3) };
        assert_eq!(Run::new().waited(few), Duration::ZERO, "before they are about to fall out");
        let few = Crowd { pressing: 2, ..few };
        let mut run = Run::new();
        assert_eq!(run.waited(few), MAX_PATIENCE);
        assert_eq!(run.waited(few), Duration::ZERO);
        // It comes back slowly.
        run.now += Duration::from_secs(10);
        assert_eq!(run.waited(few), Duration::from_secs(10) / PATIENCE_REFILL);
        run.now += Duration::from_secs(3600);
        assert_eq!(run.waited(few), MAX_PATIENCE);
    }

    #[test]
    fn a_busy_thread_holds_up_the_others_for_a_while_only() {
        let mut run = Run::new();
        let busy = Reached { offered: 5, written: 5 };
        assert_eq!(run.pacing.room(10, busy, far_behind(10, 0), run.now), Room::Later(MAX_OFFER_WAIT));
        run.now += MAX_OFFER_WAIT;
        assert_eq!(run.pacing.room(10, busy, far_behind(10, 0), run.now), Room::Now);
        // But what waits for it must not fill the memory.
        let stuck = Reached { offered: 5, written: 5 };
        run.now += Duration::from_secs(60);
        assert_ne!(run.pacing.room(5 + WINDOW, stuck, far_behind(10, 0), run.now), Room::Now);
    }
}
