//! `fastapi-broadcaster listen`: a client for the shell.

mod advice;
mod connecting;
mod request;
mod told;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use queue::printable;
use serde::de::IgnoredAny;
use tokio_tungstenite::tungstenite::Message;

use self::advice::{of_close_code, of_error};
use self::connecting::{Socket, open};
use self::request::{Request, Token};
use self::told::{Told, channels_of};
use super::token::channel;
use crate::numbers::whole;

pub(crate) use connecting::{address, connect};

/// How long a server has to greet a client that names channels. It does so at once.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// Address as a page would use it, such as wss://example.com/ws
    #[arg(value_parser = address)]
    url: String,
    /// Channel to subscribe; give it several times for several
    #[arg(long = "channel", value_name = "NAME", value_parser = channel)]
    channels: Vec<String>,
    /// Token, or - to read it from standard input. Every user of the machine can see an argument: better use - or the variable
    #[arg(long, env = "FASTAPI_WS_TOKEN", hide_env_values = true, value_parser = Token::parser())]
    token: Option<Token>,
    /// Subscribe by commands (subprotocol fastapi.v1), and not by the URL
    #[arg(long)]
    native: bool,
    /// Stop after so many messages
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = whole)]
    count: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster listen ws://127.0.0.1:8081/
  fastapi-broadcaster listen wss://example.com/ws --count 1
  fastapi-broadcaster listen ws://127.0.0.1:8081/ | jq .payload
  fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel news --channel room.7 | jq -r '.channel + \" \" + .event'
  fastapi-broadcaster token create --user 42 --allow 'private-user.42' --config /etc/fastapi-broadcaster/config.toml |
      fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel private-user.42 --token -

Messages go to standard output, one a line. With channels each has an id, and the channel that brought it unless it is for \
everybody. What the server tells beside events goes to standard error. The token is sent in the header Authorization.

Certificates are checked against those of the system, or those in the file that SSL_CERT_FILE names.

Exit codes: 0 as many messages as --count says have come; 64 bad arguments; 1 no connection, or its end.";

pub(crate) fn run(arguments: ListenArgs) -> anyhow::Result<()> {
    let ListenArgs { url, channels, token, native, count } = arguments;
    let token = token.map(Token::read).transpose()?;
    let request = Request { url, channels, token, is_native: native };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let socket = open(&request).await?;
        Listener { socket, subscribed: BTreeSet::new() }.listen(&request, count.unwrap_or(u64::MAX)).await
    })
}

struct Listener {
    socket: Socket,
    /// What the server has said that is subscribed.
    subscribed: BTreeSet<String>,
}

impl Listener {
    /// Prints so many messages.
    async fn listen(&mut self, request: &Request, mut left: u64) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        // A server of before channels says nothing until an event comes, and then what is for everybody.
        let mut first = if request.names_channels() { Some(self.greeting().await?) } else { None };
        if let Some(command) = request.command() {
            self.socket.send(Message::text(command)).await.context("the connection broke")?;
        }
        // Without a greeting the messages are those of a plain client: whatever they are, they are printed.
        let mut has_greeted = first.is_some();
        while left > 0 {
            let text = match first.take() {
                Some(text) => text,
                None => self.text().await?,
            };
            let told = Told::parse(&text).filter(|told| has_greeted || matches!(told, Told::Welcome { .. }));
            match told {
                Some(told) => {
                    has_greeted = true;
                    self.follow(told)?;
                }
                None => {
                    writeln!(out, "{}", in_one_line(&text))?;
                    out.flush()?;
                    left -= 1;
                }
            }
        }
        // The server learns of our end by the socket's.
        let _ = self.socket.close(None).await;
        Ok(())
    }

    /// The first message of a server that knows channels.
    async fn greeting(&mut self) -> anyhow::Result<String> {
        let unknown =
            "the server knows no channels: it is older than they are, or its messages come from a PHP handler";
        let Ok(text) = tokio::time::timeout(GREETING_TIMEOUT, self.text()).await else { bail!("{unknown}") };
        let text = text?;
        if !matches!(Told::parse(&text), Some(Told::Welcome { .. })) {
            bail!("{unknown}");
        }
        Ok(text)
    }

    /// The next text message.
    async fn text(&mut self) -> anyhow::Result<String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map_or(1005, |frame| u16::from(frame.code));
                    let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    let advice = of_close_code(code).map(|advice| format!(": {advice}")).unwrap_or_default();
                    bail!("the server closed the connection with code {code} {}{advice}", printable(&reason));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the connection broke"),
                None => bail!("the connection has ended"),
            }
        }
    }

    /// Says what the server tells beside events. Fails where nothing more can come.
    fn follow(&mut self, told: Told) -> anyhow::Result<()> {
        match told {
            Told::Welcome { channels } | Told::Subscribed { channels } => {
                if !channels.is_empty() {
                    say(&format!("subscribed to {}", channels_of(&channels)));
                }
                self.subscribed.extend(channels);
            }
            Told::Unsubscribed { channels, code } => {
                let reason = of_error(code.unwrap_or_default());
                let ended = format!("the server ended the subscription of {}{reason}", channels_of(&channels));
                channels.iter().for_each(|channel| _ = self.subscribed.remove(channel));
                if self.subscribed.is_empty() {
                    bail!("{ended}");
                }
                say(&ended);
            }
            Told::Error { code, message } => bail!("the server refuses: {}{}", printable(&message), of_error(code)),
            Told::Expiring => say("the token ends soon, and the connection with it: start again with a new one"),
            Told::Other => {}
        }
        Ok(())
    }
}

/// Tells the user something that is no message. Whether or not somebody reads this, messages go on.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "fastapi-broadcaster: {text}");
}

/// A message without what would end the line or command a terminal. What is JSON stays so, and the same: there, ends of
/// lines can only stand between its parts.
fn in_one_line(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
    } else {
        printable(text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_json_stays_what_it_is() {
        let json = "{\n\t\"payload\": \"\u{9b}2J\u{2028}\x7f\"\r\n}";
        let line = in_one_line(json);
        assert_eq!(line, r#"{  "payload": "\u009b2J\u2028\u007f"  }"#);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
        assert_eq!(parse(&line), parse(json));
        assert_eq!(in_one_line("no JSON\n\x1b[2J"), r"no JSON\n\u001b[2J");
    }
}
