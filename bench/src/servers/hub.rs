//! Our hub alone: the server library without a queue, fed by lines over TCP.

use std::io::Read;
use std::net::TcpListener;

use anyhow::Context;
use server::config::Settings;
use server::message::encode_broadcast;
use server::{NoApplication, Server};
use tokio::runtime::Handle;

use crate::machine::possible_connections;
use crate::message::NAME_JSON;
use crate::publisher::timestamp;

pub(super) fn serve(threads: usize) -> anyhow::Result<()> {
    let settings = Settings {
        listen: Some("127.0.0.1:0".to_owned()),
        max_connections: Some(possible_connections()),
        hub_threads: Some(threads),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = settings.resolve()?;
        let server = match super::passed_listener()? {
            Some(listener) => Server::bind_to(listener, config, |_| NoApplication)?,
            None => Server::bind(config, |_| NoApplication)?,
        };
        let feed = TcpListener::bind("127.0.0.1:0")?;
        super::announce(server.local_addr(), Some(feed.local_addr()?));
        let hub = server.hub().clone();
        let runtime = Handle::current();
        let feeding = move || read_feed(&feed, &hub, &runtime);
        std::thread::spawn(move || feeding().unwrap_or_else(|error| eprintln!("feed: {error:#}")));
        server.run(std::future::pending()).await.context("the server failed")
    })
}

fn read_feed(feed: &TcpListener, hub: &server::Hub, runtime: &Handle) -> anyhow::Result<()> {
    let (mut stream, _) = feed.accept()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut kept = 0;
    let mut frames = Vec::new();
    loop {
        let read = stream.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let filled = kept + read;
        let mut begin = 0;
        let timestamp = timestamp() as i64;
        frames.clear();
        while let Some(length) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
            let payload = std::str::from_utf8(&buffer[begin..begin + length])?;
            frames.extend_from_slice(&encode_broadcast(NAME_JSON, payload, timestamp));
            begin += length + 1;
        }
        // The hub takes several whole frames as it takes one. One by one would wake it for the first of them.
        if !frames.is_empty() {
            hub.broadcast(&frames);
            // Like the consumer of a queue: while the hub writes, the next batch gathers. It answers the first time when it has
            // taken this one, and the second time when every client was offered it.
            runtime.block_on(hub.is_alive());
            runtime.block_on(hub.is_alive());
        }
        buffer.copy_within(begin..filled, 0);
        kept = filled - begin;
    }
}
