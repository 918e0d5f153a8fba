//! The origin of a page as browsers send it, and the host in it.

use std::net::Ipv6Addr;

/// What a browser sends as an origin, in lower case and without the port that its scheme implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]` and nothing else (RFC 6454, section 6.2). None for all else, such as `null` and
    /// what has a user before its host.
    pub(super) fn parse(text: &str) -> Option<Origin> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let host = host_of(authority).filter(|_| is_scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = authority[host.len()..].trim_start_matches(':').parse().ok();
        let port = port.filter(|port| Some(*port) != implied_port(&scheme));
        Some(Origin { scheme, host: host.to_ascii_lowercase(), port })
    }

    pub(super) fn is_below(&self, parent: &Origin) -> bool {
        let below = self.host.strip_suffix(&parent.host).and_then(|below| below.strip_suffix('.'));
        below.is_some_and(|below| !below.is_empty()) && (&self.scheme, self.port) == (&parent.scheme, parent.port)
    }
}

/// The port that browsers leave out.
fn implied_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// The host in `host[:port]`, which is what a `Host` header holds (RFC 9110, section 7.2). None if that is not all
/// there is, or the host is empty.
pub(in crate::http_server) fn host_of(authority: &str) -> Option<&str> {
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
