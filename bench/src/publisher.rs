//! The source of messages: files in a queue directory, lines to a TCP port, or several connections to a foreign server.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use queue::Writer;

use crate::lanes::{Lanes, Protocol};
use crate::message::{self, NAME_JSON};

/// Publishes numbered messages of one size.
#[derive(Debug)]
pub(crate) struct Publisher {
    into: Into,
    bytes: usize,
    next: u64,
    /// The entry of the latest message.
    entry: Option<PathBuf>,
}

#[derive(Debug)]
enum Into {
    /// Every message goes into each.
    Queues(Vec<(Writer, PathBuf)>),
    /// Lines that wait for the next flush, and the streams that they are written to.
    Tcp(Vec<u8>, Vec<TcpStream>),
    /// Whole messages, because a foreign server does not make messages from payloads.
    Lanes(Lanes),
}

impl Publisher {
    /// A producer like the extension.
    pub(crate) fn to_queue(directory: &Path, bytes: usize) -> Publisher {
        Publisher::to_queues([directory], bytes)
    }

    /// The same for several queues.
    pub(crate) fn to_queues<'a>(directories: impl IntoIterator<Item = &'a Path>, bytes: usize) -> Publisher {
        let writers = directories.into_iter().map(|directory| (Writer::new(directory), directory.to_owned())).collect();
        Publisher { into: Into::Queues(writers), bytes, next: 0, entry: None }
    }

    /// Lines of `PAYLOAD`, each an event's payload.
    pub(crate) fn to_tcp(feeds: &[SocketAddr], bytes: usize) -> anyhow::Result<Publisher> {
        let connect = |feed: &SocketAddr| -> anyhow::Result<TcpStream> {
            let stream = TcpStream::connect(feed).context("cannot reach the server's feed")?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let streams = feeds.iter().map(connect).collect::<anyhow::Result<_>>()?;
        Ok(Publisher { into: Into::Tcp(Vec::new(), streams), bytes, next: 0, entry: None })
    }

    /// Messages over several connections to a foreign server.
    pub(crate) fn to_foreign(address: SocketAddr, protocol: Protocol, bytes: usize) -> anyhow::Result<Publisher> {
        Ok(Publisher { into: Into::Lanes(Lanes::connect(address, protocol)?), bytes, next: 0, entry: None })
    }

    /// Messages published so far.
    pub(crate) fn published(&self) -> u64 {
        self.next
    }

    /// Whether the server has deleted the entry of the latest message, as it does when the frame was written to all.
    pub(crate) fn is_acked(&self) -> bool {
        self.entry.as_ref().is_none_or(|entry| !entry.exists())
    }

    /// Publishes so many messages, or fewer if a foreign server has to answer first.
    pub(crate) fn publish(&mut self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count {
            let (number, bytes) = (self.next, self.bytes);
            let payload = || message::payload_json(number, bytes);
            match &mut self.into {
                Into::Lanes(lanes) => {
                    if !lanes.take(number, || message::text(&payload(), timestamp()))? {
                        break;
                    }
                }
                Into::Queues(writers) => {
                    let payload = payload();
                    for (writer, directory) in writers {
                        let name = writer.enqueue(NAME_JSON.as_bytes(), payload.as_bytes());
                        self.entry = Some(directory.join(name.context("cannot queue an event")?.as_os_str()));
                    }
                }
                Into::Tcp(lines, _) => {
                    lines.extend_from_slice(payload().as_bytes());
                    lines.push(b'\n');
                }
            }
            self.next += 1;
        }
        match &mut self.into {
            Into::Queues(_) => {}
            Into::Tcp(lines, streams) => {
                for stream in streams {
                    stream.write_all(lines).context("the server's feed broke")?;
                }
                lines.clear();
            }
            Into::Lanes(lanes) => lanes.flush()?,
        }
        Ok(())
    }
}

/// Seconds since the epoch, as in events.
pub(crate) fn timestamp() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
