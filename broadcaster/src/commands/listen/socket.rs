//! A WebSocket: connecting to the address that a page would use, why that fails, and the messages that come.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures_util::{SinkExt, StreamExt};
use queue::{printable, url_without_secrets};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError, TlsError};
use tokio_tungstenite::tungstenite::handshake::client::Request as Handshake;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use super::advice::of_close_code;
use super::client::Client;
use super::ended::Ended;
use super::explained::{refusal, tls_of_io, tls_problem};
use super::pusher;
use super::request::Request;
use super::trust::Trust;

/// A connection to a server.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects with what is asked for.
pub(crate) async fn open(request: &Request) -> Result<Socket, Ended> {
    shake_hands(request.handshake()?, &request.url, &request.client).await
}

/// The next text message.
pub(super) async fn text(socket: &mut Socket) -> Result<String, Ended> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return match pusher::problem(&text) {
                    Some(problem) => Err(anyhow!(problem).into()),
                    None => Ok(text.as_str().to_owned()),
                };
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.as_ref().map_or(1005, |frame| u16::from(frame.code));
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                let advice = of_close_code(code).map(|advice| format!(": {advice}")).unwrap_or_default();
                let reason = printable(&reason);
                let error = anyhow!("the server closed the connection with code {code} {reason}{advice}");
                return Err(Ended::with_code(code, error));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                return Err(Ended::passing(anyhow::Error::new(error).context("the connection broke")));
            }
            None => return Err(Ended::passing(anyhow!("the connection has ended"))),
        }
    }
}

/// Sends a command.
pub(super) async fn send(socket: &mut Socket, command: String) -> Result<(), Ended> {
    socket.send(Message::text(command)).await.context("the connection broke").map_err(Ended::passing)
}

async fn shake_hands(handshake: Handshake, url: &str, client: &Client) -> Result<Socket, Ended> {
    // It fails only if a provider is set already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Without one, the library makes one that trusts the system.
    let connector = match client.trust {
        Trust::System => None,
        Trust::Anybody => Some(Connector::Rustls(Arc::new(client.trust.settings()?))),
    };
    match tokio_tungstenite::connect_async_tls_with_config(handshake, None, false, connector).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => {
            let problem = format!("cannot connect to {}", url_without_secrets(url));
            let explained = explain(&error, url, client).map(|explanation| anyhow!("{problem}: {explanation}"));
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
fn explain(error: &Error, url: &str, client: &Client) -> Option<String> {
    match error {
        Error::Http(answer) => Some(refusal(answer, "WebSocket", client)),
        Error::Io(error) => tls_of_io(error, url),
        Error::Tls(TlsError::Rustls(error)) => tls_problem(error, url),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)) => {
            Some("the server does not know the subprotocol fastapi.v1: it is older than channels, or a proxy removes the header Sec-WebSocket-Protocol".to_owned())
        }
        Error::Protocol(problem) => {
            Some(format!("no WebSocket server answers there, or one with TLS (wss://): {problem}"))
        }
        _ => None,
    }
}
