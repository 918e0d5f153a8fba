//! What clients are connected by: WebSocket, natively or by URL, or server-sent events. What they receive is told in
//! the messages of WebSocket, so that all are held against the same model.

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use testkit::{Block, EventStream, within};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::rights::Token;
use super::world::World;

/// The id of a client that does not know its own, so that nobody can except it.
pub(super) const NAMELESS: &str = "nameless";

/// How a client connects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Native,
    ByUrl,
    Stream,
    NamedStream,
}

/// How a client connects, and what it asks for.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) way: Way,
    pub(super) channels: Vec<&'static str>,
    pub(super) everybody: bool,
    pub(super) token: Option<Token>,
}

/// The connection of a client.
pub(super) enum Connection {
    Socket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Stream(EventStream),
}

/// What came on it.
#[derive(Debug)]
pub(super) enum Received {
    Message(Value),
    /// The code of its end.
    Closed(u16),
    /// What says nothing.
    Other,
    End,
}

impl Way {
    pub(super) fn random(rng: &mut StdRng) -> Way {
        [Way::Native, Way::ByUrl, Way::Stream, Way::NamedStream][rng.random_range(0..4)]
    }

    /// Whether the client is warned before its token ends.
    pub(super) fn is_warned(self) -> bool {
        matches!(self, Way::Native | Way::ByUrl)
    }
}

impl Connection {
    /// Connects, or returns the status of the refusal.
    pub(super) async fn open(world: &World, visit: &Visit) -> Result<Connection, u16> {
        let channels: String = visit.channels.iter().map(|name| format!("channel={name}&")).collect();
        let token = visit.token.as_ref().map(|token| format!("&token={}", token.signed())).unwrap_or_default();
        let target = format!("/?{channels}everybody={}{token}", u8::from(visit.everybody));
        if let Way::Stream | Way::NamedStream = visit.way {
            let named = u8::from(visit.way == Way::NamedStream);
            let stream = EventStream::open(world.address, &format!("{target}&named={named}"), "").await;
            return if stream.status() == 200 { Ok(Connection::Stream(stream)) } else { Err(stream.status()) };
        }
        let mut request = format!("ws://{}{target}", world.address).into_client_request().expect("a URL");
        if visit.way == Way::Native {
            request.headers_mut().insert("Sec-WebSocket-Protocol", "fastapi.v1".parse().expect("a header"));
        }
        match within("a client connects", tokio_tungstenite::connect_async(request)).await {
            Ok((socket, _)) => Ok(Connection::Socket(Box::new(socket))),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The first message, to a client that was let in with these channels. A stream does not name them.
    pub(super) async fn welcome(&mut self, names: &[&str]) -> Value {
        match (within("a first message", self.next()).await, &self) {
            (Received::Message(welcome), Connection::Socket(_)) => welcome,
            (Received::Message(first), Connection::Stream(_)) => {
                assert_eq!(first["type"], "heartbeat", "{first}");
                json!({ "type": "welcome", "client": NAMELESS, "channels": names, "id": first["id"] })
            }
            (other, _) => panic!("{other:?} instead of a first message"),
        }
    }

    pub(super) async fn next(&mut self) -> Received {
        match self {
            Connection::Socket(socket) => match socket.next().await {
                Some(Ok(Message::Text(text))) => Received::Message(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => Received::Closed(frame.expect("a code").code.into()),
                Some(Ok(_)) => Received::Other,
                None | Some(Err(_)) => Received::End,
            },
            Connection::Stream(stream) => stream.block().await.map_or(Received::End, of_block),
        }
    }

    /// Sends a command, which only native clients do. One that was disconnected learns it when it reads.
    pub(super) async fn send(&mut self, command: String) {
        if let Connection::Socket(socket) = self {
            let _ = socket.send(Message::text(command)).await;
        }
    }
}

fn of_block(block: Block) -> Received {
    match (&block.comment, &block.data) {
        (Some(comment), _) => {
            Received::Closed(comment.split(' ').next().and_then(|code| code.parse().ok()).expect("a code"))
        }
        (None, Some(_)) => {
            let message = block.json();
            assert_eq!(message["id"], json!(block.id), "{message}");
            Received::Message(message)
        }
        (None, None) => Received::Message(json!({ "type": "heartbeat", "id": block.id })),
    }
}
