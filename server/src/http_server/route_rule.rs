//! What users say of single paths: which channels are subscribed there at once, and what a client needs to connect.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use queue::{ChannelName, InvalidChannel};
use thiserror::Error;

/// A rule of the settings. What it does not say is as on all other paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    path: PathPattern,
    /// Subscribed at once, as if they stood in the URL: the client needs the right to read them.
    pub channels: Vec<ChannelName>,
    /// What a client needs to connect.
    pub require: Option<Require>,
}

/// A path, or a beginning of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PathPattern {
    text: Box<str>,
    is_prefix: bool,
}

/// What a client needs to connect on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Require {
    /// A valid token.
    Token,
    /// That the hook lets it in. Its token is not looked at.
    Hook,
    /// Nothing. A token that it has counts.
    Nothing,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRouteRule {
    /// No path, or a star in the middle.
    #[error("the path must begin with / (or be * for all), with a * at most at its end, and no ? or #")]
    Path,
    /// No name of a channel.
    #[error("channels: {InvalidChannel}, and none that begins with #")]
    Channel,
    /// Another word.
    #[error("require must be token, hook or none")]
    Require,
    /// It says nothing of the path, or something unknown.
    #[error("is no rule: write a path, and channel=NAME or require=token (or hook, or none) or both behind it")]
    Form,
}

impl FromStr for Require {
    type Err = InvalidRouteRule;

    fn from_str(text: &str) -> Result<Require, InvalidRouteRule> {
        match text {
            "token" => Ok(Require::Token),
            "hook" => Ok(Require::Hook),
            "none" => Ok(Require::Nothing),
            _ => Err(InvalidRouteRule::Require),
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Require::Token => "token",
            Require::Hook => "hook",
            Require::Nothing => "none",
        })
    }
}

impl FromStr for PathPattern {
    type Err = InvalidRouteRule;

    fn from_str(text: &str) -> Result<PathPattern, InvalidRouteRule> {
        let (beginning, is_prefix) = text.strip_suffix('*').map_or((text, false), |beginning| (beginning, true));
        let is_path = beginning.starts_with('/') || is_prefix && beginning.is_empty();
        let is_clean = !beginning.contains(|c: char| matches!(c, '*' | '?' | '#') || c.is_ascii_whitespace());
        if !is_path || !is_clean {
            return Err(InvalidRouteRule::Path);
        }
        Ok(PathPattern { text: beginning.into(), is_prefix })
    }
}

impl RouteRule {
    /// A rule that says something.
    ///
    /// # Errors
    /// When it says nothing, or a part of it is not valid.
    pub fn new(
        path: &str,
        channels: Vec<ChannelName>,
        require: Option<Require>,
    ) -> Result<RouteRule, InvalidRouteRule> {
        if channels.is_empty() && require.is_none() {
            return Err(InvalidRouteRule::Form);
        }
        if channels.iter().any(ChannelName::is_for_producers) {
            return Err(InvalidRouteRule::Channel);
        }
        Ok(RouteRule { path: path.parse()?, channels, require })
    }

    /// Reads rules with semicolons between.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn parse_all(text: &str) -> Result<Vec<RouteRule>, InvalidRouteRule> {
        // A name may have a semicolon, but no space.
        text.split("; ").map(|rule| rule.trim().parse()).collect()
    }

    /// Whether it is about the path of a target, as sent. Encoded characters of the path are decoded first.
    pub(super) fn matches(&self, target: &str) -> bool {
        let path = percent_decode_str(path_of(target)).collect::<Vec<u8>>();
        let PathPattern { text, is_prefix } = &self.path;
        if *is_prefix { path.starts_with(text.as_bytes()) } else { path == text.as_bytes() }
    }
}

/// The path of a target, as sent. The target may have a host in front.
pub(super) fn path_of(target: &str) -> &str {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let target = &target[..end];
    if target.starts_with('/') {
        return target;
    }
    let path = target.split_once("://").and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..]));
    path.unwrap_or("/")
}

/// `PATH channel=NAME channel=NAME require=token`.
impl FromStr for RouteRule {
    type Err = InvalidRouteRule;

    fn from_str(text: &str) -> Result<RouteRule, InvalidRouteRule> {
        let mut words = text.split_ascii_whitespace();
        let path = words.next().ok_or(InvalidRouteRule::Form)?;
        let (mut channels, mut require) = (Vec::new(), None);
        for word in words {
            match word.split_once('=').ok_or(InvalidRouteRule::Form)? {
                ("channel", name) => channels.push(name.parse().map_err(|InvalidChannel| InvalidRouteRule::Channel)?),
                ("require", word) if require.is_none() => require = Some(word.parse()?),
                _ => return Err(InvalidRouteRule::Form),
            }
        }
        RouteRule::new(path, channels, require)
    }
}

/// As it is read.
impl fmt::Display for RouteRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PathPattern { text, is_prefix } = &self.path;
        write!(formatter, "{text}{}", if *is_prefix { "*" } else { "" })?;
        self.channels.iter().try_for_each(|channel| write!(formatter, " channel={}", channel.as_str()))?;
        self.require.map_or(Ok(()), |require| write!(formatter, " require={require}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["/admin/* channel=a channel=b;c require=token", "* require=hook", "/ require=none", "/a channel=b"]
        {
            assert_eq!(text.parse::<RouteRule>().expect(text).to_string(), text);
        }
        let all = RouteRule::parse_all("/a channel=b; /b require=hook").expect("two rules");
        assert_eq!(all.len(), 2);
        for text in [
            "",
            "/a",
            "a require=hook",
            "/a*b require=hook",
            "/a?b require=hook",
            "/a require=all",
            "/a require=hook require=hook",
            "/a channel=*",
            "/a channel=#server-to-user-7",
            "/a channels=b",
            "/a b",
        ] {
            assert!(text.parse::<RouteRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_is_about_its_path_however_that_is_written() {
        let matches = |rule: &str, target: &str| {
            rule.replace('$', " require=none").parse::<RouteRule>().expect("a rule").matches(target)
        };
        for target in ["/admin/", "/admin/x?y=/", "/%61dmin/x", "http://host/admin/x"] {
            assert!(matches("/admin/*$", target), "{target}");
        }
        for target in ["/admin", "/Admin/x", "/", "//admin/x", "/x/admin/", "/?x=/admin/", "http://h?/admin/"] {
            assert!(!matches("/admin/*$", target), "{target}");
        }
        for target in ["/", "/?x", "http://host", "http://host?x=/y", "http://host/"] {
            assert!(matches("/$", target), "{target}");
            assert!(matches("*$", target), "{target}");
        }
    }
}
