//! A JSON object in which every name may stand once: readers differ about which of two they use, and a token must mean
//! the same to its maker and to us.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::TokenError;

/// Names and values, the values as text.
pub(super) struct JsonObject<'a>(Vec<(String, &'a RawValue)>);

impl<'a> JsonObject<'a> {
    /// Parses an object, which has to be all there is. `known` are the names that an error may tell.
    pub(super) fn parse(json: &'a [u8], known: &[&'static str]) -> Result<JsonObject<'a>, TokenError> {
        let mut object: JsonObject<'a> = serde_json::from_slice(json).map_err(|_| TokenError::Malformed)?;
        object.0.sort_by(|(left, _), (right, _)| left.cmp(right));
        match object.0.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            None => Ok(object),
            Some(pair) => {
                let name = known.iter().find(|name| **name == pair[0].0);
                Err(TokenError::Repeated(name.copied().unwrap_or("a name")))
            }
        }
    }

    /// The text of a value.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let found = self.0.binary_search_by(|(given, _)| given.as_str().cmp(name)).ok()?;
        Some(self.0[found].1.get())
    }

    /// A value of a type. `null` is a value as well, and none of any type that is asked for.
    pub(super) fn get<T: Deserialize<'a>>(&self, name: &'static str) -> Result<Option<T>, TokenError> {
        let parse = |text| serde_json::from_str(text).map_err(|_| TokenError::Claim(name));
        self.raw(name).map(parse).transpose()
    }
}

impl<'de> Deserialize<'de> for JsonObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonObject<'de>, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = JsonObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonObject(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
