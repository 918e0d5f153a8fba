//! Whether a file that is no event is an attempt at one. An attempt is put aside. Any other file belongs to another
//! program or to a user, and stays where it is.

use crate::directory::entry::FileName;
use crate::layout::{self, Form};

/// So many bytes of a file are enough to classify it.
pub(super) const BEGINNING: usize = 256;

/// How a file's content begins.
enum Beginning {
    /// Like an event, as far as it was written.
    Event,
    /// Like a JSON document of another kind.
    OtherDocument,
    /// Like neither: it is empty, text or binary, or could not be read.
    Neither,
}

/// Classifies a file that is no event, by its name and by how its content begins.
pub(crate) fn is_attempt(name: &FileName, content: &[u8]) -> bool {
    if matches!(name.form(), Form::Lines(_)) {
        return layout::is_producer_name(name.as_os_str());
    }
    match Beginning::of(content) {
        Beginning::Event => true,
        Beginning::OtherDocument => layout::is_producer_name(name.as_os_str()),
        Beginning::Neither => layout::is_numbered(name.as_os_str()),
    }
}

impl Beginning {
    fn of(content: &[u8]) -> Beginning {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        /// No other kind of document is likely to begin with one of these.
        const KEYS: [&[u8]; 3] = [br#""event""#, br#""payload""#, br#""queued_at""#];

        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content).trim_ascii_start();
        match content.split_first() {
            Some((b'{', fields)) => {
                let fields = fields.trim_ascii_start();
                let is_event = |key: &&[u8]| fields.starts_with(key) || key.starts_with(fields);
                if KEYS.iter().any(is_event) { Beginning::Event } else { Beginning::OtherDocument }
            }
            Some((b'[', _)) => Beginning::OtherDocument,
            _ => Beginning::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str, content: &str) -> bool {
        is_attempt(&FileName::new(name), content.as_bytes())
    }

    #[test]
    fn a_file_with_a_producers_name_is_an_attempt_whatever_its_content_is() {
        for name in [
            "019a3a5e-7f00-7000-8000-000000000000.json",
            "1729000000.1234_671234abc12de.json",
            "1729000000_671234abc12de.json",
        ] {
            for content in ["", "garbage", "[1]", r#"{"name":"vendor/package"}"#, r#"{"event":"#] {
                assert!(attempt(name, content), "{name}: {content}");
            }
        }
    }

    #[test]
    fn an_entry_of_several_events_is_one_only_by_its_name() {
        for content in ["", "garbage", r#"{"v":1,"uid":"#, "{\"event\":1}\n"] {
            assert!(attempt("019a3a5e-7f00-7000-8000-000000000000.high.events", content), "{content}");
            assert!(!attempt("calendar.events", content) && !attempt("17.events", content), "{content}");
        }
    }

    #[test]
    fn a_file_that_begins_like_an_event_is_an_attempt_whatever_its_name_is() {
        for content in ["{", "{\n  \"ev", r#"{"event":"cut off","payl"#, r#"{"payload":1}"#, "\u{feff}{\"event\":1}"] {
            assert!(attempt("order.json", content), "{content}");
        }
    }

    #[test]
    fn a_numbered_file_is_an_attempt_unless_it_is_a_document_of_another_kind() {
        assert!(attempt("1.json", "") && attempt("17-order.json", "garbage"));
        for content in [r#"{"id":17,"total":3}"#, "[1]", "{}"] {
            assert!(!attempt("17.json", content) && !attempt("2024_report.json", content), "{content}");
        }
    }

    #[test]
    fn the_files_of_a_project_are_no_attempts() {
        for (name, content) in [
            ("composer.json", r#"{"name": "vendor/package", "require": {}}"#),
            ("package.json", "{\n  \"name\": \"page\"\n}"),
            ("tsconfig.json", "{\n  // comments are allowed here\n  \"compilerOptions\": {}\n}"),
            ("tsconfig.base.json", "/* comment first */ {}"),
            ("list.json", "[1, 2]"),
            ("template.json", "{{ json }}"),
            ("empty.json", ""),
        ] {
            assert!(!attempt(name, content), "{name}");
        }
    }
}
