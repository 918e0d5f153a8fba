//! Where messages come from: files in a queue directory, or lines to a TCP port.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use queue::Writer;

use crate::message::{self, NAME_JSON};

/// Publishes numbered messages of one size.
#[derive(Debug)]
pub(crate) struct Publisher {
    into: Into,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
enum Into {
    Queue(Writer),
    /// Lines that wait for the next flush, and where they go.
    Tcp(Vec<u8>, TcpStream),
}

impl Publisher {
    /// A producer as the extension is one.
    pub(crate) fn to_queue(directory: &Path, bytes: usize) -> Publisher {
        Publisher { into: Into::Queue(Writer::new(directory)), bytes, next: 0 }
    }

    /// Lines of `PAYLOAD`, each an event's payload.
    pub(crate) fn to_tcp(address: SocketAddr, bytes: usize) -> anyhow::Result<Publisher> {
        let stream = TcpStream::connect(address).context("cannot reach the server's feed")?;
        stream.set_nodelay(true)?;
        Ok(Publisher { into: Into::Tcp(Vec::new(), stream), bytes, next: 0 })
    }

    /// Messages published so far.
    pub(crate) fn published(&self) -> u64 {
        self.next
    }

    /// Publishes so many messages.
    pub(crate) fn publish(&mut self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count {
            let payload = message::payload_json(self.next, self.bytes);
            self.next += 1;
            match &mut self.into {
                Into::Queue(writer) => {
                    writer.enqueue(NAME_JSON.as_bytes(), payload.as_bytes()).context("cannot queue an event")?;
                }
                Into::Tcp(lines, _) => {
                    lines.extend_from_slice(payload.as_bytes());
                    lines.push(b'\n');
                }
            }
        }
        if let Into::Tcp(lines, stream) = &mut self.into {
            stream.write_all(lines).context("the server's feed broke")?;
            lines.clear();
        }
        Ok(())
    }
}

/// Seconds since the epoch, as events carry them.
pub(crate) fn timestamp() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
