//! What `publish()` was given, by arguments or by an item of `publishAll()`: converted, checked and encoded. Only
//! memory that PHP frees by itself is held until all code of PHP that this calls is done.

use std::collections::HashSet;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::{ZendStr, Zval};
use queue::{ChannelName, MAX_CHANNELS_OF_EVENT, MAX_EXCEPT_BYTES, MAX_KEY_BYTES, NewEvent, Priority, Uid};

use crate::arguments::{self, Origin, Text, Thrown};
use crate::channel_names::{self, quoted};
use crate::json::{self, Refusal};
use crate::zend;

/// The parameters of `publish()`, in their order.
pub(super) const NAMES: [&str; 7] = ["event", "payload", "channel", "ttl", "priority", "key", "except"];
const EVENT: usize = 0;
const PAYLOAD: usize = 1;
const CHANNEL: usize = 2;
const TTL: usize = 3;
const PRIORITY: usize = 4;
const KEY: usize = 5;
const EXCEPT: usize = 6;

/// The values of the constants of the class.
pub(super) const PRIORITIES: [(&str, &str, Priority); 3] =
    [("HIGH", "high", Priority::High), ("NORMAL", "normal", Priority::Normal), ("LOW", "low", Priority::Low)];

/// An event whose values were checked.
pub(super) struct Given {
    name: ZBox<ZendStr>,
    payload: ZBox<ZendStr>,
    channel: Channel,
    ttl: Option<u64>,
    priority: Priority,
    key: Option<Text>,
    except: Option<Text>,
}

/// Who shall get it.
enum Channel {
    Everybody,
    One(Text),
    /// An array.
    List(Zval),
}

impl Given {
    /// Converts and checks the values, which are in the order of [`NAMES`], and encodes name and payload.
    pub(super) fn read(values: [Option<&Zval>; 7], origin: impl Fn(usize) -> Origin + Copy) -> Result<Given, Refusal> {
        let null = Zval::null();
        let event = arguments::text(values[EVENT].unwrap_or(&null), origin(EVENT))?;
        let channel = read_channel(values[CHANNEL], origin(CHANNEL))?;
        let ttl = read_ttl(values[TTL], origin(TTL))?;
        let priority = read_priority(values[PRIORITY], origin(PRIORITY))?;
        let key = read_text(values[KEY], origin(KEY), MAX_KEY_BYTES)?;
        let except = read_text(values[EXCEPT], origin(EXCEPT), MAX_EXCEPT_BYTES)?;
        let name = json::encode_name(event.value())?;
        let payload = json::encode_payload(values[PAYLOAD].unwrap_or(&null))?;
        Ok(Given { name, payload, channel, ttl, priority, key, except })
    }

    /// Whether it is an event as `queueEvent()` queues it: for everybody, and with nothing else to say.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.channel, Channel::Everybody)
            && self.ttl.is_none()
            && self.priority == Priority::Normal
            && self.key.is_none()
            && self.except.is_none()
    }

    pub(super) fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.payload.as_bytes()
    }

    pub(super) fn priority(&self) -> Priority {
        self.priority
    }

    /// The channels, none of them twice; none for everybody.
    pub(super) fn channels(&self) -> Result<Option<Vec<ChannelName>>, Refusal> {
        // They were checked; but a reference in the list may have got another value.
        self.channel.names().map_err(|wrong| Refusal::Reason(format!("the channel {}", wrong.rule())))
    }

    /// The event as the queue takes it.
    pub(super) fn as_new<'a>(&'a self, uid: Uid, channels: Option<&'a [ChannelName]>) -> NewEvent<'a> {
        NewEvent {
            uid,
            name_json: self.name(),
            payload_json: self.payload(),
            channels,
            ttl: self.ttl,
            key: as_str(self.key.as_ref()),
            except: as_str(self.except.as_ref()),
        }
    }
}

fn as_str(text: Option<&Text>) -> Option<&str> {
    text.and_then(|text| str::from_utf8(text.as_bytes()).ok())
}

/// Why a value is not the name of one channel, or of several.
enum WrongChannel {
    Name(String),
    Count(usize),
    /// An element of the list has this type.
    NotAString(String),
}

impl WrongChannel {
    fn rule(&self) -> String {
        match self {
            WrongChannel::Name(rule) => rule.clone(),
            WrongChannel::Count(0) => "must name at least one channel (null is for every client), [] given".to_owned(),
            WrongChannel::Count(count) => {
                format!("must name at most {MAX_CHANNELS_OF_EVENT} channels, {count} given")
            }
            WrongChannel::NotAString(got) => format!("must be a list of strings, {got} given in it"),
        }
    }
}

impl Channel {
    fn names(&self) -> Result<Option<Vec<ChannelName>>, WrongChannel> {
        let list = match self {
            Channel::Everybody => return Ok(None),
            Channel::One(name) => {
                return Ok(Some(vec![channel_names::parse(name.as_bytes()).map_err(WrongChannel::Name)?]));
            }
            Channel::List(list) => list.array(),
        };
        let count = list.map_or(0, |list| list.len());
        if !(1..=MAX_CHANNELS_OF_EVENT).contains(&count) {
            return Err(WrongChannel::Count(count));
        }
        let mut names = Vec::with_capacity(count);
        let mut seen = HashSet::with_capacity(count);
        for value in list.iter().flat_map(|list| list.values()) {
            let value = value.dereference();
            let text = value.zend_str().ok_or_else(|| WrongChannel::NotAString(zend::type_name(value)))?;
            if seen.insert(text.as_bytes()) {
                names.push(channel_names::parse(text.as_bytes()).map_err(WrongChannel::Name)?);
            }
        }
        Ok(Some(names))
    }
}

fn read_channel(value: Option<&Zval>, origin: Origin) -> Result<Channel, Thrown> {
    let channel = match value {
        None => Channel::Everybody,
        Some(value) if value.is_null() => Channel::Everybody,
        Some(value) if value.is_array() => Channel::List(value.shallow_clone()),
        Some(value) => Channel::One(arguments::to_text(value, origin, "array|string|null")?),
    };
    match channel.names() {
        Ok(_) => Ok(channel),
        Err(wrong) => Err(origin.throw_value_error(&wrong.rule())),
    }
}

fn read_ttl(value: Option<&Zval>, origin: Origin) -> Result<Option<u64>, Thrown> {
    match arguments::optional_int(value, origin)? {
        None => Ok(None),
        Some(ttl) if ttl >= 1 => Ok(Some(ttl.unsigned_abs())),
        Some(ttl) => Err(origin.throw_value_error(&format!("must be at least 1 (seconds), {ttl} given"))),
    }
}

fn read_priority(value: Option<&Zval>, origin: Origin) -> Result<Priority, Thrown> {
    let Some(value) = value else { return Ok(Priority::Normal) };
    let text = arguments::text(value, origin)?;
    let known = PRIORITIES.iter().find(|(_, value, _)| value.as_bytes() == text.as_bytes());
    known.map(|(_, _, priority)| *priority).ok_or_else(|| {
        let given = quoted(text.as_bytes());
        origin.throw_value_error(&format!(
            "must be EventQueue::HIGH (\"high\"), EventQueue::NORMAL (\"normal\") or EventQueue::LOW (\"low\"), \
             {given} given"
        ))
    })
}

fn read_text(value: Option<&Zval>, origin: Origin, max_bytes: usize) -> Result<Option<Text>, Thrown> {
    let Some(text) = arguments::optional_text(value, origin)? else { return Ok(None) };
    let bytes = text.as_bytes();
    if !(1..=max_bytes).contains(&bytes.len()) {
        let rule = format!("must have 1 to {max_bytes} bytes, {} given", bytes.len());
        return Err(origin.throw_value_error(&rule));
    }
    if str::from_utf8(bytes).is_err() {
        return Err(origin.throw_value_error(&format!("must be valid UTF-8, {} given", quoted(bytes))));
    }
    Ok(Some(text))
}
