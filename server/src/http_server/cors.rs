//! What lets a page of another origin read an answer (CORS): browsers ask the server, and keep the answer from the page
//! otherwise. A page may read with its cookies only if its origin is named: `*` lets pages of any site read what is for
//! everybody, and nothing that a visitor alone may read.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http_server::origin::AllowedOrigins;

/// Request headers that a page may send in addition to those that need no preflight.
const ALLOWED_HEADERS: &str = "Authorization, Last-Event-ID, Cache-Control";
/// How long a browser may remember the answer to a preflight, in seconds. Chromium remembers it for two hours at most.
const MAX_AGE: &str = "7200";

/// The request whose answer is to be read: its `Origin` and its host.
#[derive(Debug, Clone, Copy)]
pub(super) struct CorsRequest<'a> {
    pub(super) origin: Option<&'a str>,
    pub(super) host: Option<&'a str>,
}

/// Adds what lets a page read the answer, if its origin is allowed.
pub(super) fn allow(headers: &mut HeaderMap, request: CorsRequest<'_>, origins: &AllowedOrigins) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let is_text = |origin: &&str| origin.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(origin) = request.origin.filter(is_text).filter(|_| origins.admit(request.origin, request.host)) else {
        return;
    };
    let Ok(value) = HeaderValue::from_str(origin) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if origins.name(request.origin, request.host) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The same for a preflight: what browsers send before a request that needs permission.
pub(super) fn allow_preflight(headers: &mut HeaderMap, request: CorsRequest<'_>, origins: &AllowedOrigins) {
    allow(headers, request, origins);
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let mut add = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
        add(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
        add(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        add(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rules: &[&str], origin: Option<&str>) -> [Option<String>; 2] {
        let origins = AllowedOrigins::new(rules.iter().map(|rule| rule.parse().expect("a rule")).collect());
        let mut headers = HeaderMap::new();
        allow(&mut headers, CorsRequest { origin, host: Some("x:8081") }, &origins);
        assert_eq!(headers[header::VARY], "Origin");
        [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_CREDENTIALS]
            .map(|name| headers.get(name).map(|value| value.to_str().expect("a text").to_owned()))
    }

    #[test]
    fn only_pages_that_are_named_may_read_with_cookies() {
        let text = |text: &str| Some(text.to_owned());
        let (any, named) = (["*"].as_slice(), ["same-host", "https://y"].as_slice());
        assert_eq!(allowed(named, Some("https://x")), [text("https://x"), text("true")]);
        assert_eq!(allowed(named, Some("https://y")), [text("https://y"), text("true")]);
        assert_eq!(allowed(named, Some("https://z")), [None, None]);
        assert_eq!(allowed(named, None), [None, None]);
        assert_eq!(allowed(any, Some("https://z")), [text("https://z"), None]);
        assert_eq!(allowed(any, Some("null")), [text("null"), None]);
        assert_eq!(allowed(any, Some("a\u{80}")), [None, None], "what no browser sends");
    }
}
