//! An event of a log, as code outside sees it.

use queue::ChannelName;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::history::log::event::Kept;
use crate::protocol::id::Id;

/// An event in a log.
#[derive(Debug, Clone, Copy)]
pub struct PastEvent<'a> {
    pub(super) kept: &'a Kept,
    pub(super) epoch: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'a RawValue,
    payload: &'a RawValue,
    timestamp: i64,
    id: String,
    channels: Option<Vec<&'a str>>,
    published_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl PastEvent<'_> {
    /// Whether it is for a channel.
    pub fn is_for(&self, channel: &ChannelName) -> bool {
        self.kept.channels.as_ref().is_some_and(|channels| channels.contains(channel))
    }

    /// A JSON object: the keys of the message that clients get, its channels, when it was published, and what only
    /// producers know.
    ///
    /// # Errors
    /// When a part of it is no JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let Kept { seq, at, ref uid, ref channels, .. } = *self.kept;
        serde_json::to_string(&Line {
            event: serde_json::from_str(&self.kept.name_json)?,
            payload: serde_json::from_str(&self.kept.payload_json)?,
            timestamp: self.kept.timestamp,
            id: Id::Own { epoch: self.epoch, seq }.to_string(),
            channels: channels.as_ref().map(|channels| channels.iter().map(ChannelName::as_str).collect()),
            published_at: at.millis() as f64 / 1000.0,
            uid: uid.map(|uid| uid.to_string()),
            expires_at: self.kept.expires_at,
            key: self.kept.key.as_deref(),
        })
    }
}
