//! What the hook is asked: who wants to connect, as its request says, without what it must not say.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use http_body_util::Empty;
use hyper::body::Bytes;

use crate::http_server::head::Head;
use crate::http_server::hook::records::push_param;
use crate::http_server::hook::url::{FastcgiUrl, HttpUrl, file_name};
use crate::http_server::origin::host_of;
use crate::http_server::proxies::Sender;
use crate::http_server::route_rule::path_of;
use crate::target;

/// Headers that are about this one connection or answer, or that we say ourselves.
const NOT_PASSED: [&str; 21] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    // PHP would take it for its own proxy (httpoxy).
    "proxy",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What is asked for. A framework that finds nobody logged in answers 401 then, and no redirect to its page.
const ACCEPT: &str = "application/json";
/// The beginning of our own headers.
const OURS: &str = "fastapi-ws-";

/// A question about a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) head: &'a Head,
    pub(crate) sender: Sender,
    /// Whether its cookies count, and other credentials that browsers send by themselves.
    pub(crate) has_cookies: bool,
}

impl Question<'_> {
    /// As a request of HTTP.
    pub(super) fn to_http(self, url: &HttpUrl) -> Result<Request<Empty<Bytes>>, http::Error> {
        let mut request = Request::builder().uri(url.target.as_str());
        for (name, value) in self.headers() {
            // A name that is none cannot be passed on.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value))
                && name != "x-forwarded-for"
            {
                request = request.header(name, value);
            }
        }
        let mut request = request.body(Empty::new())?;
        let headers = request.headers_mut();
        let mut add = |name: &'static str, value: &str| add(headers, name, value);
        add("host", &url.authority)?;
        add("connection", "close")?;
        add("accept", ACCEPT)?;
        add("x-forwarded-for", &self.address().ip().to_string())?;
        add("fastapi-ws-method", self.head.method())?;
        add("fastapi-ws-path", path_of(&self.head.target))?;
        add("fastapi-ws-query", target::query(&self.head.target))?;
        add("fastapi-ws-address", &self.address().ip().to_string())?;
        Ok(request)
    }

    /// As the parameters of FastCGI (RFC 3875, section 4.1).
    pub(super) fn to_params(self, url: &FastcgiUrl) -> Vec<u8> {
        let mut params = Vec::new();
        let mut add = |name: &str, value: &str| push_param(&mut params, name.as_bytes(), value.as_bytes());
        let (address, path) = (self.address(), path_of(&self.head.target));
        let directory = url.script.strip_suffix(file_name(&url.script)).unwrap_or_default();
        let (uri_path, uri_query) = url.uri.split_once('?').unwrap_or((&url.uri, ""));
        let script_name = format!("/{}", file_name(&url.script));
        add("GATEWAY_INTERFACE", "CGI/1.1");
        add("SERVER_SOFTWARE", "fastapi-broadcaster");
        add("SERVER_PROTOCOL", "HTTP/1.1");
        add("REQUEST_METHOD", "GET");
        add("SCRIPT_FILENAME", &url.script);
        add("SCRIPT_NAME", &script_name);
        // Nothing of what the client has sent decides which file runs.
        add("PATH_INFO", "");
        add("DOCUMENT_ROOT", directory.trim_end_matches('/'));
        add("DOCUMENT_URI", uri_path);
        add("REQUEST_URI", &url.uri);
        add("QUERY_STRING", uri_query);
        add("CONTENT_TYPE", "");
        add("CONTENT_LENGTH", "");
        add("REMOTE_ADDR", &address.ip().to_string());
        add("REMOTE_PORT", &address.port().to_string());
        add("REDIRECT_STATUS", "200");
        let host = self.head.host().unwrap_or_default();
        add("SERVER_NAME", host_of(host).unwrap_or_default());
        add("FASTAPI_WS_METHOD", self.head.method());
        add("FASTAPI_WS_PATH", path);
        add("FASTAPI_WS_QUERY", target::query(&self.head.target));
        add("FASTAPI_WS_ADDRESS", &address.ip().to_string());
        add("HTTP_HOST", host);
        add("HTTP_ACCEPT", ACCEPT);
        for (name, value) in self.headers() {
            let name = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
            push_param(&mut params, name.as_bytes(), &value);
        }
        params
    }

    fn address(&self) -> SocketAddr {
        let ip: IpAddr = self.sender.address.ip().to_canonical();
        SocketAddr::new(ip, self.sender.address.port())
    }

    /// What is passed on of the client's headers, each name once and in small letters.
    pub(super) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in &self.head.headers {
            let name = name.to_ascii_lowercase();
            if !self.passes(&name, value.as_bytes()) {
                continue;
            }
            // Several lines are one list (RFC 9110, section 5.3); of cookies that has semicolons (RFC 6265bis).
            let separator: &[u8] = if name == header::COOKIE.as_str() { b"; " } else { b", " };
            match headers.iter_mut().find(|(before, _)| *before == name) {
                Some((_, values)) => *values = [values, separator, value.as_bytes()].concat(),
                None => headers.push((name, value.as_bytes().to_owned())),
            }
        }
        headers
    }

    fn passes(&self, name: &str, value: &[u8]) -> bool {
        // An underscore would make `HTTP_X_Y` of `X_Y`, the name of what is to come from a proxy.
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || NOT_PASSED.contains(&name) || name.starts_with(OURS) || name.starts_with("if-") {
            return false;
        }
        // Who is no proxy could say any address.
        let is_of_proxies = name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip");
        if is_of_proxies && !self.sender.is_proxied {
            return false;
        }
        match name {
            "cookie" => self.has_cookies,
            // Browsers send a password by themselves too, once a page of the site has asked for it.
            "authorization" => self.has_cookies || value.get(..7).is_some_and(|it| it.eq_ignore_ascii_case(b"bearer ")),
            _ => true,
        }
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), http::Error> {
    headers.insert(name, HeaderValue::from_bytes(value.as_bytes())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_server::hook::url::HookUrl;

    const REQUEST: &str = "GET /chat%20x?channel=a&token=t HTTP/1.1\r\nHost: example.com:8081\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: k\r\nOrigin: https://example.com\r\nCookie: PHPSESSID=abc\r\n\
        cookie: b=c\r\nAuthorization: Basic eDp5\r\nProxy: http://evil\r\nX_Forwarded_For: 1.2.3.4\r\n\
        X-Forwarded-For: 5.6.7.8\r\nX-Real-Ip: 5.6.7.8\r\nFastapi-Ws-Address: 9.9.9.9\r\nAccept-Language: de\r\n\
        Accept: text/event-stream\r\nIf-None-Match: x\r\nUser-Agent: \u{fc}\r\nContent-Length: 0\r\n\r\n";

    fn head() -> Head {
        Head::parse(REQUEST.as_bytes(), 4096).expect("a head").expect("all of it")
    }

    fn params(question: Question<'_>, url: &str) -> Vec<(String, String)> {
        let Ok(HookUrl::Fastcgi(url)) = url.parse() else { panic!("{url}") };
        let bytes = question.to_params(&url);
        let (mut rest, mut params) = (bytes.as_slice(), Vec::new());
        let length = |rest: &mut &[u8]| {
            let long = rest[0] >> 7 == 1;
            let (length, after) = rest.split_at(if long { 4 } else { 1 });
            *rest = after;
            length.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) & 0x7fff_ffff
        };
        while !rest.is_empty() {
            let (name, value) = (length(&mut rest), length(&mut rest));
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            params.push((text(&rest[..name]), text(&rest[name..name + value])));
            rest = &rest[name + value..];
        }
        params
    }

    fn value<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut values = params.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    #[test]
    fn a_script_is_told_of_the_request_and_no_header_can_say_it_instead() {
        let head = head();
        let sender = Sender { address: "192.0.2.1:4711".parse().expect("an address"), is_proxied: false };
        let question = Question { head: &head, sender, has_cookies: true };
        let url = "fastcgi:///run/php.sock?script=/srv/app/ws_auth.php";
        let told = params(question, url);
        for (name, expected) in [
            ("SCRIPT_FILENAME", "/srv/app/ws_auth.php"),
            ("SCRIPT_NAME", "/ws_auth.php"),
            ("DOCUMENT_ROOT", "/srv/app"),
            ("REQUEST_URI", "/ws_auth.php"),
            ("PATH_INFO", ""),
            ("QUERY_STRING", ""),
            ("REQUEST_METHOD", "GET"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("FASTAPI_WS_METHOD", "GET"),
            ("FASTAPI_WS_PATH", "/chat%20x"),
            ("FASTAPI_WS_QUERY", "channel=a&token=t"),
            ("FASTAPI_WS_ADDRESS", "192.0.2.1"),
            ("HTTP_HOST", "example.com:8081"),
            ("HTTP_COOKIE", "PHPSESSID=abc; b=c"),
            ("HTTP_AUTHORIZATION", "Basic eDp5"),
            ("HTTP_ORIGIN", "https://example.com"),
            ("HTTP_ACCEPT", "application/json"),
            ("HTTP_ACCEPT_LANGUAGE", "de"),
        ] {
            assert_eq!(value(&told, name), Some(expected), "{name}");
        }
        for name in [
            "HTTP_PROXY",
            "HTTP_X_FORWARDED_FOR",
            "HTTP_X_REAL_IP",
            "HTTP_FASTAPI_WS_ADDRESS",
            "HTTP_UPGRADE",
            "HTTP_IF_NONE_MATCH",
            "HTTP_CONTENT_LENGTH",
            "HTTP_SEC_WEBSOCKET_KEY",
        ] {
            assert_eq!(value(&told, name), None, "{name}");
        }
        let told = params(Question { has_cookies: false, ..question }, url);
        assert_eq!((value(&told, "HTTP_COOKIE"), value(&told, "HTTP_AUTHORIZATION")), (None, None));
        let proxied = Sender { is_proxied: true, ..sender };
        let told = params(Question { sender: proxied, ..question }, url);
        assert_eq!(value(&told, "HTTP_X_FORWARDED_FOR"), Some("5.6.7.8"));
        let told = params(question, "fastcgi://127.0.0.1:9000?script=/srv/public/index.php&uri=/ws-auth?a=b");
        assert_eq!((value(&told, "REQUEST_URI"), value(&told, "QUERY_STRING")), (Some("/ws-auth?a=b"), Some("a=b")));
    }

    #[test]
    fn a_web_server_is_asked_the_same() {
        let head = head();
        let sender = Sender { address: "[::ffff:192.0.2.1]:4711".parse().expect("an address"), is_proxied: false };
        let question = Question { head: &head, sender, has_cookies: false };
        let Ok(HookUrl::Http(url)) = "http://app:8000/ws-auth?key=1".parse() else { panic!("a URL") };
        let request = question.to_http(&url).expect("a request");
        assert_eq!(request.uri(), "/ws-auth?key=1");
        let headers = request.headers();
        for (name, expected) in [
            ("host", "app:8000"),
            ("connection", "close"),
            ("accept", "application/json"),
            ("x-forwarded-for", "192.0.2.1"),
            ("fastapi-ws-path", "/chat%20x"),
            ("fastapi-ws-query", "channel=a&token=t"),
            ("fastapi-ws-method", "GET"),
            ("fastapi-ws-address", "192.0.2.1"),
            ("origin", "https://example.com"),
        ] {
            let values: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(values, [expected], "{name}");
        }
        for name in ["cookie", "authorization", "proxy", "x-real-ip", "upgrade", "x_forwarded_for", "content-length"] {
            assert!(!headers.contains_key(name), "{name}");
        }
    }
}
