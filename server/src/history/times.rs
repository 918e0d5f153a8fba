//! Which number was the last before a moment.

use std::collections::VecDeque;
use std::time::Duration;

use crate::history::log::LogTime;
use crate::publication::Seq;

/// Moments are known to this precision: a client can get events again that were numbered so much earlier.
const SPAN: Duration = Duration::from_millis(20);

/// How many spans are known, about 3 MiB. The oldest are forgotten first.
const MAX_SPANS: usize = 100_000;

/// The times at which numbers were given, for as long as anything is kept.
#[derive(Debug)]
pub(super) struct Times {
    /// Up to here nothing is known: the beginning, or the last that was forgotten.
    before: (LogTime, Seq),
    spans: VecDeque<Span>,
}

/// Numbers that were given within a short time.
#[derive(Debug)]
struct Span {
    first_at: LogTime,
    /// The number before its first.
    before: Seq,
    last_at: LogTime,
    last: Seq,
}

impl Times {
    /// `begin`: when the numbers begin, and the last before.
    pub(super) fn new(begin: (LogTime, Seq)) -> Times {
        Times { before: begin, spans: VecDeque::new() }
    }

    /// Notes that numbers up to one were given at a time, which is not before earlier ones.
    pub(super) fn add(&mut self, last: Seq, at: LogTime) {
        match self.spans.back_mut() {
            Some(span) if at.0 - span.first_at.0 < SPAN.as_nanos() as u64 => (span.last, span.last_at) = (last, at),
            span => {
                let before = span.map_or(self.before.1, |span| span.last);
                self.spans.push_back(Span { first_at: at, before, last_at: at, last });
            }
        }
        if self.spans.len() > MAX_SPANS {
            self.forget_oldest();
        }
    }

    /// Forgets what is before a time.
    pub(super) fn forget_before(&mut self, time: LogTime) {
        while self.spans.front().is_some_and(|span| span.last_at < time) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(span) = self.spans.pop_front() {
            self.before = (span.last_at, span.last);
        }
    }

    /// A number after which everything comes that was given one at this moment or later. `None`: it is not known.
    pub(super) fn last_before(&self, moment_millis: u64) -> Option<Seq> {
        let is_earlier = |at: LogTime| at.millis() < moment_millis;
        if !is_earlier(self.before.0) {
            return None;
        }
        let later = self.spans.partition_point(|span| is_earlier(span.first_at));
        Some(match later.checked_sub(1).map(|index| &self.spans[index]) {
            None => self.before.1,
            Some(span) if is_earlier(span.last_at) => span.last,
            Some(span) => span.before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> LogTime {
        LogTime(millis * 1_000_000)
    }

    #[test]
    fn nothing_that_came_at_a_moment_or_later_is_left_out() {
        let mut times = Times::new((at(100), Seq(0)));
        for (millis, seq) in [(200, 1), (205, 2), (219, 5), (220, 6), (400, 7)] {
            times.add(Seq(seq), at(millis));
        }
        let cases = [
            (100, None),
            (101, Some(0)),
            (200, Some(0)),
            (201, Some(0)),
            (219, Some(0)),
            (220, Some(5)),
            (221, Some(6)),
            (400, Some(6)),
            (401, Some(7)),
            (9_999, Some(7)),
        ];
        for (moment, expected) in cases {
            assert_eq!(times.last_before(moment), expected.map(Seq), "{moment}");
        }
    }

    #[test]
    fn the_spans_are_bounded() {
        let mut times = Times::new((at(100), Seq(0)));
        for number in 1..=MAX_SPANS as u64 + 10 {
            times.add(Seq(number), at(1000 * number));
        }
        assert_eq!(times.spans.len(), MAX_SPANS);
        assert_eq!((times.last_before(10_000), times.last_before(10_001)), (None, Some(Seq(10))));
    }

    #[test]
    fn a_moment_before_what_is_known_has_no_number() {
        let mut times = Times::new((at(100), Seq(0)));
        times.add(Seq(1), at(200));
        times.add(Seq(2), at(300));
        times.add(Seq(3), at(400));
        times.forget_before(at(300));
        assert_eq!(times.last_before(200), None);
        assert_eq!((times.last_before(201), times.last_before(301)), (Some(Seq(1)), Some(Seq(2))));
    }
}
