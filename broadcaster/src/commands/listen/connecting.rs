//! Connecting to a server by the address that a page would use, and what to do when that fails.

use anyhow::anyhow;
use queue::{text_without_secrets, url_without_secrets};
use rustls::{CertificateError, Error as TlsError, InvalidMessage};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::http::header::LOCATION;
use tokio_tungstenite::tungstenite::http::{Response, StatusCode};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

use super::ended::Ended;
use super::request::Request;

/// A connection to a server.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Characters of an answer that are shown.
const MAX_SHOWN: usize = 300;

/// Takes the address of a socket on the command line.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let shown = url_without_secrets(text);
    let Some((scheme, rest)) = shown.split_once("://") else {
        return Err(format!("has no scheme: write ws://{shown} or, with TLS, wss://{shown}"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "wss" => {}
        "http" => return Err(format!("is the address of a page: write ws://{rest}")),
        "https" => return Err(format!("is the address of a page: write wss://{rest}")),
        _ => return Err("must begin with ws:// or wss://".to_owned()),
    }
    Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
    Ok(text.to_owned())
}

/// Connects as a plain client.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Socket> {
    shake_hands(url, url).await.map_err(|ended| ended.error)
}

/// Connects with what is asked for.
pub(super) async fn open(request: &Request) -> Result<Socket, Ended> {
    shake_hands(request.handshake()?, &request.url).await
}

async fn shake_hands(handshake: impl IntoClientRequest + Unpin, url: &str) -> Result<Socket, Ended> {
    // It fails only if a provider is set already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match tokio_tungstenite::connect_async(handshake).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => {
            let problem = format!("cannot connect to {}", url_without_secrets(url));
            let explained = explain(&error).map(|explanation| anyhow!("{problem}: {explanation}"));
            Err(match error {
                Error::Http(answer) => {
                    Ended::with_status(answer.status().as_u16(), explained.unwrap_or_else(|| anyhow!(problem)))
                }
                // With an explanation, it is about TLS.
                Error::Io(_) | Error::ConnectionClosed if explained.is_none() => {
                    Ended::passing(anyhow::Error::new(error).context(problem))
                }
                Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                    Ended::passing(explained.unwrap_or_else(|| anyhow!(problem)))
                }
                error => explained.unwrap_or_else(|| anyhow::Error::new(error).context(problem)).into(),
            })
        }
    }
}

/// What to add to a failure or to say instead; nothing if the error says all there is.
fn explain(error: &Error) -> Option<String> {
    match error {
        Error::Http(answer) => Some(refusal(answer)),
        Error::Io(error) => error.get_ref()?.downcast_ref().and_then(tls),
        Error::Tls(tokio_tungstenite::tungstenite::error::TlsError::Rustls(error)) => tls(error),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)) => {
            Some("the server does not know the subprotocol fastapi.v1: it is older than channels, or a proxy removes the header Sec-WebSocket-Protocol".to_owned())
        }
        Error::Protocol(problem) => {
            Some(format!("no WebSocket server answers there, or one with TLS (wss://): {problem}"))
        }
        _ => None,
    }
}

fn tls(error: &TlsError) -> Option<String> {
    match error {
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("the server speaks no TLS there: write ws:// instead of wss://".to_owned())
        }
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. },
        ) => None,
        TlsError::InvalidCertificate(_) => Some(format!(
            "nobody whom this system trusts has signed the server's certificate: name the file of its authority, or of the \
             certificate if it has signed itself, in the variable SSL_CERT_FILE ({error})"
        )),
        _ => None,
    }
}

/// What a server has answered that has not accepted the handshake.
fn refusal(answer: &Response<Option<Vec<u8>>>) -> String {
    let status = answer.status();
    let mut text = format!("the server answered {status}");
    let location = answer.headers().get(LOCATION).map(|location| String::from_utf8_lossy(location.as_bytes()));
    match location {
        Some(location) if status.is_redirection() => text += &format!(" to {}", url_without_secrets(&location)),
        _ if status.is_success() || status == StatusCode::NOT_FOUND => {
            text += ", there is no WebSocket at this path: does the proxy pass it on?";
        }
        _ => {}
    }
    let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let is_page = body.trim_start().starts_with('<');
    let shown: String = body.trim().chars().take(MAX_SHOWN).collect();
    if !shown.is_empty() && !is_page {
        text += &format!(": {}", text_without_secrets(&shown));
    }
    if let Some(advice) = advice(status, &shown) {
        text += &format!("; {advice}");
    }
    text
}

/// What to do about a refusal of our server, by what it says.
fn advice(status: StatusCode, said: &str) -> Option<&'static str> {
    match (status, said) {
        (StatusCode::UNAUTHORIZED, "token expired") => Some("get a new token"),
        (StatusCode::UNAUTHORIZED, _) => Some(
            "give a token: ?token= in the address, or --token or FASTAPI_WS_TOKEN of `listen`; `fastapi-broadcaster token check` \
             says what is wrong with one",
        ),
        (StatusCode::FORBIDDEN, "not allowed") => Some(
            "neither the token nor public_channels of the server allows it: `fastapi-broadcaster token check` shows what a \
             token says",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_of_a_socket_are_refused_with_what_to_write() {
        for (text, told) in [
            ("localhost:18081", "write ws://localhost:18081"),
            ("http://localhost/ws", "write ws://localhost/ws"),
            ("HTTPS://example.com", "write wss://example.com"),
            ("ftp://x", "must begin with ws:// or wss://"),
            ("ws://", "is no address: empty host"),
            ("ws://x:99999", "is no address: invalid port number"),
            ("http://u:secret@x/?token=secret", "write ws://[hidden]@x/?token=[hidden]"),
            ("u:secret@x/?token=secret", "write ws://[hidden]@x/?token=[hidden]"),
        ] {
            let error = address(text).expect_err(text);
            assert!(error.contains(told) && !error.contains("secret"), "{text}: {error}");
        }
        assert_eq!(address("WSS://example.com/ws").as_deref(), Ok("WSS://example.com/ws"));
    }

    #[test]
    fn a_refusal_shows_the_beginning_of_what_was_answered_and_no_page() {
        let told = |status: u16, body: &str| {
            let answer =
                Response::builder().status(status).header(LOCATION, "/login?token=secret").body(Some(body.into()));
            refusal(&answer.expect("an answer"))
        };
        assert_eq!(told(503, "full\n"), "the server answered 503 Service Unavailable: full");
        assert_eq!(told(302, "<html>"), "the server answered 302 Found to /login?token=[hidden]");
        assert!(told(200, "<html>").ends_with("no WebSocket at this path: does the proxy pass it on?"));
        assert!(told(400, &"x".repeat(1000)).len() < 400);
    }
}
