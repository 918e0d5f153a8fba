//! A journal without a broadcaster, and producers in processes of their own.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use queue::{Announcement, JournalWriter, Reader, ReaderOptions, Writer};
use rustix::fs::{FlockOperation, flock};

use crate::machine::monotonic_nanos;
use crate::message::{self, NAME_JSON};
use crate::publisher::append;

/// Makes a queue whose producers append to its journal.
pub(crate) fn make(path: &Path) -> anyhow::Result<()> {
    let reader = Reader::open(path, ReaderOptions::default())?;
    Announcement::new(1).write(reader.directory()).context("cannot announce a reader")
}

/// How many segments there are.
pub(crate) fn segments(path: &Path) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(path.join("journal")).context("no journal")?.count())
}

/// What a producer writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A file for each event.
    Directory,
    /// A record for each event, in a file of its own.
    Journal,
    /// A line for each event, in one file that all producers lock for each.
    Shared,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Directory => "directory",
            Form::Journal => "journal",
            Form::Shared => "shared",
        }
    }
}

/// A producer in a process of its own. It begins when its standard input ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Produce {
    form: Form,
    directory: PathBuf,
    events: u64,
    bytes: usize,
}

impl Produce {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut calls = Calls::open(self.form, &self.directory)?;
        let mut nanos = Vec::with_capacity(self.events as usize * size_of::<u32>());
        // The first call makes what is made only once.
        calls.call(&message::payload_json(0, self.bytes))?;
        println!("ready");
        std::io::stdin().read_to_end(&mut Vec::new())?;
        let begun = monotonic_nanos();
        for number in 1..=self.events {
            let payload = message::payload_json(number, self.bytes);
            let begun = Instant::now();
            calls.call(&payload)?;
            let took = u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX);
            nanos.extend_from_slice(&took.to_le_bytes());
        }
        println!("{begun} {}", monotonic_nanos());
        std::io::stdout().write_all(&nanos)?;
        Ok(())
    }
}

/// One way to queue an event.
enum Calls<'a> {
    Directory(Writer),
    Journal(Box<JournalWriter>, &'a Path),
    Shared(File),
}

impl Calls<'_> {
    fn open(form: Form, directory: &Path) -> anyhow::Result<Calls<'_>> {
        Ok(match form {
            Form::Directory => Calls::Directory(Writer::new(directory)),
            Form::Journal => Calls::Journal(Box::default(), directory),
            Form::Shared => Calls::Shared(File::options().append(true).create(true).open(directory.join("shared"))?),
        })
    }

    fn call(&mut self, payload: &str) -> anyhow::Result<()> {
        match self {
            Calls::Directory(writer) => {
                writer.enqueue(NAME_JSON.as_bytes(), payload.as_bytes()).map(drop).context("cannot queue an event")
            }
            Calls::Journal(writer, directory) => append(writer, directory, payload, None),
            Calls::Shared(file) => append_locked(file, payload),
        }
    }
}

/// The simple journal: one file, and a lock around each write.
fn append_locked(mut file: &File, payload: &str) -> anyhow::Result<()> {
    let line = message::text(payload, crate::publisher::timestamp()) + "\n";
    flock(file, FlockOperation::LockExclusive)?;
    let written = file.write_all(line.as_bytes());
    flock(file, FlockOperation::Unlock)?;
    written.context("cannot write")
}
