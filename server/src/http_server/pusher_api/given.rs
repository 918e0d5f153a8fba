//! Events as they stand in a body: read strictly, key by key, so that who sends something else is told which key it is.

use std::fmt;

use queue::{ChannelName, MAX_CHANNELS_OF_EVENT, MAX_EXCEPT_BYTES, NewEvent, Uid};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::attributes::Attributes;
use super::refused::Refused;
use crate::protocol::pusher;

/// Most events of a batch.
pub(super) const MAX_BATCH: usize = 10;
/// Longest name of an event, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// Characters of a name that an answer repeats.
const MAX_SHOWN: usize = 100;

/// An event to publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    uid: Uid,
    /// The name as JSON.
    name: String,
    /// The payload as JSON.
    payload: String,
    pub(super) channels: Vec<ChannelName>,
    except: Option<String>,
    /// What is asked about its channels.
    pub(super) info: Attributes,
}

/// The keys of an event. All others are ignored.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    channels: Option<&'a RawValue>,
    #[serde(borrow)]
    socket_id: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
}

/// Whether an event may name several channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    OneOrSeveral,
    One,
}

/// The event of a body.
pub(super) fn event(body: &[u8]) -> Result<Given, Refused> {
    read(object(body, "the body")?, Names::OneOrSeveral)
}

/// The events of the body of a batch, in their order.
pub(super) fn batch(body: &[u8]) -> Result<Vec<Given>, Refused> {
    let Batch { batch } = object(body, "the body")?;
    let batch = batch.ok_or_else(|| missing("batch"))?;
    let AtMost::<_, MAX_BATCH> { items, is_more } = value::<AtMost<&RawValue, MAX_BATCH>>(batch, "batch", "a list")?;
    if is_more {
        return Err(Refused::bad(format!("a batch has at most {MAX_BATCH} events: send several batches")));
    }
    if items.is_empty() {
        return Err(Refused::bad("batch is empty: it has 1 to 10 events"));
    }
    let event = |(index, item): (usize, &&RawValue)| {
        let event = object(item.get().as_bytes(), "it").and_then(|keys| read(keys, Names::One));
        event.map_err(|refused| Refused { sentence: format!("batch[{index}]: {}", refused.sentence), ..refused })
    };
    items.iter().enumerate().map(event).collect()
}

impl Given {
    /// As the queue takes it.
    pub(super) fn to_new_event(&self) -> NewEvent<'_> {
        NewEvent {
            uid: self.uid,
            name_json: self.name.as_bytes(),
            payload_json: self.payload.as_bytes(),
            channels: Some(&self.channels),
            ttl: None,
            key: None,
            except: self.except.as_deref(),
        }
    }
}

fn read(keys: Keys<'_>, names: Names) -> Result<Given, Refused> {
    let name: String = text(keys.name.ok_or_else(|| missing("name"))?, "name")?;
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(Refused::bad(format!("name has 1 to {MAX_NAME_BYTES} bytes, and this one {}", name.len())));
    }
    if pusher::event::is_reserved_name(&name) {
        return Err(Refused::bad("name begins with pusher: or pusher_internal:, which are the protocol's own"));
    }
    let data = keys.data.ok_or_else(|| missing("data"))?;
    if !data.get().starts_with('"') {
        return Err(Refused::bad("data must be a string: encode the value as JSON first, and send that text"));
    }
    let channels = channels(&keys, names)?;
    if channels.len() > 1 && channels.iter().any(pusher::channel::is_encrypted) {
        return Err(Refused::bad("an event for an encrypted channel has no other channel: send one for each"));
    }
    let info = match keys.info {
        Some(info) => Attributes::parse(&text(info, "info")?)?,
        None => Attributes::default(),
    };
    if info.cache {
        return Err(Refused::bad("info of an event is a list of user_count and subscription_count"));
    }
    Ok(Given {
        uid: Uid::new(),
        name: serde_json::Value::from(name).to_string(),
        payload: payload(text(data, "data")?),
        channels,
        except: keys.socket_id.map(socket_id).transpose()?,
        info,
    })
}

/// What is JSON stays as it is. All else becomes a string.
fn payload(data: String) -> String {
    if serde_json::from_str::<&RawValue>(&data).is_ok() { data } else { serde_json::Value::from(data).to_string() }
}

fn channels(keys: &Keys<'_>, names: Names) -> Result<Vec<ChannelName>, Refused> {
    let several = keys.channels.filter(|_| names == Names::OneOrSeveral);
    match (keys.channel, several) {
        (Some(_), Some(_)) => Err(Refused::bad("give channel or channels, and not both")),
        (Some(one), None) => Ok(vec![channel(&text(one, "channel")?)?]),
        (None, None) if names == Names::One => Err(missing("channel")),
        (None, None) => Err(missing("channels")),
        (None, Some(several)) => {
            let AtMost::<_, MAX_CHANNELS_OF_EVENT> { items, is_more } = value(several, "channels", "a list of names")?;
            if is_more {
                let sentence = format!("channels has at most {MAX_CHANNELS_OF_EVENT} names: send several events");
                return Err(Refused::bad(sentence));
            }
            let mut channels = Vec::with_capacity(items.len());
            for item in items {
                let channel = channel(&text(item, "each of channels")?)?;
                if !channels.contains(&channel) {
                    channels.push(channel);
                }
            }
            if channels.is_empty() {
                return Err(Refused::bad("channels is empty: name at least one"));
            }
            Ok(channels)
        }
    }
}

/// The name of a channel that Pusher clients can have.
pub(super) fn channel(name: &str) -> Result<ChannelName, Refused> {
    pusher::channel::parse(name).ok_or_else(|| {
        let shown: String = name.chars().take(MAX_SHOWN).collect();
        Refused::bad(format!(
            "{shown:?} is no channel: a name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ;"
        ))
    })
}

/// The connection that is left out, by its socket id.
fn socket_id(given: &RawValue) -> Result<String, Refused> {
    let id = text(given, "socket_id")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match id.split_once('.') {
        Some((server, session)) if is_number(server) && is_number(session) && id.len() <= MAX_EXCEPT_BYTES => Ok(id),
        _ => {
            Err(Refused::bad("socket_id must be two numbers with a dot between, as pusher.connection.socket_id has it"))
        }
    }
}

/// What an object says.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8], what: &str) -> Result<T, Refused> {
    // A list would be taken for the values in their order.
    let is_object = json.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice(json) {
        Ok(read) if is_object => Ok(read),
        Err(error) if !error.is_data() => Err(Refused::bad(format!("{what} is no JSON: {error}"))),
        Err(error) if is_object => Err(Refused::bad(format!("{what} cannot be understood: {error}"))),
        _ => Err(Refused::bad(format!("{what} must be a JSON object"))),
    }
}

fn text(json: &RawValue, key: &str) -> Result<String, Refused> {
    owned(json, key, "a string")
}

fn owned<T: DeserializeOwned>(json: &RawValue, key: &str, kind: &str) -> Result<T, Refused> {
    value(json, key, kind)
}

fn value<'a, T: Deserialize<'a>>(json: &'a RawValue, key: &str, kind: &str) -> Result<T, Refused> {
    serde_json::from_str(json.get()).map_err(|_| Refused::bad(format!("{key} must be {kind}")))
}

fn missing(key: &str) -> Refused {
    Refused::bad(format!("the key {key} is missing"))
}

/// The first items of a list: a longer one is read to its end, and takes no memory.
#[derive(Debug)]
struct AtMost<T, const N: usize> {
    items: Vec<T>,
    is_more: bool,
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AtMost<T, N>, D::Error> {
        struct Items<T, const N: usize>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AtMost<T, N>, A::Error> {
                let mut items = Vec::new();
                while items.len() < N {
                    match list.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(AtMost { items, is_more: false }),
                    }
                }
                let mut is_more = false;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    is_more = true;
                }
                Ok(AtMost { items, is_more })
            }
        }

        deserializer.deserialize_seq(Items(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: &str) -> String {
        let refused = event(body.as_bytes()).expect_err(body);
        assert_eq!(refused.status, 400, "{body}");
        refused.sentence
    }

    fn payload_of(data: &str) -> String {
        let body = json!({ "name": "a", "channel": "c", "data": data }).to_string();
        event(body.as_bytes()).expect("an event").payload
    }

    #[test]
    fn an_event_has_what_the_body_says() {
        let body = r##" {"name":"ä\"b","data":"{\"a\": 1.0}","channels":["a","#server-to-user-7","a"],"socket_id":"1.2",
            "info":"user_count, subscription_count","other":{"x":[]}} "##;
        let given = event(body.as_bytes()).expect("an event");
        assert_eq!((given.name.as_str(), given.payload.as_str()), (r#""ä\"b""#, r#"{"a": 1.0}"#));
        assert_eq!(given.channels.iter().map(ChannelName::as_str).collect::<Vec<_>>(), ["a", "#server-to-user-7"]);
        assert_eq!(given.except.as_deref(), Some("1.2"));
        assert_eq!(given.info, Attributes { user_count: true, subscription_count: true, cache: false });
        let one = event(br#"{"name":"a","data":"","channel":"private-encrypted-a","socket_id":null}"#).expect("one");
        assert_eq!((one.payload.as_str(), one.channels.len(), one.except), (r#""""#, 1, None));
    }

    #[test]
    fn data_that_is_json_stays_as_it_is() {
        for json in ["{}", "[1, 2.50]", "\"a\"", "5", "null", "true", "{\"a\":1e999}"] {
            assert_eq!(payload_of(json), json);
        }
        for text in ["", "a", "{", "{}x", "01", "'a'", "\u{0}", "NaN"] {
            assert_eq!(payload_of(text), serde_json::Value::from(text).to_string());
        }
    }

    #[test]
    fn who_sends_something_else_is_told_the_key() {
        for (body, told) in [
            ("", "no JSON"),
            ("{", "no JSON"),
            ("[]", "must be a JSON object"),
            (r#"["a","b"]"#, "must be a JSON object"),
            ("5", "must be a JSON object"),
            ("{}", "name is missing"),
            (r#"{"name":1,"data":"","channel":"c"}"#, "name must be a string"),
            (r#"{"name":"","data":"","channel":"c"}"#, "1 to 200 bytes"),
            (r#"{"name":"a","name":"b","data":"","channel":"c"}"#, "name"),
            (r#"{"name":"pusher:a","data":"","channel":"c"}"#, "protocol's own"),
            (r#"{"name":"pusher_internal:a","data":"","channel":"c"}"#, "protocol's own"),
            (r#"{"name":"a","channel":"c"}"#, "data is missing"),
            (r#"{"name":"a","data":{},"channel":"c"}"#, "data must be a string"),
            (r#"{"name":"a","data":"\ud800","channel":"c"}"#, "data must be a string"),
            (r#"{"name":"a","data":""}"#, "channels is missing"),
            (r#"{"name":"a","data":"","channels":[]}"#, "channels is empty"),
            (r#"{"name":"a","data":"","channels":"c"}"#, "channels must be a list"),
            (r#"{"name":"a","data":"","channels":[1]}"#, "each of channels must be a string"),
            (r#"{"name":"a","data":"","channel":["c"]}"#, "channel must be a string"),
            (r#"{"name":"a","data":"","channel":"c","channels":["c"]}"#, "not both"),
            (r#"{"name":"a","data":"","channel":"a b"}"#, r#""a b" is no channel"#),
            (r#"{"name":"a","data":"","channel":"a:b"}"#, r#""a:b" is no channel"#),
            (r#"{"name":"a","data":"","channel":"a/b"}"#, r#""a/b" is no channel"#),
            (r##"{"name":"a","data":"","channel":"#a"}"##, r##""#a" is no channel"##),
            (r#"{"name":"a","data":"","channels":["private-encrypted-a","b"]}"#, "encrypted"),
            (r#"{"name":"a","data":"","channel":"c","socket_id":"1"}"#, "socket_id must be"),
            (r#"{"name":"a","data":"","channel":"c","socket_id":"1.2.3"}"#, "socket_id must be"),
            (r#"{"name":"a","data":"","channel":"c","socket_id":1.2}"#, "socket_id must be"),
            (r#"{"name":"a","data":"","channel":"c","info":"users"}"#, "info is a list"),
            (r#"{"name":"a","data":"","channel":"c","info":"cache"}"#, "info of an event"),
            (r#"{"name":"a","data":"","channel":"c","info":["user_count"]}"#, "info must be a string"),
        ] {
            let sentence = refused(body);
            assert!(sentence.contains(told), "{body}: {sentence}");
        }
        assert!(refused(&json!({ "name": "x".repeat(201), "data": "", "channel": "c" }).to_string()).contains("201"));
        let long = refused(&json!({ "name": "x", "data": "", "channel": "c".repeat(5000) }).to_string());
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn channels_and_events_of_a_batch_are_counted() {
        let body = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("c{number}")).collect();
            json!({ "name": "a", "data": "", "channels": names }).to_string()
        };
        assert_eq!(event(body(100).as_bytes()).expect("an event").channels.len(), 100);
        assert!(refused(&body(101)).contains("at most 100"));
        let of =
            |count| json!({ "batch": vec![json!({ "name": "a", "data": "", "channel": "c" }); count] }).to_string();
        assert_eq!(batch(of(10).as_bytes()).expect("a batch").len(), 10);
        for (body, told) in [
            (of(11), "at most 10"),
            (of(0), "batch is empty"),
            ("{}".to_owned(), "batch is missing"),
            (r#"{"batch":{}}"#.to_owned(), "batch must be a list"),
            (r#"{"batch":[1]}"#.to_owned(), "batch[0]: it must be a JSON object"),
            (
                r#"{"batch":[{"name":"a","data":"","channels":["c"]}]}"#.to_owned(),
                "batch[0]: the key channel is missing",
            ),
        ] {
            let refused = batch(body.as_bytes()).expect_err(&body);
            assert!(refused.status == 400 && refused.sentence.contains(told), "{body}: {refused:?}");
        }
    }
}
