//! How users write a setting, and what it may be.

use super::value::Value;

/// More than any machine has (a tebibyte), and little enough to be multiplied with.
const MAX_BYTES: u64 = if usize::BITS < 64 { 1 << 28 } else { 1 << 40 };
/// More than a process may have open files, and less than a semaphore may have permits.
const MAX_COUNT: u64 = if usize::BITS < 64 { 1 << 28 } else { 1 << 30 };
/// A hundred years.
const MAX_AGE_SECS: u64 = 100 * 365 * 24 * 60 * 60;
/// A day.
const MAX_SECONDS: f64 = 86_400.0;

/// How users write a setting, and what it may be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A directory.
    Path,
    /// A text.
    Text,
    /// A URL that may hold a password, so no output shows it.
    Url,
    /// A whole number.
    Whole(Whole),
    /// A time: a number of seconds, with a fraction if need be; above 0, at most a day.
    Seconds,
    /// `true` or `false`.
    Switch,
    /// A list of pages: several flags, commas between, or a list of the file.
    Origins,
    /// A list of hosts, written as that of pages.
    Hosts,
    /// A list of channel names and patterns, written as that of pages.
    Patterns,
    /// Rules for single channels: tables of the file, or semicolons between in the variable. There is no flag.
    ChannelRules,
    /// A list of addresses and networks, written as that of pages.
    Networks,
    /// Rules for single paths, written as those for channels. There is no flag.
    Routes,
    /// Applications of the Pusher protocol, written as rules for channels. There is no flag.
    Apps,
    /// A list of files, written as that of pages.
    Files,
    /// A list of names of hosts, written as that of pages.
    HostNames,
    /// A list of secrets: of the variable, commas between, or of the file. No flag, which every user of the machine
    /// could read.
    Secrets,
    /// One of these words; after each, what it means.
    Choice(&'static [(&'static str, &'static str)]),
}

/// What a whole number may be.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// What it counts.
    pub unit: Unit,
    /// The smallest.
    pub least: u64,
    /// The largest.
    pub most: u64,
    /// Why, where the bounds are narrower than those of the unit.
    pub why: &'static str,
}

/// What a whole number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Clients, entries or the like.
    Count,
    /// Seconds, where the time may be longer than that of [`Form::Seconds`].
    Seconds,
    /// A port.
    Port,
}

impl Unit {
    pub(super) const fn most(self) -> u64 {
        match self {
            Unit::Bytes => MAX_BYTES,
            Unit::Count => MAX_COUNT,
            Unit::Seconds => MAX_AGE_SECS,
            Unit::Port => u16::MAX as u64,
        }
    }
}

impl Form {
    /// A number of at least 1.
    pub(super) const fn at_least_one(unit: Unit) -> Form {
        Form::between(unit, 1, unit.most(), "")
    }

    /// A number of 0 to what 32 bits hold; 0 stands for any number.
    pub(super) const fn or_any(unit: Unit) -> Form {
        Form::between(unit, 0, u32::MAX as u64, "")
    }

    /// A number in bounds of its own.
    pub(super) const fn between(unit: Unit, least: u64, most: u64, why: &'static str) -> Form {
        Form::Whole(Whole { unit, least, most, why })
    }

    /// A port; 0 lets the system choose.
    pub(super) const fn port() -> Form {
        Form::between(Unit::Port, 0, Unit::Port.most(), "")
    }

    /// What is wrong with a value, if something is.
    pub(super) fn problem(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Form::Whole(whole), Value::Whole(number)) => whole.problem(i128::from(*number)),
            (Form::Seconds, Value::Seconds(seconds)) if !(*seconds > 0.0 && *seconds <= MAX_SECONDS) => {
                Some("must be a number of seconds above 0, at most a day".to_owned())
            }
            _ => None,
        }
    }
}

impl Whole {
    /// Whether the bounds are about those of the unit, that no real value reaches.
    pub fn is_wide(&self) -> bool {
        self.least <= 1 && self.most >= self.unit.most() / 2
    }

    /// What is wrong with a number, if something is.
    pub fn problem(&self, number: i128) -> Option<String> {
        let Whole { least, most, why, .. } = self;
        let is_less = number < i128::from(*least);
        if !is_less && number <= i128::from(*most) {
            None
        } else if *least == 0 || !self.is_wide() {
            let separator = if why.is_empty() { "" } else { ": " };
            Some(format!("must be {least} to {most}{separator}{why}"))
        } else if is_less {
            Some(format!("must be at least {least}"))
        } else {
            Some(format!("must be at most {most}"))
        }
    }
}
