//! A WebSocket client that reads only when it is asked to, and what it receives.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wait::within;

/// A handshake with the key of RFC 6455, section 1.3.
pub const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The subprotocol of clients that send commands.
const NATIVE: &str = "fastapi.v1";

/// A WebSocket client.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Connects to a path.
    pub async fn connect(address: SocketAddr, path: &str) -> Client {
        Client::open(format!("ws://{address}{path}")).await
    }

    /// Connects with a request of the test's own.
    pub async fn open(request: impl IntoClientRequest + Unpin) -> Client {
        let opening = tokio_tungstenite::connect_async(request);
        Client { socket: within("a client connects", opening).await.expect("a WebSocket").0 }
    }

    /// Connects as one that sends commands. The server must have chosen the subprotocol.
    pub async fn native(address: SocketAddr, path: &str) -> Client {
        Client::open(native_request(address, path)).await
    }

    /// The same over a connection of the test's own.
    pub async fn native_over(stream: TcpStream, address: SocketAddr, path: &str) -> Client {
        let opening = tokio_tungstenite::client_async(native_request(address, path), MaybeTlsStream::Plain(stream));
        Client { socket: within("a client connects", opening).await.expect("a WebSocket").0 }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Message) {
        within("a message is sent", self.socket.send(message)).await.unwrap();
    }

    /// Sends text messages in one piece, so that they are read together.
    pub async fn send_together(&mut self, texts: &[&str]) {
        for text in texts {
            within("a message is encoded", self.socket.feed(Message::text(*text))).await.unwrap();
        }
        within("messages are sent", self.socket.flush()).await.unwrap();
    }

    /// Sends a text message where the server may have closed the connection.
    ///
    /// # Errors
    /// When it has.
    pub async fn try_send_text(&mut self, text: &str) -> Result<(), Error> {
        within("a message is sent", self.socket.send(Message::text(text))).await
    }

    /// Sends a text message.
    pub async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// What comes next, also a ping. `None` is the end.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        within("something comes", self.socket.next()).await
    }

    /// The next text message.
    pub async fn text(&mut self) -> String {
        loop {
            match self.next().await.expect("the connection is open").unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a text message, got {other:?}"),
            }
        }
    }

    /// The next text message, which must be JSON.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Sends a command, and returns what comes next.
    pub async fn ask(&mut self, command: Value) -> Value {
        self.send_text(&command.to_string()).await;
        self.json().await
    }

    /// The payload of the next event, as text.
    pub async fn payload(&mut self) -> String {
        payload_of(&self.text().await).to_owned()
    }

    /// Reads to the end and returns the close code.
    pub async fn close_code(&mut self) -> u16 {
        let mut code = None;
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => code = Some(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed)) => return code.expect("a close frame before the end"),
                Some(Err(error)) => panic!("{error} instead of a close frame"),
            }
        }
    }
}

fn native_request(address: SocketAddr, path: &str) -> Request {
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a URL");
    request.headers_mut().insert("Sec-WebSocket-Protocol", NATIVE.parse().expect("a header"));
    request
}

/// The payload in the text of an event that is named `test`.
pub fn payload_of(text: &str) -> &str {
    let rest = text.strip_prefix(r#"{"event":"test","payload":"#).unwrap_or_else(|| panic!("unexpected {text}"));
    &rest[..rest.rfind(r#","timestamp":"#).unwrap()]
}

/// An address that is free when it is asked for. It stays so for a while: the system gives out others first.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}
