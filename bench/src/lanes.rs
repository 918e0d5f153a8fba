//! Publishing over several connections, one message after the other to each in turn, in the protocol of a foreign
//! server.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, ensure};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::pusher;

/// Connections of a publisher to a foreign server.
pub(crate) const LANES: usize = 16;

/// The protocol that a server takes messages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A line for each.
    Lines,
    /// A POST request for each; the next on a connection when the one before is answered.
    Http,
    Nats,
    /// A signed POST request for each, as with [`Protocol::Http`]. Sockudo closes the connection after each answer.
    Pusher,
    /// The same with several messages in a request.
    PusherBatches,
    Redis,
}

#[derive(Debug)]
pub(crate) struct Lanes {
    protocol: Protocol,
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    address: SocketAddr,
    stream: TcpStream,
    /// Bytes that wait for the next flush.
    out: Vec<u8>,
    /// Messages that wait to be in one request.
    batch: Vec<String>,
    /// The beginning of an answer.
    answer: Vec<u8>,
    unanswered: bool,
    /// The server sends nothing more on this connection.
    is_closed: bool,
}

impl Protocol {
    fn greeting(self) -> &'static str {
        match self {
            Protocol::Nats => "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n",
            Protocol::Lines | Protocol::Http | Protocol::Pusher | Protocol::PusherBatches | Protocol::Redis => "",
        }
    }

    fn wrap(self, subject: &str, text: &str, out: &mut Vec<u8>) {
        let length = text.len();
        let wrapped = match self {
            Protocol::Lines => format!("{text}\n"),
            Protocol::Http => {
                format!("POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n{text}")
            }
            Protocol::Nats => format!("PUB {subject} {length}\r\n{text}\r\n"),
            Protocol::Pusher | Protocol::PusherBatches => pusher::request(text),
            Protocol::Redis => {
                let bytes = subject.len();
                format!("*3\r\n$7\r\nPUBLISH\r\n${bytes}\r\n{subject}\r\n${length}\r\n{text}\r\n")
            }
        };
        out.extend_from_slice(wrapped.as_bytes());
    }
}

impl Lanes {
    pub(crate) fn connect(address: SocketAddr, protocol: Protocol) -> anyhow::Result<Lanes> {
        let connect = |_| -> anyhow::Result<Lane> {
            let mut stream = connect(address)?;
            stream.write_all(protocol.greeting().as_bytes())?;
            let (out, batch, answer) = (Vec::new(), Vec::new(), Vec::new());
            Ok(Lane { address, stream, out, batch, answer, unanswered: false, is_closed: false })
        };
        Ok(Lanes { protocol, lanes: (0..LANES).map(connect).collect::<anyhow::Result<_>>()? })
    }

    /// Takes a message for one of the connections, which its number chooses in turn, unless that one waits for an answer.
    /// Only NATS and Redis know subjects.
    pub(crate) fn take(&mut self, lane: u64, subject: &str, text: impl FnOnce() -> String) -> anyhow::Result<bool> {
        let lane = &mut self.lanes[lane as usize % LANES];
        if lane.unanswered && !lane.has_answer()? {
            return Ok(false);
        }
        if self.protocol == Protocol::PusherBatches {
            lane.unanswered = false;
            if lane.batch.len() == pusher::BATCH {
                return Ok(false);
            }
            lane.batch.push(text());
            return Ok(true);
        }
        lane.unanswered = matches!(self.protocol, Protocol::Http | Protocol::Pusher);
        self.protocol.wrap(subject, &text(), &mut lane.out);
        Ok(true)
    }

    /// Sends what was taken, and drops what the server sends unasked.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.batch.is_empty()) {
            lane.out.extend_from_slice(pusher::batch(&lane.batch).as_bytes());
            lane.batch.clear();
            lane.unanswered = true;
        }
        for lane in self.lanes.iter_mut().filter(|lane| !lane.out.is_empty()) {
            lane.stream.write_all(&lane.out).context("the server's feed broke")?;
            lane.out.clear();
            if !lane.unanswered {
                lane.receive()?;
                ensure!(!lane.is_closed, "the server closed its feed");
                lane.answer.clear();
            }
        }
        Ok(())
    }
}

impl Lane {
    fn has_answer(&mut self) -> anyhow::Result<bool> {
        self.receive()?;
        let text = std::str::from_utf8(&self.answer).context("an answer is not text")?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            ensure!(!self.is_closed, "the server closed its feed before an answer");
            return Ok(false);
        };
        ensure!(head.starts_with("HTTP/1.1 20"), "the server answers {text:?}");
        let length: usize = header(head, "content-length").context("an answer without length")?.parse()?;
        if body.len() < length {
            ensure!(!self.is_closed, "the server closed its feed within an answer");
            return Ok(false);
        }
        if self.is_closed || header(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            (self.stream, self.is_closed) = (connect(self.address)?, false);
        }
        self.answer.clear();
        Ok(true)
    }

    /// Reads what is there, without waiting.
    fn receive(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => {
                    self.is_closed = true;
                    return Ok(());
                }
                Ok((read, _)) => self.answer.extend_from_slice(&buffer[..read]),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno).context("the server's feed broke"),
            }
        }
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).context("cannot reach the server's feed")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A header of an answer.
fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
}
