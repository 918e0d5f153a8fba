//! A setting as it is declared: all that users read and write of it. The command line, the reader of the file, the
//! sample file and the reference page are made from this.

use std::borrow::Cow;

use super::error::ConfigError;
use super::form::{Form, Unit, Whole};
use super::naming::variable_of;
use super::settings::Settings;
use super::value::Value;

/// Settings of one part of the server.
#[derive(Debug)]
pub struct Section {
    /// Heading of the reference page.
    pub title: &'static str,
    /// In the order of the help.
    pub settings: &'static [Setting],
}

/// A setting as it is declared, by [`section!`].
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name; the flag has dashes for underscores.
    pub key: &'static str,
    /// How it is written, and its bounds.
    pub form: Form,
    /// What it does, for `--help` and everything else. Without a full stop at its end.
    pub help: &'static str,
    /// What else there is to know, for the sample file and the reference page: sentences, then lines of a list, each with
    /// a dash.
    pub more: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// The table of the file that it stands in. The key begins with its name.
    pub table: Option<&'static str>,
    /// A value for the sample file, where there is no default that could stand there.
    pub example: Option<&'static str>,
    /// Whether a running server takes a new value ([`crate::Reloader`]). Others need a restart.
    pub reloads: bool,
    pub(super) variable: Option<&'static str>,
    pub(super) value_name: Option<&'static str>,
    pub(super) default_in_words: Option<&'static str>,
    pub(super) default: fn() -> Option<Value>,
    pub(super) get: fn(&Settings) -> Option<Value>,
    pub(super) set: fn(&mut Settings, Value),
    pub(super) unset: fn(&mut Settings),
}

impl Setting {
    /// The variable of the environment.
    pub fn variable(&self) -> Cow<'static, str> {
        self.variable.map_or_else(|| variable_of(self.key).into(), Cow::Borrowed)
    }

    /// The name of its line in the file, in its table.
    pub fn name_in_table(&self) -> &'static str {
        let name = self.table.and_then(|table| self.key.strip_prefix(table)?.strip_prefix('_'));
        name.unwrap_or(self.key)
    }

    /// The key of the file, with the table in front, as TOML allows it.
    pub fn file_key(&self) -> Cow<'static, str> {
        self.table.map_or(self.key.into(), |table| format!("{table}.{}", self.name_in_table()).into())
    }

    /// Whether it is given on the command line. Secrets of tokens and applications are not: every user of the machine
    /// sees the arguments of all processes. Rules are not: `--channel` names channels of commands, and there are several words to each rule.
    pub fn has_flag(&self) -> bool {
        !matches!(self.form, Form::Secrets | Form::ChannelRules | Form::Routes | Form::Apps)
    }

    /// Whether no output may show its value.
    pub fn is_secret(&self) -> bool {
        matches!(self.form, Form::Secrets | Form::Url)
    }

    /// What stands for the value in the help.
    pub fn value_name(&self) -> &'static str {
        self.value_name.unwrap_or(match self.form {
            Form::Path => "DIR",
            Form::Text => "TEXT",
            Form::Url => "URL",
            Form::Whole(Whole { unit: Unit::Bytes, .. }) => "BYTES",
            Form::Whole(Whole { unit: Unit::Count, .. }) => "COUNT",
            Form::Whole(Whole { unit: Unit::Port, .. }) => "PORT",
            Form::Whole(Whole { unit: Unit::Seconds, .. }) | Form::Seconds => "SECONDS",
            Form::Switch => "BOOL",
            Form::Origins => "ORIGIN",
            Form::Hosts | Form::HostNames => "HOST",
            Form::Patterns => "CHANNEL",
            Form::Networks => "ADDRESS",
            Form::ChannelRules | Form::Routes => "RULE",
            Form::Apps => "APP",
            Form::Files => "FILE",
            Form::Secrets => "SECRET",
            Form::Choice(_) => "FORMAT",
        })
    }

    /// The default, if it is a value.
    pub fn default(&self) -> Option<Value> {
        (self.default)()
    }

    /// The default as users read it.
    pub fn shown_default(&self) -> Option<String> {
        match (self.default(), self.default_in_words) {
            (Some(value), Some(words)) => Some(format!("{value}, {words}")),
            (Some(value), None) => Some(value.to_string()),
            (None, words) => words.map(str::to_owned),
        }
    }

    /// What it is set to.
    pub fn value(&self, settings: &Settings) -> Option<Value> {
        (self.get)(settings)
    }

    /// Sets it. A value of another form unsets it.
    pub fn set(&self, settings: &mut Settings, value: Value) {
        (self.set)(settings, value);
    }

    /// Takes back what was set.
    pub fn unset(&self, settings: &mut Settings) {
        (self.unset)(settings);
    }

    /// What is wrong with a value, if it is out of bounds.
    pub fn problem(&self, value: &Value) -> Option<String> {
        self.form.problem(value)
    }

    pub(super) fn check(&self, settings: &Settings) -> Result<(), ConfigError> {
        let Some(value) = (self.get)(settings) else { return Ok(()) };
        self.problem(&value).map_or(Ok(()), |problem| Err(ConfigError::new(self.key, value, problem)))
    }
}

/// Declares the settings of a section: `key: type = default, form, help;`, with further fields of [`Setting`] after
/// the help. `key` and `type` are those of [`Settings`]. Makes `SECTION`, and `Values`: what was given, or else the
/// default; still optional for keys without one.
macro_rules! section {
    ($title:literal; $(
        $key:ident: $type:ty $(= $default:expr)?, $form:expr, $help:literal $(, $field:ident: $value:expr)*;
    )*) => {
        /// The settings of this section.
        pub(super) const SECTION: $crate::config::setting::Section = $crate::config::setting::Section {
            title: $title,
            settings: &[$($crate::config::setting::Setting {
                $($field: $value,)*
                ..$crate::config::setting::Setting {
                    key: stringify!($key),
                    form: $form,
                    help: $help,
                    more: "",
                    short: None,
                    table: None,
                    example: None,
                    reloads: false,
                    variable: None,
                    value_name: None,
                    default_in_words: None,
                    default: || section!(@default $type $(, $default)?),
                    get: |settings| settings.$key.clone().map($crate::config::value::Kept::into_value),
                    set: |settings, value| settings.$key = $crate::config::value::Kept::from_value(value),
                    unset: |settings| settings.$key = None,
                }
            }),*],
        };

        /// The values of this section: what was given, or else the default.
        pub(super) struct Values {
            $(pub(super) $key: section!(@type $type $(, $default)?),)*
        }

        impl Values {
            pub(super) fn of(given: &$crate::config::Settings) -> Values {
                Values { $($key: section!(@value given.$key.clone() $(, $default)?),)* }
            }
        }
    };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => { Some(<$type as $crate::config::value::Kept>::into_value($default)) };
    (@type $type:ty) => { Option<$type> };
    (@type $type:ty, $default:expr) => { $type };
    (@value $given:expr) => { $given };
    (@value $given:expr, $default:expr) => { $given.unwrap_or_else(|| $default) };
}

pub(super) use section;
