//! Makes text from outside safe for a log, a terminal or a line of a list: file names, headers and everything else that
//! others choose. Characters that would end a line or control a terminal are escaped, as in JSON.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};

/// A text without control characters (C0, DEL and C1), line separators, and characters that change the direction in
/// which the others are shown. A backslash stays as it is: people read the
/// text, programs do not parse it.
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

/// A file name or path as [`printable`] text. Bytes that are not UTF-8 become `\xff`.
pub fn shown<T: AsRef<OsStr> + ?Sized>(name: &T) -> Shown<'_> {
    Shown(name.as_ref().as_encoded_bytes())
}

/// The same for any bytes.
pub fn shown_bytes(bytes: &[u8]) -> Shown<'_> {
    Shown(bytes)
}

/// Displays a name as [`shown`] says.
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
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    fn characters_that_end_a_line_or_control_a_terminal_are_escaped() {
        let escaped = printable("a\n\r\t\0\x1b[2J\x7f\u{85}\u{9b}\u{2028}\u{2029}\u{e9} \\z");
        assert_eq!(escaped, r"a\n\r\t\u0000\u001b[2J\u007f\u0085\u009b\u2028\u2029é \z");
        assert_eq!(printable(&escaped), escaped, "escaping again changes nothing");
        assert_eq!(printable("\u{202a}\u{202e}a\u{2066}\u{2069}"), r"\u202a\u202ea\u2066\u2069");
        assert_eq!(printable("\u{2065}\u{200f}שלום"), "\u{2065}\u{200f}שלום", "texts of that direction stay readable");
        assert!(matches!(printable("plain é"), Cow::Borrowed("plain é")));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_shown_as_numbers() {
        assert_eq!(shown_bytes(b"a\xff\xc2\n.json").to_string(), r"a\xff\xc2\n.json");
    }
}
