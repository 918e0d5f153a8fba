//! Errors as they are printed.

use std::io;

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

/// The reader of our output has closed it: it has seen enough.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
