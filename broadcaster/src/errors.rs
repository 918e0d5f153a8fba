//! Errors as they are printed.

use std::io;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use queue::url_without_secrets;
use server::config::all_settings;

use crate::likeness::{self, of_app};

/// An error and its causes. Many errors contain the text of their cause, which is then not repeated.
pub(crate) fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !line.contains(&cause) {
            let separator = if line.is_empty() { "" } else { ": " };
            line += &format!("{separator}{cause}");
        }
    }
    line
}

/// An error of the command line that shows no secret of a URL. clap repeats what was given.
pub(crate) fn without_secrets(mut error: clap::Error) -> clap::Error {
    let hidden: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(url_without_secrets(text).into_owned()))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(|text| url_without_secrets(text).into_owned());
                Some((kind, ContextValue::Strings(texts.collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in hidden {
        error.insert(kind, value);
    }
    error
}

/// What is said after an error about something that is mistyped, or that is no option.
pub(crate) fn hint(error: &clap::Error) -> Option<String> {
    option_hint(error).or_else(|| meant(error).map(|meant| format!("is {meant} meant?")))
}

/// Of an option that nobody knows, by the names of the settings. clap looks at how names begin.
fn option_hint(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let given = given.strip_prefix("--")?.split('=').next()?;
    let is_of_command = is_of_command(error);
    // A command may have an option with a similar name as `--key`.
    if let Some(key) = of_app(given).filter(|_| given.contains('-') || !is_of_command) {
        return Some(format!("`{key}` belongs in [[app]] of the configuration file, or in FASTAPI_WS_APP"));
    }
    let given = given.replace('-', "_");
    let flags = all_settings().filter(|setting| setting.has_flag() && !is_of_command).map(|setting| setting.key);
    likeness::meant(&given, flags).map(|key| format!("is --{} meant?", key.replace('_', "-")))
}

/// Whether the error is one of a command, and not of the broadcaster itself.
fn is_of_command(error: &clap::Error) -> bool {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let word = usage.split_ascii_whitespace().skip_while(|word| *word != env!("CARGO_PKG_NAME")).nth(1);
    word.is_some_and(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
}

/// The option, command or value that clap takes a mistyped one for.
fn meant(error: &clap::Error) -> Option<&str> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(meant) => Some(meant.as_str()),
        ContextValue::Strings(meant) => meant.last().map(String::as_str),
        _ => None,
    })
}

/// The reader of our output has closed it: it has seen enough.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
