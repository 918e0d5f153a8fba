//! Variables of the environment that bear the name of a setting and are none: empty ones, as Compose makes them, and
//! those that Kubernetes sets beside a service of that name. [`unknown`] has those that bear the name of none.

mod unknown;

use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use queue::url_without_secrets;
use server::log_level;

pub(crate) use unknown::unknown_variables;

/// The variable of `log_level`.
const LOG_LEVEL: &str = "RUST_LOG";

/// A variable that was set for another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignVariable {
    name: String,
    value: String,
}

/// The command without the variables of some of its options, whatever stands in them.
pub(crate) fn without_variables(command: clap::Command, is_meant: impl Fn(&str) -> bool + Copy) -> clap::Command {
    let drop = |arg: clap::Arg| if is_meant(arg.get_id().as_str()) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(drop).mut_subcommands(|subcommand| without_variables(subcommand, is_meant))
}

/// An error that names the variable if the value that was refused stands there, and not only the flag, which nobody
/// gave.
pub(crate) fn with_variable(
    mut error: clap::Error,
    command: &clap::Command,
    line: impl Iterator<Item = OsString>,
) -> clap::Error {
    let text = |kind| error.get(kind).map(ToString::to_string);
    let (Some(option), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else {
        return error;
    };
    let Some(arg) = command.get_arguments().find(|arg| arg.to_string() == option) else { return error };
    let Some(name) = arg.get_env().map(|name| name.to_string_lossy().into_owned()) else { return error };
    let flag = arg.get_long().map_or(option, |long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    let is_flag = |given: OsString| {
        let given = given.to_string_lossy();
        given.split('=').next() == Some(&flag) || short.as_ref().is_some_and(|short| given.starts_with(short))
    };
    if std::env::var(&name).is_ok_and(|set| set.contains(&value)) && !line.skip(1).any(is_flag) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{name} ({flag})")));
    }
    error
}

/// The command without the variables that are none of ours. Those that are not empty are returned as well.
pub(crate) fn without_foreign_variables(command: clap::Command) -> (clap::Command, Vec<ForeignVariable>) {
    let mut foreign = Vec::new();
    let command = drop_foreign(command, &mut foreign);
    (command, foreign)
}

fn drop_foreign(command: clap::Command, foreign: &mut Vec<ForeignVariable>) -> clap::Command {
    let check = |arg: clap::Arg| {
        let Some(name) = arg.get_env() else { return arg };
        let Some(value) = std::env::var_os(name) else { return arg };
        match judge(name, &value) {
            Owner::Us => return arg,
            Owner::Nobody => {}
            Owner::Other => {
                let [name, value] = [name, &value].map(|text| text.to_string_lossy().into_owned());
                let variable = ForeignVariable { name, value };
                // Global options stand in several commands.
                if !foreign.contains(&variable) {
                    foreign.push(variable);
                }
            }
        }
        arg.env(Resettable::Reset)
    };
    let command = command.mut_args(check);
    command.mut_subcommands(|subcommand| drop_foreign(subcommand, foreign))
}

/// Whom a variable is meant for.
enum Owner {
    Us,
    Nobody,
    Other,
}

fn judge(name: &OsStr, value: &OsStr) -> Owner {
    let text = value.to_string_lossy();
    let is_ours = match name.to_str() {
        _ if text.trim().is_empty() => return Owner::Nobody,
        // These names are those of the pure-PHP server, and too common to be ours alone.
        Some("WS_PORT") => text.trim().bytes().all(|byte| byte.is_ascii_digit()),
        Some("WS_HOST") => !text.contains("://"),
        // Many programs have it, and some have levels of their own.
        Some(LOG_LEVEL) => log_level::is_level(&text),
        _ => true,
    };
    if is_ours { Owner::Us } else { Owner::Other }
}

impl fmt::Display for ForeignVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForeignVariable { name, value } = self;
        let value = url_without_secrets(value);
        if name == LOG_LEVEL {
            return write!(
                f,
                "{name}={value:?} is no level, so it is ignored: write off, error, warn, info, debug or trace"
            );
        }
        write!(
            f,
            "{name}={value:?} (environment variable) is ignored because it is not an address or a port: Kubernetes sets such \
             variables for its services (enableServiceLinks: false); give --listen or FASTAPI_WS_LISTEN"
        )
    }
}
