//! What clients of all kinds receive, in one form.

use serde_json::Value;
use testkit::Block;

/// The channels of events. Each event that is not for everybody is also in the last, which keeps most.
pub(crate) const CHANNELS: [&str; 6] = ["a", "b", "c", "d", "short", "all"];
/// The last of them.
pub(crate) const ALL: usize = CHANNELS.len() - 1;

/// A position: the epoch in an id, and the number. Or an entry of the stream of several broadcasters: its milliseconds,
/// its number in them, and what its sender drew for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    pub(crate) drawn: Option<u32>,
}

impl Id {
    pub(crate) fn parse(text: &str) -> Id {
        let parts: Vec<&str> = text.split('-').collect();
        let id = match parts[..] {
            [epoch, number] => u64::from_str_radix(epoch, 16)
                .ok()
                .and_then(|epoch| Some(Id { epoch, number: number.parse().ok()?, drawn: None })),
            [millis, number, drawn] => u32::from_str_radix(drawn, 16).ok().and_then(|drawn| {
                Some(Id { epoch: millis.parse().ok()?, number: number.parse().ok()?, drawn: Some(drawn) })
            }),
            _ => None,
        };
        id.unwrap_or_else(|| panic!("{text} is no id"))
    }

    pub(crate) fn text(self) -> String {
        match self.drawn {
            None => format!("{:016x}-{}", self.epoch, self.number),
            Some(drawn) => format!("{}-{}-{drawn:08x}", self.epoch, self.number),
        }
    }

    /// Whether it is another one, or behind it in the same order.
    pub(crate) fn has_reached(self, other: Id) -> bool {
        match (self.drawn, other.drawn) {
            (None, None) => self.epoch == other.epoch && self.number >= other.number,
            (Some(_), Some(_)) => (self.epoch, self.number) >= (other.epoch, other.number),
            _ => false,
        }
    }
}

/// The number of a producer, and of its event.
pub(crate) type EventKey = (u32, u32);

/// An event as a client got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) event: EventKey,
    /// Plain clients get none.
    pub(crate) id: Option<Id>,
    /// The channel that brought it, by its place in [`CHANNELS`].
    pub(crate) channel: Option<usize>,
}

/// A message.
#[derive(Debug)]
pub(crate) enum Message {
    Welcome {
        recovered: Option<bool>,
        id: Id,
    },
    Subscribed {
        recovered: Option<bool>,
        id: Id,
        events: Vec<Arrival>,
    },
    Heartbeat(Id),
    /// Something before this was lost.
    Gap(Id),
    Event(Arrival),
}

impl Message {
    pub(crate) fn of_text(text: &str) -> Message {
        let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
        if json["event"].is_string() {
            return Message::Event(arrival(&json));
        }
        let id = || Id::parse(json["id"].as_str().unwrap_or_else(|| panic!("no id in {text}")));
        let recovered = json["recovered"].as_bool();
        match json["type"].as_str() {
            Some("welcome") => Message::Welcome { recovered, id: id() },
            Some("heartbeat") => Message::Heartbeat(id()),
            Some("gap") => Message::Gap(id()),
            Some("subscribed") => {
                let events = json["events"].as_array().into_iter().flatten().map(arrival).collect();
                Message::Subscribed { recovered, id: id(), events }
            }
            _ => panic!("unexpected {text}"),
        }
    }

    /// Of a block of a stream. `None`: it says nothing about events.
    pub(crate) fn of_block(text: &str, has_asked: bool) -> Option<Message> {
        let block = Block::parse(text);
        let id = block.id.as_deref().map(Id::parse);
        if let (Some(_), Some(id)) = (block.retry, id) {
            let is_gap = block.event.as_deref() == Some("gap");
            assert!(has_asked || !is_gap, "a gap without a question: {text:?}");
            return Some(Message::Welcome { recovered: has_asked.then_some(!is_gap), id });
        }
        if block.event.as_deref() == Some("gap") {
            return id.map(Message::Gap);
        }
        if block.data.is_none() {
            return id.map(Message::Heartbeat);
        }
        let arrival = arrival(&block.json());
        assert_eq!(arrival.id, id, "{text:?}");
        Some(Message::Event(arrival))
    }
}

fn arrival(json: &Value) -> Arrival {
    let number = |index: usize| json["payload"][index].as_u64().unwrap_or_else(|| panic!("unexpected {json}")) as u32;
    let place = |name: &str| CHANNELS.iter().position(|channel| *channel == name).expect("a channel of ours");
    Arrival {
        event: (number(0), number(1)),
        id: json["id"].as_str().map(Id::parse),
        channel: json["channel"].as_str().map(place),
    }
}
