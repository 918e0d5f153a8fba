//! What users say of single channels: a pattern, and what is kept of those that it names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::rights::{InvalidPattern, Pattern};

/// The most events, and the most seconds, that a rule may say: those of the settings for all channels.
const MAX_EVENTS: usize = 1 << 30;
const MAX_SECONDS: u64 = 100 * 365 * 24 * 60 * 60;

/// A rule of the settings. What it does not say is as for all channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRule {
    /// Which channels it is about.
    pub pattern: Pattern,
    /// Events that are kept of each.
    pub events: Option<usize>,
    /// How long they are kept, in seconds.
    pub seconds: Option<u64>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidChannelRule {
    /// It names no channels.
    #[error("{0}")]
    Pattern(#[from] InvalidPattern),
    /// It says nothing of them, or something unknown.
    #[error("is no rule: write a pattern, and history_events=COUNT or history_ttl_secs=SECONDS or both behind it")]
    Form,
    /// A number is none, or too large.
    #[error("{0} must be a whole number, at most {1}")]
    Number(&'static str, u64),
}

impl ChannelRule {
    /// The key of the events in a rule.
    pub const EVENTS: &'static str = "history_events";
    /// The key of the time.
    pub const SECONDS: &'static str = "history_ttl_secs";

    /// A rule that says something.
    ///
    /// # Errors
    /// When it says nothing, or a number is too large.
    pub fn new(pattern: Pattern, events: Option<u64>, seconds: Option<u64>) -> Result<ChannelRule, InvalidChannelRule> {
        if events.is_none() && seconds.is_none() {
            return Err(InvalidChannelRule::Form);
        }
        if events.is_some_and(|events| events > MAX_EVENTS as u64) {
            return Err(InvalidChannelRule::Number(ChannelRule::EVENTS, MAX_EVENTS as u64));
        }
        if seconds.is_some_and(|seconds| seconds > MAX_SECONDS) {
            return Err(InvalidChannelRule::Number(ChannelRule::SECONDS, MAX_SECONDS));
        }
        Ok(ChannelRule { pattern, events: events.map(|events| events as usize), seconds })
    }

    /// Reads rules with semicolons between.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn parse_all(text: &str) -> Result<Vec<ChannelRule>, InvalidChannelRule> {
        // A name may have a semicolon, but no space, and a rule ends with a number.
        text.split("; ").map(|rule| rule.trim().trim_end_matches(';').parse()).collect()
    }
}

/// `PATTERN history_events=1 history_ttl_secs=60`, one of the two or both.
impl FromStr for ChannelRule {
    type Err = InvalidChannelRule;

    fn from_str(text: &str) -> Result<ChannelRule, InvalidChannelRule> {
        let mut words = text.split_ascii_whitespace();
        let pattern = words.next().ok_or(InvalidChannelRule::Form)?.parse()?;
        let (mut events, mut seconds) = (None, None);
        for word in words {
            let (key, number) = word.split_once('=').ok_or(InvalidChannelRule::Form)?;
            let (kept, key, most) = match key {
                ChannelRule::EVENTS => (&mut events, ChannelRule::EVENTS, MAX_EVENTS as u64),
                ChannelRule::SECONDS => (&mut seconds, ChannelRule::SECONDS, MAX_SECONDS),
                _ => return Err(InvalidChannelRule::Form),
            };
            let number = number.parse().map_err(|_| InvalidChannelRule::Number(key, most))?;
            if kept.replace(number).is_some() {
                return Err(InvalidChannelRule::Form);
            }
        }
        ChannelRule::new(pattern, events, seconds)
    }
}

/// As it is read.
impl fmt::Display for ChannelRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(formatter)?;
        self.events.map_or(Ok(()), |events| write!(formatter, " {}={events}", ChannelRule::EVENTS))?;
        self.seconds.map_or(Ok(()), |seconds| write!(formatter, " {}={seconds}", ChannelRule::SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["cursor.* history_events=1", "a history_ttl_secs=0", "a;b=* history_events=0 history_ttl_secs=60"]
        {
            assert_eq!(text.parse::<ChannelRule>().expect(text).to_string(), text);
        }
        let all = ChannelRule::parse_all("a;* history_events=1; b history_ttl_secs=2;").expect("two rules");
        assert_eq!(
            all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["a;* history_events=1", "b history_ttl_secs=2"]
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "a",
            "a b",
            "a history_events",
            "a history_events=",
            "a history_events=-1",
            "a history_events=1 history_events=2",
            "a history_events=1073741825",
            "a history_ttl_secs=99999999999",
            "a events=1",
            "a* b history_events=1",
            "a*b history_events=1",
        ] {
            assert!(text.parse::<ChannelRule>().is_err(), "{text}");
        }
    }
}
