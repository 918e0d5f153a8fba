//! Why settings are refused.

use std::borrow::Cow;
use std::fmt;

use queue::url_without_secrets;

use super::naming::{BroadcasterKeys, Naming};
use super::value::Value;

/// Why settings are refused: a value is out of range, or does not go with another, or is missing. Its text is for those
/// who use the keys of the broadcaster.
#[derive(Debug)]
pub struct ConfigError {
    key: &'static str,
    given: Given,
    problem: Problem,
    item: Option<usize>,
}

/// What is said of the value.
#[derive(Debug)]
enum Given {
    Nothing,
    /// It may be a secret.
    NotShown,
    Value(Value),
}

/// What is wrong: texts and the settings that they name.
#[derive(Debug)]
pub(super) struct Problem(Vec<Part>);

/// A part of what is wrong.
#[derive(Debug)]
pub(super) enum Part {
    Text(Cow<'static, str>),
    /// A setting.
    Key(&'static str),
    /// What sets a list to this one item.
    Line(&'static str, &'static str),
}

impl ConfigError {
    pub(super) fn new(key: &'static str, value: Value, problem: impl Into<Problem>) -> ConfigError {
        ConfigError { key, given: Given::Value(value), problem: problem.into(), item: None }
    }

    /// The value may be a secret.
    pub(super) fn without_value(key: &'static str, problem: impl Into<Problem>) -> ConfigError {
        ConfigError { key, given: Given::NotShown, problem: problem.into(), item: None }
    }

    /// A setting that has to be there.
    pub(super) fn missing(key: &'static str, problem: impl Into<Problem>) -> ConfigError {
        ConfigError { key, given: Given::Nothing, problem: problem.into(), item: None }
    }

    /// The key as in the file; the flag has dashes.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Of a setting that is a list: which item of it is wrong, from 0.
    pub(super) fn of_item(self, item: usize) -> ConfigError {
        ConfigError { item: Some(item), ..self }
    }

    /// Which item of a list is wrong, from 0, if it is one item.
    pub fn item(&self) -> Option<usize> {
        self.item
    }

    /// The text for those who call settings so.
    pub fn told(&self, naming: &impl Naming) -> String {
        let given = match &self.given {
            Given::Nothing => " is not set".to_owned(),
            Given::Value(value) if naming.shows(value) => format!(" = {}", url_without_secrets(&value.to_string())),
            Given::NotShown | Given::Value(_) => String::new(),
        };
        let told = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Key(key) => naming.key(key),
            Part::Line(key, item) => naming.line(key, item).into(),
        };
        let problem: String = self.problem.0.iter().map(told).collect();
        format!("{}{given}: {problem}", naming.key(self.key))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.told(&BroadcasterKeys { shows_texts: true }))
    }
}

impl std::error::Error for ConfigError {}

impl From<&'static str> for Problem {
    fn from(text: &'static str) -> Problem {
        Problem(vec![Part::Text(text.into())])
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Problem {
        Problem(vec![Part::Text(text.into())])
    }
}

impl<const N: usize> From<[Part; N]> for Problem {
    fn from(parts: [Part; N]) -> Problem {
        Problem(parts.into())
    }
}

impl From<&'static str> for Part {
    fn from(text: &'static str) -> Part {
        Part::Text(text.into())
    }
}
