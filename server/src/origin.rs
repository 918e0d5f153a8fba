//! Which pages may connect. A browser tells the page's origin with every handshake (RFC 6455, section 10.2); without this
//! check any page on the web could open a socket in the name of our users. Programs that are no browsers send none.

use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::Deserialize;

/// The pages that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigins {
    rules: Vec<Rule>,
}

/// One item of the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Rule {
    /// Any page: `*`.
    Any,
    /// Pages of the host that the request names, on any port: `same-host`.
    SameHost,
    /// Pages of this origin, such as `https://example.com`.
    Origin(String),
}

impl AllowedOrigins {
    pub(crate) fn new(rules: Vec<Rule>) -> AllowedOrigins {
        AllowedOrigins { rules }
    }

    /// Any page, as the pure-PHP server did.
    pub fn any() -> AllowedOrigins {
        AllowedOrigins { rules: vec![Rule::Any] }
    }

    /// Tells whether a request with these headers may connect.
    pub(crate) fn admit(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        self.rules.iter().any(|rule| match rule {
            Rule::Any => true,
            Rule::SameHost => match (host_of_origin(origin), host.and_then(host_of)) {
                (Some(page), Some(host)) => page.eq_ignore_ascii_case(host),
                _ => false,
            },
            Rule::Origin(allowed) => allowed.eq_ignore_ascii_case(origin),
        })
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        match text.trim() {
            "*" => Ok(Rule::Any),
            "same-host" => Ok(Rule::SameHost),
            origin if host_of_origin(origin).is_some() => Ok(Rule::Origin(origin.to_owned())),
            other => Err(format!(
                "{other:?} is no origin: use same-host, * or scheme://host[:port] such as https://example.com"
            )),
        }
    }
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Rule, String> {
        text.parse()
    }
}

/// The host of what a browser sends as an origin, `scheme://host[:port]` and nothing else (RFC 6454, section 6.2). None for
/// all else, such as `null` and what has a user before its host.
fn host_of_origin(origin: &str) -> Option<&str> {
    let (scheme, authority) = origin.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    host_of(authority).filter(|_| is_scheme)
}

/// The host in `host[:port]`, which is what a `Host` header holds (RFC 9110, section 7.2). None if that is not all there is,
/// or the host is empty.
pub(crate) fn host_of(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address.parse::<Ipv6Addr>().ok().map(|_| address.len() + 2)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.is_empty() || is_number(digits));
    (is_port && (host.starts_with('[') || is_name(host))).then_some(host)
}

fn is_number(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}

/// Tells whether a text is a registered name or an IPv4 address (RFC 3986, section 3.2.2), and not empty.
fn is_name(host: &str) -> bool {
    let mut bytes = host.bytes();
    while let Some(byte) = bytes.next() {
        let is_valid = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !is_valid {
            return false;
        }
    }
    !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rules: &[&str]) -> AllowedOrigins {
        AllowedOrigins::new(rules.iter().map(|rule| rule.parse().expect("a rule")).collect())
    }

    #[test]
    fn the_same_host_may_connect_on_any_port_and_scheme() {
        let same_host = allowed(&["same-host"]);
        for (origin, host, admitted) in [
            (Some("https://example.com"), Some("example.com"), true),
            (Some("http://example.com:8080"), Some("example.com:8081"), true),
            (Some("http://[::1]:8080"), Some("[::1]:8081"), true),
            (Some("http://[::1]"), Some("[::1]"), true),
            (Some("https://evil.example"), Some("example.com"), false),
            (Some("https://example.com.evil.example"), Some("example.com"), false),
            (Some("null"), Some("example.com"), false),
            (Some("https://example.com"), None, false),
            (Some("http://Example.com"), Some("eXample.com:80"), true),
            (Some("http://x:80@evil"), Some("x"), false),
            (Some("http://x@x"), Some("x"), false),
            (Some("http://"), Some(""), false),
            (Some("http://:80"), Some(":80"), false),
            (Some(""), Some("example.com"), false),
            (Some("http://x http://x"), Some("x"), false),
            (Some("http://x, http://x"), Some("x"), false),
            (Some("1http://x"), Some("x"), false),
            (Some("http://x:"), Some("x"), true),
            (Some("http://x:65536"), Some("x"), false),
            (Some("http://[::1"), Some("[::1]"), false),
            (Some("http://[::1%1]"), Some("[::1%1]"), false),
            (Some("http://x"), Some("x@x"), false),
            (None, Some("example.com"), true),
        ] {
            assert_eq!(same_host.admit(origin, host), admitted, "{origin:?} {host:?}");
        }
    }

    #[test]
    fn listed_origins_must_match_whole() {
        let listed = allowed(&["https://app.example.com", "http://localhost:3000"]);
        assert!(listed.admit(Some("https://app.example.com"), Some("ws.example.com")));
        assert!(listed.admit(Some("http://localhost:3000"), None));
        assert!(!listed.admit(Some("http://app.example.com"), Some("app.example.com")));
        assert!(!listed.admit(Some("http://localhost"), None));
        assert!(allowed(&["*"]).admit(Some("null"), None));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in
            ["example.com", "https://example.com/", "https://", "", "https://me@example.com", "https://a b", "*.x"]
        {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
