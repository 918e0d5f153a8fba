//! What a server says of the connection: the welcome, and answers to commands.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::{Client, State, Tally};

#[derive(Debug, Deserialize)]
struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    channels: Vec<&'a str>,
    /// Where the client is.
    id: Option<&'a str>,
    /// Whether it gets what it has missed.
    recovered: Option<bool>,
    /// Only with what went wrong.
    code: Option<u32>,
}

impl Client {
    pub(super) fn take_answer(&mut self, text: &[u8], tally: &mut Tally) -> anyhow::Result<()> {
        let shown = || String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        let answer: Answer<'_> =
            serde_json::from_slice(text).with_context(|| format!("the server says {}", shown()))?;
        match answer.kind {
            "welcome" if self.state == State::AwaitingWelcome => {
                let (names, subscribed): (BTreeSet<_>, BTreeSet<_>) =
                    (self.due.names().collect(), answer.channels.iter().copied().collect());
                ensure!(names == subscribed, "not the channels that were asked for: {}", shown());
                ensure!(answer.recovered == self.manner.resume.map(|_| true), "not what was missed: {}", shown());
                tally.position = answer.id.map(str::to_owned);
                self.state = State::Open;
            }
            "subscribed" | "unsubscribed" if answer.code.is_none() => tally.answers += 1,
            "heartbeat" => {}
            _ => bail!("the server says {}", shown()),
        }
        Ok(())
    }
}
