//! How settings are called where they are set: an error names those that its reader can change.

use std::borrow::Cow;

use super::decide::all_settings;
use super::setting::Setting;
use super::value::Value;

/// How settings are called where they are set.
pub trait Naming {
    /// The name of a setting.
    fn key(&self, key: &'static str) -> Cow<'static, str>;
    /// What sets a list to one item.
    fn line(&self, key: &'static str, item: &'static str) -> String;
    /// Whether a value may be shown.
    fn shows(&self, value: &Value) -> bool;
}

/// The keys of the broadcaster's file, which its flags and variables follow.
#[derive(Debug, Clone, Copy)]
pub struct BroadcasterKeys {
    /// Whether texts are shown: of what stands in a file, any may be a secret that was meant for another key.
    pub shows_texts: bool,
}

impl Naming for BroadcasterKeys {
    fn key(&self, key: &'static str) -> Cow<'static, str> {
        all_settings().find(|setting| setting.key == key).map_or(key.into(), Setting::file_key)
    }

    fn line(&self, key: &'static str, item: &'static str) -> String {
        format!("{key} = [\"{item}\"] (as a variable: {}='{item}')", variable_of(key))
    }

    fn shows(&self, value: &Value) -> bool {
        self.shows_texts || matches!(value, Value::Whole(_) | Value::Seconds(_) | Value::Switch(_))
    }
}

/// The variable of a key that has none of its own.
pub(super) fn variable_of(key: &str) -> String {
    format!("FASTAPI_WS_{}", key.to_uppercase())
}
