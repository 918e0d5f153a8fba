//! A connection to one Redis server, for all that the `redis` crate does with one: commands, pipelines, scripts.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use redis::{Cmd, ConnectionLike, Parser, RedisError, RedisResult, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::address::Login;
use super::socket::Socket;

/// How long an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the other side may read nothing while we write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that an answer may have: 128 of the largest entries of a usual configuration, and some more.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// The name of our connections in `CLIENT LIST`.
const NAME: &str = "fastapi-broadcaster";

/// A connection that is logged in. It asks for RESP2, in which nothing comes that was not asked for.
///
/// After an error of the socket, timeouts included, nobody knows which answer belongs to which command. So the
/// connection is broken then, and takes no further commands.
pub(crate) struct Connection {
    socket: Socket,
    parser: Parser,
    db: u32,
    is_broken: bool,
    max_answer_bytes: u64,
    server: String,
}

/// What woke [`Connection::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// An answer begins to arrive, or the connection has ended: [`Connection::receive`] tells which.
    Answer,
    /// The other descriptor can be read. There may be an answer too.
    Other,
    /// Nothing came in the time.
    Timeout,
}

impl Connection {
    /// Logs in. An answer of the server that is an error is returned as one.
    pub(super) fn log_in(socket: Socket, server: String, login: Option<&Login>, db: u32) -> RedisResult<Connection> {
        let (parser, max_answer_bytes) = (Parser::new(), MAX_ANSWER_BYTES);
        let mut connection = Connection { socket, parser, db, is_broken: false, max_answer_bytes, server };
        if let Some(Login { user, password }) = login {
            redis::cmd("AUTH").arg(user.as_deref()).arg(password.as_bytes()).exec(&mut connection)?;
        }
        match redis::cmd("PING").exec(&mut connection) {
            // Who may not ping may have other rights.
            Err(error) if error.code() == Some("NOPERM") => {}
            pinged => pinged?,
        }
        if db != 0 {
            redis::cmd("SELECT").arg(db).exec(&mut connection)?;
        }
        // Not every server lets every user do that, and it is only for people who look.
        let _: Value = connection.req_command(redis::cmd("CLIENT").arg("SETNAME").arg(NAME))?;
        connection.socket.set_read_timeout(READ_TIMEOUT)?;
        connection.socket.set_write_timeout(WRITE_TIMEOUT)?;
        Ok(connection)
    }

    /// Which server it is, for the log: its host and port, or its socket.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// How long an answer may take.
    #[cfg(test)]
    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    /// How many bytes an answer may have.
    #[cfg(test)]
    pub(super) fn set_max_answer_bytes(&mut self, bytes: u64) {
        self.max_answer_bytes = bytes;
    }

    /// Sends commands whose answers [`Connection::receive`] gives, one for each, in their order.
    pub(crate) fn send(&mut self, packed: &[u8]) -> RedisResult<()> {
        if self.is_broken {
            return Err(io::Error::from(ErrorKind::NotConnected).into());
        }
        let sent = self.socket.write_all(packed).and_then(|()| self.socket.flush());
        self.is_broken = sent.is_err();
        sent.map_err(RedisError::from)
    }

    /// The next answer. One that is an error is a value: see [`Value::extract_error`].
    pub(crate) fn receive(&mut self) -> RedisResult<Value> {
        if self.is_broken {
            return Err(io::Error::from(ErrorKind::NotConnected).into());
        }
        // What the parser has read of the next answer counts for this one, which does not matter.
        let mut bounded = (&mut self.socket).take(self.max_answer_bytes);
        let answer = self.parser.parse_value(&mut bounded);
        let is_too_large = bounded.limit() == 0;
        self.is_broken = answer.is_err();
        answer.map_err(|error| if is_too_large { self.too_large() } else { error })
    }

    fn too_large(&self) -> RedisError {
        let problem = format!("an answer has more than {} bytes", self.max_answer_bytes);
        io::Error::new(ErrorKind::FileTooLarge, problem).into()
    }

    /// Waits for the answer to a command that was sent, for another descriptor, or for the end of the time. All answers
    /// to earlier commands must have been received: what the parser holds is not seen here.
    pub(crate) fn wait(&mut self, other: BorrowedFd<'_>, timeout: Duration) -> io::Result<Woken> {
        let woken = self.wait_unless_it_breaks(other, timeout);
        self.is_broken |= woken.is_err();
        woken
    }

    fn wait_unless_it_breaks(&mut self, other: BorrowedFd<'_>, timeout: Duration) -> io::Result<Woken> {
        let end = Instant::now() + timeout;
        if self.socket.holds_bytes()? {
            return Ok(Woken::Answer);
        }
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            let watched = [self.socket.as_fd(), other];
            let mut watched = watched.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
            match poll(&mut watched, Some(&left)) {
                Ok(0) => return Ok(Woken::Timeout),
                Err(Errno::INTR) => continue,
                woken => woken?,
            };
            let [is_answer, is_other] = watched.map(|descriptor| !descriptor.revents().is_empty());
            if is_other {
                return Ok(Woken::Other);
            }
            if is_answer && self.socket.has_bytes()? {
                return Ok(Woken::Answer);
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).field("is_broken", &self.is_broken).finish()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, packed: &[u8]) -> RedisResult<Value> {
        self.send(packed)?;
        self.receive()
    }

    fn req_packed_commands(&mut self, packed: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.send(packed)?;
        let before = (0..offset).map(|_| self.receive()).collect::<RedisResult<Vec<Value>>>()?;
        let answers = (0..count).map(|_| self.receive()).collect::<RedisResult<Vec<Value>>>()?;
        // A transaction has answers before that to EXEC. The first that is an error says why the whole is refused: EXEC
        // itself often says only that it is.
        if offset > 0 {
            let last = answers.iter().filter(|answer| matches!(answer, Value::ServerError(_))).cloned();
            before.into_iter().chain(last).try_for_each(|answer| answer.extract_error().map(drop))?;
        }
        Ok(answers)
    }

    fn req_command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.req_packed_command(&command.get_packed_command())
    }

    fn get_db(&self) -> i64 {
        self.db.into()
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        !self.is_broken
    }
}
