//! The doctor as a client: whether the address takes one, and whether an event of the queue comes through to it. The
//! event is for a channel that only this client has: no other client receives it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow};
use queue::{ChannelName, NewEvent, Priority, Uid, Writer, url_without_secrets};
use server::Config;
use server::token::{self, NewToken};
use tokio::time::timeout;

use super::finding::Finding::{self, Bad, Good, Note};
use crate::commands::listen::native::{Native, Refused};
use crate::commands::listen::{Client, Token};
use crate::errors::in_one_line;

/// How long an event may take through everything.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a token of the doctor counts.
const TOKEN_TTL: Duration = Duration::from_secs(60);
/// What the remedy says in each case.
const CHECK: &str = "check the address, the proxy's upgrade headers, and that a broadcaster reads this directory. Where \
                     clients need a token, give --token -; a cookie, --cookie -";

/// Connects, and sends an event through the queue if there is one.
pub(super) fn round_trip(config: &Config, queue: Option<&Path>, url: &str, client: Client) -> Finding {
    let shown = url_without_secrets(url);
    // To queue an event would make the directory, as the doctor's user.
    if let Some(queue) = queue.filter(|queue| !queue.is_dir()) {
        let problem = queue.metadata().map_or_else(|error| error.to_string(), |_| "it is no directory".to_owned());
        return Bad(
            format!("no round trip through {shown}: queue directory {}: {problem}", queue.display()),
            "see above".into(),
        );
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Bad(format!("cannot start the runtime: {error}"), "try again".into()),
    };
    match runtime.block_on(try_round_trip(config, queue, url, client)) {
        Ok(Outcome::Connected) => Note(
            format!("a broadcaster takes clients at {shown}; no event was sent, because no queue is given"),
            "give --queue or --config as well, on the machine of the queue".into(),
        ),
        Ok(Outcome::Arrived(took)) => {
            Good(format!("an event went from the directory to {shown} in {:.1} ms", took.as_secs_f64() * 1e3))
        }
        Ok(Outcome::NoChannel(reason)) => Note(
            format!("a broadcaster takes clients at {shown}; no event was sent, because {reason}"),
            "run the doctor with the configuration of the broadcaster (--config), as its user: it then knows the public \
             channels, or makes a token for a channel of its own. To see events as a client does: fastapi-broadcaster \
             listen"
                .into(),
        ),
        Err(error) => Bad(format!("no round trip through {shown}: {}", in_one_line(&error)), CHECK.into()),
    }
}

enum Outcome {
    Connected,
    Arrived(Duration),
    /// The doctor may read no channel that no other client has.
    NoChannel(String),
}

/// A channel that no other client has, and what the doctor needs to read it.
struct OwnChannel {
    name: ChannelName,
    token: Option<String>,
}

impl OwnChannel {
    /// By the settings: a public one, or else one that needs a token of the doctor's own.
    fn of(config: &Config) -> anyhow::Result<Option<OwnChannel>> {
        // Nobody can guess it.
        let end = format!("doctor.{}", Uid::new());
        if let Some(name) = token::public_name(config, &end) {
            return Ok(Some(OwnChannel { name, token: None }));
        }
        let Some(secret) = token::signing_secret(config) else { return Ok(None) };
        let name: ChannelName = format!("private-{end}").parse()?;
        let new = NewToken { channel: Some(name.to_string()), ttl: TOKEN_TTL, ..NewToken::default() };
        let token = token::create(secret, &token::for_server(config, new), SystemTime::now())?;
        Ok(Some(OwnChannel { name, token: Some(token) }))
    }
}

async fn try_round_trip(
    config: &Config,
    queue: Option<&Path>,
    url: &str,
    mut client: Client,
) -> anyhow::Result<Outcome> {
    let own = OwnChannel::of(config)?;
    // Who gives none may still have the secret that the server asks for.
    if !client.names_somebody()
        && !url.contains("token=")
        && let Some(secret) = token::signing_secret(config)
    {
        let new = NewToken { user: Some("doctor".to_owned()), ttl: TOKEN_TTL, ..NewToken::default() };
        client.token = Some(Token::new(token::create(secret, &token::for_server(config, new), SystemTime::now())?));
    }
    let mut native = Native::connect(url, client).await?;
    let Some(queue) = queue else { return Ok(Outcome::Connected) };
    let Some(OwnChannel { name, token }) = own else {
        let reason = "no names of channels are public, and there is no secret to make a token with";
        return Ok(Outcome::NoChannel(reason.to_owned()));
    };
    match native.subscribe(name.as_str(), token.as_deref()).await? {
        Ok(()) => {}
        Err(Refused(reason)) => {
            return Ok(Outcome::NoChannel(format!("the server refuses a channel of the doctor's own: {reason}")));
        }
    }
    let began = Instant::now();
    let payload = std::process::id().to_string();
    let event = NewEvent {
        uid: Uid::new(),
        name_json: br#""doctor.ping""#,
        payload_json: payload.as_bytes(),
        channels: Some(std::slice::from_ref(&name)),
        // Later it is of no use.
        ttl: Some(EVENT_TIMEOUT.as_secs()),
        key: None,
        except: None,
    };
    let id = Writer::new(queue).enqueue_events(&[event], Priority::Normal).context("cannot queue an event")?;
    let arrived = timeout(EVENT_TIMEOUT, native.event_of(name.as_str())).await;
    if !matches!(arrived, Ok(Ok(()))) {
        // Nobody has read it, most likely, and it is of no use later.
        let _ = fs::remove_file(queue.join(id.as_os_str()));
    }
    arrived.map_err(|_| anyhow!("event {id} did not arrive within {} s", EVENT_TIMEOUT.as_secs()))??;
    Ok(Outcome::Arrived(began.elapsed()))
}
