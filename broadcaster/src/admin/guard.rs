//! Who may ask what of the admin listener. A page in a browser on the same machine reaches the loopback too: so the name
//! that it uses, and where it comes from, are looked at before anything else.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use server::config::AdminOptions;
use server::token::Secret;
use subtle::ConstantTimeEq;

use super::App;
use super::answer::Refusal;

/// What everybody may read wherever it comes from: supervisors have no token, and the page itself tells nothing.
const OPEN: [&str; 3] = ["/live", "/ready", "/status"];

/// The guard, which a reload replaces. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CurrentGuard(Arc<ArcSwap<Guard>>);

impl CurrentGuard {
    pub(super) fn new(options: &AdminOptions) -> CurrentGuard {
        CurrentGuard(Arc::new(ArcSwap::from_pointee(Guard::new(options))))
    }

    /// Takes other tokens and names. Requests that come from now on are looked at with them.
    pub(crate) fn replace(&self, options: &AdminOptions) {
        let guard = Guard::new(options);
        if **self.0.load() != guard {
            self.0.store(Arc::new(guard));
        }
    }

    /// The guard of now. Another one is another pointer.
    pub(super) fn load(&self) -> Arc<Guard> {
        self.0.load_full()
    }
}

/// What the guard knows.
#[derive(Debug, PartialEq)]
pub(super) struct Guard {
    tokens: Vec<Secret>,
    hosts: Vec<String>,
    /// Other machines reach the listener: reading needs the token too.
    is_exposed: bool,
}

/// Lets a request through, or says why not.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.guard.load().look_at(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl Guard {
    pub(super) fn new(options: &AdminOptions) -> Guard {
        let is_exposed = !options.is_on_loopback();
        Guard { tokens: options.tokens.clone(), hosts: options.hosts.clone(), is_exposed }
    }

    fn look_at(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let authority = self.named(uri, headers)?;
        is_of_this_site(method, headers, &authority)?;
        let changes = !matches!(*method, Method::GET | Method::HEAD);
        if changes || self.is_exposed && !OPEN.contains(&uri.path()) {
            self.authorize(headers, changes)?;
        }
        Ok(())
    }

    /// The host and port that the request names, everywhere where it does.
    fn named(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
        let host = only(headers, &HOST)?.ok_or_else(|| Refusal::bad("the request has no Host header"))?;
        for named in [Some(host), uri.authority().map(Authority::as_str)].into_iter().flatten() {
            if !self.is_ours(named) {
                let sentence = "the request names a host that is not this one: use an address or localhost, or add the \
                                name to admin_hosts";
                return Err(Refusal::new(StatusCode::FORBIDDEN, sentence));
            }
        }
        Ok(host.to_ascii_lowercase())
    }

    fn is_ours(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().to_ascii_lowercase();
        // A user in front, or more behind an address, would make it a name of something else.
        let port = authority.as_str().get(name.len()..).unwrap_or("@");
        if !port.is_empty()
            && !port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return false;
        }
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        name == "localhost"
            || name.parse::<Ipv4Addr>().is_ok()
            || literal.is_some_and(|literal| literal.parse::<Ipv6Addr>().is_ok())
            || self.hosts.contains(&name)
    }

    fn authorize(&self, headers: &HeaderMap, changes: bool) -> Result<(), Refusal> {
        if self.tokens.is_empty() {
            let sentence = "there are no actions without a token of operators: set admin_token_file or admin_token";
            return Err(Refusal::new(StatusCode::FORBIDDEN, sentence));
        }
        let given = only(headers, &AUTHORIZATION)?.and_then(|given| {
            let (scheme, token) = given.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(given) = given else {
            let what = if changes { "an action" } else { "reading from another machine" };
            let sentence = format!("{what} needs the header `Authorization: Bearer TOKEN` with a token of admin_token");
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, sentence));
        };
        // Each is compared, so that the time tells nothing.
        let matches = self.tokens.iter().map(|token| token.as_bytes().ct_eq(given.as_bytes()));
        let is_known = matches.fold(subtle::Choice::from(0), |known, matches| known | matches);
        if bool::from(is_known) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "the token is none of admin_token or admin_token_file"))
    }
}

/// Refuses what a page of another site makes a browser ask. A browser says so in one of these headers at least, and no
/// page can leave them out.
fn is_of_this_site(method: &Method, headers: &HeaderMap, authority: &str) -> Result<(), Refusal> {
    let refused = || {
        let sentence = "a page of another origin asks: open the admin listener by its own address";
        Err(Refusal::new(StatusCode::FORBIDDEN, sentence))
    };
    if let Some(origin) = only(headers, &ORIGIN)? {
        let origin = origin.to_ascii_lowercase();
        if !["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(authority)) {
            return refused();
        }
    }
    let value = |name| only(headers, &HeaderName::from_static(name));
    match value("sec-fetch-site")? {
        None | Some("same-origin" | "none") => Ok(()),
        // Somebody follows a link to the page.
        Some(_) if *method == Method::GET && value("sec-fetch-mode")? == Some("navigate") => Ok(()),
        Some(_) => refused(),
    }
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Refusal::bad(format!("the request has the header {name} twice")));
    }
    let text = value.map(|value| value.to_str()).transpose();
    text.map_err(|_| Refusal::bad(format!("the header {name} is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn guard(address: &str, tokens: &[&str]) -> Guard {
        Guard::new(&AdminOptions {
            listen: Some(address.parse().expect("an address")),
            tokens: tokens.iter().map(|token| Secret::new(token.as_bytes())).collect(),
            hosts: vec!["ws1.internal".to_owned()],
        })
    }

    fn status(guard: &Guard, method: Method, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        let looked_at = guard.look_at(&method, &target.parse().expect("a target"), &map);
        looked_at.map_or_else(|refusal| refusal.into_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn names_of_others_are_refused_wherever_they_stand() {
        let guard = guard("127.0.0.1:1", &[]);
        let of = |host| status(&guard, Method::GET, "/status", &[("host", host)]);
        for host in
            ["127.0.0.1", "127.0.0.1:9611", "localhost", "LOCALHOST:1", "[::1]:9611", "10.1.2.3", "ws1.internal"]
        {
            assert_eq!(of(host), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9611",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "127.1",
            "0x7f000001",
            "2130706433",
            "[::1",
            "[::1].evil.example",
            "::1",
            "",
            "local host",
            "ws1.internal.evil.example",
        ] {
            assert_ne!(of(host), 200, "{host}");
        }
        assert_eq!(status(&guard, Method::GET, "/status", &[]), 400);
        assert_eq!(status(&guard, Method::GET, "/status", &[("host", "localhost"), ("host", "evil.example")]), 400);
        let absolute = |target, host| status(&guard, Method::GET, target, &[("host", host)]);
        assert_eq!(absolute("http://evil.example/status", "localhost"), 403);
        assert_eq!(absolute("http://localhost/status", "evil.example"), 403);
        assert_eq!(absolute("http://localhost:9611/status", "localhost:9611"), 200);
    }

    #[test]
    fn what_pages_of_others_ask_is_refused_and_following_a_link_is_not() {
        let guard = guard("127.0.0.1:1", &[TOKEN]);
        let authorization = ("authorization", "Bearer 0123456789abcdef");
        let of = |method, headers: &[(&str, &str)]| {
            let all = [&[("host", "localhost:9611"), authorization], headers].concat();
            status(&guard, method, "/publish", &all)
        };
        assert_eq!(of(Method::POST, &[]), 200);
        assert_eq!(of(Method::POST, &[("origin", "http://localhost:9611"), ("sec-fetch-site", "same-origin")]), 200);
        for origin in ["https://evil.example", "null", "http://localhost", "http://localhost:3000", "localhost:9611"] {
            assert_eq!(of(Method::POST, &[("origin", origin)]), 403, "{origin}");
            assert_eq!(of(Method::GET, &[("origin", origin)]), 403, "{origin}");
        }
        for site in ["cross-site", "same-site", "anything"] {
            let site = ("sec-fetch-site", site);
            let navigates = ("sec-fetch-mode", "navigate");
            assert_eq!(of(Method::POST, &[site]), 403);
            assert_eq!(of(Method::POST, &[site, navigates]), 403, "a form");
            assert_eq!(of(Method::GET, &[site, ("sec-fetch-mode", "no-cors")]), 403);
            assert_eq!(of(Method::GET, &[site, navigates]), 200, "a link");
        }
    }

    #[test]
    fn actions_need_a_token_and_so_does_reading_from_other_machines() {
        let of = |guard: &Guard, method, target, token: &str| {
            let authorization = ("authorization", token);
            let headers = [("host", "localhost"), authorization];
            status(guard, method, target, &headers[..if token.is_empty() { 1 } else { 2 }])
        };
        let without = guard("127.0.0.1:1", &[]);
        assert_eq!(of(&without, Method::POST, "/publish", "Bearer x"), 403);
        assert_eq!(of(&without, Method::GET, "/metrics", ""), 200);
        for (address, reading) in [("127.0.0.1:1", 200), ("0.0.0.0:1", 401)] {
            let guard = guard(address, &["another-token-of-operators", TOKEN]);
            for target in ["/metrics", "/status/events", "/status.json", "/nothing"] {
                assert_eq!(of(&guard, Method::GET, target, ""), reading, "{address} {target}");
                assert_eq!(of(&guard, Method::GET, target, &format!("Bearer {TOKEN}")), 200);
            }
            assert!(OPEN.iter().all(|target| of(&guard, Method::GET, target, "") == 200));
            assert_eq!(of(&guard, Method::POST, "/live", ""), 401);
            for wrong in ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef", TOKEN] {
                assert_eq!(of(&guard, Method::POST, "/publish", wrong), 401, "{wrong}");
            }
            for right in ["Bearer another-token-of-operators", "bearer 0123456789abcdef"] {
                assert_eq!(of(&guard, Method::POST, "/publish", right), 200, "{right}");
            }
        }
    }
}
