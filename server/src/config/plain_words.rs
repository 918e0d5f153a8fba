//! What a value of the file must be, in words of people who write such files and not in those of the types behind it.

use toml::de::{DeTable, Error};

/// The message of an error, on one line. The line of the file stands before it, so the value is not told again.
pub(super) fn in_plain_words(text: &str, error: &Error) -> String {
    let message = error.message().replace('\n', " ");
    let is_type = message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    let Some((_, expected)) = message.rsplit_once(", expected ").filter(|_| is_type) else { return message };
    let place = error.span().map_or(0, |span| span.start);
    let table = DeTable::parse(text).ok();
    let entry =
        table.as_ref().and_then(|table| table.get_ref().iter().find(|(_, value)| value.span().contains(&place)));
    let key = entry.map_or("", |(key, _)| key.get_ref());
    match expected {
        "u16" => "must be a whole number of 0 to 65535".to_owned(),
        "usize" | "u64" | "u32" if key.contains("bytes") || key == "max_memory" => {
            "must be a number of bytes, without a unit or quotes".to_owned()
        }
        "usize" | "u64" | "u32" if key.ends_with("_secs") => {
            "must be a whole number of seconds, without quotes".to_owned()
        }
        "usize" | "u64" | "u32" => "must be a whole number, without quotes".to_owned(),
        "f64" => "must be a number of seconds, such as 0.5, without quotes".to_owned(),
        "path string" | "a string" => "must be a text in quotes".to_owned(),
        "a boolean" => "must be true or false, without quotes".to_owned(),
        "a sequence" => {
            let given = entry.and_then(|(_, value)| value.get_ref().as_str()).unwrap_or("same-host");
            let items: Vec<String> = given.split(',').map(|item| format!("{:?}", item.trim())).collect();
            format!("must be a list: [{}]", items.join(", "))
        }
        other => format!("must be {other}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn types_are_told_in_plain_words() {
        for (text, told) in [
            ("port = 70000", "must be a whole number of 0 to 65535"),
            ("port = 'x'", "must be a whole number of 0 to 65535"),
            ("max_memory = '256M'", "must be a number of bytes, without a unit or quotes"),
            ("max_header_bytes = -1", "must be a number of bytes"),
            ("max_connections = 1.5", "must be a whole number, without quotes"),
            ("failed_max_age_secs = '30d'", "must be a whole number of seconds"),
            ("ping_interval_secs = '25s'", "must be a number of seconds, such as 0.5"),
            ("queue = 5", "must be a text in quotes"),
            ("listen = 8081", "must be a text in quotes"),
            ("relay_client_events = 'yes'", "must be true or false"),
            ("allowed_origins = '*'", "must be a list: [\"*\"]"),
            ("allowed_origins = 'null, https://a.example'", "must be a list: [\"null\", \"https://a.example\"]"),
            ("allowed_origins = [1]", "must be a text in quotes"),
            ("log_format = 'xml'", "unknown variant `xml`, expected `human` or `json`"),
        ] {
            let error = toml::from_str::<Settings>(text).expect_err(text);
            let error = super::in_plain_words(text, &error);
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
