//! Which pages may connect. A browser tells the page's origin with every handshake (RFC 6455, section 10.2); without
//! this check any page on the web could open a socket in the name of our users. Programs that are no browsers send
//! none.

mod page;
mod refused;
mod rule;

use std::net::IpAddr;

pub use page::Origin;
pub(super) use page::host_of;
pub(super) use refused::RefusedOrigins;
pub use rule::{InvalidRule, Rule};

/// The pages that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigins {
    rules: Vec<Rule>,
    /// Whether the server listens on a loopback address: then all names of this machine are the same host.
    on_loopback: bool,
}

impl AllowedOrigins {
    pub(crate) fn new(rules: Vec<Rule>) -> AllowedOrigins {
        AllowedOrigins { rules, on_loopback: false }
    }

    /// Any page, as the pure-PHP server did.
    pub fn any() -> AllowedOrigins {
        AllowedOrigins::new(vec![Rule::Any])
    }

    /// Those of a server that listens on this address.
    #[must_use]
    pub(super) fn listening_on(self, address: IpAddr) -> AllowedOrigins {
        AllowedOrigins { on_loopback: address.to_canonical().is_loopback(), ..self }
    }

    /// Tells whether a request with these headers may connect.
    pub(super) fn admit(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(text) = origin else { return true };
        let page = Origin::parse(text);
        self.rules.iter().any(|rule| match (rule, &page) {
            (Rule::Any, _) => true,
            (Rule::Null, _) => text == "null",
            (Rule::File, _) => text.eq_ignore_ascii_case("file://"),
            (Rule::SameHost, Some(page)) => {
                host.and_then(host_of).is_some_and(|host| self.is_same_host(&page.host, host))
            }
            (Rule::Origin(allowed), Some(page)) => allowed == page,
            (Rule::Subdomains(parent), Some(page)) => page.is_below(parent),
            (_, None) => false,
        })
    }

    /// Tells whether a page is one that the list names: its host or origin stands there. `*`, `null` and `file://` let
    /// pages of any site in, so they name none.
    pub(super) fn name(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let is_named = |rule: &&Rule| !matches!(rule, Rule::Any | Rule::Null | Rule::File);
        let named = AllowedOrigins {
            rules: self.rules.iter().filter(is_named).cloned().collect(),
            on_loopback: self.on_loopback,
        };
        origin.is_some() && named.admit(origin, host)
    }

    fn is_same_host(&self, page: &str, host: &str) -> bool {
        page.eq_ignore_ascii_case(host) || self.on_loopback && is_loopback(page) && is_loopback(host)
    }
}

/// Tells whether a host is this machine, as seen from itself.
fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
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
    fn listed_origins_are_compared_as_browsers_write_them() {
        for (rule, origin) in [
            ("https://example.com:443", "https://example.com"),
            ("http://Example.COM:80", "http://example.com"),
            ("https://example.com", "https://example.com:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("null", "null"),
            ("file://", "file://"),
        ] {
            assert!(allowed(&[rule]).admit(Some(origin), None), "{rule} {origin}");
            assert!(!allowed(&[rule]).admit(Some("https://other.example"), None), "{rule}");
        }
        assert!(!allowed(&["https://example.com"]).admit(Some("https://example.com:444"), None));
        assert!(!allowed(&["https://example.com:80"]).admit(Some("https://example.com"), None));
        assert!(!allowed(&["https://example.com"]).admit(Some("null"), None));
    }

    #[test]
    fn a_star_stands_for_subdomains_and_for_nothing_else() {
        let subdomains = allowed(&["https://*.Example.com", "http://*.dev.test:3000"]);
        for (origin, admitted) in [
            ("https://app.example.com", true),
            ("https://a.b.example.com:443", true),
            ("http://x.dev.test:3000", true),
            ("https://example.com", false),
            ("https://.example.com", false),
            ("https://evilexample.com", false),
            ("https://example.com.evil.test", false),
            ("http://app.example.com", false),
            ("https://app.example.com:444", false),
            ("http://x.dev.test", false),
            ("null", false),
        ] {
            assert_eq!(subdomains.admit(Some(origin), None), admitted, "{origin}");
        }
    }

    #[test]
    fn names_of_this_machine_are_the_same_host_when_the_server_listens_on_a_loopback_address() {
        let pages = ["http://localhost:8000", "http://127.0.0.1", "http://127.1.2.3:80", "http://[::1]:3000"];
        let hosts = ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "[::ffff:127.0.0.1]"];
        let loopback = |address: &str| allowed(&["same-host"]).listening_on(address.parse().expect("an address"));
        for page in pages {
            for host in hosts {
                assert!(loopback("127.0.0.1").admit(Some(page), Some(host)), "{page} {host}");
                assert!(loopback("::1").admit(Some(page), Some(host)), "{page} {host}");
            }
            assert!(!loopback("127.0.0.1").admit(Some(page), Some("example.com")), "{page}");
            assert!(!loopback("0.0.0.0").admit(Some(page), Some("127.0.0.2:8081")), "{page}");
        }
        for page in ["http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "null"] {
            assert!(!loopback("127.0.0.1").admit(Some(page), Some("127.0.0.1:8081")), "{page}");
        }
        let listed = allowed(&["http://localhost:8000"]).listening_on([127, 0, 0, 1].into());
        assert!(!listed.admit(Some("http://127.0.0.1:8000"), Some("127.0.0.1:8081")), "a list says what it means");
    }

    #[test]
    fn a_list_names_pages_only_where_it_says_which() {
        for (rules, origin, is_named) in [
            (&["same-host"][..], Some("https://x"), true),
            (&["same-host"], Some("https://y"), false),
            (&["same-host"], None, false),
            (&["*"], Some("https://x"), false),
            (&["*"], Some("https://y"), false),
            (&["*", "https://y"], Some("https://y"), true),
            (&["*", "same-host"], Some("https://x"), true),
            (&["*", "same-host"], Some("https://y"), false),
            (&["https://*.y"], Some("https://a.y"), true),
            (&["null"], Some("null"), false),
            (&["file://"], Some("file://"), false),
        ] {
            assert_eq!(allowed(rules).name(origin, Some("x")), is_named, "{rules:?} {origin:?}");
        }
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
