//! The usual first version of a server: a task per client, tokio-tungstenite with its default buffers, a broadcast
//! channel.

use std::net::SocketAddr;

use futures_util::SinkExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::message;
use crate::publisher::timestamp;

/// More than any workload has in flight, so that no client misses a message.
const CAPACITY: usize = 16 * 1024;

pub(super) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let (clients, feed) = (TcpListener::bind(loopback).await?, TcpListener::bind(loopback).await?);
        super::announce(clients.local_addr()?, Some(feed.local_addr()?));
        let (messages, _) = broadcast::channel(CAPACITY);
        tokio::spawn(read_feed(feed, messages.clone()));
        loop {
            let (stream, _) = clients.accept().await?;
            tokio::spawn(serve_client(stream, messages.subscribe()));
        }
    })
}

async fn read_feed(feed: TcpListener, messages: broadcast::Sender<Utf8Bytes>) -> anyhow::Result<()> {
    let (stream, _) = feed.accept().await?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(payload) = lines.next_line().await? {
        // It fails only when there are no clients.
        let _ = messages.send(message::text(&payload, timestamp()).into());
    }
    Ok(())
}

async fn serve_client(stream: TcpStream, mut messages: broadcast::Receiver<Utf8Bytes>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    loop {
        match messages.recv().await {
            Ok(text) => socket.send(Message::Text(text)).await?,
            Err(RecvError::Closed) => return Ok(()),
            Err(RecvError::Lagged(missed)) => anyhow::bail!("a client missed {missed} messages"),
        }
    }
}
