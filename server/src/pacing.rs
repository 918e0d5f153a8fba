//! How far the queue is read ahead of the clients. Clients that read are waited for, so that a long backlog disconnects none of
//! them; but few that read slowly do not make all others wait.

use std::time::{Duration, Instant};

use crate::log::Position;
use crate::shard::{ClientCounts, Reached};

/// How long a thread of the hub that is busy holds up a batch for the clients of the others, unless memory does not allow to go
/// on.
const MAX_OFFER_WAIT: Duration = Duration::from_millis(100);
/// How often it is looked whether the clients have come further.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Decides when the next batch is read.
#[derive(Debug)]
pub(crate) struct Pacing {
    /// Bytes that may wait in the hub before every client was offered them.
    window: u64,
    /// For a minority that reads slowly.
    for_slow: Patience,
    /// For a minority that reads fast, but not as fast as the others, or whose speed is not known yet.
    for_fast: Patience,
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

/// How long some clients may hold up all others: so long in all, and a part of the time that passes brings it back.
#[derive(Debug)]
struct Patience {
    most: Duration,
    /// So much time brings one part of it back.
    refill: u32,
    left: Duration,
    counted: Instant,
    is_spending: bool,
}

impl Pacing {
    pub(crate) fn new(window: u64, now: Instant) -> Pacing {
        Pacing {
            window,
            for_slow: Patience::new(Duration::from_millis(250), 200, now),
            for_fast: Patience::new(Duration::from_secs(30), 10, now),
            offered_since: None,
        }
    }

    /// Whether there is room behind what was appended.
    pub(crate) fn room(&mut self, appended: Position, reached: Reached, clients: ClientCounts, now: Instant) -> Room {
        let (mut spends_slow, mut spends_fast) = (false, false);
        let room = self.decide(appended, reached, clients, now, &mut spends_slow, &mut spends_fast);
        self.for_slow.is_spending = spends_slow;
        self.for_fast.is_spending = spends_fast;
        room
    }

    fn decide(
        &mut self,
        appended: Position,
        reached: Reached,
        clients: ClientCounts,
        now: Instant,
        spends_slow: &mut bool,
        spends_fast: &mut bool,
    ) -> Room {
        let (slow_left, fast_left) = (self.for_slow.left(now), self.for_fast.left(now));
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
        if clients.far_behind == 0 {
            return Room::Now;
        }
        let nobody_is_held_up = clients.far_behind >= clients.sessions && clients.moving > 0;
        let most_read = clients.reading * 2 > clients.sessions;
        if nobody_is_held_up || most_read {
            return Room::Later(LOOK_INTERVAL);
        }
        if clients.fast_nearly_out > 0 && !fast_left.is_zero() {
            *spends_fast = true;
            return Room::Later(LOOK_INTERVAL.min(fast_left));
        }
        if clients.nearly_out > 0 && !slow_left.is_zero() {
            *spends_slow = true;
            return Room::Later(LOOK_INTERVAL.min(slow_left));
        }
        Room::Now
    }
}

impl Patience {
    fn new(most: Duration, refill: u32, now: Instant) -> Patience {
        Patience { most, refill, left: most, counted: now, is_spending: false }
    }

    /// What is left: less for the time since the last look if it was spent on waiting, else more.
    fn left(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.counted);
        self.counted = now;
        self.left = match self.is_spending {
            true => self.left.saturating_sub(passed),
            false => self.most.min(self.left + passed / self.refill),
        };
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1000;
    const SLOW: Duration = Duration::from_millis(250);
    const FAST: Duration = Duration::from_secs(30);

    fn far_behind(sessions: usize, far_behind: usize) -> ClientCounts {
        ClientCounts { sessions, far_behind, ..ClientCounts::default() }
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
        fn waited(&mut self, clients: ClientCounts) -> Duration {
            let begin = self.now;
            let reached = Reached { offered: 10, written: 0 };
            while let Room::Later(time) = self.pacing.room(10, reached, clients, self.now)
                && self.now - begin < Duration::from_secs(60)
            {
                self.now += time;
            }
            self.now - begin
        }
    }

    #[test]
    fn clients_that_keep_up_are_not_waited_for_and_slow_ones_neither() {
        assert_eq!(Run::new().waited(far_behind(10, 0)), Duration::ZERO);
        let slow = ClientCounts { moving: 9, ..far_behind(10, 9) };
        assert_eq!(Run::new().waited(slow), Duration::ZERO);
    }

    #[test]
    fn most_are_waited_for_as_long_as_they_read() {
        let read = ClientCounts { reading: 6, moving: 6, ..far_behind(10, 6) };
        assert_eq!(Run::new().waited(read), Duration::from_secs(60));
    }

    #[test]
    fn whoever_holds_up_nobody_is_waited_for_while_he_takes_anything() {
        let alone = ClientCounts { moving: 1, ..far_behind(3, 3) };
        assert_eq!(Run::new().waited(alone), Duration::from_secs(60));
        assert_eq!(Run::new().waited(far_behind(3, 3)), Duration::ZERO);
    }

    #[test]
    fn few_are_waited_for_until_the_patience_with_all_of_them_is_used_up() {
        let few = ClientCounts { reading: 1, moving: 3, ..far_behind(10, 3) };
        assert_eq!(Run::new().waited(few), Duration::ZERO, "before they are nearly too far behind");
        let few = ClientCounts { nearly_out: 2, ..few };
        let mut run = Run::new();
        assert_eq!(run.waited(few), SLOW);
        assert_eq!(run.waited(few), Duration::ZERO);
        // It comes back slowly.
        run.now += Duration::from_secs(10);
        assert_eq!(run.waited(few), Duration::from_secs(10) / 200);
        run.now += Duration::from_secs(3600);
        assert_eq!(run.waited(few), SLOW);
    }

    #[test]
    fn few_that_read_fast_have_the_time_for_a_long_backlog() {
        let few = ClientCounts { reading: 1, moving: 1, nearly_out: 1, fast_nearly_out: 1, ..far_behind(10, 1) };
        let mut run = Run::new();
        let waited = run.waited(few);
        // Some of it comes back meanwhile.
        assert!((FAST + SLOW..FAST + SLOW * 2).contains(&waited), "{waited:?}");
        run.now += Duration::from_secs(10);
        assert!(run.waited(few) >= Duration::from_secs(1));
    }

    #[test]
    fn a_busy_thread_holds_up_the_others_for_a_while_only() {
        let mut run = Run::new();
        let busy = Reached { offered: 5, written: 5 };
        assert_eq!(run.pacing.room(10, busy, far_behind(10, 0), run.now), Room::Later(MAX_OFFER_WAIT));
        run.now += MAX_OFFER_WAIT;
        assert_eq!(run.pacing.room(10, busy, far_behind(10, 0), run.now), Room::Now);
        // But what waits for it must not fill the memory.
        run.now += Duration::from_secs(60);
        assert_ne!(run.pacing.room(5 + WINDOW, busy, far_behind(10, 0), run.now), Room::Now);
    }
}
