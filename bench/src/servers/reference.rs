//! The reference shows what the kernel allows. One thread, one epoll instance, one shared log of encoded frames, and for each
//! client one write per wake-up. No pings, no limits, no metrics, and it trusts its clients.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tungstenite::handshake::derive_accept_key;

use super::input::Input;
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
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    position: u64,
    open: bool,
    blocked: bool,
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
    let reference = Reference { poll, clients: Slab::new(), max_clients, log: Vec::new(), base: 0 };
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
            let mut fed = input.has_more();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(listener)?,
                    INPUT => fed = true,
                    Token(key) => {
                        if event.is_readable() {
                            self.read(key, &mut scratch);
                        }
                        if event.is_writable()
                            && let Some(client) = self.clients.get_mut(key).filter(|client| client.blocked)
                        {
                            client.write(&self.log, self.base);
                        }
                    }
                }
            }
            if fed {
                input.read(self.poll.registry(), &mut self.log)?;
            }
            self.write_all();
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
                    entry.insert(Client { stream, position: 0, open: false, blocked: false });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("cannot accept"),
            }
        }
        Ok(())
    }

    fn read(&mut self, key: usize, scratch: &mut [u8]) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match client.stream.read(scratch) {
            // A request arrives in one piece here. What clients send later is ignored.
            Ok(read) if read > 0 => {
                if !client.open && client.shake_hands(&scratch[..read]).is_some() {
                    client.open = true;
                    client.position = self.base + self.log.len() as u64;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => drop(self.clients.remove(key)),
        }
    }

    fn write_all(&mut self) {
        let head = self.base + self.log.len() as u64;
        let mut needed = head;
        for (_, client) in &mut self.clients {
            if !client.open || client.position == head {
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

impl Client {
    fn write(&mut self, log: &[u8], base: u64) {
        let gap = &log[(self.position - base) as usize..];
        // A broken connection is noticed at the next read.
        let written = self.stream.write(gap).unwrap_or(0);
        self.position += written as u64;
        self.blocked = written < gap.len();
    }

    fn shake_hands(&mut self, request: &[u8]) -> Option<()> {
        let text = std::str::from_utf8(request).ok()?;
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
        let accept = derive_accept_key(key.trim().as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.stream.write_all(response.as_bytes()).ok()
    }
}
