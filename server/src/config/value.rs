//! Values of settings: one type for all of them, and the types in which they are kept.

use std::fmt;
use std::path::PathBuf;

use crate::history::ChannelRule;
use crate::http_server::hosts::HostRule;
use crate::http_server::origin::Rule;
use crate::http_server::{Network, RouteRule};
use crate::rights::{Pattern, PusherApp, Secret};

/// A value of any setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A directory.
    Path(PathBuf),
    /// A text, or the word that was chosen.
    Text(String),
    /// A URL, which is shown nowhere.
    Url(Secret),
    /// A number of bytes, clients or the like.
    Whole(u64),
    /// A time.
    Seconds(f64),
    /// On or off.
    Switch(bool),
    /// Pages that may connect.
    Origins(Vec<Rule>),
    /// Hosts that requests may name.
    Hosts(Vec<HostRule>),
    /// Channels.
    Patterns(Vec<Pattern>),
    /// What is kept of single channels.
    ChannelRules(Vec<ChannelRule>),
    /// Proxies that are believed.
    Networks(Vec<Network>),
    /// What holds on single paths.
    Routes(Vec<RouteRule>),
    /// The application of Pusher clients. Its secrets are shown nowhere.
    Apps(Vec<PusherApp>),
    /// Files.
    Files(Vec<PathBuf>),
    /// Names of hosts.
    HostNames(Vec<String>),
    /// Secrets, which are shown nowhere.
    Secrets(Vec<Secret>),
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines to read, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The word for each, and what it means.
    pub(super) const WORDS: &[(&str, &str)] =
        &[("human", "Lines to read, coloured on a terminal"), ("json", "One JSON object a line")];
}

/// A type that [`super::Settings`] keeps a value in.
pub(super) trait Kept: Sized {
    fn into_value(self) -> Value;
    /// None if the value has another form.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! kept {
    ($type:ty, $form:ident) => {
        impl Kept for $type {
            fn into_value(self) -> Value {
                Value::$form(self)
            }

            fn from_value(value: Value) -> Option<$type> {
                if let Value::$form(value) = value { Some(value) } else { None }
            }
        }
    };
}

macro_rules! kept_number {
    ($($type:ty),*) => {$(
        impl Kept for $type {
            fn into_value(self) -> Value {
                Value::Whole(self as u64)
            }

            fn from_value(value: Value) -> Option<$type> {
                // What does not fit is out of range as well, and refused for that.
                if let Value::Whole(number) = value { Some(number.try_into().unwrap_or(<$type>::MAX)) } else { None }
            }
        }
    )*};
}

kept!(PathBuf, Path);
kept!(String, Text);
kept!(Secret, Url);
kept!(f64, Seconds);
kept!(bool, Switch);
kept!(Vec<Rule>, Origins);
kept!(Vec<HostRule>, Hosts);
kept!(Vec<Pattern>, Patterns);
kept!(Vec<ChannelRule>, ChannelRules);
kept!(Vec<Network>, Networks);
kept!(Vec<RouteRule>, Routes);
kept!(Vec<PusherApp>, Apps);
kept!(Vec<PathBuf>, Files);
kept!(Vec<String>, HostNames);
kept!(Vec<Secret>, Secrets);
kept_number!(u16, u32, u64, usize);

impl Kept for LogFormat {
    fn into_value(self) -> Value {
        let word = match self {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        };
        Value::Text(word.to_owned())
    }

    fn from_value(value: Value) -> Option<LogFormat> {
        match value {
            Value::Text(word) if word == "human" => Some(LogFormat::Human),
            Value::Text(word) if word == "json" => Some(LogFormat::Json),
            _ => None,
        }
    }
}

/// As on the command line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Path(path) => path.display().fmt(f),
            Value::Text(text) => text.fmt(f),
            Value::Url(url) => url.fmt(f),
            Value::Whole(number) => number.fmt(f),
            Value::Seconds(seconds) => seconds.fmt(f),
            Value::Switch(is_on) => is_on.fmt(f),
            Value::Origins(rules) => joined(f, rules, ","),
            Value::Hosts(rules) => joined(f, rules, ","),
            Value::Patterns(patterns) => joined(f, patterns, ","),
            Value::ChannelRules(rules) => joined(f, rules, "; "),
            Value::Networks(networks) => joined(f, networks, ","),
            Value::Routes(rules) => joined(f, rules, "; "),
            Value::Apps(apps) => joined(f, apps, "; "),
            Value::Files(paths) => joined(f, &paths.iter().map(|path| path.display()).collect::<Vec<_>>(), ","),
            Value::HostNames(names) => joined(f, names, ","),
            Value::Secrets(secrets) => joined(f, secrets, ","),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display], separator: &str) -> fmt::Result {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    f.write_str(&items.join(separator))
}
