//! What the doctor has found, and how it is printed.

use std::io::{self, Write};

use queue::{printable, text_without_secrets};

use Finding::{Bad, Good, Note};

/// What was found, and what to do about it.
pub(super) enum Finding {
    Good(String),
    Note(String, String),
    Bad(String, String),
}

pub(super) fn print(out: &mut impl Write, finding: &Finding, colours: bool) -> io::Result<()> {
    let (label, colour, text, remedy) = match finding {
        Good(text) => ("ok  ", 32, text, None),
        Note(text, remedy) => ("note", 33, text, Some(remedy)),
        Bad(text, remedy) => ("BAD ", 31, text, Some(remedy)),
    };
    // What others have chosen stands in both: names, reasons, answers, and addresses that were given.
    let shown = |text: &str| printable(&text_without_secrets(text)).into_owned();
    let (text, remedy) = (shown(text), remedy.map(|remedy| shown(remedy)));
    if colours {
        writeln!(out, "\x1b[{colour}m{label}\x1b[0m {text}")?;
    } else {
        writeln!(out, "{label} {text}")?;
    }
    remedy.map_or(Ok(()), |remedy| writeln!(out, "     -> {remedy}"))
}
