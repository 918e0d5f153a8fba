//! One connection of an attacker. Never blocks.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::attack::kind::{Leaving, Reading, Script};
use crate::support::frames::{CLOSE, Incoming, PING, PONG_FRAME, close_code};

/// Writes before the other connections of the thread go on.
const WRITES_PER_TURN: usize = 4;
/// Reads before the other connections of the thread go on.
const READS_PER_TURN: usize = 4;
/// A paced reader reads no fewer bytes at once.
const LEAST_READ: usize = 256;
/// What the socket of one that reads little holds, and the size of its segments.
const SMALL_BUFFER: usize = 4096;
const SMALL_SEGMENT: u32 = 536;
/// The code for a connection that ended without a close frame.
pub(crate) const ABNORMAL: u16 = 1006;

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    since: Instant,
    sent: usize,
    received: usize,
    incoming: Incoming,
    code: Option<u16>,
}

/// How a connection ended.
pub(crate) enum End {
    /// The attacker ended it.
    Left,
    /// The server closed it, with a code.
    Closed(u16),
}

impl Connection {
    /// Begins to connect.
    pub(crate) fn open(address: SocketAddr, script: &Script) -> io::Result<Connection> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        // With the large segments of loopback the kernel would take megabytes for each of those that read little, and
        // what they do not read would not wait in the server.
        if script.reading != Reading::All {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
            socket.set_tcp_mss(SMALL_SEGMENT)?;
        }
        // A reset at its end: otherwise thousands of connections stay in TIME_WAIT.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&SockAddr::from(address)) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
            _ => Ok(Connection {
                stream: socket.into(),
                since: Instant::now(),
                sent: 0,
                received: 0,
                incoming: Incoming::new(false),
                code: None,
            }),
        }
    }

    /// What it waits for.
    pub(crate) fn interest(&self, script: &Script) -> PollFlags {
        let mut interest = PollFlags::empty();
        if script.reading == Reading::All {
            interest |= PollFlags::IN;
        }
        let sends = self.sent < script.opening.len() || !script.round.is_empty();
        if sends || script.leaving == Leaving::Connected {
            interest |= PollFlags::OUT;
        }
        interest
    }

    /// Does what it can. Returns how many bytes it sent, or how the connection ended.
    pub(crate) fn act(&mut self, ready: PollFlags, script: &Script) -> Result<usize, End> {
        let failed = ready.intersects(PollFlags::ERR | PollFlags::HUP);
        let reads = match script.reading {
            Reading::All => ready.contains(PollFlags::IN),
            Reading::Nothing => false,
            Reading::Paced(_) => true,
        };
        if failed || reads {
            self.read(script.reading)?;
        }
        if failed {
            return Err(self.closed());
        }
        if script.leaving == Leaving::Connected && ready.contains(PollFlags::OUT)
            || script.leaving == Leaving::Answered && self.received > 0
        {
            return Err(End::Left);
        }
        if ready.contains(PollFlags::OUT) { self.write(script) } else { Ok(0) }
    }

    fn write(&mut self, script: &Script) -> Result<usize, End> {
        let before = self.sent;
        for _ in 0..WRITES_PER_TURN {
            let next = match self.sent.checked_sub(script.opening.len()) {
                None => &script.opening[self.sent..],
                Some(_) if script.round.is_empty() => break,
                Some(after) => &script.round[after % script.round.len()..],
            };
            match self.stream.write(next) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    // Why it was closed may wait to be read.
                    self.read(Reading::All)?;
                    return Err(self.closed());
                }
            }
        }
        Ok(self.sent - before)
    }

    fn read(&mut self, reading: Reading) -> Result<(), End> {
        for _ in 0..READS_PER_TURN {
            let most = match reading {
                Reading::Paced(bytes) => {
                    let due = self.since.elapsed().as_secs_f64() * f64::from(bytes);
                    (due as usize).saturating_sub(self.received)
                }
                _ => usize::MAX,
            };
            if most < LEAST_READ {
                break;
            }
            let (mut code, mut pings) = (None, 0);
            let read = self.incoming.read(&mut self.stream, most, |opcode, payload| match opcode {
                CLOSE => code = Some(close_code(payload)),
                PING => pings += 1,
                _ => {}
            });
            self.code = code.or(self.code);
            // Others are in the middle of a frame, or send so much that no ping comes.
            if matches!(reading, Reading::Paced(_)) {
                for _ in 0..pings {
                    let _ = self.stream.write(&PONG_FRAME);
                }
            }
            match read {
                Ok(0) => return Err(self.closed()),
                Ok(read) => self.received += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(self.closed()),
            }
        }
        // A client that does not leave after a close frame is another attack, not one of these.
        self.code.map_or(Ok(()), |code| Err(End::Closed(code)))
    }

    fn closed(&self) -> End {
        End::Closed(self.code.unwrap_or(ABNORMAL))
    }
}
