//! Errors as they are printed.

use std::io;

use clap::error::{ContextKind, ContextValue};
use queue::url_without_secrets;

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

/// The option, command or value that clap takes a mistyped one for.
pub(crate) fn meant(error: &clap::Error) -> Option<&str> {
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
