//! A thread of the hub that tests lead step by step.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use mio::Events;
use socket2::SockRef;

use super::{EVENTS, Shard, ShardThread, Ticks};
use crate::application::Application;
use crate::hub::inbox::Command;
use crate::hub::joining::{Connection, Joining};
use crate::permit::Permit;
use crate::protocol::Opening;

/// What the socket of a client takes before it is full.
const SOCKET_BYTES: usize = 4096;

impl<A: Application> ShardThread<A> {
    /// Does what there is to do, without waiting. Nothing times out.
    pub(crate) fn step(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.poll.poll(&mut events, Some(Duration::ZERO))?;
        let mut shard = self.shard();
        shard.ticks = Ticks::new(Instant::now());
        shard.take_turn(&events, true);
        Ok(())
    }

    /// Lets a client come to this thread.
    pub(crate) fn let_join(&self, joining: Joining) {
        self.inbox.command(Command::Join(Box::new(joining)));
    }

    /// Tells all clients how far they are.
    pub(crate) fn beat_all(&mut self) {
        let mut shard = self.shard();
        let keys: Vec<usize> = shard.sessions.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| shard.beat(key));
    }

    /// How many subscriptions brought what a client has missed, since that went out.
    pub(crate) fn resumed(&self) -> usize {
        self.shard().much
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.shard().sessions.len()
    }

    fn shard(&self) -> MutexGuard<'_, Shard<A>> {
        self.shard.lock().expect("no turn has panicked")
    }
}

/// A client that a test plays, whose socket takes little before it is full.
pub(crate) fn connect(opening: Opening) -> io::Result<(UnixStream, Joining)> {
    let (client, server) = UnixStream::pair()?;
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    SockRef::from(&server).set_send_buffer_size(SOCKET_BYTES)?;
    let stream = mio::net::TcpStream::from_std(TcpStream::from(OwnedFd::from(server)));
    let connection = Connection { stream, response: Vec::new(), permit: Permit::for_fuzzing() };
    let address = (Ipv4Addr::LOCALHOST, 1).into();
    Ok((client, Joining { address, path: "/".to_owned(), headers: Vec::new(), opening, connection }))
}

/// A text message as a client sends it.
pub(crate) fn message(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = match text.len() {
        short @ ..126 => vec![0x81, 0x80 | short as u8],
        _ => vec![0x81, 0x80 | 126, length[0], length[1]],
    };
    // A mask of zeros leaves the text as it is.
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
