//! Proxies that are believed when they say for whom a request is. Others could say any address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderName;
use ipnet::IpNet;
use thiserror::Error;

use crate::http_server::head::Head;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses: one, or all of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// The text is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is no network: write an address such as 127.0.0.1 or ::1, or a network such as 10.0.0.0/8")]
pub struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| Network(network.trunc())).map_err(|_| InvalidNetwork)
    }
}

/// A single address without the length of its prefix.
impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(formatter)
        } else {
            self.0.fmt(formatter)
        }
    }
}

/// Proxies that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies(Vec<Network>);

/// Whom a request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The address of the client. Its port is 0 if a proxy has named it: which port the client has, nobody says.
    pub(crate) address: SocketAddr,
    /// Whether a proxy that is believed has passed the request on.
    pub(crate) is_proxied: bool,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<Network>) -> TrustedProxies {
        TrustedProxies(networks)
    }

    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }

    /// Whom a request is from that came on a connection of `peer`: each proxy adds the address that it was asked by at
    /// the end of the header, so the last that is none of the proxies is that of the client. What stands before can be
    /// the client's own invention.
    pub(super) fn sender(&self, peer: SocketAddr, head: &Head) -> Sender {
        if !self.contain(peer.ip()) {
            return Sender { address: peer, is_proxied: false };
        }
        let lines: Vec<&str> = head.values(&FORWARDED_FOR).collect();
        let mut address = peer;
        for item in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(named) = address_of(item) else { break };
            address = SocketAddr::new(named, 0);
            if !self.contain(named) {
                break;
            }
        }
        Sender { address, is_proxied: true }
    }
}

/// An item of the header. Some proxies add a port.
fn address_of(item: &str) -> Option<IpAddr> {
    let item = item.trim_ascii();
    let bare = item.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(item);
    let address = bare.parse().or_else(|_| item.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let proxies = TrustedProxies::new(trusted.iter().map(|text| text.parse().expect("a network")).collect());
        let lines: String = lines.iter().map(|line| format!("X-Forwarded-For: {line}\r\n")).collect();
        let head = Head::parse(format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes(), 4096);
        let head = head.expect("a head").expect("all of it");
        proxies.sender(peer.parse().expect("an address"), &head).address.to_string()
    }

    #[test]
    fn the_last_address_that_is_none_of_the_proxies_is_the_client() {
        let trusted = &["127.0.0.1", "10.0.0.0/8", "fd00::/8"][..];
        for (peer, lines, expected) in [
            ("127.0.0.1:5", &["192.0.2.1"][..], "192.0.2.1:0"),
            ("127.0.0.1:5", &["203.0.113.9, 192.0.2.1"], "192.0.2.1:0"),
            ("127.0.0.1:5", &["192.0.2.1, 10.1.1.1 ,10.2.2.2"], "192.0.2.1:0"),
            ("127.0.0.1:5", &["203.0.113.9, 192.0.2.1", "10.1.1.1"], "192.0.2.1:0"),
            ("127.0.0.1:5", &["192.0.2.1:4711"], "192.0.2.1:0"),
            ("[::ffff:127.0.0.1]:5", &["[2001:db8::1]:80"], "[2001:db8::1]:0"),
            ("127.0.0.1:5", &["[2001:db8::1]"], "[2001:db8::1]:0"),
            // Nobody has named a client: the proxy asks for itself.
            ("127.0.0.1:5", &[], "127.0.0.1:5"),
            ("127.0.0.1:5", &["10.1.1.1"], "10.1.1.1:0"),
            // What stands before something that is no address was passed on from who knows where.
            ("127.0.0.1:5", &["192.0.2.1, unknown"], "127.0.0.1:5"),
            ("127.0.0.1:5", &["192.0.2.1, unknown, 10.1.1.1"], "10.1.1.1:0"),
            // Who is no proxy says of itself what it likes.
            ("192.0.2.7:5", &["203.0.113.9"], "192.0.2.7:5"),
        ] {
            assert_eq!(sender(trusted, peer, lines), expected, "{peer} {lines:?}");
        }
        assert_eq!(sender(&[], "127.0.0.1:5", &["192.0.2.1"]), "127.0.0.1:5");
    }

    #[test]
    fn networks_are_read_as_they_are_written() {
        for text in ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().expect(text).to_string(), text);
        }
        assert_eq!("10.1.2.3/8".parse::<Network>().expect("a network").to_string(), "10.0.0.0/8");
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80", "*"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }
}
