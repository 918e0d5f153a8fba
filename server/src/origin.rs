//! Which pages may connect. A browser tells the page's origin with every handshake (RFC 6455, section 10.2); without this
//! check any page on the web could open a socket in the name of our users. Programs that are no browsers send none.

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
            Rule::SameHost => host.is_some_and(|host| host_of_origin(origin) == Some(without_port(host))),
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
            origin if host_of_origin(origin).is_some_and(|host| !host.is_empty()) && !origin.ends_with('/') => {
                Ok(Rule::Origin(origin.to_owned()))
            }
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

fn host_of_origin(origin: &str) -> Option<&str> {
    let (_, authority) = origin.split_once("://")?;
    (!authority.contains('/')).then(|| without_port(authority))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // The last colon of a bare IPv6 address in brackets is part of it.
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
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
        for text in ["example.com", "https://example.com/", "https://", ""] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
