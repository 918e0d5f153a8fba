//! Where the reference gets its events: a queue directory that it follows by inotify, or lines over TCP.

use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::fs::inotify;
use rustix::io::Errno;

use crate::directory::{Directory, is_entry};
use crate::message;
use crate::publisher::{split_line, timestamp};

#[derive(Debug)]
pub(super) enum Input {
    Queue { directory: Directory, inotify: OwnedFd, more: bool },
    Tcp { listener: TcpListener, token: Token, stream: Option<TcpStream>, buffer: Vec<u8>, kept: usize, more: bool },
}

impl Input {
    /// Follows a directory. Its events have the token.
    pub(super) fn queue(path: &Path, registry: &Registry, token: Token) -> anyhow::Result<Input> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&inotify, path, inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO)?;
        registry.register(&mut SourceFd(&inotify.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Input::Queue { directory: Directory::open(path)?, inotify, more: false })
    }

    /// Listens for a publisher. Its events have the token.
    pub(super) fn tcp(registry: &Registry, token: Token) -> anyhow::Result<Input> {
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Input::Tcp { listener, token, stream: None, buffer: vec![0; 256 * 1024], kept: 0, more: false })
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Input::Queue { .. } => None,
            Input::Tcp { listener, .. } => listener.local_addr().ok(),
        }
    }

    /// Whether the last read has left something.
    pub(super) fn has_more(&self) -> bool {
        match self {
            Input::Queue { more, .. } | Input::Tcp { more, .. } => *more,
        }
    }

    /// Hands over the events that have arrived, a limited part of them at a time: the text that plain clients receive,
    /// and the channels, none if it is for all.
    pub(super) fn read(&mut self, registry: &Registry, take: &mut impl FnMut(&str, &[&str])) -> anyhow::Result<()> {
        match self {
            Input::Queue { directory, inotify, more } => {
                *more = read_names(directory, inotify, take)?;
                Ok(())
            }
            Input::Tcp { listener, token, stream, buffer, kept, more } => {
                if stream.is_none() {
                    let (mut accepted, _) = listener.accept().context("no publisher")?;
                    registry.register(&mut accepted, *token, Interest::READABLE)?;
                    *stream = Some(accepted);
                }
                let Some(stream) = stream else { return Ok(()) };
                *more = read_lines(stream, buffer, kept, take)?;
                Ok(())
            }
        }
    }
}

/// Reads the events of one buffer of names. Returns whether there are more.
fn read_names(
    directory: &mut Directory,
    inotify: &OwnedFd,
    take: &mut impl FnMut(&str, &[&str]),
) -> anyhow::Result<bool> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); 32 * 1024];
    let mut names = inotify::Reader::new(inotify.as_fd(), &mut buffer);
    loop {
        match names.next() {
            Ok(event) => {
                if let Some(name) = event.file_name().filter(|name| is_entry(name)) {
                    directory.take(name, |event| take(&event.text(), event.channels.as_deref().unwrap_or_default()))?;
                }
            }
            Err(Errno::AGAIN) => return Ok(false),
            Err(errno) => return Err(errno).context("cannot read names"),
        }
        if names.is_buffer_empty() {
            return Ok(true);
        }
    }
}

/// Reads one buffer of lines. Returns whether there are more.
fn read_lines(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    kept: &mut usize,
    take: &mut impl FnMut(&str, &[&str]),
) -> anyhow::Result<bool> {
    let read = match stream.read(&mut buffer[*kept..]) {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        Err(error) => return Err(error).context("the connection of the publisher broke"),
    };
    let filled = *kept + read;
    let timestamp = timestamp();
    let mut begin = 0;
    while let Some(length) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
        let (channel, payload) = split_line(std::str::from_utf8(&buffer[begin..begin + length])?);
        take(&message::text(payload, timestamp), channel.as_slice());
        begin += length + 1;
    }
    buffer.copy_within(begin..filled, 0);
    *kept = filled - begin;
    Ok(read > 0)
}
