//! Which names the server answers to. A page whose own name was made to lead to this server (DNS rebinding) connects with
//! that name: a list of the names that are meant keeps it out, also where its origin is not looked at.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Instant;

use queue::url_without_secrets;
use thiserror::Error;
use tracing::warn;

use crate::http_server::origin::host_of;
use crate::log_limit::SharedLogLimit;

/// Characters of a host that the log shows. A host has 253 at most.
const MAX_SHOWN: usize = 300;

/// One item of `allowed_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Any host: `*`.
    Any,
    /// This name or address, on any port.
    Host(String),
    /// All names below this one, such as `*.example.com`.
    Below(String),
}

/// No request names such a host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} {reason}")]
pub struct InvalidHost {
    /// Without secrets.
    given: String,
    reason: &'static str,
}

impl InvalidHost {
    /// Why, and what to write instead.
    pub fn reason(&self) -> &str {
        self.reason
    }
}

impl FromStr for HostRule {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<HostRule, InvalidHost> {
        let text = text.trim();
        let refuse = |reason| InvalidHost { given: url_without_secrets(text).into_owned(), reason };
        if text == "*" {
            return Ok(HostRule::Any);
        }
        if text.contains("://") {
            return Err(refuse("is a URL: write its host alone, such as ws.example.com"));
        }
        let below = text.strip_prefix("*.");
        let given = below.unwrap_or(text);
        if let Ok(address) = given.trim_start_matches('[').trim_end_matches(']').parse::<Ipv6Addr>()
            && below.is_none()
        {
            return Ok(HostRule::Host(format!("[{address}]")));
        }
        match host_of(given) {
            Some(host) if host.len() < given.len() => {
                Err(refuse("has a port: write the host alone, it is allowed on every port"))
            }
            Some(host) => {
                let host = same(host);
                Ok(if below.is_some() { HostRule::Below(host) } else { HostRule::Host(host) })
            }
            None => Err(refuse("is no host: use a name such as ws.example.com, *.example.com, an address, or *")),
        }
    }
}

/// As users write it.
impl fmt::Display for HostRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostRule::Any => formatter.write_str("*"),
            HostRule::Host(host) => formatter.write_str(host),
            HostRule::Below(parent) => write!(formatter, "*.{parent}"),
        }
    }
}

/// The hosts that requests of clients may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Vec<HostRule>);

impl AllowedHosts {
    pub(crate) fn new(rules: Vec<HostRule>) -> AllowedHosts {
        AllowedHosts(rules)
    }

    /// Tells whether a request that names this host, with its port, is meant for this server. One that names none is not,
    /// unless any host is allowed.
    pub(super) fn admit(&self, host: Option<&str>) -> bool {
        let host = host.and_then(host_of).map(same);
        self.0.iter().any(|rule| match (rule, &host) {
            (HostRule::Any, _) => true,
            (HostRule::Host(allowed), Some(host)) => allowed == host,
            (HostRule::Below(parent), Some(host)) => {
                host.strip_suffix(parent.as_str()).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
            (_, None) => false,
        })
    }
}

/// A host as it is compared: in lower case, without the dot at the end that stands for the root, and an IPv6 address
/// written in one way.
fn same(host: &str) -> String {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        return format!("[{address}]");
    }
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// What the log says of requests for other hosts: a line a second.
#[derive(Debug)]
pub(super) struct RefusedHosts(SharedLogLimit);

impl Default for RefusedHosts {
    fn default() -> RefusedHosts {
        RefusedHosts(SharedLogLimit::every_second())
    }
}

impl RefusedHosts {
    pub(super) fn log_refusal(&self, host: Option<&str>) {
        let Some(suppressed) = self.0.allow(Instant::now()) else { return };
        let host: String = host.unwrap_or_default().chars().take(MAX_SHOWN).collect();
        warn!(
            ?host,
            suppressed,
            "a request names a host that is not among allowed_hosts: if it is a name of this server, add it there"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rules: &[&str]) -> AllowedHosts {
        AllowedHosts::new(rules.iter().map(|rule| rule.parse().expect("a rule")).collect())
    }

    #[test]
    fn a_name_is_admitted_on_every_port_and_however_it_is_written() {
        let hosts = allowed(&["ws.example.com", "*.Tenants.example", "127.0.0.1", "::1"]);
        for host in [
            "ws.example.com",
            "WS.example.COM:8081",
            "ws.example.com.",
            "a.tenants.example:80",
            "a.b.tenants.example",
            "127.0.0.1:8081",
            "[::1]:8081",
            "[0:0::1]",
        ] {
            assert!(hosts.admit(Some(host)), "{host}");
        }
        for host in [
            "example.com",
            "evilws.example.com",
            "tenants.example",
            ".tenants.example",
            "127.0.0.2",
            "[::2]",
            "",
            "a b",
        ] {
            assert!(!hosts.admit(Some(host)), "{host}");
        }
        assert!(!hosts.admit(None));
    }

    #[test]
    fn a_star_admits_all() {
        let any = allowed(&["*"]);
        assert!(any.admit(Some("anything.example")) && any.admit(Some("")) && any.admit(None));
    }

    #[test]
    fn what_no_request_names_is_refused_with_what_to_write() {
        for (text, told) in [
            ("https://ws.example.com", "is a URL"),
            ("ws.example.com:8081", "has a port"),
            ("[::1]:80", "has a port"),
            ("a b", "is no host"),
            ("*.", "is no host"),
            ("", "is no host"),
            ("ws.example.com/path", "is no host"),
        ] {
            let error = text.parse::<HostRule>().expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let hidden = "redis://user:s3cret@host".parse::<HostRule>().expect_err("a URL").to_string();
        assert!(!hidden.contains("s3cret"), "{hidden}");
    }
}
