//! One item of `allowed_origins`: read as users write it, refused where no browser would ever send it.

use std::fmt;
use std::str::FromStr;

use queue::url_without_secrets;
use thiserror::Error;
use url::{Host, Url};

use super::page::{Origin, host_of};

/// One item of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Any page: `*`.
    Any,
    /// Pages of the host that the request names, on any port: `same-host`.
    SameHost,
    /// Pages of this origin, such as `https://example.com`.
    Origin(Origin),
    /// Pages of all hosts below this one, such as `https://*.example.com`.
    Subdomains(Origin),
    /// Pages without an origin: sandboxed frames, and files in most browsers. `null`.
    Null,
    /// Files in some web views: `file://`.
    File,
}

const FORMS: &str = "use same-host, *, scheme://host[:port] such as https://example.com, or https://*.example.com";

/// No page has such an origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} {reason}")]
pub struct InvalidRule {
    /// Without secrets.
    given: String,
    reason: String,
}

impl InvalidRule {
    /// Why, and what to write instead. Of what was given it shows the host of a URL and what comes after that.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Rule, InvalidRule> {
        match text.trim() {
            "*" => Ok(Rule::Any),
            "same-host" => Ok(Rule::SameHost),
            "null" => Ok(Rule::Null),
            "file://" => Ok(Rule::File),
            origin => {
                // An origin has no place for a secret: what has one is refused in any case.
                let origin = url_without_secrets(origin);
                parse(&origin).map_err(|reason| InvalidRule { given: origin.into_owned(), reason })
            }
        }
    }
}

/// As users write it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Any => f.write_str("*"),
            Rule::SameHost => f.write_str("same-host"),
            Rule::Null => f.write_str("null"),
            Rule::File => f.write_str("file://"),
            Rule::Origin(Origin { scheme, host, port: None }) => write!(f, "{scheme}://{host}"),
            Rule::Origin(Origin { scheme, host, port: Some(port) }) => write!(f, "{scheme}://{host}:{port}"),
            Rule::Subdomains(Origin { scheme, host, port: None }) => write!(f, "{scheme}://*.{host}"),
            Rule::Subdomains(Origin { scheme, host, port: Some(port) }) => write!(f, "{scheme}://*.{host}:{port}"),
        }
    }
}

/// The error is why no page has such an origin, and what to write instead.
fn parse(text: &str) -> Result<Rule, String> {
    // Before all else: what was said of the first of several would hold for none. The parser of addresses would leave
    // them out.
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err("is no origin, it has a space: give several with commas between, in the file as a list".to_owned());
    }
    if let Some(meant) = meant(text) {
        return Err(format!("is no origin: write {meant}"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let with_scheme = format!("https://{text}");
        return Err(match parse(&with_scheme) {
            Ok(_) => "is no origin, it has no scheme: write https:// before it".to_owned(),
            Err(_) => format!("is no origin: {FORMS}"),
        });
    };
    let scheme = scheme.to_ascii_lowercase();
    let page_scheme = match scheme.as_str() {
        "ws" => "http",
        "wss" => "https",
        other => other,
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let instead = format!("{page_scheme}://{host}");
    if page_scheme != scheme {
        return Err(format!("is the address of a socket, and an origin is that of a page: write {instead}"));
    }
    if !path.is_empty() {
        return Err(format!("ends with {path:?}, which is no part of an origin: write {instead}"));
    }
    if !user.is_empty() || authority.contains('@') {
        return Err(format!("has a user before its host, which is no part of an origin: write {instead}"));
    }
    if host == "*" || host.starts_with("*:") {
        return Err("does not say which hosts: write * for any page, or same-host".to_owned());
    }
    let parent = host.strip_prefix("*.");
    let origin = origin(&scheme, parent.unwrap_or(host))?;
    match parent {
        None => Ok(Rule::Origin(origin)),
        Some(_) if is_address(&origin.host) => Err("has a * before an address, which has no subdomains".to_owned()),
        Some(_) => Ok(Rule::Subdomains(origin)),
    }
}

/// The word that was meant, most likely.
fn meant(text: &str) -> Option<&'static str> {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        _ if text.contains([':', '.', '/']) => None,
        "samehost" | "sameorigin" | "samesite" | "self" => Some("same-host"),
        "null" | "none" => Some("null for pages without an origin, such as files"),
        "any" | "all" => Some("* for any page"),
        _ => None,
    }
}

fn origin(scheme: &str, authority: &str) -> Result<Origin, String> {
    if authority.contains('*') {
        return Err(
            "has a * that is not its first label: it stands for subdomains, as in https://*.example.com".to_owned()
        );
    }
    let no_origin = |reason: String| format!("is no origin{reason}: {FORMS}");
    let text = format!("{scheme}://{authority}");
    let text = match scheme {
        "http" | "https" => {
            let url = Url::parse(&text).map_err(|error| no_origin(format!(", {error}")))?;
            url.origin().ascii_serialization()
        }
        _ if host_of(authority).is_some() => text,
        _ => return Err(no_origin(String::new())),
    };
    Origin::parse(&text).ok_or_else(|| no_origin(String::new()))
}

fn is_address(host: &str) -> bool {
    matches!(Host::parse(host), Ok(Host::Ipv4(_) | Host::Ipv6(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_shown_as_it_is_written() {
        for text in [
            "*",
            "same-host",
            "null",
            "file://",
            "https://example.com",
            "http://example.com:8080",
            "https://*.example.com",
            "https://*.example.com:8443",
            "http://[::1]:8000",
        ] {
            assert_eq!(text.parse::<Rule>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_no_page_has_is_refused_with_what_to_write_instead() {
        for (text, expected) in [
            ("example.com", "\"example.com\" is no origin, it has no scheme: write https:// before it"),
            ("*.example.com", "it has no scheme: write https:// before it"),
            ("https://example.com/", "ends with \"/\", which is no part of an origin: write https://example.com"),
            ("https://example.com/app?x", "ends with \"/app?x\""),
            ("https://example.com?", "ends with \"?\""),
            ("https://example.com#top", "ends with \"#top\""),
            (
                "https://me@example.com",
                "has a user before its host, which is no part of an origin: write https://example.com",
            ),
            ("https://me:secret@example.com:8443", "\"https://[hidden]@example.com:8443\" has a user"),
            ("https://me:sec/secret@example.com", "\"https://[hidden]@example.com\" has a user before its host"),
            ("https://example.com/?token=secret", "ends with \"/?token=[hidden]\""),
            (
                "wss://example.com",
                "is the address of a socket, and an origin is that of a page: write https://example.com",
            ),
            ("ws://localhost:3000/ws", "write http://localhost:3000"),
            ("https://*", "does not say which hosts: write * for any page"),
            ("https://*:8443", "does not say which hosts"),
            ("https://app.*.example.com", "has a * that is not its first label"),
            ("https://app*.example.com", "has a * that is not its first label"),
            ("https://*.*.example.com", "has a * that is not its first label"),
            ("http://localhost:*", "has a * that is not its first label"),
            ("https://*.127.0.0.1", "has a * before an address"),
            ("https://*.[::1]", "has a * before an address"),
            ("https://", "is no origin, empty host: use same-host"),
            ("https://*.", "is no origin, empty host"),
            ("https://example.com:65536", "is no origin, invalid port number"),
            ("https://a b", "is no origin, it has a space"),
            ("https://a.com https://b.com", "it has a space: give several with commas between"),
            ("SAME-HOST", "is no origin: write same-host"),
            ("samehost", "write same-host"),
            ("same-origin", "write same-host"),
            ("'self'", "write same-host"),
            ("NULL", "write null for pages without an origin"),
            ("none", "write null for pages"),
            ("any", "write * for any page"),
            ("none.example", "it has no scheme: write https:// before it"),
            ("https://exa\tmple.com", "is no origin, it has a space"),
            ("https://[::1", "is no origin, invalid IPv6 address"),
            ("1http://x", "is no origin"),
            ("", "is no origin: use same-host"),
        ] {
            let error = text.parse::<Rule>().expect_err(text);
            let error = error.to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
            assert!(error.starts_with(&format!("{:?} ", url_without_secrets(text))), "{text}: {error}");
        }
    }
}
