//! What the doctor has found, and how it is printed.

use std::io::{self, Write};

use queue::{printable, text_without_secrets};
use serde_json::{Value, json};

use Finding::{Bad, Good, Note};

/// What was found, and what to do about it.
pub(super) enum Finding {
    Good(String),
    Note(String, String),
    Bad(String, String),
}

/// All that was found, in the order of the report, and of what each finding is.
#[derive(Default)]
pub(super) struct Findings(Vec<(&'static str, Finding)>);

impl Findings {
    /// Adds what was found of one thing. Its name is a promise to those who read the report as JSON.
    pub(super) fn add(&mut self, of: &'static str, found: impl IntoIterator<Item = Finding>) {
        self.0.extend(found.into_iter().map(|finding| (of, finding)));
    }

    pub(super) fn has_bad(&self) -> bool {
        self.0.iter().any(|(_, finding)| matches!(finding, Bad(..)))
    }

    pub(super) fn print(&self, out: &mut impl Write, colours: bool) -> io::Result<()> {
        self.0.iter().try_for_each(|(_, finding)| print(out, finding, colours))
    }

    /// One object. The help promises its keys.
    pub(super) fn json(&self) -> Value {
        let finding = |(of, finding): &(&str, Finding)| {
            let (status, text, remedy) = match finding {
                Good(text) => ("ok", text, None),
                Note(text, remedy) => ("note", text, Some(remedy)),
                Bad(text, remedy) => ("bad", text, Some(remedy)),
            };
            json!({ "of": of, "status": status, "text": shown(text), "remedy": remedy.map(|remedy| shown(remedy)) })
        };
        json!({ "is_good": !self.has_bad(), "findings": self.0.iter().map(finding).collect::<Vec<Value>>() })
    }
}

/// What others have chosen stands in the texts: names, reasons, answers, and addresses that were given.
fn shown(text: &str) -> String {
    printable(&text_without_secrets(text)).into_owned()
}

fn print(out: &mut impl Write, finding: &Finding, colours: bool) -> io::Result<()> {
    let (label, colour, text, remedy) = match finding {
        Good(text) => ("ok  ", 32, text, None),
        Note(text, remedy) => ("note", 33, text, Some(remedy)),
        Bad(text, remedy) => ("BAD ", 31, text, Some(remedy)),
    };
    let (text, remedy) = (shown(text), remedy.map(|remedy| shown(remedy)));
    if colours {
        writeln!(out, "\x1b[{colour}m{label}\x1b[0m {text}")?;
    } else {
        writeln!(out, "{label} {text}")?;
    }
    remedy.map_or(Ok(()), |remedy| writeln!(out, "     -> {remedy}"))
}
