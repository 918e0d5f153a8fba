//! Which channels are meant: a name, or the beginning of names.

use std::fmt;
use std::str::FromStr;

use queue::{ChannelName, MAX_CHANNEL_BYTES};
use thiserror::Error;

/// A name, or a beginning of names and `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

/// The text is neither a name nor a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is no pattern: write a channel name, or the beginning of names and a * at its end, of at most {MAX_CHANNEL_BYTES} of the \
     characters A-Z a-z 0-9 _ - = @ , . ; : /"
)]
pub struct InvalidPattern;

impl Pattern {
    /// Every name.
    pub(crate) fn all() -> Pattern {
        Pattern { text: "".into(), is_prefix: true }
    }

    /// A name that is meant and has this end, if names with a beginning are meant.
    pub(crate) fn name_with(&self, end: &str) -> Option<ChannelName> {
        self.is_prefix.then(|| format!("{}{end}", self.text).parse().ok()).flatten()
    }

    /// Whether a channel is meant.
    pub(crate) fn matches(&self, channel: &ChannelName) -> bool {
        if self.is_prefix { channel.as_str().starts_with(&*self.text) } else { channel.as_str() == &*self.text }
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Pattern, InvalidPattern> {
        let (beginning, is_prefix) = text.strip_suffix('*').map_or((text, false), |beginning| (beginning, true));
        // The names that only producers may use are nobody's to read.
        let is_valid = match beginning {
            "" => is_prefix,
            beginning => beginning.parse::<ChannelName>().is_ok_and(|name| !name.is_for_producers()),
        };
        is_valid.then(|| Pattern { text: beginning.into(), is_prefix }).ok_or(InvalidPattern)
    }
}

/// As users write it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_the_rest_of_a_name_and_only_at_the_end() {
        for (pattern, name, is_meant) in [
            ("*", "a", true),
            ("public.*", "public.a", true),
            ("public.*", "public.", true),
            ("public.*", "public", false),
            ("public.*", "publicxa", false),
            ("public.*", "Public.a", false),
            ("orders", "orders", true),
            ("orders", "orders.1", false),
            ("orders", "order", false),
            ("private-user.4*", "private-user.42", true),
            ("private-user.4*", "private-user.5", false),
        ] {
            let (pattern, name): (Pattern, ChannelName) = (pattern.parse().unwrap(), name.parse().unwrap());
            assert_eq!(pattern.matches(&name), is_meant, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_are_shown_as_they_are_written_and_others_are_refused() {
        for text in ["*", "a", "public.*", "private-user.42", &format!("{}*", "x".repeat(200))] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        for text in ["", "**", "a*b", "*a", "a**", "a b", "é*", "#server-to-user-7", "#*", "a?", &"x".repeat(201)] {
            assert_eq!(text.parse::<Pattern>(), Err(InvalidPattern), "{text}");
        }
    }
}
