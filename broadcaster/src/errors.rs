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

/// Options whose values may be secrets, also when they are wrong: a cookie as the browser shows it, for example.
const SECRET_OPTIONS: [&str; 3] = ["--header ", "--cookie ", "--token "];

/// An error of the command line that shows no secret: none of a URL, and no header or cookie. clap repeats what was
/// given.
pub(crate) fn without_secrets(mut error: clap::Error) -> clap::Error {
    let option = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    if SECRET_OPTIONS.iter().any(|secret| option.starts_with(secret)) && error.get(ContextKind::InvalidValue).is_some()
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String("[hidden]".to_owned()));
    }
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

/// What is wrong with the command line, in one line and with our words: clap's first paragraph.
pub(crate) fn of_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let line = lines.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let line = line.replace("unrecognized subcommand ", "there is no command ");
    match line.strip_suffix(']').and_then(|line| line.split_once(" [possible values: ")) {
        Some((line, values)) => format!("{line}: write one of {values}"),
        None => line,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;

    #[test]
    fn errors_of_the_command_line_show_no_header_and_no_cookie() {
        for (option, given) in [
            ("--header", "Authorization Bearer geheim"),
            ("--header", "Authorization: geheim\nX: y"),
            ("--cookie", "a=b; session=geheim"),
        ] {
            for command in [&["listen", "ws://127.0.0.1/"][..], &["doctor"]] {
                let words = [&["fastapi-broadcaster"], command, &[option, given]].concat();
                let error = Args::documented().try_get_matches_from(words).expect_err(given);
                let said = of_line(&without_secrets(error));
                assert!(said.contains(option) && !said.contains("geheim"), "{command:?} {given}: {said}");
            }
        }
    }

    #[test]
    fn errors_of_the_command_line_are_in_plain_words() {
        for (line, told) in [
            ("--port x", "invalid value 'x' for '--port <PORT>': must be a whole number, without a unit"),
            ("--port 65536", "invalid value '65536' for '--port <PORT>': must be 0 to 65535"),
            ("--history-events 5k", "invalid value '5k' for '--history-events <COUNT>': must be a whole number"),
            ("--anonymous yes", "invalid value 'yes' for '--anonymous <BOOL>': write one of true, false"),
            ("--log-format xml", "invalid value 'xml' for '--log-format <FORMAT>': write one of human, json"),
            ("generate completion x", "invalid value 'x' for '<SHELL>': write one of bash, "),
            ("lissen", "there is no command 'lissen'"),
            ("queue stats", "there is no command 'stats'"),
            ("failed show", "the following required arguments were not provided: <NAME>"),
        ] {
            let words = ["fastapi-broadcaster"].into_iter().chain(line.split(' '));
            let error = Args::documented().try_get_matches_from(words).expect_err(line);
            let said = of_line(&error);
            assert!(said.starts_with(told) && !said.contains("  "), "{line}: {said}");
        }
    }
}
