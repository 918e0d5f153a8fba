//! The time by which clients are judged: that in which the hub could do its work. What passed while the process
//! was stopped (SIGSTOP, a frozen container or virtual machine), or while one turn took longer than two seconds, is
//! held against nobody.

use std::time::{Duration, Instant};

/// How often pings and deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);
/// A turn that comes later than this after the one before did not come in time.
const LATE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    /// Time that does not count.
    excused: Duration,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Clock {
        Clock { last: now, excused: Duration::ZERO }
    }

    /// The time of a turn that begins now.
    pub(super) fn turn(&mut self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.last);
        if passed > LATE {
            self.excused += passed - TICK;
        }
        self.last = now;
        self.at(now)
    }

    /// What time it is within a turn.
    pub(super) fn at(&self, now: Instant) -> Instant {
        now.checked_sub(self.excused).unwrap_or(now)
    }
}

/// When pings and deadlines are looked at next.
#[derive(Debug)]
pub(super) struct Ticks {
    next: Instant,
    /// Turns in a row in which the kernel did not tell all there is.
    partial_turns: usize,
}

impl Ticks {
    pub(super) fn new(now: Instant) -> Ticks {
        Ticks { next: now + TICK, partial_turns: 0 }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Whether it is time. A turn in which the kernel did not tell all (`is_whole`) counts only after more than `most` of
    /// them in a row.
    pub(super) fn is_due(&mut self, now: Instant, is_whole: bool, most: usize) -> bool {
        self.partial_turns = if is_whole { 0 } else { self.partial_turns + 1 };
        let is_due = now >= self.next && (is_whole || self.partial_turns > most);
        if is_due {
            self.next = now + TICK;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_there_was_no_turn_does_not_count() {
        let begin = Instant::now();
        let after = |secs| begin + Duration::from_secs(secs);
        let mut clock = Clock::new(begin);
        assert_eq!(clock.turn(after(1)), after(1));
        assert_eq!(clock.turn(after(3)), after(3), "a busy machine is not a stopped process");
        assert_eq!(clock.turn(after(3600)), after(4));
        assert_eq!(clock.turn(after(3601)), after(5));
    }
}
