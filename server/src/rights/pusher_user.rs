//! Who a client of the Pusher protocol is, as the application's server has written and signed it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bounds::{MAX_INFO_BYTES, MAX_USER_BYTES};
use crate::protocol::pusher::object;

/// Who somebody is on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PusherUser {
    pub(crate) id: Box<str>,
    /// What others see of the user: JSON.
    pub(crate) info: Option<Box<str>>,
}

/// Why it is nobody. For the client.
pub(crate) type Problem = &'static str;

#[derive(Deserialize)]
struct Signed<'a> {
    /// In `channel_data`.
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    /// In `user_data`.
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_info: Option<&'a RawValue>,
}

impl PusherUser {
    /// Of `channel_data`: `{"user_id":...,"user_info":...}`.
    pub(crate) fn of_channel(json: &str) -> Result<PusherUser, Problem> {
        let signed: Signed<'_> = object(json).ok_or("channel_data must be a JSON object")?;
        PusherUser::new(signed.user_id.ok_or("channel_data needs a user_id")?, signed.user_info)
    }

    /// Of `user_data`: `{"id":...,"user_info":...}`.
    pub(crate) fn of_signin(json: &str) -> Result<PusherUser, Problem> {
        let signed: Signed<'_> = object(json).ok_or("user_data must be a JSON object")?;
        PusherUser::new(signed.id.ok_or("user_data needs an id")?, signed.user_info)
    }

    fn new(id: &RawValue, info: Option<&RawValue>) -> Result<PusherUser, Problem> {
        // Keys of databases are numbers, and many servers write them so.
        let id = match serde_json::from_str::<String>(id.get()) {
            Ok(id) => id,
            Err(_) if id.get().parse::<i128>().is_ok() => id.get().to_owned(),
            Err(_) => return Err("the user's id must be a string or a whole number"),
        };
        if id.is_empty() || id.len() > MAX_USER_BYTES {
            return Err("the user's id has 1 to 200 bytes");
        }
        if id.chars().any(char::is_control) {
            return Err("the user's id has no control characters");
        }
        let info = info.map(RawValue::get);
        if info.is_some_and(|info| info.len() > MAX_INFO_BYTES) {
            return Err("user_info has at most 1024 bytes as JSON");
        }
        Ok(PusherUser { id: id.into(), info: info.map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_what_was_signed() {
        let user = |id: &str, info: Option<&str>| Ok(PusherUser { id: id.into(), info: info.map(Into::into) });
        let of = PusherUser::of_channel;
        assert_eq!(of(r#"{"user_id":"a","user_info":{"n":1.0}}"#), user("a", Some(r#"{"n":1.0}"#)));
        assert_eq!(of(r#"{"user_id":10}"#), user("10", None));
        assert_eq!(PusherUser::of_signin(r#"{"id":"7","user_info":[]}"#), user("7", Some("[]")));
        let long = format!(r#"{{"user_id":"{}"}}"#, "x".repeat(MAX_USER_BYTES + 1));
        let much = format!(r#"{{"user_id":"1","user_info":"{}"}}"#, "x".repeat(MAX_INFO_BYTES));
        for text in [
            "",
            "[]",
            "{}",
            r#"{"user_id":""}"#,
            r#"{"user_id":1.5}"#,
            r#"{"user_id":"a\nb"}"#,
            r#"["7",null,{"a":1}]"#,
            r#"{"user_id":{}}"#,
            r#"{"id":"1"}"#,
            &long,
            &much,
        ] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
