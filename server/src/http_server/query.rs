//! What a client asks for in the query of its URL. Names and values are decoded first and judged then, so that an encoded
//! separator is a character like any other.

use std::collections::HashSet;

use queue::{ChannelName, InvalidChannel};
use thiserror::Error;
use url::form_urlencoded;

use crate::http_server::refusal::Refusal;
use crate::target::{self, TOKEN};

/// Longest id (`after`).
const MAX_ID_BYTES: usize = 64;

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
}

/// Which parameters are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// Those that say what is wanted. An application that answers on a path has parameters of its own.
    pub(super) wants: bool,
    /// The token. Without a key there is none.
    pub(super) token: bool,
    /// Channels that a client may have.
    pub(super) max_channels: usize,
}

/// What is wrong with a query.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum QueryError {
    #[error("the parameter {0} stands twice in the URL")]
    Repeated(&'static str),
    #[error("a `channel` of the URL is none: {InvalidChannel}")]
    Channel,
    #[error("too many channels: at most {0} (max_channels_per_client)")]
    TooManyChannels(usize),
    #[error("the parameter everybody of the URL must be 0 or 1")]
    Everybody,
    #[error("the parameter after of the URL is no id: at most {MAX_ID_BYTES} of the characters A-Z a-z 0-9 - _ .")]
    After,
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
                    let everybody = match &*value {
                        "0" => false,
                        "1" => true,
                        _ => return Err(QueryError::Everybody),
                    };
                    once(&mut query.everybody, everybody, "everybody")?;
                }
                "after" if looked.wants => {
                    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                    if value.is_empty() || value.len() > MAX_ID_BYTES || !value.bytes().all(is_id) {
                        return Err(QueryError::After);
                    }
                    once(&mut query.after, value.into_owned(), "after")?;
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

fn once<T>(kept: &mut Option<T>, value: T, name: &'static str) -> Result<(), QueryError> {
    if kept.replace(value).is_some() { Err(QueryError::Repeated(name)) } else { Ok(()) }
}

/// Does with the target of a request what the gate does.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_query(target: &str) {
    let Ok(query) = Query::parse(target, Looked { wants: true, token: true, max_channels: 8 }) else { return };
    assert!(query.channels.len() <= 8);
    assert!(query.channels.iter().all(|name| name.as_str().parse() == Ok(name.clone())));
    assert!(query.after.is_none_or(|id| (1..=MAX_ID_BYTES).contains(&id.len())));
    assert!(query.token.is_none() || queue::url_without_secrets(target).contains("token=[hidden]"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Looked = Looked { wants: true, token: true, max_channels: 3 };

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
            ("/?everybody=yes", QueryError::Everybody),
            ("/?after=", QueryError::After),
            ("/?after=a%0A", QueryError::After),
        ] {
            assert_eq!(Query::parse(target, ALL), Err(error), "{target}");
        }
    }

    #[test]
    fn only_what_is_looked_at_can_be_wrong() {
        let none = Looked { wants: false, token: false, max_channels: 3 };
        let query = Query::parse("/?channel=*&everybody=x&after=&token=a&token=b", none);
        assert_eq!(query, Ok(Query::default()));
    }
}
