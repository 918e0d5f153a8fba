//! What a client asks for in the query of its URL. Names and values are decoded first and judged then, so that an encoded
//! separator is a character like any other.

use std::collections::HashSet;

use queue::{ChannelName, InvalidChannel};
use thiserror::Error;
use url::form_urlencoded;

use crate::http_server::refusal::Refusal;
use crate::protocol::after::{MAX_ID_BYTES, is_position};
use crate::target::{self, TOKEN};

/// The parameters that mean something. Others are those of the page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Channels to subscribe, each once, in order.
    pub(super) channels: Vec<ChannelName>,
    /// Whether events for everybody are wanted, if it says so.
    pub(super) everybody: Option<bool>,
    /// The id to go on after.
    pub(super) after: Option<String>,
    pub(super) token: Option<String>,
    /// Whether the types of events are to be their names.
    pub(super) named: Option<bool>,
    /// An id that wins over `after`.
    pub(super) last_event_id: Option<String>,
}

/// Which parameters are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// Those that say what is wanted. An application that answers on a path has parameters of its own.
    pub(super) wants: bool,
    /// The parameters of server-sent events only.
    pub(super) stream: bool,
    /// The token. Without a key there is none.
    pub(super) token: bool,
    /// Channels that a client may have.
    pub(super) max_channels: usize,
}

/// What is wrong with a query.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum QueryError {
    #[error("the parameter {0} is in the URL twice")]
    Repeated(&'static str),
    #[error("a `channel` of the URL is none: {InvalidChannel}")]
    Channel,
    #[error("too many channels: at most {0} (max_channels_per_client)")]
    TooManyChannels(usize),
    #[error("the parameter {0} of the URL must be 0 or 1")]
    NoSwitch(&'static str),
    #[error("the parameter {0} of the URL is no id: at most {MAX_ID_BYTES} of the characters A-Z a-z 0-9 - _ .")]
    NoId(&'static str),
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Refusal {
        Refusal::bad_request(error.to_string())
    }
}

impl Query {
    pub(super) fn parse(target: &str, looked: Looked) -> Result<Query, QueryError> {
        let mut query = Query::default();
        let mut seen = HashSet::new();
        for (name, value) in form_urlencoded::parse(target::query(target).as_bytes()) {
            match &*name {
                "channel" if looked.wants => {
                    let channel: ChannelName = value.parse().map_err(|InvalidChannel| QueryError::Channel)?;
                    if seen.insert(channel.clone()) {
                        query.channels.push(channel);
                    }
                    if query.channels.len() > looked.max_channels {
                        return Err(QueryError::TooManyChannels(looked.max_channels));
                    }
                }
                "everybody" if looked.wants => {
                    once(&mut query.everybody, switch(&value, "everybody")?, "everybody")?;
                }
                "after" if looked.wants => once(&mut query.after, id(&value, "after")?, "after")?,
                "named" if looked.stream => once(&mut query.named, switch(&value, "named")?, "named")?,
                "last_event_id" if looked.stream => {
                    once(&mut query.last_event_id, id(&value, "last_event_id")?, "last_event_id")?;
                }
                TOKEN if looked.token => once(&mut query.token, value.into_owned(), TOKEN)?,
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether it says what is wanted: then the client is no plain one.
    pub(super) fn is_by_url(&self) -> bool {
        !self.channels.is_empty() || self.everybody.is_some() || self.after.is_some()
    }
}

fn id(value: &str, name: &'static str) -> Result<String, QueryError> {
    if is_position(value) { Ok(value.to_owned()) } else { Err(QueryError::NoId(name)) }
}

fn switch(value: &str, name: &'static str) -> Result<bool, QueryError> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(QueryError::NoSwitch(name)),
    }
}

fn once<T>(kept: &mut Option<T>, value: T, name: &'static str) -> Result<(), QueryError> {
    if kept.replace(value).is_some() { Err(QueryError::Repeated(name)) } else { Ok(()) }
}

/// Does with the target of a request what the gate does.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_query(target: &str) {
    let Ok(query) = Query::parse(target, Looked { wants: true, stream: true, token: true, max_channels: 8 }) else {
        return;
    };
    assert!(query.channels.len() <= 8);
    assert!(query.channels.iter().all(|name| name.as_str().parse() == Ok(name.clone())));
    let ids = query.after.iter().chain(&query.last_event_id);
    assert!(ids.into_iter().all(|id| (1..=MAX_ID_BYTES).contains(&id.len())));
    assert!(query.token.is_none() || queue::url_without_secrets(target).contains("token=[hidden]"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Looked = Looked { wants: true, stream: true, token: true, max_channels: 3 };

    fn names(query: &Query) -> Vec<&str> {
        query.channels.iter().map(ChannelName::as_str).collect()
    }

    #[test]
    fn channels_are_decoded_before_they_are_judged() {
        for (target, expected) in [
            ("/", vec![]),
            ("/?channel=a&channel=private-user.42&x=y", vec!["a", "private-user.42"]),
            ("/?channel=a&channel=a", vec!["a"]),
            ("/?%63hannel=a%2Fb", vec!["a/b"]),
            ("http://x/?channel=a%2Cb", vec!["a,b"]),
            ("/?channels=a&Channel=b", vec![]),
            ("/?channel=%23server-to-user-7", vec!["#server-to-user-7"]),
            ("/?channel=a%40b", vec!["a@b"]),
        ] {
            assert_eq!(names(&Query::parse(target, ALL).expect(target)), expected, "{target}");
        }
        for target in [
            "/?channel=",
            "/?channel",
            "/?channel=a%26channel%3Db",
            "/?channel=a%00",
            "/?channel=a+b",
            "/?channel=a%2",
            "/?channel=%ff",
            "/?channel=a%252F",
            "/?channel=a#b",
            "/?channel=a?channel=b",
            "/?channel=*",
            "/?channel=a&channel=a%20",
        ] {
            assert_eq!(Query::parse(target, ALL), Err(QueryError::Channel), "{target}");
        }
        // A semicolon separates nothing: it is a character of names.
        assert_eq!(names(&Query::parse("/?channel=a;b", ALL).expect("a name")), ["a;b"]);
    }

    #[test]
    fn there_are_no_more_channels_than_a_client_may_have() {
        assert!(Query::parse("/?channel=a&channel=b&channel=c&channel=a", ALL).is_ok());
        let error = Query::parse("/?channel=a&channel=b&channel=c&channel=d", ALL);
        assert_eq!(error, Err(QueryError::TooManyChannels(3)));
    }

    #[test]
    fn other_parameters_may_stand_once_and_mean_what_they_say() {
        let query = Query::parse("/?everybody=0&after=t.1700000000000&token=a.b.c", ALL).expect("a query");
        assert_eq!((query.everybody, query.after.as_deref()), (Some(false), Some("t.1700000000000")));
        assert_eq!(query.token.as_deref(), Some("a.b.c"));
        for (target, error) in [
            ("/?everybody=0&everybody=0", QueryError::Repeated("everybody")),
            ("/?after=a&after=a", QueryError::Repeated("after")),
            ("/?token=a&tok%65n=a", QueryError::Repeated("token")),
            ("/?everybody=yes", QueryError::NoSwitch("everybody")),
            ("/?after=", QueryError::NoId("after")),
            ("/?after=a%0A", QueryError::NoId("after")),
            ("/?named=yes", QueryError::NoSwitch("named")),
            ("/?named=1&named=1", QueryError::Repeated("named")),
            ("/?last_event_id=a/b", QueryError::NoId("last_event_id")),
        ] {
            assert_eq!(Query::parse(target, ALL), Err(error), "{target}");
        }
    }

    #[test]
    fn only_what_is_looked_at_can_be_wrong() {
        let none = Looked { wants: false, stream: false, token: false, max_channels: 3 };
        let query = Query::parse("/?channel=*&everybody=x&after=&token=a&token=b&named=x&last_event_id=", none);
        assert_eq!(query, Ok(Query::default()));
    }
}
