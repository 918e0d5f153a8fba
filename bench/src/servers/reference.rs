//! The reference shows what the kernel allows. One thread, one epoll instance, one shared log of encoded frames, and
//! for each client one write per wake-up. Clients with channels get the frames of theirs, in one write as well. No pings,
//! no limits, no metrics, and it trusts its clients.

mod channels;
mod client;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use self::channels::Channels;
use self::client::Client;
use super::input::Input;
use crate::frames;
use crate::machine::possible_connections;

const LISTENER: Token = Token(usize::MAX);
const INPUT: Token = Token(usize::MAX - 1);

#[derive(Debug)]
struct Reference {
    poll: Poll,
    clients: Slab<Client>,
    max_clients: usize,
    /// The frames that not all clients have. It begins at position `base`.
    log: Vec<u8>,
    base: u64,
    channels: Channels,
}

pub(super) fn serve(queue: Option<PathBuf>) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut listener = match super::passed_listener()? {
        Some(listener) => TcpListener::from_std(listener),
        None => TcpListener::bind(loopback)?,
    };
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut input = match queue {
        Some(directory) => Input::queue(&directory, poll.registry(), INPUT)?,
        None => Input::tcp(poll.registry(), INPUT)?,
    };
    super::announce(listener.local_addr()?, input.address());
    let max_clients = possible_connections();
    let reference =
        Reference { poll, clients: Slab::new(), max_clients, log: Vec::new(), base: 0, channels: Channels::new() };
    poll = reference.run(&listener, &mut input)?;
    drop(poll);
    Ok(())
}

impl Reference {
    fn run(mut self, listener: &TcpListener, input: &mut Input) -> anyhow::Result<Poll> {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; 16 * 1024];
        loop {
            let timeout = input.has_more().then_some(Duration::ZERO);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.context("cannot wait")?,
            }
            let mut has_input = input.has_more();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(listener)?,
                    INPUT => has_input = true,
                    Token(key) => {
                        if event.is_readable() {
                            self.read(key, &mut scratch);
                        }
                        if event.is_writable()
                            && let Some(client) = self.clients.get_mut(key)
                        {
                            client.flush();
                            if client.blocked {
                                client.write(&self.log, self.base);
                            }
                        }
                    }
                }
            }
            if has_input {
                let Reference { poll, log, channels, .. } = &mut self;
                input.read(poll.registry(), &mut |text, names| {
                    if names.is_empty() {
                        frames::encode_text(text.as_bytes(), log);
                    }
                    channels.append(text, names);
                })?;
            }
            self.write_all();
            self.channels.write(&mut self.clients);
        }
    }

    fn accept(&mut self, listener: &TcpListener) -> anyhow::Result<()> {
        // Clients beyond this limit are accepted by another process.
        while self.clients.len() < self.max_clients {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    let entry = self.clients.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut stream, Token(entry.key()), interest)?;
                    entry.insert(Client::new(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("cannot accept"),
            }
        }
        Ok(())
    }

    fn read(&mut self, key: usize, scratch: &mut [u8]) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match client.read(scratch) {
            // A request arrives in one piece here. What clients send later is ignored.
            Ok(read) if read > 0 => {
                if !client.open {
                    client.position = self.base + self.log.len() as u64;
                    let channels = &mut self.channels;
                    let subscribe = |names: &[&str]| (channels.subscribe(key, names), channels.head());
                    // What is no handshake stays without an answer.
                    let _ = client.shake_hands(&scratch[..read], subscribe);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => {
                let mut gone = self.clients.remove(key);
                if let Some(subscriber) = gone.subscriber() {
                    self.channels.leave(key, &subscriber.places);
                }
            }
        }
    }

    fn write_all(&mut self) {
        if self.log.is_empty() {
            return;
        }
        let head = self.base + self.log.len() as u64;
        let mut needed = head;
        for (_, client) in &mut self.clients {
            if !client.is_in_log() || client.position == head {
                continue;
            }
            if !client.blocked {
                client.write(&self.log, self.base);
            }
            needed = needed.min(client.position);
        }
        let dead = (needed - self.base) as usize;
        if dead == self.log.len() || dead > 16 * 1024 * 1024 {
            self.log.drain(..dead);
            self.base = needed;
        }
    }
}
