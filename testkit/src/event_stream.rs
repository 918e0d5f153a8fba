//! A client of server-sent events that reads only when it is asked to, and the blocks that it receives.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::within;

/// One block of a stream: what stands before an empty line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// When to come back, in milliseconds.
    pub retry: Option<u64>,
    /// The id up to which the client has everything.
    pub id: Option<String>,
    /// The type of the event.
    pub event: Option<String>,
    /// Its lines of data.
    pub data: Option<String>,
    /// What is for people.
    pub comment: Option<String>,
}

impl Block {
    /// Reads one, without the empty line at its end.
    pub fn parse(text: &str) -> Block {
        let mut block = Block::default();
        for line in text.split('\n') {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} in {text:?}"));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            let field = match name {
                "retry" => {
                    assert_eq!(block.retry.replace(value.parse().unwrap()), None, "{text:?}");
                    continue;
                }
                "data" => {
                    block.data = Some(block.data.map_or(value.clone(), |before| format!("{before}\n{value}")));
                    continue;
                }
                "id" => &mut block.id,
                "event" => &mut block.event,
                "" => &mut block.comment,
                other => panic!("the field {other:?} in {text:?}"),
            };
            assert_eq!(field.replace(value), None, "{text:?}");
        }
        block
    }

    /// The data, which must be JSON.
    pub fn json(&self) -> Value {
        let data = self.data.as_deref().unwrap_or_else(|| panic!("no data in {self:?}"));
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"))
    }
}

/// A client of server-sent events.
pub struct EventStream {
    stream: TcpStream,
    /// The head of the answer.
    pub head: String,
    received: Vec<u8>,
}

impl EventStream {
    /// Asks for a stream, with further lines in the head of the request. Returns once the head of the answer is there.
    pub async fn open(address: SocketAddr, target: &str, lines: &str) -> EventStream {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost:8080\r\nAccept: text/event-stream\r\n{lines}\r\n");
        EventStream::request(address, &request).await
    }

    /// The same with a request of the test's own.
    pub async fn request(address: SocketAddr, request: &str) -> EventStream {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        EventStream::request_on(stream, request).await
    }

    /// The same on a connection of the test's own.
    pub async fn request_on(mut stream: TcpStream, request: &str) -> EventStream {
        within("the request is sent", stream.write_all(request.as_bytes())).await.unwrap();
        let mut client = EventStream { stream, head: String::new(), received: Vec::new() };
        let head = client.until(b"\r\n\r\n").await.expect("the head of an answer");
        client.head = String::from_utf8(head).unwrap();
        client
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{}", self.head))
    }

    /// The value of a header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The next block. None is the end, which must be that of a block.
    pub async fn block(&mut self) -> Option<Block> {
        let block = self.until(b"\n\n").await?;
        Some(Block::parse(str::from_utf8(&block).unwrap()))
    }

    /// The next block that is no heartbeat.
    pub async fn event(&mut self) -> Block {
        loop {
            let block = self.block().await.expect("the stream is open");
            if block.data.is_some() || block.retry.is_some() {
                return block;
            }
        }
    }

    /// The payload of the next event, which must be JSON.
    pub async fn payload(&mut self) -> Value {
        self.event().await.json()["payload"].take()
    }

    /// The rest of the answer, as bytes, to the end of the connection.
    pub async fn rest(mut self) -> Vec<u8> {
        within("the end", self.stream.read_to_end(&mut self.received)).await.unwrap();
        self.received
    }

    /// Sends bytes after the request.
    ///
    /// # Errors
    /// When the server does not take them any more.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        within("bytes are sent", self.stream.write_all(bytes)).await
    }

    /// What comes before an end. None if nothing comes before the end of the connection.
    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.received[searched..].windows(end.len()).position(|found| found == end) {
                let mut found: Vec<u8> = self.received.drain(..searched + at + end.len()).collect();
                found.truncate(searched + at);
                return Some(found);
            }
            searched = self.received.len().saturating_sub(end.len() - 1);
            if within("something comes", self.stream.read_buf(&mut self.received)).await.unwrap() == 0 {
                let rest = String::from_utf8_lossy(&self.received);
                assert!(self.received.is_empty(), "the stream ends within {rest:?}");
                return None;
            }
        }
    }
}
