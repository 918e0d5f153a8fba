//! Settings of what comes in on the port: where the server listens, and who may become a client.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::error::ConfigError;
use super::form::{Form, Unit};
use super::setting::section;
use super::settings::Settings;
use super::value::Value;
use crate::http_server::hosts::{AllowedHosts, HostRule};
use crate::http_server::origin::{AllowedOrigins, Rule};
use crate::http_server::{Admission, AnsweredPaths, MAX_SPARE_SLOTS};

section! { "The port and who may connect";
    listen: String = "127.0.0.1:8081".to_owned(), Form::Text,
        "Address and port for clients",
        more: "Keep it on the loopback and put nginx or Caddy with TLS in front. With a name, as in localhost:8081, the server \
               listens on all addresses of that name, on one port; those that the machine does not have (no IPv6) are left out. A \
               socket that systemd passes is used instead.",
        short: Some('l'),
        value_name: Some("ADDRESS:PORT");
    host: String, Form::Text,
        "Address alone, as the pure-PHP server's scripts set it. --listen wins if both are given in the same way (as flags, as \
         variables or in the file)",
        more: "Otherwise the one that is given with higher precedence wins. A `listen` that loses does not count at all.",
        variable: Some("WS_HOST"),
        value_name: Some("ADDRESS"),
        default_in_words: Some("127.0.0.1"),
        example: Some("127.0.0.1");
    port: u16, Form::port(),
        "Port alone, as the pure-PHP server's scripts set it. --listen wins if both are given in the same way (as flags, as \
         variables or in the file)",
        more: "Otherwise the one that is given with higher precedence wins. A `listen` that loses does not count at all. With 0 the \
               system chooses a port.",
        variable: Some("WS_PORT"),
        default_in_words: Some("8081"),
        example: Some("8081");
    max_connections: usize = 10_000, Form::at_least_one(Unit::Count),
        "Clients at the same time; further ones are told that the server is full",
        more: "That is status 503, or close code 1013 if a page asks. For server-sent events it is status 200 and a `retry`.",
        reloads: true;
    max_connections_per_address: usize, Form::at_least_one(Unit::Count),
        "Clients of one address at the same time. Leave it off behind a proxy: all clients have its address",
        default_in_words: Some("none"),
        example: Some("100"),
        reloads: true;
    allowed_origins: Vec<Rule> = vec![Rule::SameHost], Form::Origins,
        "Pages that may connect: same-host, *, or origins such as https://example.com or https://*.example.com. Several with \
         commas between, or the flag several times",
        more: "In the file it is a list. Programs that are no browsers send no origin and may always connect.\n\
               - same-host: pages of the host that the request names, on any port. If the server listens on a loopback address, \
               localhost and all loopback addresses are the same host.\n\
               - *: any page.\n\
               - https://example.com: pages of this scheme, host and port.\n\
               - https://*.example.com: pages of all subdomains, but not of example.com itself.\n\
               - null: files and sandboxed frames, of any site.",
        reloads: true;
    allowed_hosts: Vec<HostRule> = vec![HostRule::Any], Form::Hosts,
        "Names and addresses that this server has: a client that names another host in its request is refused with status 421. \
         Several with commas between, or the flag several times",
        more: "In the file it is a list: names such as ws.example.com, *.example.com for all names below one, addresses, or * \
               for any. It keeps out pages that make a name of their own lead to this server. Set it where clients reach the \
               server without a proxy that does so. A health check may name any host.",
        reloads: true;
    handshake_timeout_secs: f64 = 10.0, Form::Seconds,
        "How long a client may take for its request",
        reloads: true;
    max_header_bytes: usize = DEFAULT_MAX_HEADER_BYTES,
        Form::between(
            Unit::Bytes,
            1024,
            1_048_576,
            "browsers send up to 1 KiB without cookies, and every request may fill it",
        ),
        "Largest head of a request: its first line and all headers, cookies among them",
        reloads: true;
}

/// Largest head of a request, unless it is set: what nginx passes on by default.
pub(crate) const DEFAULT_MAX_HEADER_BYTES: usize = 32 * 1024;

/// Who may connect.
pub(super) fn admission(values: Values) -> Admission {
    Admission {
        max_connections: values.max_connections,
        spare_slots: MAX_SPARE_SLOTS,
        max_connections_per_address: values.max_connections_per_address,
        handshake_timeout: Duration::from_secs_f64(values.handshake_timeout_secs),
        max_header_bytes: values.max_header_bytes,
        allowed_origins: AllowedOrigins::new(values.allowed_origins),
        allowed_hosts: AllowedHosts::new(values.allowed_hosts),
        first_descriptor: 0,
        answered: AnsweredPaths::default(),
    }
}

/// Host and port. `host` and `port` count where `listen` is not given.
pub(super) fn address(given: &Settings, values: &Values) -> Result<(String, u16), ConfigError> {
    let (host, port) = parse_listen(&values.listen)?;
    if given.listen.is_some() {
        return Ok((host, port));
    }
    Ok((values.host.clone().map_or(host, without_brackets), values.port.unwrap_or(port)))
}

fn parse_listen(listen: &str) -> Result<(String, u16), ConfigError> {
    let problem = "must be ADDRESS:PORT, for example 127.0.0.1:8081 or [::1]:8081";
    let refuse = || ConfigError::new("listen", Value::Text(listen.to_owned()), problem);
    if let Ok(address) = listen.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let (host, port) = listen.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() || host.contains(':') {
        return Err(refuse());
    }
    Ok((host.to_owned(), port))
}

/// An address alone, which may have the brackets that it needs before a port.
fn without_brackets(host: String) -> String {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()).map_or_else(|| host.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_names_and_of_both_families() {
        assert_eq!(parse_listen("localhost:80").ok(), Some(("localhost".to_owned(), 80)));
        assert_eq!(parse_listen("[::1]:80").ok(), Some(("::1".to_owned(), 80)));
    }
}
