//! A WebSocket client that also speaks, and reads only when it is asked to.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::wait::within_deadline;

pub(crate) struct Talker {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Talker {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Talker {
        let opening = tokio_tungstenite::connect_async(format!("ws://{address}{path}"));
        Talker { socket: within_deadline("a client connects", opening).await.expect("a WebSocket").0 }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Waits for the next text message, which must be JSON.
    pub(crate) async fn heard(&mut self) -> Value {
        loop {
            let next = within_deadline("a message", self.socket.next()).await;
            if let Message::Text(text) = next.expect("an open connection").expect("a message") {
                return serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            }
        }
    }

    /// Waits for the next thing to come and tells whether it is the end.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(within_deadline("the end", self.socket.next()).await, None | Some(Err(_) | Ok(Message::Close(_))))
    }

    /// Reads to the close frame and returns its code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match within_deadline("a close frame", self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
                other => panic!("{other:?} instead of a close frame"),
            }
        }
    }
}
