//! As much of an HTTP client as one kept-alive connection to a web server needs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, ensure};

/// A kept-alive connection.
#[derive(Debug)]
pub(super) struct Http {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Http {
    pub(super) fn connect(socket: &Path) -> anyhow::Result<Http> {
        let stream = UnixStream::connect(socket).context("the web server does not listen")?;
        Ok(Http { stream, received: Vec::new() })
    }

    /// Sends a request and returns the body of its answer.
    pub(super) fn get(&mut self, target: &str) -> anyhow::Result<String> {
        write!(self.stream, "GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        self.received.clear();
        let mut buffer = [0; 4096];
        loop {
            let read = self.stream.read(&mut buffer)?;
            ensure!(read > 0, "the web server closed the connection");
            self.received.extend_from_slice(&buffer[..read]);
            let text = std::str::from_utf8(&self.received)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            ensure!(head.starts_with("HTTP/1.1 200"), "the web server answers {text}");
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.context("an answer without length")?.trim().parse()?;
            if body.len() >= length {
                return Ok(body.to_owned());
            }
        }
    }
}
