//! A WebSocket client that keeps all it receives.

use std::net::SocketAddr;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use testkit::{Broadcaster, within};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

pub(crate) struct Collector {
    received: UnboundedReceiver<Received>,
    reading: JoinHandle<()>,
}

/// A message as its text and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) event: String,
    /// The payload's bytes, as they are in the text.
    pub(crate) payload: String,
    pub(crate) timestamp: u64,
}

enum Received {
    Message(Message),
    /// The end of the connection, with the close code if it was closed by the protocol.
    Closed(Option<u16>),
}

impl Collector {
    /// Connects. What the server sends is read from then on, whether the test asks for it or not.
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Collector {
        Self::open(format!("ws://{address}{path}")).await
    }

    /// Connects to a broadcaster on the path `/`.
    pub(crate) async fn of(broadcaster: &Broadcaster) -> Collector {
        Self::connect(broadcaster.address(), "/").await
    }

    /// Connects as a browser does for a page, whose origin it tells.
    pub(crate) async fn connect_from_page(page: SocketAddr, url: &str) -> Collector {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Origin", format!("http://{page}").parse().unwrap());
        Self::open(request).await
    }

    /// Connects with a request of the test's own.
    pub(crate) async fn open(request: impl IntoClientRequest + Unpin) -> Collector {
        let opening = tokio_tungstenite::connect_async(request);
        let (mut socket, _) = within("the client connects", opening).await.expect("a WebSocket");
        let (sender, received) = mpsc::unbounded_channel();
        let reading = tokio::spawn(async move {
            let mut code = None;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    tungstenite::Message::Text(text) => {
                        let _ = sender.send(Received::Message(Message::parse(text.as_str())));
                    }
                    tungstenite::Message::Close(frame) => code = frame.map(|frame| frame.code.into()),
                    tungstenite::Message::Ping(_) => {}
                    other => panic!("the server sent {other:?}"),
                }
            }
            let _ = sender.send(Received::Closed(code));
        });
        Collector { received, reading }
    }

    /// Waits for the next so many messages.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::with_capacity(count);
        for number in 0..count {
            messages.push(self.message(&format!("message {number} of {count}")).await);
        }
        messages
    }

    /// Waits for messages until one is the last of them, which is returned with the others.
    pub(crate) async fn messages_until(&mut self, is_last: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = self.message(&format!("the last message, after {}", messages.len())).await;
            messages.push(message);
            if messages.last().is_some_and(&is_last) {
                return messages;
            }
        }
    }

    /// Waits for the end of the connection. Returns the messages before it and its close code.
    pub(crate) async fn closed(&mut self) -> (Vec<Message>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            match self.next("the connection ends").await {
                Received::Message(message) => messages.push(message),
                Received::Closed(code) => return (messages, code),
            }
        }
    }

    async fn message(&mut self, what: &str) -> Message {
        match self.next(what).await {
            Received::Message(message) => message,
            Received::Closed(code) => panic!("closed with {code:?} before {what}"),
        }
    }

    async fn next(&mut self, what: &str) -> Received {
        within(what, self.received.recv()).await.expect("the task that reads does not panic")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Message {
    fn parse(text: &str) -> Message {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parsed<'text> {
            event: String,
            #[serde(borrow)]
            payload: &'text RawValue,
            timestamp: u64,
        }
        let Parsed { event, payload, timestamp } =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the message {text}"));
        Message { text: text.to_owned(), event, payload: payload.get().to_owned(), timestamp }
    }
}
