//! `fastapi-broadcaster admin ...`: asks the admin listener of a broadcaster that runs.

mod asking;

use std::io::{self, Write};

use anyhow::bail;
use clap::{Args, Subcommand};
use queue::{ChannelName, printable};
use serde_json::{Map, Value, json};
use server::Config;
use url::Url;

use self::asking::Asking;
use super::publish::PublishArgs;

/// Channels that are asked for at once.
const PAGE: usize = 1000;

/// `fastapi-broadcaster admin ...`
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// Where the admin listener is, if it is not that of admin_listen
    #[arg(long, global = true, value_parser = address)]
    url: Option<String>,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Publishes an event, and prints its uid once it is on the disk
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(PublishArgs),
    /// Closes all connections of a user, or one client, with code 4403, and prints how many
    #[command(after_help = DISCONNECT_EXAMPLES)]
    Disconnect {
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Ends subscriptions of a user or of one client, and prints how many connections had one
    #[command(after_help = UNSUBSCRIBE_EXAMPLES)]
    Unsubscribe {
        #[command(flatten)]
        who: WhoArgs,
        /// The channel. May be given up to 100 times
        #[arg(long = "channel", value_name = "NAME", required = true)]
        channels: Vec<ChannelName>,
    },
    /// Prints channels that have subscribers, and how many, by name
    #[command(after_help = CHANNELS_EXAMPLES)]
    Channels {
        /// Those alone whose names begin so
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Prints what /status.json says, a number a line
    #[command(after_help = STATUS_EXAMPLES)]
    Status,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct WhoArgs {
    /// The user: the `sub` of the token, or the `user` that the hook answered
    #[arg(long)]
    user: Option<String>,
    /// The client: the id from its welcome message
    #[arg(long)]
    client: Option<String>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin status --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin publish order.created '{\"id\": 7}' --channel orders --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin disconnect --user 42 --url http://127.0.0.1:9611

Address and token are those of the settings: admin_listen, and admin_token or admin_token_file. The token can also be in \
the variable FASTAPI_WS_ADMIN_TOKEN. There is no flag for it: every user of the machine can read the arguments of a process.

It acts on one broadcaster. With several, ask each of them; only events reach the clients of all.

Exit codes: 0 done; 64 bad arguments or configuration; 1 not done, or there is no answer.";

const PUBLISH_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin publish order.created '{\"id\": 7}' --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin publish order.paid '{\"id\": 7}' --channel private-user.42 --ttl 3600 --url http://127.0.0.1:9611";

const DISCONNECT_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin disconnect --user 42 --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin disconnect --client 7308325.4294967296 --url http://127.0.0.1:9611";

const UNSUBSCRIBE_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin unsubscribe --user 42 --channel private-orders --config /etc/fastapi-broadcaster/config.toml";

const CHANNELS_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin channels --prefix private-user. --config /etc/fastapi-broadcaster/config.toml";

const STATUS_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster admin status --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin status --url http://127.0.0.1:9611 | grep pending_events";

pub(crate) fn run(config: &Config, arguments: AdminArgs) -> anyhow::Result<()> {
    let asking = Asking::new(&config.admin, arguments.url.as_deref())?;
    match arguments.command {
        AdminCommand::Publish(arguments) => {
            let answer = asking.post("publish", arguments.request(config.max_event_bytes)?)?;
            print(&answer["uid"])
        }
        AdminCommand::Disconnect { who } => {
            print(&asking.post("disconnect", Value::from(who.request()).to_string())?["disconnected"])
        }
        AdminCommand::Unsubscribe { who, channels } => {
            let mut request = who.request();
            let names = channels.iter().map(ChannelName::as_str).collect();
            request.insert("channels".to_owned(), names);
            print(&asking.post("unsubscribe", Value::from(request).to_string())?["unsubscribed"])
        }
        AdminCommand::Channels { prefix } => print_channels(&asking, &prefix),
        AdminCommand::Status => {
            let mut out = io::stdout().lock();
            print_all(&mut out, "", &asking.get("status.json")?)?;
            Ok(out.flush()?)
        }
    }
}

impl WhoArgs {
    fn request(self) -> Map<String, Value> {
        let keys = [("user", self.user), ("client", self.client)];
        keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect()
    }
}

fn print(value: &Value) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{}", text_of(value))?)
}

fn print_channels(asking: &Asking, prefix: &str) -> anyhow::Result<()> {
    let (mut out, mut after) = (io::stdout().lock(), String::new());
    loop {
        let request = json!({ "prefix": prefix, "after": after, "limit": PAGE });
        let answer = asking.post("channels", request.to_string())?;
        let Some(channels) = answer["channels"].as_array() else { bail!("the answer has no channels") };
        for channel in channels {
            writeln!(out, "{}\t{}", text_of(&channel["channel"]), text_of(&channel["subscribers"]))?;
        }
        let Some(next) = answer["next"].as_str() else { return Ok(out.flush()?) };
        next.clone_into(&mut after);
    }
}

/// A line for each value, with the keys above it.
fn print_all(out: &mut impl Write, key: &str, value: &Value) -> io::Result<()> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(values) => values.iter().try_for_each(|(name, value)| print_all(out, &below(name), value)),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            values.iter().enumerate().try_for_each(|(index, value)| print_all(out, &below(&index.to_string()), value))
        }
        value => writeln!(out, "{key}\t{}", text_of(value)),
    }
}

/// What others have chosen cannot command a terminal.
fn text_of(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    printable(&text).into_owned()
}

fn address(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) || url.host().is_none() => {
            Err("must begin with http:// or https://".to_owned())
        }
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            Err("must have no user and no password: the token is in FASTAPI_WS_ADMIN_TOKEN".to_owned())
        }
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is no address: {error}")),
    }
}
