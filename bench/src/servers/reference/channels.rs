//! Channels of the reference: the subscribers of each, and what of a turn is theirs. The frames of a turn are grouped by
//! channel, and every subscriber is written to once.

use std::collections::HashMap;

use slab::Slab;

use super::client::Client;
use crate::frames;
use crate::message;

/// The place of what is for everybody: clients with channels get it with an id, so not from the shared log.
const EVERYBODY: usize = 0;

#[derive(Debug)]
pub(super) struct Channels {
    places: HashMap<Box<str>, usize>,
    channels: Vec<Channel>,
    /// Places of the channels with frames of this turn.
    touched: Vec<usize>,
    /// Keys of the clients that get some of them.
    due: Vec<usize>,
    /// The number of the last event.
    seq: u64,
    /// Memory for one text, and for what one client gets by several channels.
    text: String,
    merged: Vec<u8>,
}

#[derive(Debug, Default)]
struct Channel {
    name: Option<Box<str>>,
    /// Keys of clients.
    subscribers: Vec<usize>,
    /// The frames of this turn, and for each the number of its event and where it ends.
    frames: Vec<u8>,
    ends: Vec<(u64, usize)>,
}

impl Channels {
    pub(super) fn new() -> Channels {
        Channels {
            places: HashMap::new(),
            channels: vec![Channel::default()],
            touched: Vec::new(),
            due: Vec::new(),
            seq: 0,
            text: String::new(),
            merged: Vec::new(),
        }
    }

    /// The number of the last event.
    pub(super) fn head(&self) -> u64 {
        self.seq
    }

    /// Subscribes a client to channels and to what is for everybody. Returns their places.
    pub(super) fn subscribe(&mut self, client: usize, names: &[&str]) -> Vec<usize> {
        let mut places = vec![EVERYBODY];
        for name in names {
            let place = *self.places.entry((*name).into()).or_insert_with(|| {
                self.channels.push(Channel { name: Some((*name).into()), ..Channel::default() });
                self.channels.len() - 1
            });
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.iter().for_each(|place| self.channels[*place].subscribers.push(client));
        places
    }

    /// Forgets a client that had channels at these places.
    pub(super) fn leave(&mut self, client: usize, places: &[usize]) {
        places.iter().for_each(|place| self.channels[*place].subscribers.retain(|subscriber| *subscriber != client));
    }

    /// Takes an event, for everybody if it has no channels.
    pub(super) fn append(&mut self, text: &str, names: &[&str]) {
        self.seq += 1;
        if names.is_empty() {
            self.append_at(EVERYBODY, text);
        }
        for name in names {
            if let Some(place) = self.places.get(*name).copied() {
                self.append_at(place, text);
            }
        }
    }

    fn append_at(&mut self, place: usize, text: &str) {
        let channel = &mut self.channels[place];
        if channel.subscribers.is_empty() {
            return;
        }
        if channel.ends.is_empty() {
            self.touched.push(place);
        }
        self.text.clear();
        self.text.push_str(text);
        message::append_id(&mut self.text, self.seq, channel.name.as_deref());
        frames::encode_text(self.text.as_bytes(), &mut channel.frames);
        channel.ends.push((self.seq, channel.frames.len()));
    }

    /// Writes the frames of this turn to their subscribers.
    pub(super) fn write(&mut self, clients: &mut Slab<Client>) {
        for place in &self.touched {
            for key in &self.channels[*place].subscribers {
                let Some(subscriber) = clients.get_mut(*key).and_then(Client::subscriber) else { continue };
                if subscriber.due.is_empty() {
                    self.due.push(*key);
                }
                subscriber.due.push(*place);
            }
        }
        for key in self.due.drain(..) {
            let Some(client) = clients.get_mut(key) else { continue };
            let due = client.subscriber().map(|subscriber| std::mem::take(&mut subscriber.due)).unwrap_or_default();
            let bytes = match due.as_slice() {
                [place] => &self.channels[*place].frames,
                places => {
                    merge(&self.channels, places, &mut self.merged);
                    &self.merged
                }
            };
            client.send(bytes);
            if let Some(subscriber) = client.subscriber() {
                subscriber.due = due;
                subscriber.due.clear();
            }
        }
        for place in self.touched.drain(..) {
            self.channels[place].frames.clear();
            self.channels[place].ends.clear();
        }
    }
}

/// Copies the frames of several channels in the order of their events, each event once.
fn merge(channels: &[Channel], places: &[usize], merged: &mut Vec<u8>) {
    let mut pieces = Vec::new();
    for place in places {
        let mut begin = 0;
        for (seq, end) in &channels[*place].ends {
            pieces.push((*seq, &channels[*place].frames[begin..*end]));
            begin = *end;
        }
    }
    pieces.sort_by_key(|(seq, _)| *seq);
    pieces.dedup_by_key(|(seq, _)| *seq);
    merged.clear();
    pieces.iter().for_each(|(_, frame)| merged.extend_from_slice(frame));
}
