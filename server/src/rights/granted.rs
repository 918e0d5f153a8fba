//! Who a client is said to be by code outside that was asked about it, such as a PHP script: JSON with the names of a
//! token's claims, but for the user and the end.

use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::bounds::MAX_TTL;
use super::claims::{allowed, channels, info, user};
use super::error::{TokenError, expected};
use super::identity::Identity;
use super::json_object::JsonObject;

/// What may be said.
const KEYS: [&str; 5] = ["user", "channels", "allow", "info", "expires_in"];
/// How long it counts, unless it is said. A session that has ended must not read on for ever.
const DEFAULT_TIME: Duration = Duration::from_secs(3600);

/// Why an answer counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum GrantError {
    #[error("it is no JSON object")]
    NoObject,
    #[error("it says `{0}` twice")]
    Repeated(&'static str),
    #[error("its `{key}` must be {expected}", key = .0, expected = expected(.0))]
    Value(&'static str),
}

impl From<TokenError> for GrantError {
    fn from(error: TokenError) -> GrantError {
        match error {
            TokenError::Claim(key) => GrantError::Value(key),
            TokenError::Repeated(key) => GrantError::Repeated(key),
            _ => GrantError::NoObject,
        }
    }
}

impl Identity {
    /// Reads what was answered. It counts for this share of the time that was said.
    pub(crate) fn granted(json: &[u8], share: f64, now: SystemTime) -> Result<Identity, GrantError> {
        let object = JsonObject::parse(json, &KEYS)?;
        let (allow, everybody) = allowed(&object)?;
        // PHP writes an array without entries so.
        let info = if object.raw("info") == Some("[]") { None } else { info(&object)? };
        let time = match object.get::<f64>("expires_in")? {
            Some(seconds) if seconds > 0.0 && seconds <= MAX_TTL.as_secs_f64() => Duration::from_secs_f64(seconds),
            Some(_) => return Err(GrantError::Value("expires_in")),
            None => DEFAULT_TIME,
        };
        let expires_at = now + time.mul_f64(share);
        if expires_at <= now {
            // So little that nothing of it is left.
            return Err(GrantError::Value("expires_in"));
        }
        Ok(Identity {
            user: number(&object).map_or_else(|| user(&object, "user"), |number| Ok(Some(number)))?,
            channels: channels(&object)?,
            allow,
            everybody,
            info,
            expires_at,
        })
    }
}

/// The user where it is a whole number, as keys of databases are.
fn number(object: &JsonObject<'_>) -> Option<Box<str>> {
    let text = object.raw("user")?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse::<u64>().ok()).flatten().map(|number| number.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(json: &str) -> Result<Identity, GrantError> {
        Identity::granted(json.as_bytes(), 1.0, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn an_answer_says_who_the_client_is() {
        let json = r#" {"user":"42","channels":["orders","private-user.42"],"allow":["private-x.*","everybody"],
            "info":{"name":"A"},"expires_in":60.5,"other":null} "#;
        let identity = granted(json).expect("an identity");
        assert_eq!(identity.user.as_deref(), Some("42"));
        assert_eq!(
            identity.channels.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            ["orders", "private-user.42"]
        );
        assert!(identity.everybody && identity.allow.len() == 1);
        assert_eq!(identity.expires_at, SystemTime::UNIX_EPOCH + Duration::from_millis(60_500));
        let user = |json| granted(json).expect("an identity").user.map(String::from);
        assert_eq!(user(r#"{"user":42}"#).as_deref(), Some("42"), "a key of a database");
        assert_eq!(user(r#"{"info":[]}"#), None, "an empty array of PHP");
        assert_eq!(granted("{}").expect("nobody").expires_at, SystemTime::UNIX_EPOCH + DEFAULT_TIME);
        let sooner = Identity::granted(br#"{"expires_in":100}"#, 0.9, SystemTime::UNIX_EPOCH).expect("an identity");
        assert_eq!(sooner.expires_at, SystemTime::UNIX_EPOCH + Duration::from_secs(90));
    }

    #[test]
    fn what_is_not_clear_counts_for_nothing() {
        for (json, error) in [
            ("", GrantError::NoObject),
            ("null", GrantError::NoObject),
            ("[]", GrantError::NoObject),
            ("true", GrantError::NoObject),
            ("<br>Notice", GrantError::NoObject),
            ("{} {}", GrantError::NoObject),
            (r#"{"user":"1""#, GrantError::NoObject),
            (r#"{"user":"1","user":"2"}"#, GrantError::Repeated("user")),
            // Not logged in, and a script that does not look.
            (r#"{"user":null}"#, GrantError::Value("user")),
            (r#"{"user":false}"#, GrantError::Value("user")),
            (r#"{"user":""}"#, GrantError::Value("user")),
            (r#"{"user":-1}"#, GrantError::Value("user")),
            (r#"{"user":1.5}"#, GrantError::Value("user")),
            // Found by fuzzing: above 0, and less than a nanosecond.
            (r#"{"expires_in":1e-220}"#, GrantError::Value("expires_in")),
            (r#"{"user":["1"]}"#, GrantError::Value("user")),
            (r#"{"channels":"orders"}"#, GrantError::Value("channels")),
            (r#"{"channels":{"1":"orders"}}"#, GrantError::Value("channels")),
            (r#"{"channels":["a b"]}"#, GrantError::Value("channels")),
            (r##"{"channels":["#server-to-user-1"]}"##, GrantError::Value("channels")),
            (r#"{"allow":["a*b"]}"#, GrantError::Value("allow")),
            (r#"{"info":"x"}"#, GrantError::Value("info")),
            (r#"{"expires_in":0}"#, GrantError::Value("expires_in")),
            (r#"{"expires_in":-5}"#, GrantError::Value("expires_in")),
            (r#"{"expires_in":"60"}"#, GrantError::Value("expires_in")),
            (r#"{"expires_in":1e300}"#, GrantError::Value("expires_in")),
        ] {
            assert_eq!(granted(json), Err(error), "{json}");
        }
    }
}
