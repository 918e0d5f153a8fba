//! Making a token: what PHP does with `AccessToken`, and the shell with `token create`.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header, encode};
use queue::ChannelName;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::bounds::{MAX_TOKEN_BYTES, MAX_TTL};
use super::claims::{Claims, EVERYBODY, Expected};
use super::cryptography;
use super::error::TokenError;
use super::pattern::Pattern;
use super::secret::Secret;

/// What a token is to say.
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    /// The user (`sub`).
    pub user: Option<String>,
    /// Channels that are subscribed at once.
    pub channels: Vec<String>,
    /// Channels that may be read: names, patterns that end in `*`, or the word `everybody`.
    pub allow: Vec<String>,
    /// The one channel that the token is for, if it is for one subscription and no login.
    pub channel: Option<String>,
    /// How long it counts.
    pub ttl: Duration,
    /// What others on a channel see of the user: a JSON object.
    pub info: Option<String>,
    /// For whom it is (`aud`).
    pub audience: Option<String>,
    /// Who makes it (`iss`).
    pub issuer: Option<String>,
}

/// Why no token was made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NewTokenError {
    /// The secret is too short.
    #[error("{0}")]
    Secret(String),
    /// It would count for no time, or for too long.
    #[error("the time that a token counts must be 1 second to 10 years")]
    Ttl,
    /// A text is no channel.
    #[error("{0:?} is no channel that a client may have: {cause}", cause = queue::InvalidChannel)]
    Channel(String),
    /// A text is no pattern.
    #[error("{0:?} {cause}; or the word everybody", cause = super::pattern::InvalidPattern)]
    Pattern(String),
    /// `info` is no JSON object.
    #[error("`info` must be a JSON object")]
    Info,
    /// It would be refused.
    #[error("such a token would be refused: {0}")]
    Refused(TokenError),
    /// It could not be signed.
    #[error("cannot sign the token")]
    Unsigned,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    channels: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allow: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<&'a RawValue>,
}

/// Makes a token, signed with HS256. It is one that the server takes.
///
/// # Errors
/// When the server would refuse such a token, with what to change.
pub fn create(secret: &Secret, new: &NewToken, now: SystemTime) -> Result<String, NewTokenError> {
    if let Some(problem) = secret.problem() {
        return Err(NewTokenError::Secret(problem));
    }
    if !(Duration::from_secs(1)..=MAX_TTL).contains(&new.ttl) {
        return Err(NewTokenError::Ttl);
    }
    let mut channels = new.channels.iter().chain(&new.channel);
    if let Some(invalid) = channels.find(|name| !name.parse().is_ok_and(|name: ChannelName| !name.is_for_producers())) {
        return Err(NewTokenError::Channel(invalid.clone()));
    }
    let mut patterns = new.allow.iter().filter(|text| *text != EVERYBODY);
    if let Some(invalid) = patterns.find(|text| text.parse::<Pattern>().is_err()) {
        return Err(NewTokenError::Pattern(invalid.clone()));
    }
    let iat = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let payload = Payload {
        iss: new.issuer.as_deref(),
        aud: new.audience.as_deref(),
        sub: new.user.as_deref(),
        iat,
        exp: iat + new.ttl.as_secs(),
        channel: new.channel.as_deref(),
        channels: &new.channels,
        allow: &new.allow,
        info: new.info.as_deref().map(serde_json::from_str).transpose().map_err(|_| NewTokenError::Info)?,
    };
    let json = serde_json::to_vec(&payload).map_err(|_| NewTokenError::Unsigned)?;
    let expected = Expected { audience: new.audience.clone(), issuer: new.issuer.clone() };
    Claims::read(&json, &expected, now).map_err(NewTokenError::Refused)?;
    cryptography::install();
    let token = encode(&Header::default(), &payload, &EncodingKey::from_secret(secret.as_bytes()))
        .map_err(|_| NewTokenError::Unsigned)?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(NewTokenError::Refused(TokenError::TooLarge));
    }
    Ok(token)
}
