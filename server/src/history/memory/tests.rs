//! Tests of what is kept, and of what a client gets of it.

use std::time::Duration;

use super::*;
use crate::history::rules::Rule;

const SECOND: u64 = 1_000_000_000;
/// When the events of these tests begin.
const START: u64 = 1_000_000 * SECOND;

fn rules() -> HistoryRules {
    let rule = |events| Rule { events, age: Duration::from_secs(60) };
    HistoryRules {
        everybody: rule(4),
        channel: rule(3),
        patterns: vec![
            ("none.*".parse().expect("a pattern"), rule(0)),
            ("short".parse().expect("a pattern"), Rule { events: 3, age: Duration::from_secs(5) }),
        ],
        max_bytes: 1 << 20,
        meta_age: Duration::from_secs(1000),
        recover_limit: 100,
        recover_bytes: 10_000,
    }
}

/// A history, with the last number and the time in seconds since the start.
struct Past {
    history: History,
    head: u64,
    secs: u64,
    /// The numbers of what clients get.
    gets: fn(u64) -> bool,
}

impl Past {
    fn of(rules: HistoryRules) -> Past {
        let begin = Trimmed { seq: Seq(10), at: LogTime(START) };
        Past { history: History::new(rules, begin), head: 10, secs: 0, gets: |_| true }
    }

    fn new() -> Past {
        Past::of(rules())
    }

    fn at(&self) -> LogTime {
        LogTime(START + self.secs * SECOND)
    }

    /// Adds an event for channels with spaces between, or for everybody. Returns its number.
    fn add(&mut self, channels: &str) -> u64 {
        self.add_until(channels, None)
    }

    fn add_until(&mut self, channels: &str, expires_at: Option<f64>) -> u64 {
        self.head += 1;
        let names = names(channels);
        let written = Written { text: br#"{"event":"e","payload":1,"timestamp":7"#, name_len: 3 };
        let channels = (!names.is_empty()).then_some(&names[..]);
        self.history.add(Seq(self.head), self.at(), written, channels, None, expires_at);
        self.head
    }

    /// The numbers that a client of these channels gets after a number; `*` is what is for everybody.
    fn after(&self, seq: u64, channels: &str) -> Option<Vec<u64>> {
        let names: Vec<Option<ChannelName>> =
            channels.split_whitespace().map(|name| (name != "*").then(|| name.parse().expect("a name"))).collect();
        let now = self.at().0 as f64 / 1e9;
        let channels = names.iter().map(Option::as_ref);
        let found = self.history.after(Seq(seq), Seq(self.head), channels, now, |event| (self.gets)(event.seq().0))?;
        Some(found.iter().map(|event| event.seq().0).collect())
    }
}

fn names(channels: &str) -> Vec<ChannelName> {
    channels.split_whitespace().map(|name| name.parse().expect("a name")).collect()
}

#[test]
fn a_client_gets_what_came_after_its_number_for_its_channels_in_order_and_once() {
    let mut past = Past::new();
    for channels in ["a", "", "b a", "b", "c"] {
        past.add(channels);
    }
    assert_eq!(past.after(10, "a"), Some(vec![11, 13]));
    assert_eq!(past.after(11, "a"), Some(vec![13]));
    assert_eq!(past.after(10, "b a *"), Some(vec![11, 12, 13, 14]));
    assert_eq!(past.after(15, "a b c *"), Some(vec![]));
    assert_eq!(past.after(10, "d"), Some(vec![]), "nothing was published there");
    assert_eq!(past.after(10, ""), Some(vec![]));
}

#[test]
fn numbers_that_are_not_known_are_a_gap() {
    let mut past = Past::new();
    past.add("a");
    assert_eq!(past.after(9, "a"), None, "before the beginning");
    assert_eq!(past.after(12, "a"), None, "not given yet");
}

#[test]
fn an_event_beyond_the_count_is_a_gap_for_those_who_need_it() {
    let mut past = Past::new();
    for _ in 0..4 {
        past.add("a");
    }
    past.add("b");
    assert_eq!(past.after(10, "a"), None);
    assert_eq!(past.after(10, "a b"), None);
    assert_eq!(past.after(11, "a"), Some(vec![12, 13, 14]));
    assert_eq!(past.after(10, "b"), Some(vec![15]));
    for _ in 0..5 {
        past.add("");
    }
    assert_eq!((past.after(15, "*"), past.after(16, "*")), (None, Some(vec![17, 18, 19, 20])));
    assert_eq!(past.history.size().events, 3 + 1 + 4);
}

#[test]
fn an_event_of_several_channels_is_kept_once_and_as_long_as_one_of_them_keeps_it() {
    let mut past = Past::new();
    past.add("a b");
    let one = past.history.size();
    assert_eq!(one.events, 1);
    for _ in 0..3 {
        past.add("a");
    }
    assert_eq!((past.after(10, "a"), past.after(10, "b")), (None, Some(vec![11])));
    assert_eq!(past.history.size().events, 4);
    for _ in 0..3 {
        past.add("b");
    }
    assert_eq!(past.after(10, "b"), None);
    assert_eq!(past.history.size().events, 6);
}

#[test]
fn what_is_too_old_is_a_gap_and_goes() {
    let mut past = Past::new();
    past.add("a");
    past.add("short");
    past.secs = 5;
    assert_eq!((past.after(10, "a"), past.after(10, "short")), (Some(vec![11]), None));
    assert_eq!(past.after(12, "short"), Some(vec![]));
    past.secs = 60;
    assert_eq!(past.after(10, "a"), None);
    past.add("b");
    assert_eq!(past.history.size().events, 1);
    assert_eq!((past.after(10, "a"), past.after(11, "a")), (None, Some(vec![])), "the number of the last is kept");
    past.secs = 120;
    past.history.forget_old(past.at());
    assert_eq!(past.history.size(), HistorySize::default());
    assert_eq!(past.history.oldest(), None);
}

#[test]
fn bytes_are_bounded_for_all_channels_together_and_the_oldest_go_first() {
    let mut past = Past::new();
    past.add("a");
    let (one, channel) = (past.history.size().bytes, past.history.channels.bytes());
    let mut past = Past::of(HistoryRules { max_bytes: 5 * one + 3 * channel, ..rules() });
    for channel in ["a", "b", "c", "a", "b", "c", "a"] {
        past.add(channel);
    }
    assert_eq!(past.history.size(), HistorySize { events: 5, bytes: 5 * one });
    assert_eq!(past.history.oldest(), Some(Seq(13)));
    assert_eq!([past.after(10, "a"), past.after(10, "b"), past.after(10, "c")], [None, None, Some(vec![13, 16])]);
    assert_eq!(past.after(11, "a"), Some(vec![14, 17]));
}

#[test]
fn channels_count_and_those_without_events_have_a_quarter_of_the_bytes() {
    let max_bytes = 40_000;
    let mut past = Past::of(HistoryRules { max_bytes, meta_age: Duration::MAX, ..rules() });
    for number in 0..1000 {
        // All events before are too old then.
        past.secs += 60;
        past.add(&format!("channel-{number}"));
        let History { size, channels, .. } = &past.history;
        assert!(channels.empty_bytes() <= max_bytes / 4 && size.bytes + channels.bytes() <= max_bytes);
    }
    // Who has all of a channel that is not known any more is told of a gap: something may have come since.
    let is_known = |number: &u64| past.after(11 + number, &format!("channel-{number}")).is_some();
    let known: Vec<u64> = (0..1000).filter(is_known).collect();
    assert!(known.len() > 20 && known.len() < 200 && known[0] == 1000 - known.len() as u64, "{known:?}");

    let mut past = Past::of(HistoryRules { max_bytes, ..rules() });
    for number in 0..1000 {
        past.add(&format!("channel-{number}"));
        assert!(past.history.size.bytes + past.history.channels.bytes() <= max_bytes);
    }
    assert!(past.history.size().events > 40);
    // Whatever happened, no byte is counted twice.
    past.secs = 10_000;
    past.history.forget_old(past.at());
    assert_eq!((past.history.channels.bytes(), past.history.channels.empty_bytes()), (0, 0));
    for round in 0..50 {
        past.add(["a", "b", "a b"][round % 3]);
        past.secs += 30;
    }
    past.secs += 2000;
    past.history.forget_old(past.at());
    assert_eq!((past.history.size(), past.history.channels.bytes()), (HistorySize::default(), 0));
}

#[test]
fn of_channels_that_are_forgotten_the_highest_number_is_kept_for_all() {
    let mut past = Past::new();
    past.add("a");
    past.add("b");
    past.secs = 100;
    past.add("c");
    past.secs = 999;
    past.add("d");
    assert_eq!((past.after(11, "a"), past.after(10, "never")), (Some(vec![]), Some(vec![])));
    past.secs = 1000;
    past.add("d");
    assert_eq!(past.after(11, "a"), None, "11 was its last, and 12 may have been");
    assert_eq!((past.after(12, "a"), past.after(11, "never")), (Some(vec![]), None));
    past.add("a");
    assert_eq!((past.after(11, "a"), past.after(12, "a")), (None, Some(vec![16])));
}

#[test]
fn where_nothing_is_kept_whoever_has_missed_anything_is_told() {
    let mut past = Past::new();
    past.add("none.x");
    assert_eq!(past.history.size(), HistorySize::default());
    assert_eq!((past.after(10, "none.x"), past.after(11, "none.x")), (None, Some(vec![])));
    past.add("a");
    assert_eq!(past.after(11, "none.x"), None, "it is not known that nothing was published there");
    assert_eq!(past.after(10, "a"), Some(vec![12]));
    past.add("none.x a");
    assert_eq!(past.after(10, "a"), Some(vec![12, 13]));
}

#[test]
fn what_has_expired_is_left_out_and_is_no_gap() {
    let mut past = Past::new();
    let start = START as f64 / 1e9;
    past.add_until("a", Some(start + 10.0));
    past.add_until("a", Some(start + 30.0));
    past.secs = 10;
    assert_eq!(past.after(10, "a"), Some(vec![12]));
}

#[test]
fn more_than_one_client_may_get_is_a_gap() {
    let mut past = Past::of(HistoryRules { recover_limit: 3, ..rules() });
    for channels in ["a", "b", "a", "b", "a b"] {
        past.add(channels);
    }
    assert_eq!((past.after(12, "a b"), past.after(11, "a b")), (Some(vec![13, 14, 15]), None));
    assert_eq!(past.after(10, "a"), Some(vec![11, 13, 15]));
    let text = br#"{"event":"e","payload":1,"timestamp":7"#.len();
    let mut past = Past::of(HistoryRules { recover_bytes: 2 * text, ..rules() });
    for _ in 0..3 {
        past.add("a");
    }
    assert_eq!((past.after(10, "a"), past.after(11, "a")), (None, Some(vec![12, 13])));
}

#[test]
fn what_a_client_does_not_get_is_not_counted() {
    let text = br#"{"event":"e","payload":1,"timestamp":7"#.len();
    let everybody = Rule { events: 2 * MAX_PASSED_OVER, ..rules().everybody };
    let bounds = HistoryRules { recover_limit: 2, recover_bytes: 2 * text, max_bytes: 1 << 30, everybody, ..rules() };
    let mut past = Past::of(bounds);
    past.gets = |number| number > 12;
    let start = START as f64 / 1e9;
    for channels in ["a", "a b", "a", "b a"] {
        past.add(channels);
    }
    past.add_until("a b", Some(start));
    assert_eq!((past.after(10, "b"), past.after(10, "b a")), (Some(vec![14]), None), "13 of a is gone");
    assert_eq!(past.after(12, "b a"), Some(vec![13, 14]));
    past.gets = |_| true;
    assert_eq!((past.after(11, "b a"), past.after(12, "b a")), (None, Some(vec![13, 14])));
    // Not for ever: others wait for the lock.
    for _ in 0..MAX_PASSED_OVER {
        past.add_until("", Some(start));
    }
    past.add("");
    assert_eq!(past.after(15, "*"), Some(vec![past.head]));
    past.add_until("", Some(start));
    assert_eq!((past.after(15, "*"), past.after(16, "*")), (None, Some(vec![past.head - 1])));
}

#[test]
fn a_rule_that_keeps_nothing_leaves_the_sums_right() {
    let mut past = Past::new();
    for round in 0..200 {
        past.secs = round / 3;
        past.add(["a", "b a", "none.x", "", "short a", "c b a", "short"][round as usize % 7]);
        // Lists that are full have dropped their first ones themselves.
        let first = in_order(past.history.all()).first().map(PastPublication::seq);
        assert_eq!(past.history.oldest(), first);
    }
    let all = in_order(past.history.all());
    assert!(all.is_sorted_by(|one, next| one.seq() < next.seq()));
    assert_eq!(past.history.size().events, all.len());
    assert_eq!(past.history.size().bytes, all.iter().map(|event| event.bytes()).sum::<usize>());
    past.secs += 1000;
    past.history.forget_old(past.at());
    assert_eq!(past.history.size(), HistorySize::default());
}

#[test]
fn a_moment_is_the_last_number_before_it() {
    let mut past = Past::new();
    past.secs = 1;
    past.add("a");
    past.secs = 2;
    past.add("a");
    let millis = |secs: u64| START / 1_000_000 + secs * 1000;
    let last_before = |secs: u64| past.history.last_before(millis(secs), millis(2)).map(|seq| seq.0);
    assert_eq!([0, 1, 2, 3, 4].map(last_before), [None, Some(10), Some(11), Some(12), Some(12)]);
    assert_eq!(last_before(5), None, "that is more than two seconds ahead");
}

/// The rules, changed.
fn changed(change: impl FnOnce(&mut HistoryRules)) -> HistoryRules {
    let mut rules = rules();
    change(&mut rules);
    rules
}

#[test]
fn other_rules_hold_at_once_although_nothing_new_comes() {
    let mut past = Past::new();
    for _ in 0..3 {
        past.add("a");
    }
    past.history.set_rules(&changed(|rules| rules.channel.events = 2), Seq(past.head));
    assert_eq!(past.after(10, "a"), None, "more than two");
    assert_eq!(past.after(11, "a"), Some(vec![12, 13]));
    past.secs = 10;
    past.history.set_rules(&changed(|rules| rules.channel.age = Duration::from_secs(5)), Seq(past.head));
    assert_eq!(past.after(12, "a"), None, "too old");
    past.history.set_rules(&changed(|rules| rules.channel.events = 5), Seq(past.head));
    for _ in 0..2 {
        past.add("a");
    }
    assert_eq!(past.after(10, "a"), Some(vec![11, 12, 13, 14, 15]));
    past.history.set_rules(&changed(|rules| rules.recover_limit = 4), Seq(past.head));
    assert_eq!(past.after(10, "a"), None);
    past.history.set_rules(&changed(|rules| rules.max_bytes = 0), Seq(past.head));
    past.history.forget_old(past.at());
    assert_eq!(past.history.size().events, 0);
}

#[test]
fn what_was_not_kept_is_missing_when_it_is_kept_from_now_on() {
    let mut past = Past::new();
    past.add("none.a");
    past.history.set_rules(&changed(|rules| rules.patterns.clear()), Seq(past.head));
    assert_eq!(past.after(10, "none.a"), None, "11 was not kept");
    assert_eq!(past.after(11, "none.a"), Some(vec![]));
    past.add("none.a");
    assert_eq!((past.after(10, "none.a"), past.after(11, "none.a")), (None, Some(vec![12])));
    // Not kept for a while: what came meanwhile is missing behind what is there.
    past.history.set_rules(&rules(), Seq(past.head));
    past.add("none.a");
    assert_eq!(past.after(12, "none.a"), None);
    past.history.set_rules(&changed(|rules| rules.patterns.clear()), Seq(past.head));
    assert_eq!((past.after(11, "none.a"), past.after(12, "none.a")), (None, None));
    past.add("none.a");
    past.add("none.a");
    assert_eq!((past.after(12, "none.a"), past.after(13, "none.a")), (None, Some(vec![14, 15])));
}

#[test]
fn the_same_holds_for_what_is_for_everybody() {
    let mut past = Past::new();
    past.add("");
    past.history.set_rules(&changed(|rules| rules.everybody.events = 0), Seq(past.head));
    past.add("");
    assert_eq!(past.after(11, "*"), None);
    past.history.set_rules(&rules(), Seq(past.head));
    assert_eq!((past.after(11, "*"), past.after(12, "*")), (None, Some(vec![])));
    past.add("");
    assert_eq!((past.after(11, "*"), past.after(12, "*")), (None, Some(vec![13])));
}
