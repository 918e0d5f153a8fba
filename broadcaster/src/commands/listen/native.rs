//! A client that sends commands, for the doctor: it connects, subscribes one channel, and waits for an event of it.

use std::time::Duration;

use anyhow::{anyhow, bail};
use queue::printable;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::advice::of_error;
use super::client::Client;
use super::connection::Connection;
use super::request::{Request, Transport};
use super::told::Told;

/// How long the server may take for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// An open connection whose server has greeted.
pub(crate) struct Native(Connection);

/// Why a channel may not be read.
pub(crate) struct Refused(pub(crate) String);

impl Native {
    pub(crate) async fn connect(url: &str, client: Client) -> anyhow::Result<Native> {
        let (url, channels, transport) = (url.to_owned(), Vec::new(), Transport::Native);
        let request = Request { url, channels, client, transport, position: None };
        let mut native = Native(Connection::open(&request).await.map_err(|ended| ended.error)?);
        match in_time(native.told()).await? {
            Told::Welcome { .. } => Ok(native),
            Told::Error { code, message } => bail!("the server refuses: {}{}", printable(&message), of_error(code)),
            _ => bail!("the server does not greet: it is older than channels, or its messages come from a PHP handler"),
        }
    }

    /// Subscribes a channel, with the token for it if it needs one.
    pub(crate) async fn subscribe(
        &mut self,
        channel: &str,
        token: Option<&str>,
    ) -> anyhow::Result<Result<(), Refused>> {
        let mut command = json!({ "type": "subscribe", "channels": [channel] });
        if let Some(token) = token {
            command["token"] = token.into();
        }
        self.0.send(command.to_string()).await.map_err(|ended| ended.error)?;
        in_time(async {
            loop {
                match self.told().await? {
                    Told::Subscribed { channels, .. } if channels.iter().any(|name| name == channel) => {
                        return Ok(Ok(()));
                    }
                    Told::Error { code, message } => {
                        return Ok(Err(Refused(format!("{}{}", printable(&message), of_error(code)))));
                    }
                    _ => {}
                }
            }
        })
        .await
    }

    /// Waits for an event of the channel.
    pub(crate) async fn event_of(&mut self, channel: &str) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Event {
            channel: Option<String>,
        }
        loop {
            let received = self.0.next().await.map_err(|ended| ended.error)?;
            let event = serde_json::from_str::<Event>(&received.text).ok().filter(|_| received.told.is_none());
            if event.is_some_and(|event| event.channel.as_deref() == Some(channel)) {
                self.0.close().await;
                return Ok(());
            }
        }
    }

    /// The next message that is no event.
    async fn told(&mut self) -> anyhow::Result<Told> {
        loop {
            let received = self.0.next().await.map_err(|ended| ended.error)?;
            if let Some(told) = received.told {
                return Ok(told);
            }
        }
    }
}

/// An answer, however much else the server says before it.
async fn in_time<T>(answer: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let answer = timeout(ANSWER_TIMEOUT, answer).await;
    answer.unwrap_or_else(|_| Err(anyhow!("the server has not answered for {} s", ANSWER_TIMEOUT.as_secs())))
}
