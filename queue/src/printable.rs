//! Text from outside as it may stand in a log, on a terminal or in a line of a listing: file names, headers and everything
//! else that others choose. What would end a line or command a terminal is escaped, as JSON escapes it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};

/// A text without control characters (C0, DEL and C1) and line separators. A backslash stays as it is: the text is to be read,
/// not to be parsed.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unprintable) {
        let mut escaped = String::with_capacity(text.len() + 16);
        // A String takes every write.
        let _ = escape(text, &mut escaped);
        Cow::Owned(escaped)
    } else {
        Cow::Borrowed(text)
    }
}

/// A file name or path as [`printable`] text. Bytes that are no UTF-8 stand as `\xff`.
pub fn shown<T: AsRef<OsStr> + ?Sized>(name: &T) -> Shown<'_> {
    Shown(name.as_ref().as_encoded_bytes())
}

/// The same of any bytes.
pub fn shown_bytes(bytes: &[u8]) -> Shown<'_> {
    Shown(bytes)
}

/// Displays what [`shown`] was given.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            escape(chunk.valid(), formatter)?;
            chunk.invalid().iter().try_for_each(|byte| write!(formatter, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

fn is_unprintable(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

fn escape(text: &str, out: &mut impl Write) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            character if is_unprintable(character) => write!(out, "\\u{:04x}", u32::from(character))?,
            character => out.write_char(character)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_lines_or_commands_terminals_is_escaped() {
        let escaped = printable("a\n\r\t\0\x1b[2J\x7f\u{85}\u{9b}\u{2028}\u{2029}\u{e9} \\z");
        assert_eq!(escaped, r"a\n\r\t\u0000\u001b[2J\u007f\u0085\u009b\u2028\u2029é \z");
        assert_eq!(printable(&escaped), escaped, "once is enough");
        assert!(matches!(printable("plain é"), Cow::Borrowed("plain é")));
    }

    #[test]
    fn names_that_are_no_text_show_their_bytes() {
        assert_eq!(shown_bytes(b"a\xff\xc2\n.json").to_string(), r"a\xff\xc2\n.json");
    }
}
