//! Our hub alone: the server library without a queue, fed by lines over TCP.

use std::io::Read;
use std::net::TcpListener;

use anyhow::Context;
use queue::ChannelName;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use server::config::Settings;
use server::{Audience, Batch, Feed, NoApplication, Publication, Server};

use crate::machine::possible_connections;
use crate::message::NAME_JSON;
use crate::publisher::{split_line, timestamp};
use crate::servers::HubOptions;

const MAX_SUBSCRIPTIONS: usize = 1_000_000;

pub(super) fn serve(options: HubOptions) -> anyhow::Result<()> {
    let settings = Settings {
        listen: Some("127.0.0.1:0".to_owned()),
        max_connections: Some(possible_connections()),
        hub_threads: Some(options.threads),
        history_events: options.history_events,
        // As many as clients ask for.
        max_subscriptions: Some(MAX_SUBSCRIPTIONS),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = settings.resolve()?;
        let limits = config.limits.clone();
        let server = match super::passed_listener()? {
            Some(listener) => Server::bind_to(listener, config, |_| NoApplication)?,
            None => Server::bind(config, |_| NoApplication)?,
        };
        let lines = TcpListener::bind("127.0.0.1:0")?;
        super::announce(server.local_addr(), Some(lines.local_addr()?));
        let feed = Feed::new(server.hub().clone(), &limits);
        let source = move || run_source(&lines, feed);
        std::thread::spawn(move || source().unwrap_or_else(|error| eprintln!("source: {error:#}")));
        server.run(std::future::pending()).await.context("the server failed")
    })
}

/// Publishes each line as an event, in batches, as the source of a queue does: while the hub writes, the next batch is
/// collected.
fn run_source(lines: &TcpListener, mut feed: Feed) -> anyhow::Result<()> {
    let (mut stream, _) = lines.accept()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    let mut batch = Batch::default();
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if feed.wait_for_room()? && filled < buffer.len() {
            match recv(&stream, &mut buffer[filled..], RecvFlags::DONTWAIT) {
                Ok((read, _)) => filled += read,
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno).context("the connection of the publisher broke"),
            }
        }
        let mut begin = 0;
        let timestamp = timestamp() as i64;
        while let Some(length) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
            let (channel, payload_json) = split_line(std::str::from_utf8(&buffer[begin..begin + length])?);
            let channel: Option<ChannelName> = channel.map(str::parse).transpose()?;
            let audience = channel.as_slice();
            let audience = if audience.is_empty() { Audience::Everybody } else { Audience::Channels(audience) };
            let event = Publication::to_everybody(NAME_JSON, payload_json, timestamp);
            batch.push(&Publication { audience, ..event });
            begin += length + 1;
        }
        if !batch.is_empty() {
            feed.publish(&mut batch);
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
    }
}
