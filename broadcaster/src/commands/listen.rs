//! `fastapi-broadcaster listen`: a client for the shell.

mod address;
mod advice;
mod blocks;
mod client;
mod connection;
mod ended;
mod event_stream;
mod explained;
pub(crate) mod http;
pub(crate) mod native;
mod position;
mod pusher;
mod request;
mod socket;
mod told;
mod trust;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::Args;
use queue::printable;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::timeout;

use self::address::{any_address, check_socket};
use self::advice::of_error;
use self::connection::Connection;
use self::ended::{Ended, Pauses};
use self::position::Position;
use self::request::{Request, Transport};
use self::told::{Received, Told, channels_of};
use super::token::channel;
use crate::numbers::{number_of_seconds, whole};
use crate::output::message_in_one_line;

pub(crate) use address::{BadAddress, address};
pub(crate) use client::{Client, ClientArgs};
pub(super) use position::position;
pub(crate) use request::Token;
pub(crate) use trust::Trust;

/// How long a server has to greet a client that names channels. It does so at once.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a message and without a heartbeat for so long is lost, if this client comes back then.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// Address as a page would use it, such as wss://example.com/ws; with --sse also https://example.com/events
    #[arg(value_parser = any_address)]
    url: String,
    /// Channel to subscribe; give it several times for several
    #[arg(long = "channel", value_name = "NAME", value_parser = channel)]
    channels: Vec<String>,
    #[command(flatten)]
    client: ClientArgs,
    /// Subscribe by commands (subprotocol fastapi.v1), and not by the URL
    #[arg(long)]
    native: bool,
    /// Receive server-sent events, as EventSource does in a page, and not a WebSocket
    #[arg(long, conflicts_with = "native")]
    sse: bool,
    /// Print what came after this position first: the id of a message, or t. and milliseconds since 1970. After a lost
    /// connection, connect again and go on after the last message
    #[arg(long, value_name = "ID", value_parser = Position::parse)]
    after: Option<Position>,
    /// Connect again after a lost connection, also without --after: what came meanwhile is then missing
    #[arg(long)]
    reconnect: bool,
    /// Print and count only events of this name; give it several times for several
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// Stop after so many messages
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = whole)]
    count: Option<u64>,
    /// Stop after so many seconds. With --count, exit code 124 says that not so many messages have come
    #[arg(long, value_name = "SECONDS", value_parser = timeout_of)]
    timeout: Option<Duration>,
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster listen ws://127.0.0.1:8081/
  fastapi-broadcaster listen wss://example.com/ws --count 1
  fastapi-broadcaster listen ws://127.0.0.1:8081/ | jq .payload
  fastapi-broadcaster listen ws://127.0.0.1:8081/ --event order.created --count 1 --timeout 30
  fastapi-broadcaster listen wss://example.com/ws --header 'Origin: https://example.com' --cookie - <cookie
  fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel news --channel room.7 | jq -r '.channel + \" \" + .event'
  fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel news --after \"t.$(date -d '1 minute ago' +%s000)\"
  fastapi-broadcaster listen https://example.com/events --channel news --sse
  fastapi-broadcaster token create --user 42 --allow 'private-user.42' --config /etc/fastapi-broadcaster/config.toml |
      fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel private-user.42 --token -

Messages go to standard output, one a line. With channels or --sse each has an id, and the channel that brought it unless it \
is for everybody. What the server tells beside events goes to standard error. The token is sent in the header Authorization.

With --after, standard error says after each connection whether everything that was missed follows. Connections are made \
again until the server refuses for good; the first one must succeed. --reconnect does the same without a position. With --sse it names the last id in the header \
Last-Event-ID, and waits at least as long as the server says.

Certificates are checked against those of the system, or those in the file that SSL_CERT_FILE names.

Exit codes: 0 as many messages as --count says have come, or without --count the time of --timeout is over; 124 that time \
is over, and not so many messages have come; 64 bad arguments; 1 no connection, or its end.";

pub(crate) fn run(arguments: ListenArgs) -> anyhow::Result<()> {
    let ListenArgs { url, channels, client, native, sse, after, reconnect, events, count, timeout: limit } = arguments;
    let transport = match (native, sse) {
        (_, true) => Transport::EventStream,
        (true, false) => Transport::Native,
        (false, false) => Transport::Url,
    };
    if transport != Transport::EventStream {
        check_socket(&url)?;
    }
    let client = client.read()?;
    let request = Request { url, channels, client, transport, position: after };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let listener = Listener {
        request,
        reconnect,
        events,
        left: count.unwrap_or(u64::MAX),
        subscribed: BTreeSet::new(),
        was_greeted: false,
        was_connected: false,
    };
    let Some(limit) = limit else { return runtime.block_on(listener.listen()) };
    match (runtime.block_on(async { timeout(limit, listener.listen()).await }), count) {
        (Ok(ended), _) => ended,
        (Err(_), None) => Ok(()),
        (Err(_), Some(count)) => Err(TimedOut { count, limit }.into()),
    }
}

/// Not so many messages have come as were wanted.
#[derive(Debug, Error)]
#[error("the time of {limit:?} is over, and fewer messages than {count} have come")]
pub(crate) struct TimedOut {
    count: u64,
    limit: Duration,
}

impl TimedOut {
    /// That of timeout(1).
    pub(crate) const EXIT_CODE: u8 = 124;
}

fn timeout_of(text: &str) -> Result<Duration, &'static str> {
    let seconds = number_of_seconds(text)?;
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    duration.ok_or("must be a number of seconds above 0, such as 0.5")
}

struct Listener {
    request: Request,
    /// Whether it connects again also without a position.
    reconnect: bool,
    /// The names of those that are printed; all, if there is none.
    events: Vec<String>,
    /// So many messages are still to be printed.
    left: u64,
    /// What the server has said that is subscribed.
    subscribed: BTreeSet<String>,
    /// Whether the server is one that this client can come back to.
    was_greeted: bool,
    was_connected: bool,
}

impl Listener {
    /// Prints so many messages, from one connection or several.
    async fn listen(mut self) -> anyhow::Result<()> {
        let mut pauses = Pauses::default();
        // Whether the last thing that was said is that there is no connection.
        let mut is_told = false;
        loop {
            let began = Instant::now();
            let ended = match Connection::open(&self.request).await {
                Ok(mut connection) => match self.follow_connection(&mut connection, &mut is_told).await {
                    Ok(()) => {
                        connection.close().await;
                        return Ok(());
                    }
                    Err(ended) => ended,
                },
                Err(ended) => ended,
            };
            let comes_back =
                (self.request.position.is_some() && self.was_greeted) || (self.reconnect && self.was_connected);
            if !comes_back || ended.is_final() {
                return Err(ended.error);
            }
            if !std::mem::replace(&mut is_told, true) {
                say(&format!("{}; connecting again", printable(&ended.to_string())));
            }
            tokio::time::sleep(pauses.next(&ended, began.elapsed())).await;
        }
    }

    /// Prints the messages of one connection, until they are enough.
    async fn follow_connection(&mut self, connection: &mut Connection, is_told: &mut bool) -> Result<(), Ended> {
        self.subscribed.clear();
        self.was_connected = true;
        if !self.request.is_greeted() {
            // There is no greeting that would say it.
            *is_told = false;
        }
        if let Some(position) = &mut self.request.position {
            position.begin();
        }
        // A server of before channels says nothing until an event comes, and then what is for everybody.
        let mut first = if self.request.is_greeted() { Some(self.greeting(connection).await?) } else { None };
        if let Some(command) = self.request.command() {
            connection.send(command).await?;
        }
        // Without a greeting the messages are those of a plain client: whatever they are, they are printed.
        let mut has_greeted = first.is_some();
        while self.left > 0 {
            let Received { id, told, text } = match first.take() {
                Some(received) => received,
                None => self.next(connection).await?,
            };
            match told.filter(|told| has_greeted || matches!(told, Told::Welcome { .. })) {
                Some(told) => {
                    has_greeted = true;
                    (self.was_greeted, *is_told) = (true, false);
                    self.follow(told)?;
                }
                None => self.print(&text)?,
            }
            if let (Some(position), Some(id)) = (&mut self.request.position, id) {
                position.reached(&id);
            }
        }
        Ok(())
    }

    fn print(&mut self, message: &str) -> io::Result<()> {
        if self.left > 0 && self.is_wanted(message) {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", message_in_one_line(message))?;
            out.flush()?;
            self.left -= 1;
        }
        Ok(())
    }

    fn is_wanted(&self, message: &str) -> bool {
        self.events.is_empty() || name_of(message).is_some_and(|name| self.events.contains(&name))
    }

    /// The first message of a server that knows channels.
    async fn greeting(&self, connection: &mut Connection) -> Result<Received, Ended> {
        let unknown = || match self.request.transport {
            Transport::EventStream => {
                anyhow!("the stream does not begin as those of a broadcaster: is this its address?")
            }
            _ => {
                anyhow!(
                    "the server knows no channels: it is older than they are, or its messages come from a PHP handler"
                )
            }
        };
        // From a server that has greeted before, it is only late.
        let received = timeout(GREETING_TIMEOUT, self.next(connection)).await;
        let received = received.map_err(|_| Ended::passing(unknown()))??;
        if !matches!(received.told, Some(Told::Welcome { .. })) {
            return Err(unknown().into());
        }
        Ok(received)
    }

    /// The next message.
    async fn next(&self, connection: &mut Connection) -> Result<Received, Ended> {
        if self.request.position.is_none() {
            return connection.next().await;
        }
        let silent = |_| Ended::passing(anyhow!("the server has been silent for {SILENCE_TIMEOUT:?}"));
        timeout(SILENCE_TIMEOUT, connection.next()).await.map_err(silent)?
    }

    /// Says what the server tells beside events. Fails where nothing more can come.
    fn follow(&mut self, told: Told) -> Result<(), Ended> {
        match told {
            Told::Welcome { channels, recovered } => {
                let position = self.request.position.as_ref().map(|position| position.of_url().to_owned());
                self.subscribe(channels);
                if let Some(position) = position {
                    let of = if self.request.has_command() { " for everybody" } else { "" };
                    say(&recovery_of(of, &position, recovered));
                }
            }
            Told::Subscribed { channels, recovered, events } => {
                let of = format!(" of {}", channels_of(&channels));
                self.subscribe(channels);
                if let Some(position) = &mut self.request.position {
                    say(&recovery_of(&of, position.of_command(), recovered));
                    position.answered();
                }
                events.iter().try_for_each(|event| self.print(event))?;
            }
            Told::Unsubscribed { channels, code } => {
                let reason = of_error(code.unwrap_or_default());
                let ended = format!("the server ended the subscription of {}{reason}", channels_of(&channels));
                channels.iter().for_each(|channel| _ = self.subscribed.remove(channel));
                if self.subscribed.is_empty() {
                    return Err(anyhow!("{ended}").into());
                }
                say(&ended);
            }
            Told::Error { code, message } => {
                return Err(anyhow!("the server refuses: {}{}", printable(&message), of_error(code)).into());
            }
            Told::Gap => say("something was lost here: earlier events may be missing"),
            Told::Expiring => say("the token ends soon, and the connection with it: start again with a new one"),
            Told::Other => {}
        }
        Ok(())
    }

    fn subscribe(&mut self, channels: Vec<String>) {
        if !channels.is_empty() {
            say(&format!("subscribed to {}", channels_of(&channels)));
        }
        self.subscribed.extend(channels);
    }
}

/// The name of an event, if a message is one.
fn name_of(message: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        event: String,
    }
    serde_json::from_str::<Named>(message).ok().map(|named| named.event)
}

/// What the answer to a position means.
fn recovery_of(events: &str, position: &str, recovered: Option<bool>) -> String {
    match recovered {
        Some(true) => format!("recovered: all events{events} after {position} follow"),
        Some(false) => format!("not recovered: events{events} after {position} may be missing"),
        None => format!("the server keeps no history: events{events} after {position} may be missing"),
    }
}

/// Tells the user something that is no message. Whether or not somebody reads this, messages go on.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "fastapi-broadcaster: {text}");
}
