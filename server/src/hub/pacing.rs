//! How far the queue is read ahead of the clients. Clients that read are waited for, so that a long backlog disconnects
//! none of them. But what comes at a moderate rate waits for nobody, and few that read slowly do not make all others
//! wait.

use std::time::{Duration, Instant};

use crate::hub::progress::ClientCounts;

/// How long a thread of the hub that is busy holds up a batch for the clients of the others, unless memory does not
/// allow to go on.
const MAX_OFFER_WAIT: Duration = Duration::from_millis(100);
/// How often it is looked whether the clients have come further.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// In what time the queue may be read by a window although clients are far behind. The log holds four windows.
const GUARANTEED_INTERVAL: Duration = Duration::from_secs(1);

/// Decides when the next batch is read.
#[derive(Debug)]
pub(super) struct Pacing {
    /// Bytes that may wait in the hub before every client was offered them.
    window: u64,
    guaranteed: GuaranteedRate,
    /// Whether a backlog is read: nothing of it is so new that it could not wait for clients that read.
    is_catching_up: bool,
    /// For a minority that reads at a moderate rate.
    for_moderate: WaitBudget,
    /// For a minority that reads fast, but not as fast as the others, or whose speed is not known yet.
    for_fast: WaitBudget,
    /// Since when the hub has something that not every client was offered.
    offered_since: Option<Instant>,
}

/// Whether there is room for the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Now,
    /// When the clients have come further, or after a while.
    Later(Duration),
}

/// Who is waited for, of those that are far behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitedFor {
    Nobody,
    /// All clients, or most of them.
    Most,
    FewFast,
    FewModerate,
}

/// What is read although clients are far behind: a window in [`GUARANTEED_INTERVAL`], as a token bucket that holds a
/// window.
#[derive(Debug)]
struct GuaranteedRate {
    window: u64,
    appended: u64,
    /// When all of it is there again.
    full_at: Instant,
}

/// How long some clients may hold up all others: a token bucket of time. What is waited is taken from it, and a part of
/// the time that passes is put back.
#[derive(Debug)]
struct WaitBudget {
    most: Duration,
    /// So much time brings one part of it back.
    refill: u32,
    left: Duration,
    counted: Instant,
    is_spending: bool,
}

impl Pacing {
    pub(super) fn new(window: u64, now: Instant) -> Pacing {
        Pacing {
            window,
            guaranteed: GuaranteedRate { window, appended: 0, full_at: now },
            is_catching_up: false,
            for_moderate: WaitBudget::new(Duration::from_millis(250), 200, now),
            for_fast: WaitBudget::new(Duration::from_secs(30), 10, now),
            offered_since: None,
        }
    }

    /// Notes whether a backlog is read.
    pub(super) fn set_catching_up(&mut self, is_catching_up: bool) {
        self.is_catching_up = is_catching_up;
    }

    /// Whether there is room for more. `appended` and `offered` are bytes of frames: those that the hub was given, and
    /// those of them that every client was offered.
    pub(super) fn room(&mut self, appended: u64, offered: u64, clients: ClientCounts, now: Instant) -> Room {
        self.guaranteed.spend(appended, now);
        let (moderate_left, fast_left) = (self.for_moderate.left(now), self.for_fast.left(now));
        let offer_wait = self.offer_wait(appended, offered, now);
        let waited_for = match offer_wait {
            Some(_) => WaitedFor::Nobody,
            None => self.waited_for(clients, moderate_left, fast_left, now),
        };
        self.for_moderate.is_spending = waited_for == WaitedFor::FewModerate;
        self.for_fast.is_spending = waited_for == WaitedFor::FewFast;
        match waited_for {
            WaitedFor::Nobody => offer_wait.map_or(Room::Now, Room::Later),
            WaitedFor::Most => Room::Later(LOOK_INTERVAL),
            WaitedFor::FewFast => Room::Later(LOOK_INTERVAL.min(fast_left)),
            WaitedFor::FewModerate => Room::Later(LOOK_INTERVAL.min(moderate_left)),
        }
    }

    /// While the hub writes, the next batch gathers in the directory. Reading each file at once would wake both threads
    /// more often and make small writes: 1.7 times the CPU for 1,000 clients that share a core with us.
    fn offer_wait(&mut self, appended: u64, offered: u64, now: Instant) -> Option<Duration> {
        if appended <= offered {
            self.offered_since = None;
            return None;
        }
        let since = *self.offered_since.get_or_insert(now);
        let left = MAX_OFFER_WAIT.saturating_sub(now.saturating_duration_since(since));
        if !left.is_zero() || appended - offered >= self.window {
            return Some(left.max(LOOK_INTERVAL));
        }
        self.offered_since = None;
        None
    }

    fn waited_for(
        &self,
        clients: ClientCounts,
        moderate_left: Duration,
        fast_left: Duration,
        now: Instant,
    ) -> WaitedFor {
        let nobody_is_held_up = clients.far_behind >= clients.sessions && clients.moving > 0;
        let most_read = clients.reading * 2 > clients.sessions;
        if clients.far_behind == 0 {
            WaitedFor::Nobody
        } else if nobody_is_held_up {
            WaitedFor::Most
        } else if self.guaranteed.is_left(now) && !self.is_catching_up {
            WaitedFor::Nobody
        } else if most_read {
            WaitedFor::Most
        } else if clients.fast_near_log_tail > 0 && !fast_left.is_zero() {
            WaitedFor::FewFast
        } else if clients.near_log_tail > 0 && !moderate_left.is_zero() {
            WaitedFor::FewModerate
        } else {
            WaitedFor::Nobody
        }
    }
}

impl GuaranteedRate {
    /// Notes what was read. What was read beyond it is not owed.
    fn spend(&mut self, appended: u64, now: Instant) {
        let read = appended.saturating_sub(self.appended);
        self.appended = appended;
        if read > 0 {
            let time = GUARANTEED_INTERVAL.mul_f64(read as f64 / self.window as f64);
            self.full_at = self.full_at.clamp(now, now + GUARANTEED_INTERVAL) + time;
        }
    }

    fn is_left(&self, now: Instant) -> bool {
        self.full_at < now + GUARANTEED_INTERVAL
    }
}

impl WaitBudget {
    fn new(most: Duration, refill: u32, now: Instant) -> WaitBudget {
        WaitBudget { most, refill, left: most, counted: now, is_spending: false }
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
    const MODERATE: Duration = Duration::from_millis(250);
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

        /// How long it takes until there is room when nothing is left of what is guaranteed, at most a minute.
        fn waited(&mut self, clients: ClientCounts) -> Duration {
            let begin = self.now;
            loop {
                self.pacing.guaranteed.full_at = self.now + GUARANTEED_INTERVAL;
                match self.pacing.room(10, 10, clients, self.now) {
                    Room::Later(time) if self.now - begin < Duration::from_secs(60) => self.now += time,
                    _ => return self.now - begin,
                }
            }
        }

        /// Reads batches for ten seconds, one each time the interval is over and there is room. Returns how long that
        /// held up any.
        fn read(&mut self, batch: u64, interval: Duration, clients: ClientCounts) -> (u64, Duration) {
            let (end, mut appended, mut due, mut most) =
                (self.now + Duration::from_secs(10), 0, self.now, Duration::ZERO);
            while self.now < end {
                match self.pacing.room(appended, appended, clients, self.now) {
                    Room::Later(time) => self.now += time,
                    Room::Now => {
                        most = most.max(self.now.saturating_duration_since(due));
                        appended += batch;
                        due = (due + interval).max(self.now);
                        self.now = self.now.max(due);
                    }
                }
            }
            (appended, most)
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
    fn a_client_that_holds_up_nobody_is_waited_for_while_he_takes_anything() {
        let alone = ClientCounts { moving: 1, ..far_behind(3, 3) };
        assert_eq!(Run::new().waited(alone), Duration::from_secs(60));
        assert_eq!(Run::new().waited(far_behind(3, 3)), Duration::ZERO);
    }

    #[test]
    fn what_comes_at_a_moderate_rate_waits_for_nobody_who_holds_up_others() {
        let most = ClientCounts { reading: 6, moving: 6, near_log_tail: 6, fast_near_log_tail: 6, ..far_behind(10, 6) };
        let interval = Duration::from_millis(20);
        let moderate = WINDOW / 50;
        assert_eq!(Run::new().read(moderate, interval, most), (500 * moderate, Duration::ZERO));
        let (read, held_up) = Run::new().read(3 * moderate, interval, most);
        assert!((10 * WINDOW..12 * WINDOW).contains(&read), "{read}");
        assert!(held_up <= interval * 4, "each waits for its share of the second only: {held_up:?}");
    }

    #[test]
    fn a_backlog_has_no_rate_that_is_read_in_any_case() {
        let few = ClientCounts { reading: 1, moving: 1, near_log_tail: 1, fast_near_log_tail: 1, ..far_behind(10, 1) };
        let mut run = Run::new();
        assert_eq!(run.pacing.room(10, 10, few, run.now), Room::Now);
        run.pacing.set_catching_up(true);
        assert_ne!(run.pacing.room(10, 10, few, run.now), Room::Now);
    }

    #[test]
    fn few_are_waited_for_until_the_budget_for_all_of_them_is_used_up() {
        let few = ClientCounts { reading: 1, moving: 3, ..far_behind(10, 3) };
        assert_eq!(Run::new().waited(few), Duration::ZERO, "before they are nearly too far behind");
        let few = ClientCounts { near_log_tail: 2, ..few };
        let mut run = Run::new();
        assert_eq!(run.waited(few), MODERATE);
        assert_eq!(run.waited(few), Duration::ZERO);
        // It comes back slowly.
        run.now += Duration::from_secs(10);
        assert_eq!(run.waited(few), Duration::from_secs(10) / 200);
        run.now += Duration::from_secs(3600);
        assert_eq!(run.waited(few), MODERATE);
    }

    #[test]
    fn few_that_read_fast_have_the_time_for_a_long_backlog() {
        let few = ClientCounts { reading: 1, moving: 1, near_log_tail: 1, fast_near_log_tail: 1, ..far_behind(10, 1) };
        let mut run = Run::new();
        let waited = run.waited(few);
        // Some of it comes back meanwhile.
        assert!((FAST + MODERATE..FAST + MODERATE * 2).contains(&waited), "{waited:?}");
        run.now += Duration::from_secs(10);
        assert!(run.waited(few) >= Duration::from_secs(1));
    }

    #[test]
    fn a_busy_thread_holds_up_the_others_for_a_while_only() {
        let mut run = Run::new();
        let offered = 5;
        assert_eq!(run.pacing.room(10, offered, far_behind(10, 0), run.now), Room::Later(MAX_OFFER_WAIT));
        run.now += MAX_OFFER_WAIT;
        assert_eq!(run.pacing.room(10, offered, far_behind(10, 0), run.now), Room::Now);
        // But what waits for it must not fill the memory.
        run.now += Duration::from_secs(60);
        assert_ne!(run.pacing.room(5 + WINDOW, offered, far_behind(10, 0), run.now), Room::Now);
    }
}
