//! Where a client's token may stand: `Authorization`, the query of its URL, a cookie.

use http::{HeaderName, header};

use crate::http_server::head::Head;
use crate::http_server::origin::AllowedOrigins;
use crate::http_server::refusal::Refusal;

/// The cookie that holds a token.
const COOKIE: &str = "fastapi_ws_token";
/// What stands for a token that cannot be one, such as that of two cookies that differ.
const NO_TOKEN: &str = "";

/// Whether a request may have cookies that says of no page that it comes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WithoutOrigin {
    /// A handshake: browsers always name the page.
    NoCookies,
    /// Server-sent events: browsers do not name a page of the same origin. A request that another page makes without
    /// wanting to read the answer has no name of it either; browsers say so in `Sec-Fetch-Site`.
    Cookies,
}

/// The token of a request; `in_url` is that of its query. Of `Authorization` and the query there may be one (RFC 6750,
/// section 2). Both win over a cookie, which browsers send by themselves.
pub(super) fn token<'a>(
    head: &'a Head,
    in_url: Option<&'a str>,
    origins: &AllowedOrigins,
    without_origin: WithoutOrigin,
) -> Result<Option<&'a str>, Refusal> {
    match (bearer(head)?, in_url) {
        (Some(_), Some(_)) => Err(Refusal::bad_request("a token in the URL and another in Authorization: send one")),
        (Some(token), None) | (None, Some(token)) => Ok(Some(token)),
        (None, None) => Ok(cookie(head, origins, without_origin)),
    }
}

/// Another scheme than `Bearer` is for a proxy.
fn bearer(head: &Head) -> Result<Option<&str>, Refusal> {
    let mut values = head.values(&header::AUTHORIZATION);
    let value = values.next();
    if values.next().is_some() {
        return Err(Refusal::bad_request("more than one authorization header"));
    }
    let value = value.map(|value| value.trim_ascii());
    Ok(value.and_then(|value| {
        let (scheme, token) = value.split_once([' ', '\t']).unwrap_or((value, NO_TOKEN));
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_ascii())
    }))
}

/// Any page can make a browser send cookies, so they count only for pages that are named (RFC 6455, section 10.2).
pub(super) fn cookies_count(head: &Head, origins: &AllowedOrigins, without_origin: WithoutOrigin) -> bool {
    if head.origin().is_some() || without_origin == WithoutOrigin::NoCookies {
        return origins.name(head.origin(), head.host());
    }
    // https://www.w3.org/TR/fetch-metadata, section 2.4. Old browsers and programs do not send it.
    let site = HeaderName::from_static("sec-fetch-site");
    head.values(&site).all(|site| matches!(site.trim_ascii(), "same-origin" | "none"))
}

/// Cookies of that name that differ may come from another host of the domain: none of them counts, and the client is
/// refused.
fn cookie<'a>(head: &'a Head, origins: &AllowedOrigins, without_origin: WithoutOrigin) -> Option<&'a str> {
    if !cookies_count(head, origins, without_origin) {
        return None;
    }
    let mut tokens = head.values(&header::COOKIE).flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim_ascii();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        (name.trim_ascii() == COOKIE).then(|| quoted.unwrap_or(value))
    });
    let first = tokens.next()?;
    Some(if tokens.all(|token| token == first) { first } else { NO_TOKEN })
}
