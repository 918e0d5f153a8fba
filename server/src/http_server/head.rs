//! The head of a request: parsed, refused where it is ambiguous, and made into the handshake that it may be. What lists
//! and repeated lines mean is decided here; who may connect is not.

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use thiserror::Error;
use tungstenite::handshake::server::create_response;

use crate::application::{HeaderText, Headers};
use crate::http_server::origin::host_of;
use crate::protocol::NATIVE;

/// Most header lines of a request: more than proxies pass on (Apache 100, HAProxy 101), and few enough that what is
/// kept of each adds little to their bytes.
pub(super) const MAX_HEADERS: usize = 512;
/// Headers of which a second one makes a request ambiguous: we would judge by one, and somebody else by the other
/// (RFC 9112, section 3.2; RFC 6454, section 7.3; RFC 6455, sections 11.3.1 and 11.3.5).
const ONCE: [HeaderName; 4] = [header::HOST, header::ORIGIN, header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION];

/// Why a head is refused.
#[derive(Debug, Error)]
pub(super) enum HeadError {
    #[error("the request's head exceeds {0} bytes (max_header_bytes)")]
    TooLarge(usize),
    #[error("the request has more than {MAX_HEADERS} header lines")]
    TooManyHeaders,
    #[error("the request is not HTTP/1.1: {0}")]
    NotHttp(httparse::Error),
    #[error("more than one {0} header")]
    Repeated(HeaderName),
    #[error("no Host header")]
    NoHost,
    #[error("{0:?} is no host")]
    InvalidHost(String),
}

impl HeadError {
    /// What the client is answered with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            HeadError::TooLarge(_) | HeadError::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> HeadError {
        match error {
            httparse::Error::TooManyHeaders => HeadError::TooManyHeaders,
            error => HeadError::NotHttp(error),
        }
    }
}

/// The head of a request, names and values as sent.
#[derive(Debug)]
pub(super) struct Head {
    method: String,
    pub(super) target: String,
    version: Version,
    pub(super) headers: Headers,
    /// Bytes of the head.
    pub(super) length: usize,
}

impl Head {
    /// Parses the beginning of a request, whose head may have so many bytes. None if that is not complete.
    pub(super) fn parse(bytes: &[u8], max_bytes: usize) -> Result<Option<Head>, HeadError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(bytes)? else {
            return if bytes.len() > max_bytes { Err(HeadError::TooLarge(max_bytes)) } else { Ok(None) };
        };
        if length > max_bytes {
            return Err(HeadError::TooLarge(max_bytes));
        }
        let head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            version: if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: request
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), HeaderText::new(header.value)))
                .collect(),
            length,
        };
        head.check()?;
        Ok(Some(head))
    }

    fn check(&self) -> Result<(), HeadError> {
        if let Some(name) = ONCE.into_iter().find(|name| self.values(name).count() > 1) {
            return Err(HeadError::Repeated(name));
        }
        match self.header(&header::HOST) {
            // HTTP/1.0 has no such header, and simple health checks speak it.
            None if self.version == Version::HTTP_10 => {}
            None => return Err(HeadError::NoHost),
            // Who asks for a target without a host sends it (RFC 9112, section 3.2). It is the host of no page.
            Some("") => {}
            Some(host) if host_of(host).is_none() => return Err(HeadError::InvalidHost(host.to_owned())),
            Some(_) => {}
        }
        match self.target_host() {
            Some(host) if host_of(host).is_none() => Err(HeadError::InvalidHost(host.to_owned())),
            _ => Ok(()),
        }
    }

    /// The host that the request names, with its port. That of an absolute target counts (RFC 9112, section 3.2.2).
    pub(super) fn host(&self) -> Option<&str> {
        self.target_host().or_else(|| self.header(&header::HOST))
    }

    fn target_host(&self) -> Option<&str> {
        let (_, rest) = self.target.split_once("://").filter(|_| !self.target.starts_with('/'))?;
        rest.split(['/', '?', '#']).next()
    }

    pub(super) fn origin(&self) -> Option<&str> {
        self.header(&header::ORIGIN)
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// What the client says that it is.
    pub(super) fn user_agent(&self) -> Option<&str> {
        self.header(&header::USER_AGENT)
    }

    /// Tells whether the client wants to speak WebSocket, be it by a valid handshake or not.
    pub(super) fn is_upgrade(&self) -> bool {
        self.lists(&header::UPGRADE, "websocket")
    }

    /// Tells whether the client wants server-sent events: it lists their type. One that takes anything is no such
    /// client.
    pub(super) fn is_event_stream(&self) -> bool {
        let is_wanted = |item: &str| {
            let mut parts = item.split(';').map(str::trim_ascii);
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
                && !parts.filter_map(|part| part.split_once('=')).any(|(name, value)| {
                    // A weight of 0 says what is not wanted (RFC 9110, section 12.4.2).
                    name.eq_ignore_ascii_case("q") && value.parse() == Ok(0.0)
                })
        };
        matches!(self.method.as_str(), "GET" | "HEAD")
            && self.values(&header::ACCEPT).flat_map(|value| value.split(',')).any(is_wanted)
    }

    /// Tells whether only the head of the answer is wanted.
    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The answer that accepts the handshake, or why it is none.
    pub(super) fn accept(&self) -> Result<Response<()>, String> {
        // What follows would be a body to a proxy, and frames to us.
        let has_length = self.values(&header::CONTENT_LENGTH).any(|length| length.trim() != "0");
        if has_length || self.values(&header::TRANSFER_ENCODING).next().is_some() {
            return Err("a WebSocket handshake has no body".to_owned());
        }
        let request = self.to_handshake().map_err(|error| error.to_string())?;
        let mut response = create_response(&request).map_err(|error| error.to_string())?;
        if self.offers(NATIVE) {
            // A browser that offers some and is answered none closes the connection.
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(NATIVE));
        }
        Ok(response)
    }

    /// Tells whether the client offers a subprotocol. Case counts (RFC 6455, section 4.2.2).
    pub(super) fn offers(&self, protocol: &str) -> bool {
        let mut offered = self.values(&header::SEC_WEBSOCKET_PROTOCOL).flat_map(|value| value.split(','));
        offered.any(|offered| offered.trim_ascii() == protocol)
    }

    /// The request as tungstenite wants it, which looks at the first line of a header and at no list in `Upgrade`.
    fn to_handshake(&self) -> Result<Request<()>, http::Error> {
        let mut request =
            Request::builder().method(self.method.as_str()).uri(self.target.as_str()).version(self.version);
        for (name, value) in &self.headers {
            let is_list =
                [header::CONNECTION, header::UPGRADE].iter().any(|list| name.eq_ignore_ascii_case(list.as_str()));
            if !is_list {
                request = request.header(name.as_str(), value.as_str());
            }
        }
        for (name, token) in [(header::CONNECTION, "Upgrade"), (header::UPGRADE, "websocket")] {
            if self.lists(&name, token) {
                request = request.header(name, HeaderValue::from_static(token));
            }
        }
        request.body(())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.values(name).next()
    }

    pub(super) fn values(&self, name: &HeaderName) -> impl Iterator<Item = &str> {
        let is_it = move |given: &str| given.eq_ignore_ascii_case(name.as_str());
        self.headers.iter().filter(move |(given, _)| is_it(given)).map(|(_, value)| value.as_str())
    }

    /// Tells whether a header lists a token: several lines are one list (RFC 9110, section 5.3).
    fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.values(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

/// Does with the beginning of a request what the server does, but for the network. A head may have so many bytes.
/// Returns whether the head is complete or refused.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_head(received: &[u8], max_bytes: usize) -> bool {
    use crate::http_server::origin::{AllowedOrigins, Rule};

    let head = match Head::parse(received, max_bytes) {
        Ok(Some(head)) => head,
        Ok(None) => return false,
        Err(error) => {
            assert!(error.status().is_client_error());
            return true;
        }
    };
    assert!(head.length <= received.len().min(max_bytes));
    assert!(ONCE.iter().all(|name| head.values(name).count() <= 1));
    assert!(head.version == Version::HTTP_10 || head.header(&header::HOST).is_some());
    if AllowedOrigins::new(vec![Rule::SameHost]).admit(head.origin(), head.host())
        && let Some(origin) = head.origin()
    {
        // By other means than the code: the origin is a scheme, the host as it stands before its port, and a port.
        let host = head.host().expect("a page was admitted by its host").to_ascii_lowercase();
        let host = host.trim_end_matches(|last: char| last.is_ascii_digit()).trim_end_matches(':');
        let origin = origin.to_ascii_lowercase();
        let (_, authority) = origin.split_once("://").expect("an origin has a scheme");
        let port = authority.strip_prefix(host).unwrap_or_else(|| panic!("{origin} was taken for a page of {host}"));
        let port = port.strip_prefix(':').unwrap_or(port);
        assert!(port.bytes().all(|byte| byte.is_ascii_digit()), "{origin} was taken for a page of {host}");
    }
    if head.is_upgrade()
        && let Ok(accepted) = head.accept()
    {
        assert!(head.lists(&header::CONNECTION, "upgrade"));
        assert_eq!((head.method.as_str(), head.version), ("GET", Version::HTTP_11));
        assert_eq!(head.header(&header::SEC_WEBSOCKET_VERSION), Some("13"));
        let mut response = Vec::new();
        tungstenite::handshake::server::write_response(&mut response, &accepted).expect("a Vec takes every write");
        assert!(response.starts_with(b"HTTP/1.1 101 ") && response.ends_with(b"\r\n\r\n"));
    }
    true
}
