//! The simple way to read a queue directory: list it once, then open, read, parse and unlink file by file. The
//! reference does this, and the drain of a backlog is compared with it.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Context;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::frames;

#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
    buffer: Vec<u8>,
}

/// What is in a file, or in a line of it.
#[derive(Debug, Deserialize)]
pub(crate) struct PlainEvent<'a> {
    #[serde(borrow)]
    pub(crate) event: &'a RawValue,
    #[serde(borrow)]
    pub(crate) payload: &'a RawValue,
    pub(crate) timestamp: i64,
    /// None: it is for all.
    #[serde(borrow, default)]
    pub(crate) channels: Option<Vec<&'a str>>,
}

impl PlainEvent<'_> {
    /// The text that plain clients receive.
    pub(crate) fn text(&self) -> String {
        let PlainEvent { event, payload, timestamp, .. } = self;
        format!(r#"{{"event":{event},"payload":{payload},"timestamp":{timestamp}}}"#)
    }
}

/// Whether a file is an entry, by its name.
pub(crate) fn is_entry(name: &CStr) -> bool {
    name.to_bytes().ends_with(b".json") || has_lines(name)
}

/// Whether every line of an entry is an event.
fn has_lines(name: &CStr) -> bool {
    name.to_bytes().ends_with(b".events")
}

impl Directory {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Directory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty()).context("cannot open the directory")?;
        Ok(Directory { descriptor, buffer: vec![0; 64 * 1024] })
    }

    /// The names of all entries, in their order.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<CString>> {
        let mut names = Vec::new();
        for file in Dir::read_from(&self.descriptor)? {
            let file = file?;
            if is_entry(file.file_name()) {
                names.push(file.file_name().to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads, parses and deletes one entry.
    pub(crate) fn take(&mut self, name: &CStr, mut then: impl FnMut(PlainEvent<'_>)) -> anyhow::Result<()> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()).context("cannot open an entry")?;
        let read = rustix::io::read(&file, &mut self.buffer[..]).context("cannot read an entry")?;
        let content = &self.buffer[..read];
        let parse = |json| serde_json::from_slice(json).context("an entry is not JSON");
        if has_lines(name) {
            for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                then(parse(line)?);
            }
        } else {
            then(parse(content)?);
        }
        drop(file);
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()).context("cannot delete an entry")
    }
}

/// Appends the frame that clients receive for an event.
pub(crate) fn append_frame(event: &PlainEvent<'_>, log: &mut Vec<u8>) {
    frames::encode_text(event.text().as_bytes(), log);
}
