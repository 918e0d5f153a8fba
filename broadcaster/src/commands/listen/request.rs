//! What is asked of a server: an address, channels and a token, by the URL of a WebSocket or of a stream of server-sent
//! events, or by commands.

use std::fmt;
use std::io;

use anyhow::{Context, bail};
use clap::builder::{StringValueParser, TypedValueParser};
use http_body_util::Empty;
use hyper::body::Bytes;
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request as Handshake;
use tokio_tungstenite::tungstenite::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, HOST, SEC_WEBSOCKET_PROTOCOL,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest};
use url::{Position as Part, Url};

use super::client::Client;
use super::position::Position;
use crate::commands::token::read_from;

/// The subprotocol of clients that send commands.
const NATIVE: &str = "fastapi.v1";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How channels are asked for, and how messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// By the URL of a WebSocket.
    Url,
    /// By commands on a WebSocket.
    Native,
    /// By the URL of a stream of server-sent events.
    EventStream,
}

/// What is asked of a server.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) channels: Vec<String>,
    pub(super) client: Client,
    pub(super) transport: Transport,
    /// What comes after it is asked for.
    pub(super) position: Option<Position>,
}

/// A token. No debug output shows it.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(super) fn parser() -> impl TypedValueParser<Value = Token> {
        StringValueParser::new().map(Token)
    }

    /// One that was made here.
    pub(crate) fn new(token: String) -> Token {
        Token(token)
    }

    /// Whether it is to be read from standard input.
    pub(super) fn is_of_input(&self) -> bool {
        self.0 == "-"
    }

    /// What is meant: `-` is what comes from standard input.
    pub(super) fn read(self) -> anyhow::Result<Token> {
        let token = if self.0 == "-" { read_from(io::stdin().lock())? } else { self.0 };
        if token.is_empty() {
            bail!("the token is empty");
        }
        Ok(Token(token))
    }

    /// The token itself, to look for it.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    fn header(&self) -> anyhow::Result<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .ok()
            .context("the token has characters that no token has")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

impl Request {
    /// Whether the server is to greet, as it does for clients that name channels or a position.
    pub(super) fn is_greeted(&self) -> bool {
        self.transport != Transport::Url || !self.channels.is_empty() || self.position.is_some()
    }

    /// Whether channels are asked for by a command.
    pub(super) fn has_command(&self) -> bool {
        self.transport == Transport::Native && !self.channels.is_empty()
    }

    /// The address with what is asked for by it.
    pub(super) fn full_url(&self) -> anyhow::Result<Url> {
        let mut url = Url::parse(&self.url)?;
        if self.transport != Transport::Native && !self.channels.is_empty() {
            let mut query = url.query_pairs_mut();
            self.channels.iter().for_each(|channel| _ = query.append_pair("channel", channel));
        }
        if let Some(position) = &self.position {
            let names_position =
                |key: &str| key == "after" || (self.transport == Transport::EventStream && key == "last_event_id");
            if url.query_pairs().any(|(key, _)| names_position(&key)) {
                bail!("the address names a position, and --after another: leave out one of them");
            }
            url.query_pairs_mut().append_pair("after", position.of_url());
        }
        Ok(url)
    }

    /// The first request of a WebSocket.
    pub(super) fn handshake(&self) -> anyhow::Result<Handshake> {
        let mut handshake = self.full_url()?.as_str().into_client_request()?;
        let headers = handshake.headers_mut();
        if let Some(token) = &self.client.token {
            headers.insert(AUTHORIZATION, token.header()?);
        }
        add_headers(headers, &self.client.headers);
        if self.transport == Transport::Native {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(NATIVE));
        }
        Ok(handshake)
    }

    /// The request for a stream. As a browser that comes back, it names the last id in a header as well.
    pub(super) fn stream(&self) -> anyhow::Result<HttpRequest<Empty<Bytes>>> {
        let url = self.full_url()?;
        let mut request = HttpRequest::get(&url[Part::BeforePath..Part::AfterQuery])
            .header(HOST, &url[Part::BeforeHost..Part::AfterPort])
            .header(ACCEPT, "text/event-stream")
            .header(CACHE_CONTROL, "no-store");
        if let Some(id) = self.position.as_ref().and_then(Position::last_event_id) {
            request = request.header(LAST_EVENT_ID, id);
        }
        let mut request = request.body(Empty::new())?;
        if let Some(token) = &self.client.token {
            request.headers_mut().insert(AUTHORIZATION, token.header()?);
        }
        add_headers(request.headers_mut(), &self.client.headers);
        Ok(request)
    }

    /// The command after the handshake, if there is one.
    pub(super) fn command(&self) -> Option<String> {
        self.has_command().then(|| {
            let mut command = json!({ "type": "subscribe", "channels": self.channels });
            if let Some(position) = &self.position {
                command["after"] = position.of_command().into();
            }
            command.to_string()
        })
    }
}

/// Adds what the user gives. It replaces what is sent by itself, as `Host`.
fn add_headers(headers: &mut HeaderMap, given: &HeaderMap) {
    for name in given.keys() {
        headers.remove(name);
    }
    headers.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, channels: &[&str], transport: Transport) -> Request {
        let channels = channels.iter().map(|channel| (*channel).to_owned()).collect();
        Request {
            url: url.to_owned(),
            channels,
            client: Client { token: Some(Token("a.b.c".to_owned())), ..Client::default() },
            transport,
            position: None,
        }
    }

    #[test]
    fn channels_are_added_to_the_url_or_asked_for_by_a_command() {
        let by_url = request("ws://x/ws?everybody=0", &["a", "b/c=d,e"], Transport::Url);
        let handshake = by_url.handshake().expect("a request");
        assert_eq!(handshake.uri().to_string(), "ws://x/ws?everybody=0&channel=a&channel=b%2Fc%3Dd%2Ce");
        assert_eq!(handshake.headers()[AUTHORIZATION], "Bearer a.b.c");
        assert_eq!((by_url.command(), by_url.is_greeted()), (None, true));

        let native = request("ws://x/ws", &["a"], Transport::Native);
        let handshake = native.handshake().expect("a request");
        assert_eq!(
            (handshake.uri().query(), &handshake.headers()[SEC_WEBSOCKET_PROTOCOL]),
            (None, &NATIVE.parse().expect("a value"))
        );
        assert_eq!(native.command().as_deref(), Some(r#"{"channels":["a"],"type":"subscribe"}"#));

        let plain = request("ws://x/ws?a=b%20c", &[], Transport::Url);
        assert_eq!(plain.handshake().expect("a request").uri().to_string(), "ws://x/ws?a=b%20c");
        assert!(!plain.is_greeted());
    }

    #[test]
    fn a_position_is_in_the_url_and_in_the_command() {
        let mut by_url = request("ws://x/ws?a=b", &[], Transport::Url);
        by_url.position = Position::parse("t.1729000000123").ok();
        let handshake = by_url.handshake().expect("a request");
        assert_eq!(handshake.uri().to_string(), "ws://x/ws?a=b&after=t.1729000000123");
        assert!(by_url.is_greeted() && by_url.command().is_none());

        let mut native = request("ws://x/ws", &["a"], Transport::Native);
        native.position = Position::parse("ab-1").ok();
        native.position.as_mut().expect("a position").reached("ab-2");
        assert_eq!(native.handshake().expect("a request").uri().query(), Some("after=ab-2"));
        assert_eq!(native.command().as_deref(), Some(r#"{"after":"ab-1","channels":["a"],"type":"subscribe"}"#));

        native.url += "?after=x";
        assert!(native.handshake().expect_err("two positions").to_string().contains("leave out one of them"));
    }

    #[test]
    fn a_stream_is_asked_for_as_by_a_browser() {
        let mut asked = request("https://u@x:8443/a%20b?c=d#e", &["a", "b/c"], Transport::EventStream);
        let stream = asked.stream().expect("a request");
        assert_eq!(stream.uri().to_string(), "/a%20b?c=d&channel=a&channel=b%2Fc");
        let header = |stream: &HttpRequest<_>, name: &str| stream.headers().get(name).cloned();
        for (name, value) in [
            ("host", "x:8443"),
            ("accept", "text/event-stream"),
            ("cache-control", "no-store"),
            ("authorization", "Bearer a.b.c"),
        ] {
            assert_eq!(header(&stream, name), Some(HeaderValue::from_static(value)), "{name}");
        }
        assert!(asked.is_greeted() && asked.command().is_none());
        asked.client.headers.insert("host", HeaderValue::from_static("other"));
        asked.client.headers.insert("origin", HeaderValue::from_static("https://page"));
        let given = asked.stream().expect("a request");
        assert_eq!(header(&given, "host"), Some(HeaderValue::from_static("other")));
        assert_eq!(header(&given, "origin"), Some(HeaderValue::from_static("https://page")));
        assert_eq!(given.headers().get_all("host").iter().count(), 1);
        asked.client.headers.clear();

        asked.url = "ws://[::1]:80".to_owned();
        asked.position = Position::parse("t.1").ok();
        let stream = asked.stream().expect("a request");
        assert_eq!(stream.uri().to_string(), "/?channel=a&channel=b%2Fc&after=t.1");
        assert_eq!(header(&stream, "host"), Some(HeaderValue::from_static("[::1]")));
        assert_eq!(header(&stream, "last-event-id"), None);
        asked.position.as_mut().expect("a position").reached("ab-2");
        let stream = asked.stream().expect("a request");
        assert_eq!(stream.uri().to_string(), "/?channel=a&channel=b%2Fc&after=ab-2");
        assert_eq!(header(&stream, "last-event-id"), Some(HeaderValue::from_static("ab-2")));

        asked.url += "/?last_event_id=x";
        assert!(asked.stream().expect_err("two positions").to_string().contains("leave out one of them"));
    }

    #[test]
    fn a_token_is_in_no_debug_text_and_may_not_have_an_end_of_line() {
        let mut request = request("ws://x/", &[], Transport::Url);
        assert!(!format!("{request:?}{:?}", request.handshake().expect("a request")).contains("a.b.c"));
        assert!(!format!("{:?}", request.stream().expect("a request")).contains("a.b.c"));
        request.client.token = Some(Token("a\nb".to_owned()));
        let error = request.handshake().expect_err("a token").to_string();
        assert_eq!(error, "the token has characters that no token has");
    }
}
