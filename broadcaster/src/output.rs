//! How commands print what several of them print.

use std::time::Duration;

use queue::printable;
use serde::de::IgnoredAny;

/// A message without what would end the line or command a terminal. What is JSON stays so, and the same: there, ends of
/// lines can only stand between its parts.
pub(crate) fn message_in_one_line(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
    } else {
        printable(text).into_owned()
    }
}

/// An age in the largest unit that keeps it readable.
pub(crate) fn ago(age: Duration) -> String {
    match age.as_secs() {
        secs @ 0..=119 => format!("{secs} s"),
        secs @ 120..=7_199 => format!("{} min", secs / 60),
        secs @ 7_200..=172_799 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_json_stays_what_it_is() {
        let json = "{\n\t\"payload\": \"\u{9b}2J\u{2028}\x7f\"\r\n}";
        let line = message_in_one_line(json);
        assert_eq!(line, r#"{  "payload": "\u009b2J\u2028\u007f"  }"#);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
        assert_eq!(parse(&line), parse(json));
        assert_eq!(message_in_one_line("no JSON\n\x1b[2J"), r"no JSON\n\u001b[2J");
    }
}
