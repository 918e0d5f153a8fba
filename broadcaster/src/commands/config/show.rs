//! `fastapi-broadcaster config show`: every setting, its value, and where that comes from.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use queue::{printable, url_without_secrets};
use serde_json::json;
use server::config::{Setting, Settings, Value, all_settings};

use crate::config_file::Read;

/// What stands for a secret.
const HIDDEN: &str = "[hidden]";

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster config show --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster config show --config /etc/fastapi-broadcaster/config.toml | grep history
  fastapi-broadcaster config show --json --queue /srv/queue

It takes every flag of the server, before or after its name. A value that depends on others is the one that counts.

To see what a service has, run it as the service's user and with its variables.";

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// As one JSON array of objects with key, value, source and reloads
    #[arg(long)]
    json: bool,
}

/// Where settings can come from.
pub(crate) struct Sources<'a> {
    /// What flags and variables give.
    pub(crate) given: &'a Settings,
    /// The keys of those that flags give.
    pub(crate) flags: &'a BTreeSet<&'static str>,
    pub(crate) path: Option<&'a Path>,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source<'a> {
    Flag(String),
    Variable(String),
    File { path: &'a Path, line: usize },
    Default,
}

pub(crate) fn run(read: &Read, sources: &Sources<'_>, arguments: &ShowArgs) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.json {
        let all: Vec<_> = all_settings().map(|setting| as_json(setting, read, sources)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        for setting in all_settings() {
            let value = effective(setting, read).map_or_else(|| "none".to_owned(), |value| shown(setting, &value));
            let source = sources.of(setting, read);
            writeln!(out, "{}\t{}\t{}", setting.file_key(), printable(&value), printable(&source.to_string()))?;
        }
    }
    Ok(out.flush()?)
}

/// What counts.
fn effective(setting: &Setting, read: &Read) -> Option<Value> {
    read.config.decided(setting.key).or_else(|| setting.value(&read.settings)).or_else(|| setting.default())
}

fn shown(setting: &Setting, value: &Value) -> String {
    if setting.is_secret() { HIDDEN.to_owned() } else { url_without_secrets(&value.to_string()).into_owned() }
}

fn as_json(setting: &Setting, read: &Read, sources: &Sources<'_>) -> serde_json::Value {
    let value = effective(setting, read);
    let value = value.map(|value| if setting.is_secret() { HIDDEN.into() } else { json_of(&value) });
    json!({
        "key": setting.file_key(),
        "value": value,
        "source": sources.of(setting, read).as_json(),
        "reloads": setting.reloads,
    })
}

fn json_of(value: &Value) -> serde_json::Value {
    fn texts<T: fmt::Display>(items: &[T]) -> serde_json::Value {
        items.iter().map(ToString::to_string).collect()
    }
    match value {
        Value::Whole(number) => (*number).into(),
        Value::Seconds(seconds) => (*seconds).into(),
        Value::Switch(is_on) => (*is_on).into(),
        Value::Origins(rules) => texts(rules),
        Value::Hosts(rules) => texts(rules),
        Value::Patterns(patterns) => texts(patterns),
        Value::ChannelRules(rules) => texts(rules),
        Value::Networks(networks) => texts(networks),
        Value::Routes(rules) => texts(rules),
        Value::Apps(apps) => texts(apps),
        Value::Files(paths) => paths.iter().map(|path| path.display().to_string()).collect(),
        other => other.to_string().into(),
    }
}

impl Sources<'_> {
    fn of(&self, setting: &Setting, read: &Read) -> Source<'_> {
        if setting.value(self.given).is_some() {
            return match self.flags.contains(setting.key) {
                true => Source::Flag(format!("--{}", setting.key.replace('_', "-"))),
                false => Source::Variable(setting.variable().into_owned()),
            };
        }
        // A `listen` of the file does not count beside a `host` of the command line.
        let line = read.lines.get(setting.key).filter(|_| setting.value(&read.settings).is_some());
        match (self.path, line) {
            (Some(path), Some(line)) => Source::File { path, line: *line },
            _ => Source::Default,
        }
    }
}

impl Source<'_> {
    fn as_json(&self) -> serde_json::Value {
        match self {
            Source::Flag(name) => json!({"kind": "flag", "name": name}),
            Source::Variable(name) => json!({"kind": "variable", "name": name}),
            Source::File { path, line } => json!({"kind": "file", "path": path.display().to_string(), "line": line}),
            Source::Default => json!({"kind": "default"}),
        }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) | Source::Variable(name) => formatter.write_str(name),
            Source::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Source::Default => formatter.write_str("default"),
        }
    }
}
