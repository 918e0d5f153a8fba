//! Names of channels: which are valid, for producers, for readers of entries, and for what clients ask for.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// Longest name, in bytes.
pub const MAX_CHANNEL_BYTES: usize = 200;
/// Most channels of one event.
pub const MAX_CHANNELS_OF_EVENT: usize = 100;
/// Names that begin so address the clients of one user. Only producers may use them.
const TO_USER: &str = "#server-to-user-";
/// Names that begin so need a right in every protocol, and tell who is there.
const PRESENCE: &str = "presence-";
/// Names that begin so need a right in every protocol.
const RESTRICTED: [&str; 2] = ["private-", PRESENCE];

/// The name of a channel: 1 to 200 of `A-Z a-z 0-9 _ - = @ , . ; : /`, or `#server-to-user-` and such a text, 200
/// bytes in all. Cheap to clone. Names are compared byte by byte: case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

/// The text is no name of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a channel name has 1 to {MAX_CHANNEL_BYTES} of the characters A-Z a-z 0-9 _ - = @ , . ; : /")]
pub struct InvalidChannel;

impl ChannelName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether clients need a right to read it, whatever else is public: it begins with `private-` or `presence-`.
    pub fn is_restricted(&self) -> bool {
        RESTRICTED.iter().any(|prefix| self.0.starts_with(prefix))
    }

    /// Whether its subscribers are told who else is there: it begins with `presence-`.
    pub fn is_presence(&self) -> bool {
        self.0.starts_with(PRESENCE)
    }

    /// The user whose clients it addresses, if it does.
    pub fn user(&self) -> Option<&str> {
        self.0.strip_prefix(TO_USER)
    }

    /// Whether only producers may name it: it addresses the clients of one user.
    pub fn is_for_producers(&self) -> bool {
        self.0.starts_with('#')
    }
}

impl FromStr for ChannelName {
    type Err = InvalidChannel;

    fn from_str(name: &str) -> Result<ChannelName, InvalidChannel> {
        let rest = name.strip_prefix(TO_USER).unwrap_or(name);
        let is_valid = !rest.is_empty() && name.len() <= MAX_CHANNEL_BYTES && rest.bytes().all(is_allowed);
        is_valid.then(|| ChannelName(name.into())).ok_or(InvalidChannel)
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=' | b'@' | b',' | b'.' | b';' | b':' | b'/')
}

impl fmt::Display for ChannelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are_or_refused() {
        for name in ["a", "orders", "private-user.42", "A_b-c=@,.;:/9", "#server-to-user-7", &"x".repeat(200)] {
            assert_eq!(name.parse::<ChannelName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in ["", " a", "a b", "a\n", "é", "a%2Fb", "a*", "#a", "#server-to-user-", "##", &"x".repeat(201)] {
            assert_eq!(name.parse::<ChannelName>(), Err(InvalidChannel), "{name:?}");
        }
    }

    #[test]
    fn prefixes_tell_what_needs_a_right() {
        let restricted = |name: &str| name.parse::<ChannelName>().expect("a name").is_restricted();
        assert!(restricted("private-a") && restricted("presence-a") && restricted("private-"));
        assert!(!restricted("Private-a") && !restricted("private") && !restricted("a.private-b"));
        let name = |name: &str| name.parse::<ChannelName>().expect("a name");
        assert!(name("presence-a").is_presence() && !name("private-a").is_presence());
        assert_eq!((name("#server-to-user-7").user(), name("user-7").user()), (Some("7"), None));
    }
}
