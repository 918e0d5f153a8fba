//! Variables of the environment that bear the name of a setting and are none: empty ones, as Compose makes them, and those that
//! Kubernetes sets beside a service of that name.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::Resettable;

/// A variable that was set by somebody who did not mean us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignVariable {
    name: String,
    value: String,
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
        _ => true,
    };
    if is_ours { Owner::Us } else { Owner::Other }
}

impl fmt::Display for ForeignVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForeignVariable { name, value } = self;
        write!(
            f,
            "{name}={value:?} (environment variable) is ignored because it is not an address or a port: Kubernetes sets such \
             variables for its services (enableServiceLinks: false); give --listen or FASTAPI_WS_LISTEN"
        )
    }
}
