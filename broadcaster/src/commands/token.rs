//! `fastapi-broadcaster token ...`: makes tokens, and says what the server of these settings takes one for.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use queue::{ChannelName, printable};
use serde_json::Value;
use server::Config;
use server::token::{self, EVERYBODY, MAX_TOKEN_BYTES, NewToken, Pattern};

use crate::numbers::whole;

/// `fastapi-broadcaster token ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Prints a new token, signed with the first secret of the settings (HS256)
    #[command(after_help = EXAMPLES)]
    Create(CreateArgs),
    /// Checks a token as the server does: prints its claims, or which rule it breaks, with exit code 1
    #[command(after_help = EXAMPLES)]
    Check {
        /// The token, or - to read it from standard input, where no other user can see it
        token: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The user (claim sub)
    #[arg(long)]
    user: Option<String>,
    /// Channels that are subscribed at once. Several with commas between, or the flag several times
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = channel)]
    channels: Vec<String>,
    /// What may be read: channels, beginnings of names and a * at the end, or the word everybody for events for everybody
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = allowed)]
    allow: Vec<String>,
    /// Makes a token for a subscription of this channel alone, which is no login
    #[arg(long, value_parser = channel, conflicts_with_all = ["channels", "allow"])]
    channel: Option<String>,
    /// How long it is valid
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = whole)]
    ttl: u64,
    /// An object: what others on presence channels see of the user
    #[arg(long, value_name = "JSON", value_parser = object)]
    info: Option<String>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster token create --user 42 --allow 'private-user.42' --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster token create --user 42 --channels news,private-user.42 --allow everybody --ttl 600
  fastapi-broadcaster token create --user 42 | fastapi-broadcaster token check -

The secret is that of the settings: the variable FASTAPI_WS_TOKEN_SECRET, or token_secret_file.

Exit codes: 0 made, or the token is valid; 64 bad arguments or configuration; 1 not made, or the token is refused.";

pub(crate) fn run(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(arguments) => create(config, arguments),
        TokenCommand::Check { token } if token == "-" => check(config, &read_from(io::stdin().lock())?),
        TokenCommand::Check { token } => check(config, &token),
    }
}

fn create(config: &Config, arguments: CreateArgs) -> anyhow::Result<()> {
    let secret = token::signing_secret(config)
        .context("there is no secret to sign with: set FASTAPI_WS_TOKEN_SECRET or token_secret_file")?;
    let CreateArgs { user, channels, allow, channel, ttl, info } = arguments;
    let ttl = Duration::from_secs(ttl);
    let new = NewToken { user, channels, allow, channel, ttl, info, ..NewToken::default() };
    let token = token::create(secret, &token::for_server(config, new), SystemTime::now())?;
    Ok(writeln!(io::stdout(), "{token}")?)
}

fn check(config: &Config, token: &str) -> anyhow::Result<()> {
    if let Err(rule) = token::check(config, token, SystemTime::now()) {
        bail!("the token is refused: {rule}");
    }
    let claims = token::payload(config, token)?;
    Ok(writeln!(io::stdout(), "{}", printable(&String::from_utf8_lossy(&claims)))?)
}

/// Reads no more than one byte beyond the limit and the end of the line: the input may have no end.
pub(super) fn read_from(input: impl Read) -> anyhow::Result<String> {
    let mut token = String::new();
    input
        .take(MAX_TOKEN_BYTES as u64 + 3)
        .read_to_string(&mut token)
        .context("cannot read the token from standard input")?;
    token.truncate(token.trim_end().len());
    Ok(token)
}

/// Takes the name of a channel that a client may subscribe.
pub(super) fn channel(text: &str) -> Result<String, String> {
    match text.parse::<ChannelName>() {
        Ok(name) if name.is_for_producers() => Err("only producers may use this name".to_owned()),
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn allowed(text: &str) -> Result<String, String> {
    if text == EVERYBODY {
        return Ok(text.to_owned());
    }
    text.parse::<Pattern>().map(|pattern| pattern.to_string()).map_err(|error| error.to_string())
}

fn object(text: &str) -> Result<String, &'static str> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => Ok(text.to_owned()),
        _ => Err("must be a JSON object, such as '{\"name\":\"Ann\"}'"),
    }
}
