//! The settings as options of the command line and variables of the environment.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use clap::builder::{BoolValueParser, PathBufValueParser, PossibleValue, PossibleValuesParser};
use clap::builder::{StringValueParser, TypedValueParser, ValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, ValueHint};
use server::config::{Form, Setting, Settings, Value, Whole, all_settings};
use server::hosts::HostRule;
use server::origin::Rule;
use server::token::{Pattern, Secret};
use server::{ChannelRule, InvalidApp, Network, RouteRule};

use crate::numbers::{bounded, number_of_seconds, whole};

/// The settings that flags and variables give.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) settings: Settings,
    /// The keys of those that flags give.
    pub(crate) flags: BTreeSet<&'static str>,
}

impl clap::Args for Options {
    fn augment_args(command: Command) -> Command {
        let mut settings: Vec<_> = all_settings().filter(|setting| setting.has_flag()).collect();
        // Those that most people need come first.
        settings.sort_by_key(|setting| setting.short.is_none());
        command.args(settings.into_iter().map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args(command)
    }
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Options, clap::Error> {
        let mut options = Options::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in all_settings() {
            let value = if setting.has_flag() { given(setting, matches) } else { of_variable(setting)? };
            if let Some(value) = value {
                setting.set(&mut self.settings, value);
                if setting.has_flag() && matches.value_source(setting.key) == Some(ValueSource::CommandLine) {
                    self.flags.insert(setting.key);
                }
            }
        }
        Ok(())
    }
}

fn option(setting: &'static Setting) -> Arg {
    let default = setting.shown_default().map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let option = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .short(setting.short)
        .env(setting.variable().into_owned())
        .hide_env_values(setting.is_secret())
        .value_name(setting.value_name())
        .value_parser(parser(&setting.form))
        .help(format!("{}{default}", setting.help));
    match setting.form {
        Form::Origins | Form::Hosts | Form::HostNames | Form::Patterns | Form::Networks => {
            option.action(ArgAction::Append).value_delimiter(',')
        }
        Form::Files => option.action(ArgAction::Append).value_delimiter(',').value_hint(ValueHint::FilePath),
        Form::Path => option.value_hint(ValueHint::AnyPath),
        _ => option,
    }
}

fn parser(form: &Form) -> ValueParser {
    match *form {
        Form::Path => PathBufValueParser::new().map(Value::Path).into(),
        Form::Text => StringValueParser::new().map(Value::Text).into(),
        Form::Url => StringValueParser::new().map(|url| Value::Url(Secret::new(url.into_bytes()))).into(),
        Form::Whole(bounds @ Whole { least: 0, .. }) => {
            ValueParser::new(move |text: &str| bounded(&bounds, text).map(Value::Whole))
        }
        Form::Whole(_) => ValueParser::new(|text: &str| whole(text).map(Value::Whole)),
        Form::Seconds => ValueParser::new(|text: &str| number_of_seconds(text).map(Value::Seconds)),
        Form::Switch => BoolValueParser::new().map(Value::Switch).into(),
        Form::Origins => ValueParser::new(|text: &str| text.parse::<Rule>()),
        Form::Hosts => ValueParser::new(|text: &str| text.parse::<HostRule>()),
        Form::Patterns => ValueParser::new(|text: &str| text.parse::<Pattern>()),
        Form::Networks => ValueParser::new(|text: &str| text.parse::<Network>()),
        Form::HostNames => ValueParser::new(StringValueParser::new()),
        Form::Files | Form::Secrets | Form::ChannelRules | Form::Routes | Form::Apps => {
            PathBufValueParser::new().into()
        }
        Form::Choice(words) => {
            let words = words.iter().map(|(word, help)| PossibleValue::new(*word).help(*help));
            PossibleValuesParser::new(words).map(Value::Text).into()
        }
    }
}

fn given(setting: &Setting, matches: &ArgMatches) -> Option<Value> {
    match setting.form {
        Form::Origins => list(setting, matches).map(Value::Origins),
        Form::Hosts => list(setting, matches).map(Value::Hosts),
        Form::Patterns => list(setting, matches).map(Value::Patterns),
        Form::Networks => list(setting, matches).map(Value::Networks),
        Form::Files => list(setting, matches).map(Value::Files),
        Form::HostNames => list(setting, matches).map(Value::HostNames),
        _ => matches.get_one::<Value>(setting.key).cloned(),
    }
}

fn list<T: Clone + Send + Sync + 'static>(setting: &Setting, matches: &ArgMatches) -> Option<Vec<T>> {
    matches.get_many::<T>(setting.key).map(|items| items.cloned().collect())
}

/// The value of a setting without a flag. clap would show a secret in its help and in its errors.
fn of_variable(setting: &Setting) -> Result<Option<Value>, clap::Error> {
    let variable = setting.variable();
    let Some(text) = std::env::var_os(&*variable) else { return Ok(None) };
    if setting.is_secret() {
        return Ok(Secret::all_of(text.as_bytes()).map(Value::Secrets));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = |problem: String| clap::Error::raw(ErrorKind::ValueValidation, format!("{variable}{problem}\n"));
    let text = text.to_str().ok_or_else(|| refuse(" must be valid UTF-8".to_owned()))?;
    let value = match setting.form {
        Form::Routes => RouteRule::parse_all(text).map(Value::Routes).map_err(|error| error.to_string()),
        Form::Apps => text.parse().map(|app| Value::Apps(vec![app])).map_err(|error: InvalidApp| error.to_string()),
        _ => ChannelRule::parse_all(text).map(Value::ChannelRules).map_err(|error| error.to_string()),
    };
    value.map(Some).map_err(|problem| refuse(format!(": {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_no_option_of_the_command_line() {
        let command = <Options as clap::Args>::augment_args(Command::new("x"));
        assert!(command.get_arguments().all(|arg| arg.get_long() != Some("token-secret")));
        assert!(command.get_arguments().any(|arg| arg.get_long() == Some("token-secret-file")));
    }

    #[test]
    fn the_help_does_not_show_what_the_variable_of_a_url_holds() {
        let command = <Options as clap::Args>::augment_args(Command::new("x"));
        let url = command.get_arguments().find(|arg| arg.get_long() == Some("broker-url")).expect("a flag");
        assert!(url.is_hide_env_values_set());
    }
}
