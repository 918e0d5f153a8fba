//! The source of messages: files in a queue directory, records in its journal, lines to a TCP port, or several
//! connections to a foreign server.

use std::cell::RefCell;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use queue::{
    AppendOptions, ChannelName, DEFAULT_MAX_EVENT_BYTES, Durability, FileName, JournalWriter, NewEvent, Priority, Uid,
    Writer,
};

use crate::channels::Channels;
use crate::lanes::{Lanes, Protocol};
use crate::message::{self, NAME_JSON};
use crate::nats;

/// Publishes numbered messages of one size.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Other publishers may use it as well.
    into: Rc<RefCell<Into>>,
    bytes: usize,
    /// Without, every message is for all.
    channels: Option<Channels>,
    /// Messages in an entry of a queue. Only those for all can share one.
    per_entry: u64,
    next: u64,
    /// The entry of the latest message.
    entry: Option<PathBuf>,
}

#[derive(Debug)]
enum Into {
    /// Every message goes into each.
    Queues(Vec<(Writer, PathBuf)>),
    /// The same, as records of the journal. Several writers take turns.
    Journal(Vec<JournalWriter>, PathBuf),
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
        Publisher::new(Into::Queues(writers), bytes)
    }

    /// So many producers that append to the journal of a queue. Its consumer reads that.
    pub(crate) fn to_journal(directory: &Path, writers: usize, bytes: usize) -> Publisher {
        let writers = (0..writers).map(|_| JournalWriter::new()).collect();
        Publisher::new(Into::Journal(writers, directory.to_owned()), bytes)
    }

    /// Lines of `PAYLOAD`, each an event's payload, or of `CHANNEL PAYLOAD`.
    pub(crate) fn to_tcp(feeds: &[SocketAddr], bytes: usize) -> anyhow::Result<Publisher> {
        let connect = |feed: &SocketAddr| -> anyhow::Result<TcpStream> {
            let stream = TcpStream::connect(feed).context("cannot reach the server's feed")?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let streams = feeds.iter().map(connect).collect::<anyhow::Result<_>>()?;
        Ok(Publisher::new(Into::Tcp(Vec::new(), streams), bytes))
    }

    /// Messages over several connections to a foreign server.
    pub(crate) fn to_foreign(address: SocketAddr, protocol: Protocol, bytes: usize) -> anyhow::Result<Publisher> {
        Ok(Publisher::new(Into::Lanes(Lanes::connect(address, protocol)?), bytes))
    }

    fn new(into: Into, bytes: usize) -> Publisher {
        Publisher { into: Rc::new(RefCell::new(into)), bytes, channels: None, per_entry: 1, next: 0, entry: None }
    }

    /// The same with messages for channels.
    pub(crate) fn for_channels(self, channels: Channels) -> Publisher {
        Publisher { channels: Some(channels), ..self }
    }

    /// The same with so many messages in an entry of a queue, as PHP's `EventQueue` writes them.
    pub(crate) fn in_entries_of(self, per_entry: u64) -> Publisher {
        Publisher { per_entry, ..self }
    }

    /// Another one over the same connections, whose messages for channels have numbers of their own.
    pub(crate) fn beside(&self, channels: Channels, bytes: usize) -> Publisher {
        let (into, channels) = (self.into.clone(), Some(channels));
        Publisher { into, bytes, channels, per_entry: 1, next: 0, entry: None }
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
        if self.per_entry > 1 {
            return self.publish_entries(count);
        }
        let into = &mut *self.into.borrow_mut();
        for _ in 0..count {
            let number = self.next;
            let channel = self.channels.map(|channels| channels.name(channels.place(number)));
            let bytes = self.bytes.saturating_sub(channel.as_deref().map_or(0, message::channel_bytes));
            let payload = || message::payload_json(number, bytes);
            match into {
                Into::Lanes(lanes) => {
                    // Messages of a channel are in one order if there are several channels, and so are those of all
                    // channels of a client.
                    let several = self.channels.filter(|channels| channels.count > 1);
                    let place = several.map(|channels| if channels.each > 1 { 0 } else { channels.place(number) });
                    let subject = channel.as_deref().unwrap_or(nats::SUBJECT);
                    let text = || {
                        let mut text = message::text(&payload(), timestamp());
                        if channel.is_some() {
                            message::append_id(&mut text, number, channel.as_deref());
                        }
                        text
                    };
                    if !lanes.take(place.unwrap_or(number), subject, text)? {
                        break;
                    }
                }
                Into::Queues(writers) => {
                    let payload = payload();
                    for (writer, directory) in writers {
                        let name = enqueue(writer, &payload, channel.as_deref())?;
                        self.entry = Some(directory.join(name.as_os_str()));
                    }
                }
                Into::Journal(writers, directory) => {
                    let turn = number as usize % writers.len();
                    append(&mut writers[turn], directory, &payload(), channel.as_deref())?;
                }
                Into::Tcp(lines, _) => {
                    if let Some(channel) = channel {
                        lines.extend_from_slice(channel.as_bytes());
                        lines.push(b' ');
                    }
                    lines.extend_from_slice(payload().as_bytes());
                    lines.push(b'\n');
                }
            }
            self.next += 1;
        }
        match into {
            Into::Queues(_) | Into::Journal(..) => {}
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

    /// Publishes so many messages for all, several in each entry.
    fn publish_entries(&mut self, count: u64) -> anyhow::Result<()> {
        let Into::Queues(writers) = &*self.into.borrow() else { bail!("only a queue has entries") };
        let end = self.next + count;
        while self.next < end {
            let numbers = self.next..end.min(self.next + self.per_entry);
            let payloads: Vec<_> = numbers.clone().map(|number| message::payload_json(number, self.bytes)).collect();
            let events: Vec<_> = payloads.iter().map(|payload| new_event(payload, None)).collect();
            for (writer, directory) in writers {
                let name = writer.enqueue_events(&events, Priority::Normal).context("cannot queue events")?;
                self.entry = Some(directory.join(name.as_os_str()));
            }
            self.next = numbers.end;
        }
        Ok(())
    }
}

/// Writes an entry as the extension does.
fn enqueue(writer: &Writer, payload: &str, channel: Option<&str>) -> anyhow::Result<FileName> {
    let channel: Option<ChannelName> = channel.map(str::parse).transpose()?;
    let queued = match &channel {
        None => writer.enqueue(NAME_JSON.as_bytes(), payload.as_bytes()),
        Some(channel) => {
            writer.enqueue_events(&[new_event(payload, Some(std::slice::from_ref(channel)))], Priority::Normal)
        }
    };
    queued.context("cannot queue an event")
}

/// Appends a record as the extension does.
pub(crate) fn append(
    writer: &mut JournalWriter,
    directory: &Path,
    payload: &str,
    channel: Option<&str>,
) -> anyhow::Result<()> {
    let channel: Option<ChannelName> = channel.map(str::parse).transpose()?;
    let options = AppendOptions {
        priority: Priority::Normal,
        durability: Durability::None,
        max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
    };
    let events = [new_event(payload, channel.as_ref().map(std::slice::from_ref))];
    writer.append(directory, &events, options).map(drop).context("cannot append an event")
}

fn new_event<'a>(payload: &'a str, channels: Option<&'a [ChannelName]>) -> NewEvent<'a> {
    let (name_json, payload_json) = (NAME_JSON.as_bytes(), payload.as_bytes());
    NewEvent { uid: Uid::new(), name_json, payload_json, channels, ttl: None, key: None, except: None }
}

/// The channel and the payload of a line, as servers read it that are fed over TCP.
pub(crate) fn split_line(line: &str) -> (Option<&str>, &str) {
    // A payload begins with a bracket, which no name of a channel has.
    match line.split_once(' ') {
        Some((channel, payload)) if !channel.starts_with('{') => (Some(channel), payload),
        _ => (None, line),
    }
}

/// Seconds since the epoch, as in events.
pub(crate) fn timestamp() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
