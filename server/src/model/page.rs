//! A client as its page sees it, and what it may expect.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::order::{CHANNELS, EVERYBODY, Order};
use super::wire::Wire;
use super::{Broken, broken};
use crate::hub::shard::stepping::message;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Url,
    Sse,
    Native,
}

/// What a page knows and has. It can be saved, and restored later.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// The position of each channel.
    pub(super) positions: HashMap<usize, String>,
    /// When the page was rendered.
    pub(super) moment: Option<String>,
    /// Up to here in the order, it has everything of a channel or was told.
    floors: HashMap<usize, usize>,
    /// All events that it got.
    got: HashSet<u64>,
    /// Those since it was last told that it may have missed some.
    fresh: HashSet<u64>,
}

/// A connection.
pub(super) struct Connection {
    pub(super) wire: Wire,
    /// What the client asked to go on after.
    after: Option<String>,
    /// All of that, with what it asked for later.
    asked_after: HashSet<String>,
    welcomed: bool,
    /// The channels that were answered.
    answered: Vec<usize>,
    /// What was asked for and is not answered: a channel, and whether with a position.
    asked: VecDeque<(usize, bool)>,
    /// The place of the last event.
    last: usize,
    /// Which event for everybody a plain client gets next.
    next_plain: NextPlain,
}

/// Which event a plain client gets next, of those of this process.
#[derive(Debug, Clone, Copy)]
enum NextPlain {
    /// It has got none yet. The first is at the earliest the next one when it connected, and at the latest the next one
    /// when it had read its response.
    Unknown { earliest: usize, latest: Option<usize> },
    /// This one.
    Known(usize),
}

pub(super) struct Page {
    pub(super) kind: Kind,
    /// Its channels, or everybody, that are in its URL.
    pub(super) url: Vec<usize>,
    pub(super) memory: Memory,
    pub(super) saved: Option<Memory>,
    pub(super) connection: Option<Connection>,
    pub(super) recovered: u64,
    pub(super) gaps: u64,
}

impl Page {
    pub(super) fn new(kind: Kind, url: Vec<usize>) -> Page {
        let (memory, saved, connection) = (Memory::default(), None, None);
        Page { kind, url, memory, saved, connection, recovered: 0, gaps: 0 }
    }

    /// Begins anew, with a page that was rendered at a moment.
    pub(super) fn render(&mut self, moment: Duration, order: &Order) {
        let floor = order.before(moment);
        self.memory = Memory::default();
        self.memory.floors = (0..=EVERYBODY).map(|channel| (channel, floor)).collect();
    }

    pub(super) fn opened(&mut self, wire: Wire, after: Option<String>, next_plain: usize) {
        self.connection = Some(Connection {
            wire,
            asked_after: after.iter().cloned().collect(),
            after,
            welcomed: false,
            answered: Vec::new(),
            asked: VecDeque::new(),
            last: 0,
            next_plain: NextPlain::Unknown { earliest: next_plain, latest: None },
        });
    }

    /// Whether a command can be sent, and a channel that it does not have on this connection.
    pub(super) fn may_ask_for(&self, channel: usize) -> bool {
        self.kind == Kind::Native
            && self.connection.as_ref().is_some_and(|connection| {
                connection.welcomed && connection.asked.iter().all(|(asked, _)| *asked != channel)
            })
    }

    /// Subscribes a channel, after a position if there is one.
    pub(super) fn ask_for(&mut self, channel: usize, after: Option<&str>) {
        let Some(connection) = &mut self.connection else { return };
        let after_json = after.map(|after| format!(r#","after":"{after}""#)).unwrap_or_default();
        connection
            .wire
            .send(&message(&format!(r#"{{"type":"subscribe","channel":"{}"{after_json}}}"#, CHANNELS[channel])));
        connection.asked.push_back((channel, after.is_some()));
        connection.asked_after.extend(after.map(str::to_owned));
    }

    /// Reads up to so many bytes, and checks what comes. `plain`: what plain clients get of this process.
    pub(super) fn read(&mut self, most: usize, order: &Order, plain: &[u64], now: Duration) -> Result<usize, Broken> {
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let messages = connection.wire.read(most);
        if let NextPlain::Unknown { latest: latest @ None, .. } = &mut connection.next_plain
            && connection.wire.has_response
        {
            *latest = Some(plain.len());
        }
        for message in &messages {
            match self.kind {
                Kind::Plain => self.on_plain(message, plain)?,
                Kind::Url | Kind::Sse | Kind::Native => self.on_message(message, order, now)?,
            }
        }
        if self.connection.as_ref().is_some_and(|connection| connection.wire.has_ended) {
            self.connection = None;
        }
        Ok(messages.len())
    }

    fn on_plain(&mut self, message: &Value, plain: &[u64]) -> Result<(), Broken> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let is_it = |event: &u64| message["payload"].as_u64() == Some(*event);
        let expected = match connection.next_plain {
            NextPlain::Unknown { earliest, latest } => earliest..=latest.unwrap_or(earliest),
            NextPlain::Known(next) => next..=next,
        };
        let Some(index) = expected.clone().find(|index| plain.get(*index).is_some_and(is_it)) else {
            return broken("PLAIN", format_args!("{message} is none of {expected:?} of {plain:?}"));
        };
        connection.next_plain = NextPlain::Known(index + 1);
        Ok(())
    }

    fn on_message(&mut self, message: &Value, order: &Order, now: Duration) -> Result<(), Broken> {
        let id = message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}"));
        if message["event"].is_string() {
            let index = self.on_event(message, order)?;
            return self.move_to(id, index, order, now);
        }
        let index = order.index(id)?;
        let recovered = message["recovered"].as_bool();
        match message["type"].as_str() {
            Some("welcome") => self.on_welcome(index, recovered)?,
            Some("subscribed") => self.on_subscribed(message, index, recovered, order)?,
            Some("gap") => {
                let answered = self.connection.as_ref().map(|connection| connection.answered.clone());
                self.tell(&answered.unwrap_or_default(), index);
            }
            Some("heartbeat" | "pong") => {}
            _ => return broken("MESSAGE", message),
        }
        self.move_to(id, index, order, now)
    }

    fn on_welcome(&mut self, index: usize, recovered: Option<bool>) -> Result<(), Broken> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.welcomed = true;
        connection.answered.clone_from(&self.url);
        let url = self.url.clone();
        match (connection.after.is_some(), recovered) {
            (false, None) => self.tell(&url, index),
            // The block of a stream does not say so.
            (true, Some(true)) => self.recovered += 1,
            (true, None) if self.kind == Kind::Sse => self.recovered += 1,
            (true, Some(false)) => {
                self.gaps += 1;
                self.tell(&url, index);
            }
            other => return broken("WELCOME", format_args!("{other:?}")),
        }
        Ok(())
    }

    fn on_subscribed(
        &mut self,
        message: &Value,
        index: usize,
        recovered: Option<bool>,
        order: &Order,
    ) -> Result<(), Broken> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let Some((channel, has_after)) = connection.asked.pop_front() else { return broken("ANSWER", message) };
        if message["channels"] != serde_json::json!([CHANNELS[channel]]) {
            return broken("ANSWER", format_args!("{message} for {channel}"));
        }
        let is_new = !connection.answered.contains(&channel);
        if is_new {
            connection.answered.push(channel);
        }
        match (has_after, recovered) {
            (false, None) if is_new => self.tell(&[channel], index),
            (false, None) => {}
            (true, Some(true)) => {
                self.recovered += 1;
                let mut last = 0;
                for event in message["events"].as_array().into_iter().flatten() {
                    let place = self.got(event, order)?;
                    if place <= last {
                        return broken("ORDER", format_args!("{event} in {message}"));
                    }
                    last = place;
                }
            }
            (true, Some(false)) => {
                self.gaps += 1;
                self.tell(&[channel], index);
            }
            other => return broken("ANSWER", format_args!("{other:?}")),
        }
        Ok(())
    }

    /// An event that came by itself. Returns its place.
    fn on_event(&mut self, message: &Value, order: &Order) -> Result<usize, Broken> {
        let index = self.got(message, order)?;
        let Some(connection) = &mut self.connection else { return Ok(index) };
        if index <= connection.last {
            return broken("ORDER", format_args!("{message} behind {}", connection.last));
        }
        connection.last = index;
        Ok(index)
    }

    fn got(&mut self, message: &Value, order: &Order) -> Result<usize, Broken> {
        let Some(payload) = message["payload"].as_u64() else { return broken("MESSAGE", message) };
        let place = order.place(payload, message["id"].as_str().unwrap_or_default())?;
        self.memory.got.insert(payload);
        let connection = self.connection.as_ref();
        let (answered, after) = connection
            .map(|connection| (connection.answered.as_slice(), connection.asked_after.len()))
            .unwrap_or_default();
        if !order.queued[&payload].channels.iter().any(|channel| answered.contains(channel)) {
            return broken("NOT FOR IT", message);
        }
        // Where channels were asked for with different positions, an event of several may come again.
        if !self.memory.fresh.insert(payload) && after < 2 {
            return broken("REPEAT", message);
        }
        Ok(place)
    }

    /// It may have missed something of channels up to a place, and knows that.
    fn tell(&mut self, channels: &[usize], index: usize) {
        self.memory.fresh.clear();
        self.memory.floors.extend(channels.iter().map(|channel| (*channel, index)));
    }

    /// A message moves the position of all channels that were answered: up to there it must have everything.
    fn move_to(&mut self, id: &str, index: usize, order: &Order, now: Duration) -> Result<(), Broken> {
        let Some(connection) = &self.connection else { return Ok(()) };
        for channel in &connection.answered {
            let floor = self.memory.floors.entry(*channel).or_default();
            let missed = (*floor..index).find(|place| {
                order.is_owed(*place, *channel, now) && !self.memory.got.contains(&order.published[*place].payload)
            });
            if let Some(place) = missed {
                let event = &order.published[place];
                return broken("SILENT LOSS", format_args!("of {event:?} on {channel} before {id} ({index})"));
            }
            *floor = index.max(*floor);
            self.memory.positions.insert(*channel, id.to_owned());
        }
        Ok(())
    }

    /// Checks that nothing is missing up to the end.
    pub(super) fn check_end(&self, order: &Order, plain: &[u64]) -> Result<(), Broken> {
        let Some(connection) = &self.connection else { return broken("CLOSED", format_args!("{:?}", self.kind)) };
        if self.kind == Kind::Plain {
            return match connection.next_plain {
                NextPlain::Known(next) | NextPlain::Unknown { latest: Some(next), .. } if next == plain.len() => Ok(()),
                next => broken("BEHIND", format_args!("a plain client at {next:?} of {}", plain.len())),
            };
        }
        let behind = connection.answered.iter().find(|channel| self.memory.floors[channel] < order.published.len());
        match behind {
            Some(channel) => broken("BEHIND", format_args!("{:?} on {channel}: {:?}", self.kind, self.memory.floors)),
            None if !connection.welcomed || !connection.asked.is_empty() => broken("BEHIND", "no answer"),
            None => Ok(()),
        }
    }
}
