//! A connection through the proxy: two sockets, and what waits to be written.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::event::{PollFd, PollFlags};

use super::Mode;
use crate::wait::TIMEOUT;

/// A client, and the server that it talks to. Neither socket blocks.
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    requests: Direction,
    replies: Direction,
}

/// One direction of a connection.
#[derive(Default)]
struct Direction {
    /// What was read and not yet written. Nothing is read meanwhile.
    pending: Vec<u8>,
    has_ended: bool,
    is_end_passed_on: bool,
}

impl Connection {
    /// Connects an accepted client with the server.
    pub(super) fn open(client: TcpStream, server: SocketAddr) -> io::Result<Connection> {
        let server = TcpStream::connect_timeout(&server, TIMEOUT)?;
        for socket in [&client, &server] {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
        }
        let (requests, replies) = (Direction::default(), Direction::default());
        Ok(Connection { client, server, requests, replies })
    }

    /// What has to happen before it can go on. A socket that is not waited for is not among it: its end would be
    /// reported all the time.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = PollFd<'_>> {
        let requests = self.requests.waits_for(&self.client, &self.server);
        let replies = self.replies.waits_for(&self.server, &self.client);
        requests.into_iter().chain(replies)
    }

    /// Forwards what can be forwarded at once. Returns whether the connection goes on.
    pub(super) fn forward(&mut self, mode: Mode) -> bool {
        self.try_to_forward(mode).is_ok() && !(self.requests.has_ended && self.replies.has_ended)
    }

    fn try_to_forward(&mut self, mode: Mode) -> io::Result<()> {
        self.requests.read(&self.client)?;
        self.requests.write(&self.server)?;
        self.replies.read(&self.server)?;
        if mode == Mode::DropsReplies {
            self.replies.pending.clear();
        }
        self.replies.write(&self.client)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that another test starts has these descriptors for a moment.
        for socket in [&self.client, &self.server] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Direction {
    fn waits_for<'a>(&self, from: &'a TcpStream, to: &'a TcpStream) -> Option<PollFd<'a>> {
        if !self.pending.is_empty() {
            return Some(PollFd::new(to, PollFlags::OUT));
        }
        (!self.has_ended).then(|| PollFd::new(from, PollFlags::IN))
    }

    /// Reads if nothing waits to be written.
    fn read(&mut self, from: &TcpStream) -> io::Result<()> {
        if self.has_ended || !self.pending.is_empty() {
            return Ok(());
        }
        let mut buffer = [0; 16_384];
        if let Some(read) = unless_blocked((&*from).read(&mut buffer))? {
            self.pending.extend_from_slice(&buffer[..read]);
            self.has_ended = read == 0;
        }
        Ok(())
    }

    /// Writes what can be written at once, and after all of it the end.
    fn write(&mut self, to: &TcpStream) -> io::Result<()> {
        if !self.pending.is_empty()
            && let Some(written) = unless_blocked((&*to).write(&self.pending))?
        {
            self.pending.drain(..written);
        }
        if self.has_ended && !self.is_end_passed_on {
            to.shutdown(Shutdown::Write)?;
            self.is_end_passed_on = true;
        }
        Ok(())
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
