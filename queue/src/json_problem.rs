//! Why a text is not the JSON that was expected, in words of those who write it. serde speaks of types of Rust.

use serde_json::error::Category;

/// What is wrong, with its place. The place is told as it is given.
pub(crate) fn told(error: &serde_json::Error, place: &str) -> String {
    match error.classify() {
        Category::Eof => format!("it ends in the middle, at {place}: perhaps not all of it was written"),
        Category::Data => match twice(error) {
            Some(key) => format!("the key `{key}` is given twice, at {place}"),
            None => format!(
                "a value has the wrong type, at {place}: an event is an object with the keys event and payload; \
                 timestamp and queued_at, if given, are numbers"
            ),
        },
        Category::Syntax | Category::Io => {
            let text = error.to_string();
            let end = format!(" at line {} column {}", error.line(), error.column());
            format!("{} at {place}", text.strip_suffix(&end).unwrap_or(&text))
        }
    }
}

/// The place of an error in a text of several lines.
pub(crate) fn place(error: &serde_json::Error) -> String {
    format!("line {} column {}", error.line(), error.column())
}

fn twice(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (key, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(key.to_owned())
}
