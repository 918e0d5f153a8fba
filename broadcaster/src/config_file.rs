//! The configuration file: a TOML file with the keys of the settings.

mod exposed;
mod syntax;
mod text;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use server::Config;
use server::config::{BroadcasterKeys, ConfigError, Setting, Settings, all_settings};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use text::text_of;
use values::value;

pub(crate) use exposed::ExposedSecret;

use crate::likeness::{meant, of_app};

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}", path = .path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// The file is not TOML, or has an unknown key or a wrong value. The line is not shown: any may have a secret that
    /// was meant for another key.
    #[error("in the configuration file {path}: {mistake}", path = .path.display())]
    Mistake { path: PathBuf, mistake: Mistake },
    /// A flag or a variable is out of range.
    #[error(transparent)]
    Given(ConfigError),
    /// A value of the file is out of range, or does not go with one that was set elsewhere.
    #[error(
        "with the configuration file {path}: {cause}{line}",
        path = .path.display(), cause = .cause.told(&IN_FILE), line = in_line(*.line)
    )]
    File { path: PathBuf, line: Option<usize>, cause: Box<ConfigError> },
}

/// The table of the broker.
const BROKER: &str = "broker";
/// Numbers and switches can be no secret.
const IN_FILE: BroadcasterKeys = BroadcasterKeys { shows_texts: false };

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line} of the file)"))
}

/// All settings, and what was decided from them.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) settings: Settings,
    pub(crate) config: Config,
    /// Where the file sets each key.
    pub(crate) lines: BTreeMap<&'static str, usize>,
}

/// Reads the file, if there is one, for what flags and variables do not give, and decides everything. An error names
/// the file unless flags and variables alone are to blame.
pub(crate) fn read(given: Settings, path: Option<&Path>) -> Result<Read, Refused> {
    read_with(given, path, |settings| settings)
}

/// The same without keys and rights, which the user of a command that needs none may not be able to read.
pub(crate) fn read_without_rights(given: Settings, path: Option<&Path>) -> Result<Read, Refused> {
    read_with(given, path, Settings::without_rights)
}

/// The same with some of the settings only.
pub(crate) fn resolve_with(
    given: Settings,
    path: Option<&Path>,
    needed: fn(Settings) -> Settings,
) -> Result<Config, Refused> {
    read_with(given, path, needed).map(|read| read.config)
}

fn read_with(given: Settings, path: Option<&Path>, needed: fn(Settings) -> Settings) -> Result<Read, Refused> {
    let given = needed(given);
    let Some(path) = path else {
        let config = given.clone().resolve().map_err(Refused::Given)?;
        return Ok(Read { settings: given, config, lines: BTreeMap::new() });
    };
    let text = text_of(path).map_err(|cause| Refused::Unreadable { path: path.to_owned(), cause })?;
    let refused = |mistake| Refused::Mistake { path: path.to_owned(), mistake };
    let file = parse(&text).map_err(refused)?;
    let all = given.clone().or(needed(file));
    if let Some(mistake) = broker_without_settings(&text, &all) {
        return Err(refused(mistake));
    }
    let resolved = all.clone().resolve().map_err(|error| match given.resolve() {
        Err(alone) if alone.to_string() == error.to_string() => Refused::Given(error),
        _ => Refused::File { path: path.to_owned(), line: line_of(&text, &error), cause: Box::new(error) },
    });
    Ok(Read { settings: all, config: resolved?, lines: lines(&text) })
}

/// What is wrong in a file, and where.
#[derive(Debug)]
pub(crate) struct Mistake {
    line: usize,
    column: usize,
    /// The key whose value is wrong.
    key: Option<Cow<'static, str>>,
    problem: String,
}

impl Mistake {
    /// A mistake at an offset in bytes.
    fn at(text: &str, offset: usize, key: Option<Cow<'static, str>>, problem: String) -> Mistake {
        let before = text.get(..offset).unwrap_or(text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Mistake { line: line_at(text, offset), column, key, problem }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { line, column, key, problem } = self;
        write!(formatter, "line {line}, column {column}: ")?;
        key.as_ref().map_or(Ok(()), |key| write!(formatter, "{key} "))?;
        formatter.write_str(problem)
    }
}

/// The first mistake counts.
fn parse(text: &str) -> Result<Settings, Mistake> {
    let table = DeTable::parse(text).map_err(|error| {
        Mistake::at(text, error.span().map_or(0, |span| span.start), None, syntax::plain(error.message()))
    })?;
    let mut settings = Settings::default();
    for entry in Entry::all_of(table.get_ref()) {
        let Entry { table, key, value: given } = entry;
        let Some(setting) = entry.setting() else {
            return Err(Mistake::at(text, key.span().start, None, unknown(table, key.get_ref())));
        };
        let value = value(&setting.form, given)
            .map_err(|(place, problem)| Mistake::at(text, place, Some(setting.file_key()), problem))?;
        setting.set(&mut settings, value);
    }
    Ok(settings)
}

/// A key of the file, and what it is set to.
#[derive(Clone, Copy)]
struct Entry<'a> {
    /// The table that it stands in. Others than those of settings are keys that nobody knows.
    table: Option<&'static str>,
    key: &'a Spanned<DeString<'a>>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// In the order of the file.
    fn all_of(file: &'a DeTable<'a>) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for (key, value) in file {
            let table = all_settings().filter_map(|setting| setting.table).find(|table| table == key.get_ref());
            match (table, value.get_ref()) {
                (Some(_), DeValue::Table(keys)) => {
                    entries.extend(keys.iter().map(|(key, value)| Entry { table, key, value }));
                }
                _ => entries.push(Entry { table: None, key, value }),
            }
        }
        entries.sort_by_key(|entry| entry.key.span().start);
        entries
    }

    fn setting(&self) -> Option<&'static Setting> {
        let is_it = |setting: &&Setting| setting.table == self.table && setting.name_in_table() == self.key.get_ref();
        all_settings().find(is_it)
    }
}

/// What is said of a key that no setting has.
fn unknown(table: Option<&str>, key: &str) -> String {
    let is_meant =
        |setting: &&Setting| setting.table.is_some() && [setting.key, setting.name_in_table()].contains(&key);
    if let (None, Some(setting)) = (table, all_settings().find(is_meant))
        && let Some(table) = setting.table
    {
        return format!("`{key}` is written as `{}` below [{table}]", setting.name_in_table());
    }
    if let (None, Some(of_app)) = (table, of_app(key)) {
        return match of_app {
            "secret" if key == of_app => {
                format!("`{key}` belongs in [[app]], and the secret of tokens is `token_secret`")
            }
            _ if key == of_app => format!("`{key}` belongs in [[app]]"),
            _ => format!("`{key}` belongs in [[app]], as `{of_app}`"),
        };
    }
    if all_settings().any(|setting| setting.table == Some(key)) {
        return format!("`{key}` must be a table: write [{key}] above its keys");
    }
    if let Some(hint) = hint(table, key) {
        return hint;
    }
    let of_table = all_settings().filter(|setting| setting.table == table);
    let mut expected: Vec<String> = of_table.map(|setting| format!("`{}`", setting.name_in_table())).collect();
    match table {
        Some(table) => format!(
            "there is no key `{key}` in [{table}]: it has {}; all other keys stand above [{table}]",
            expected.join(", ")
        ),
        None => {
            expected.extend(tables().iter().map(|table| format!("[{table}]")));
            format!("there is no key `{key}`: the keys are {}", expected.join(", "))
        }
    }
}

/// What is said of a key that is mistyped.
fn hint(table: Option<&str>, key: &str) -> Option<String> {
    // One that stands in the wrong table is not mistyped.
    if all_settings().any(|setting| setting.table.is_none() && setting.key == key) {
        return None;
    }
    let tables = if table.is_none() { tables() } else { Vec::new() };
    let keys = all_settings().filter(|setting| setting.table == table).map(Setting::name_in_table);
    let meant = meant(key, keys.chain(tables.iter().copied()))?;
    let shown = if tables.contains(&meant) { format!("[{meant}]") } else { format!("`{meant}`") };
    let place = table.map_or_else(String::new, |table| format!(" in [{table}]"));
    Some(format!("there is no key `{key}`{place}: is {shown} meant?"))
}

/// The tables that are no settings themselves.
fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = all_settings().filter_map(|setting| setting.table).collect();
    tables.dedup();
    tables
}

/// Who writes the table of the broker believes that there is one. A table with other settings is refused for these.
fn broker_without_settings(text: &str, all: &Settings) -> Option<Mistake> {
    let file = DeTable::parse(text).ok()?;
    let (table, keys) = file.get_ref().iter().find(|(key, _)| key.get_ref() == BROKER)?;
    let is_empty = keys.get_ref().as_table().is_some_and(DeTable::is_empty);
    (is_empty && all.broker_url.is_none()).then(|| {
        let problem = "[broker] sets nothing, and broker.url is not set elsewhere: without it there is no broker, and \
                       this broadcaster is alone. Set `url` below [broker], or the variable FASTAPI_WS_BROKER_URL, or \
                       remove [broker]";
        Mistake::at(text, table.span().start, None, problem.to_owned())
    })
}

/// The line of what is wrong, if it is in the file: that of the key, or that of the table or item.
fn line_of(text: &str, error: &ConfigError) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let entries = Entry::all_of(table.get_ref());
    let entry = entries.iter().find(|entry| entry.setting().is_some_and(|setting| setting.key == error.key()))?;
    let item = error.item().and_then(|item| entry.value.get_ref().as_array()?.get(item));
    Some(line_at(text, item.map_or(entry.key.span().start, |item| item.span().start)))
}

/// The lines that set keys.
fn lines(text: &str) -> BTreeMap<&'static str, usize> {
    let Ok(table) = DeTable::parse(text) else { return BTreeMap::new() };
    let entries = Entry::all_of(table.get_ref());
    let line = |entry: &Entry<'_>| Some((entry.setting()?.key, line_at(text, entry.key.span().start)));
    entries.iter().filter_map(line).collect()
}

/// The number of the line at an offset.
fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use server::config::{Form, Whole};
    use server::token::Secret;

    use super::*;

    fn resolve(given: Settings, path: Option<&Path>) -> Result<Config, Refused> {
        read(given, path).map(|read| read.config)
    }

    /// What is said of a file with this text.
    fn refused(given: Settings, text: &str) -> Option<String> {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("broadcaster.toml");
        std::fs::write(&path, text).expect("a file");
        let error = resolve(given, Some(&path)).err()?.to_string();
        Some(error.replace(&path.display().to_string(), "broadcaster.toml"))
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_line_and_key() {
        for (text, expected) in [
            (
                "# comment\nping_interval_secs = 'soon'",
                "line 2, column 22: ping_interval_secs must be a number of seconds",
            ),
            ("# comment\na = 1", "line 2, column 1: there is no key `a`"),
            ("a = 1\nport = 1", "line 1, column 1: there is no key `a`"),
            ("port = ", "line 1, column 8: "),
        ] {
            let error = refused(Settings::default(), text).expect(text);
            assert!(error.starts_with(&format!("in the configuration file broadcaster.toml: {expected}")), "{error}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_the_file_that_it_stands_in() {
        let text = "max_event_bytes = 2_000_000\nport = 1\nping_interval_secs = -1";
        let with_ping = |secs| Settings { ping_interval_secs: secs, ..Settings::default() };
        let named = "with the configuration file broadcaster.toml: ";
        let error = refused(with_ping(None), text).expect("a negative time");
        assert!(error.starts_with(&format!("{named}ping_interval_secs = -1: must be")), "{error}");
        assert!(error.ends_with(" (line 3 of the file)"), "{error}");
        assert_eq!(refused(with_ping(Some(1.0)), text), None);
        let error = refused(with_ping(Some(0.0)), text).expect("a time of nothing");
        assert!(error.starts_with("ping_interval_secs = 0: "), "{error}");
        // Neither would be wrong without the other.
        let small = Settings { log_bytes: Some(3_000_000), ..with_ping(Some(1.0)) };
        let error = refused(small, text).expect("a small log");
        assert!(error.starts_with(&format!("{named}log_bytes = 3000000: ")), "{error}");
    }

    #[test]
    fn a_mistake_shows_no_secret() {
        let secret = "4b5d11f0c8a4e2d9f6b7a3c1e5d8f092";
        for text in [
            format!("token_secret = \"{secret}\""),
            format!("token_secret = ['{secret}"),
            format!("token_secret = [\n\"{secret}\n]"),
            format!("token_secret = [\n\"{secret}\",\n5]"),
            format!("token_secret = ['{secret}', 5]"),
            format!("token_secrets = ['{secret}']"),
            format!("token_secret = \"\"\"\n{secret}=\n\"\"\""),
            format!("token_secret = ['{secret}'] port = 1"),
            format!("token_secret = ['{secret}']\ntoken_secret = ['{secret}']"),
            format!("token_secret = ['{}']\n", &secret[..31]),
            format!("token_secret = ['{secret}']\nport = 'x'"),
            format!("token_secret = ['{secret}']"),
            // Under another key, for which it is wrong.
            format!("token_secrett = '{secret}'"),
            format!("port = '{secret}'"),
            format!("ping_interval_secs = '{secret}'"),
            format!("anonymous = '{secret}'"),
            format!("allowed_origins = '{secret}'"),
            format!("allowed_origins = ['{secret}']"),
            format!("public_channels = '{secret}'"),
            format!("public_channels = ['{secret}/*/']"),
            format!("token_secret_file = '{secret}'"),
            format!("token_secret_file = ['{secret}']"),
            format!("token_public_key_file = ['{secret}/x']"),
            format!("log_format = '{secret}'"),
            format!("listen = '{secret}'"),
            format!("listen = '{secret}:{secret}'"),
            format!("queue = '{secret}"),
            format!("{secret} = 'x"),
            format!("[{secret}"),
            format!("[broker]\nurl = 'redis://u:{secret}@h:x'"),
            format!("[broker]\nurl = 'redis://u:{secret}@h'\nport = 1"),
            format!("[broker]\nurl = ['redis://u:{secret}@h']"),
            format!("[broker]\nurl = 'redis://u:{secret}@h"),
            format!("[broker]\nprefix = 'redis://u:{secret}@h'\nurl = 'redis://h'"),
            format!("[broker]\nmax_events = 'redis://u:{secret}@h'"),
            format!("broker_url = 'redis://u:{secret}@h'"),
            format!("broker = 'redis://u:{secret}@h'"),
        ] {
            let error = refused(Settings::default(), &text).expect(&text);
            assert!(!error.contains(&secret[..8]), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read_for_ever() {
        let error = resolve(Settings::default(), Some(Path::new("/dev/zero"))).expect_err("no text").to_string();
        assert_eq!(
            error,
            "cannot read the configuration file /dev/zero: it has more than 1048576 bytes, so it is none"
        );
        let directory = tempfile::TempDir::new().expect("a directory");
        let pipe = directory.path().join("pipe");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, rustix::fs::Mode::RWXU, 0).expect("a pipe");
        let writing = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut writer = std::fs::OpenOptions::new().write(true).open(pipe).expect("a reader");
                // Until nobody reads any more.
                while std::io::Write::write_all(&mut writer, &[b'#'; 4096]).is_ok() {}
            }
        });
        let error = resolve(Settings::default(), Some(&pipe)).expect_err("no end").to_string();
        assert!(error.ends_with("it has more than 1048576 bytes, so it is none"), "{error}");
        writing.join().expect("it has noticed that nobody reads");
        let full = format!("port = 1\n#{}", " ".repeat(1024 * 1024 - 10));
        assert_eq!((full.len(), refused(Settings::default(), &full)), (1024 * 1024, None));
    }

    #[test]
    fn a_key_that_is_mistyped_is_told_with_the_right_one() {
        for (text, meant) in [
            ("max_conections = 5", Some("max_connections")),
            ("MAX_CONNECTIONS = 5", Some("max_connections")),
            ("prot = 5", Some("port")),
            ("[brocker]\nurl = 'redis://h'", Some("[broker]")),
            ("[broker]\nulr = 'redis://h'", Some("url")),
            ("[[chanel]]\npattern = 'a'", Some("channel")),
            ("colour_of_the_page = 5", None),
            ("x = 5", None),
        ] {
            let error = refused(Settings::default(), text).expect(text);
            let hint = meant.map(|meant| format!(": is `{meant}` meant?"));
            let hint = hint.map(|hint| hint.replace("`[broker]`", "[broker]"));
            assert_eq!(error.contains(" meant?"), meant.is_some(), "{error}");
            assert!(hint.is_none_or(|hint| error.contains(&hint)), "{error}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_in_plain_words_with_what_to_write() {
        for (text, told) in [
            ("port 80", "line 1, column 6: a key stands here without a value: write key = value"),
            ("prot = 1\nport: 80", "line 2, column 7: a key stands here without a value"),
            ("queue = /srv/queue", "line 1, column 9: the value is neither a number, nor true"),
            ("max_memory = 64M", "line 1, column 14: the value is neither a number"),
            ("anonymous = True", "line 1, column 13: write true or false, in small letters"),
            ("listen = 127.0.0.1:80", "line 1, column 15: this is no number"),
            ("port = 1\nport = 2", "line 2, column 1: this key or table stands in the file already"),
            ("queue = 'x", "line 1, column 11: the text has no end"),
            ("queue = \"x", "line 1, column 11: the text has no end"),
            ("queue = \"\\d\"", "line 1, column 11: in \"...\" write"),
            ("[queue", "line 1, column 7: the ] behind the name of the table is missing"),
            ("[[route", "line 1, column 8: the ]] behind the name"),
            ("allowed_origins = ['a'", "line 1, column 23: the ] at the end of the list is missing"),
            ("allowed_origins = 'a', 'b'", "line 1, column 22: there is something behind the value"),
            ("log_bytes = .5", "line 1, column 13: a number has digits before and behind its point"),
            ("port = 1e", "line 1, column 10: this is no TOML: invalid exponent"),
            ("= 5", "line 1, column 1: the key before = is missing"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(told) && !error.contains("expected"), "{text}: {error}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_is_told_with_its_own_line() {
        let routes = "[[route]]\npath = '/x'\nrequire = 'none'\n\n[[route]]\npath = '/y'\nrequire = 'hook'";
        let apps = "[[app]]\nid = '1'\nkey = 'k'\nsecret = 's'\n[[app]]\nid = '2'\nkey = 'l'\nsecret = 's'";
        for text in [routes, apps] {
            let error = refused(Settings::default(), text).expect(text);
            assert!(error.ends_with(" (line 5 of the file)"), "{error}");
        }
    }

    #[test]
    fn of_several_mistakes_in_a_table_the_first_is_told() {
        let file = "[[route]]\npath = '/x'\nzoo = 1\nchannels = 5\nrequire = 5";
        let error = parse(file).expect_err("mistakes").to_string();
        assert_eq!(error, "line 3, column 1: route has no key `zoo`: it has path, channels, require");
        let error = parse("[[route]]\npath = '/x'\nmax_connections = 5").expect_err("a key").to_string();
        assert!(error.ends_with("keys of the whole file stand above all tables"), "{error}");
    }

    #[test]
    fn what_needs_no_keys_does_not_read_them() {
        let settings = || Settings { token_secret_file: Some(vec!["/no/such/file".into()]), ..Settings::default() };
        assert!(resolve(settings(), None).is_err());
        assert!(read_without_rights(settings(), None).is_ok());
    }

    #[test]
    fn types_are_told_in_plain_words() {
        for (text, told) in [
            ("port = 70000", "must be 0 to 65535"),
            ("max_messages_per_sec = 4294967296", "must be 0 to 4294967295"),
            ("max_bytes_per_sec = -1", "must be 0 to 4294967295"),
            ("max_connections = 99999999999999999999999999999999999999999", "must be at most 1073741824"),
            ("max_connections = -99999999999999999999999999999999999999999", "must be at least 1"),
            ("port = 'x'", "must be a whole number of 0 to 65535"),
            ("max_memory = '256M'", "must be a number of bytes, without a unit or quotes"),
            ("max_header_bytes = -1", "must be 1024 to 1048576"),
            ("max_connections = 1.5", "must be a whole number, without quotes"),
            ("failed_max_age_secs = '30d'", "must be a whole number of seconds"),
            ("ping_interval_secs = '25s'", "must be a number of seconds, such as 0.5"),
            ("queue = 5", "must be a text in quotes"),
            ("listen = 8081", "must be a text in quotes"),
            ("relay_client_events = 'yes'", "must be true or false"),
            ("allowed_origins = '*'", "must be a list of texts in quotes, such as [\"same-host\"]"),
            ("allowed_origins = [1]", "must be a text in quotes"),
            ("public_channels = 'public.*,x'", "must be a list of texts in quotes, such as [\"public.*\"]"),
            ("public_channels = ['a*b']", "is no pattern: write a channel name"),
            ("token_secret_file = '/x'", "must be a list of texts in quotes, such as [\"/path/of/the/file\"]"),
            ("token_secret = 'x'", "must be a list, with the secret in quotes"),
            ("token_secret = [1]", "must be a text in quotes"),
            ("log_format = 'xml'", "must be `human` or `json`"),
        ] {
            let error = parse(text).expect_err(text).problem;
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }

    #[test]
    fn keys_of_the_broker_stand_in_a_table() {
        let file = "port = 1\n[broker]\nurl = 'redis://h'\nmax_events = 5_000";
        let settings = parse(file).expect("a file");
        assert_eq!((settings.port, settings.broker_max_events), (Some(1), Some(5_000)));
        assert_eq!(settings, parse("broker.url = 'redis://h'\nport = 1\nbroker.max_events = 5000").expect("a file"));
        for (text, told) in [
            ("\n[broker]\nurl = 1", "line 3, column 7: broker.url must be a text in quotes"),
            ("[broker]\nmax_bytes = '1G'", "line 2, column 13: broker.max_bytes must be a number of bytes"),
            ("[broker]\nuri = 'x'", "line 2, column 1: there is no key `uri` in [broker]: is `url` meant?"),
            ("[broker]\nhost = 'x'", "line 2, column 1: there is no key `host` in [broker]: it has `url`, `prefix`"),
            ("[broker]\nport = 1", "line 2, column 1: there is no key `port` in [broker]"),
            ("broker_url = 'x'", "line 1, column 1: `broker_url` is written as `url` below [broker]"),
            ("url = 'x'", "line 1, column 1: `url` is written as `url` below [broker]"),
            ("broker = 'x'", "line 1, column 1: `broker` must be a table: write [broker] above its keys"),
            ("[[broker]]\nurl = 'x'", "line 1, column 3: `broker` must be a table"),
            ("[brokers]\nurl = 'x'", "line 1, column 2: there is no key `brokers`: is [broker] meant?"),
            ("[redis]\nurl = 'x'", "line 1, column 2: there is no key `redis`: the keys are `queue`"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(told), "{text}: {error}");
        }
        let error = refused(Settings::default(), "port = 1\n\n[broker]\nurl = 'redis://h:x'").expect("no port");
        assert!(
            error.contains("broker.url: a port is no number") && error.ends_with("(line 4 of the file)"),
            "{error}"
        );
    }

    #[test]
    fn a_table_of_the_broker_that_sets_nothing_is_refused() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("file.toml");
        for text in ["port = 1\n[broker]", "port = 1\n[broker]\n#url = 'redis://h'\n", "port = 1\nbroker = {}"] {
            let error = refused(Settings::default(), text).expect(text);
            assert!(error.contains("line 2, column ") && error.contains("[broker] sets nothing"), "{error}");
            assert!(error.contains("FASTAPI_WS_BROKER_URL, or remove [broker]"), "{error}");
            // What the variable gives is the URL of all, and the others have their defaults.
            let url = || Settings { broker_url: Some(Secret::new(*b"redis://h")), ..Settings::default() };
            std::fs::write(&path, text).expect("a file");
            assert!(resolve(url(), Some(&path)).expect(text).broker.is_some());
        }
        let error = refused(Settings::default(), "[broker]\nprefix = 'x'").expect("no URL");
        assert!(error.contains("broker.url is not set: "), "{error}");
    }

    #[test]
    fn rules_for_channels_are_tables() {
        let file =
            "[[channel]]\npattern = 'cursor.*'\nhistory_events = 0x1\n[[channel]]\nhistory_ttl_secs = 5\npattern = 'b'";
        let rules = parse(file).expect("a file").channel.expect("rules");
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["cursor.* history_events=1", "b history_ttl_secs=5"]);
        for (table, told) in [
            ("pattern = 1", "line 2, column 11: channel pattern must be a text in quotes"),
            ("pattern = 'a*b'\nhistory_events = 1", "line 2, column 11: channel pattern is no pattern"),
            ("pattern = 'a'", "line 1, column 1: channel needs history_events or history_ttl_secs or both"),
            ("pattern = 'a'\nevents = 1", "line 3, column 1: channel has no key `events`: is `history_events` meant?"),
            ("history_events = 1", "line 1, column 1: channel needs a pattern"),
            ("pattern = 'a'\nhistory_events = -1", "line 3, column 18: channel history_events: must be a whole number"),
        ] {
            let error = parse(&format!("[[channel]]\n{table}")).expect_err(table).to_string();
            assert!(error.starts_with(told), "{table}: {error}");
        }
        assert!(parse("channel = 1").expect_err("a number").to_string().contains("write [[channel]] above each"));
    }

    #[test]
    fn rules_for_paths_are_tables() {
        let file = "[[route]]\npath = '/admin/*'\nchannels = ['a', 'b']\nrequire = 'token'\n[[route]]\npath = '*'\nrequire = 'none'";
        let rules = parse(file).expect("a file").route.expect("rules");
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["/admin/* channel=a channel=b require=token", "* require=none"]);
        for (table, told) in [
            ("path = 1", "line 2, column 8: route path must be a text in quotes"),
            ("path = '/a*b'\nrequire = 'none'", "line 1, column 1: route the path must begin with /"),
            ("path = '/a'", "line 1, column 1: route needs channels or require or both"),
            ("path = '/a'\nchannel = 'b'", "line 3, column 1: route has no key `channel`: is `channels` meant?"),
            ("path = '/a'\nchannels = 'b'", "line 3, column 12: route channels: must be a list of texts"),
            ("path = '/a'\nchannels = ['b*']", "line 3, column 13: route channels: "),
            ("path = '/a'\nrequire = 'all'", "line 3, column 11: route require must be token, hook or none"),
            ("require = 'none'", "line 1, column 1: route needs a path"),
        ] {
            let error = parse(&format!("[[route]]\n{table}")).expect_err(table).to_string();
            assert!(error.starts_with(told), "{table}: {error}");
        }
        assert!(parse("route = 1").expect_err("a number").to_string().contains("write [[route]] above each"));
        let networks = parse("trusted_proxies = ['127.0.0.1', '10.0.0.0/8']").expect("a file").trusted_proxies;
        assert_eq!(networks.expect("networks").len(), 2);
        assert!(parse("trusted_proxies = ['localhost']").is_err());
    }

    #[test]
    fn webhooks_are_lists_in_the_table_of_the_application() {
        let names = "id = '1'\nkey = 'k'\nsecret = 's'\n";
        let file = "webhooks = ['https://app/geheim', 'http://b']\nwebhook_events = ['cache_miss', 'channel_vacated']";
        let apps = parse(&format!("[[app]]\n{names}{file}")).expect("a file").app.expect("an application");
        let told = "id=1 key=k secret=[hidden] webhook=[hidden] webhook=[hidden] webhook_event=channel_vacated \
                    webhook_event=cache_miss";
        assert_eq!(apps[0].to_string(), told);
        let too_many: Vec<String> = (0..9).map(|number| format!("http://geheim/{number}")).collect();
        for (table, told) in [
            ("webhooks = 'https://geheim'", "line 5, column 12: app webhooks must be a list of texts"),
            ("webhooks = ['ftp://geheim']", "line 5, column 13: app a webhook must be http"),
            ("webhooks = ['https://u:geheim@a']", "line 5, column 13: app a webhook must be http"),
            (&format!("webhooks = {too_many:?}"), "line 1, column 1: app there are 8 webhooks at most"),
            ("webhook_events = []", "line 5, column 18: app webhook events must be one or more of"),
            ("webhook_events = ['all']", "line 5, column 19: app webhook events must be one or more of"),
            ("webhook = []", "line 5, column 1: app has no key `webhook`: is `webhooks` meant?"),
            ("kee = 'geheim'", "line 5, column 1: app has no key `kee`: is `key` meant?"),
            ("port = 1", "line 5, column 1: app has no key `port`: it has id, key, secret, client_events"),
            ("client_events = true", r#"line 5, column 17: app client_events must be "off" or "members""#),
            ("client_events = 'all'", r#"line 5, column 17: app client_events must be "off" or "members""#),
            ("global_events = 'yes'", "line 5, column 17: app global_events must be true or false"),
        ] {
            let error = parse(&format!("[[app]]\n{names}{table}")).expect_err(table).to_string();
            assert!(error.starts_with(told) && !error.contains("geheim"), "{table}: {error}");
        }
    }

    #[test]
    fn a_mistake_in_the_table_of_the_application_names_the_key() {
        for (table, told) in [
            ("id = 1", "line 2, column 6: app id must be a text in quotes"),
            ("key = true", "line 2, column 7: app key must be a text in quotes"),
            ("secret = 5", "line 2, column 10: app secret must be a text"),
            ("secret = ['geheim', 5]", "line 2, column 21: app secret must be a text"),
        ] {
            let error = parse(&format!("[[app]]\n{table}")).expect_err(table).to_string();
            assert!(error.starts_with(told) && !error.contains("geheim"), "{table}: {error}");
        }
    }

    #[test]
    fn a_key_without_its_unit_and_a_part_of_one_have_a_suggestion() {
        for (given, meant) in [
            ("hook", "auth_hook"),
            ("admin", "admin_listen"),
            ("ping_interval", "ping_interval_secs"),
            ("handshake_timeout", "handshake_timeout_secs"),
        ] {
            let error = parse(&format!("{given} = 1")).expect_err(given).problem;
            assert_eq!(error, format!("there is no key `{given}`: is `{meant}` meant?"));
        }
    }

    #[test]
    fn keys_that_belong_in_the_table_of_the_application_are_told_so() {
        for (text, told) in [
            ("client_events = 'members'", "`client_events` belongs in [[app]]"),
            ("webhooks = ['http://geheim']", "`webhooks` belongs in [[app]]"),
            ("key = 'geheim'", "`key` belongs in [[app]]"),
            ("webhook = 'http://geheim'", "`webhook` belongs in [[app]], as `webhooks`"),
            ("secret = 'geheim'", "`secret` belongs in [[app]], and the secret of tokens is `token_secret`"),
            ("app_secret = 'geheim'", "`app_secret` belongs in [[app]], as `secret`"),
        ] {
            assert_eq!(parse(text).expect_err(text).to_string(), format!("line 1, column 1: {told}"));
        }
    }

    #[test]
    fn integers_may_be_written_in_every_way_of_toml() {
        for (text, expected) in
            [("-0", 0), ("+0", 0), ("0", 0), ("0x1F", 31), ("0o17", 15), ("0b11", 3), ("1_000", 1000)]
        {
            let file = format!("port = {text}\nmax_messages_per_sec = {text}\nmax_bytes_per_sec = {text}");
            let settings = parse(&file).expect(text);
            assert_eq!(settings.port.map(u32::from), Some(expected), "{text}");
            assert_eq!((settings.max_messages_per_sec, settings.max_bytes_per_sec), (Some(expected), Some(expected)));
        }
    }

    #[test]
    fn the_largest_and_the_smallest_number_of_each_setting_are_accepted() {
        for setting in all_settings() {
            let Form::Whole(Whole { least, most, .. }) = setting.form else { continue };
            for number in [least, most] {
                // Each of these depends on others, which may be as large or as small.
                let others = match setting.key {
                    "max_event_bytes" => "log_bytes = 1_099_511_627_776",
                    "log_bytes" => "max_event_bytes = 1",
                    "recover_bytes" => "max_outbox_bytes = 1_099_511_627_776",
                    "max_memory" => "max_message_bytes = 1\nmax_outbox_bytes = 1\nhub_threads = 1",
                    key if key.starts_with("broker_") => "broker.url = 'redis://h'",
                    _ => "",
                };
                let file = parse(&format!("{} = {number}\n{others}", setting.file_key())).expect("a file");
                let refused = file.resolve().err().map(|error| error.to_string());
                let is_too_small = number == least && setting.key == "log_bytes";
                assert_eq!(refused.is_some(), is_too_small, "{} = {number}: {refused:?}", setting.key);
            }
        }
    }

    #[test]
    fn the_sample_file_lists_every_key_with_its_default() {
        let sample = include_str!("../config.example.toml");
        let listed: String = sample
            .lines()
            .filter_map(|line| line.strip_prefix("#"))
            .filter(|line| line.contains(" = ") || line.starts_with('['))
            .map(|line| format!("{line}\n"))
            .collect();
        let listed = parse(&listed).expect("a file");
        let error = listed.clone().resolve().expect_err("the token is only an example").to_string();
        assert!(error.contains("a token has 12 bytes"), "{error}");
        let without_operators = listed.clone().without_operators();
        let error = without_operators.clone().resolve().expect_err("the secret is only an example").to_string();
        assert!(error.contains("a secret has 28 bytes"), "{error}");
        let without_keys =
            Settings { token_secret: None, token_secret_file: None, token_public_key_file: None, ..without_operators };
        let config = format!("{:?}", without_keys.resolve().expect("a config").limits);
        assert_eq!(config, format!("{:?}", Settings::default().resolve().expect("a config").limits));
        let all = format!("{listed:?}");
        assert_eq!(all.matches("None").count(), 0, "every key: {all}");
    }
}
