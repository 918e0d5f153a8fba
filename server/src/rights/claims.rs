//! What a token says: its claims, each of the right type and size, and the rules of time, audience and issuer.

use std::time::{Duration, SystemTime};

use queue::ChannelName;
use serde::Deserialize;

use super::bounds::{LEEWAY, MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_CHANNELS, MAX_USER_BYTES};
use super::error::TokenError;
use super::json_object::JsonObject;
use super::pattern::Pattern;

/// The word in `allow` that stands for the events for everybody.
pub const EVERYBODY: &str = "everybody";
/// The end of the year 9999. A later time is one in milliseconds.
const LAST_TIME: f64 = 253_402_300_799.0;
/// Those that mean something.
const CLAIMS: [&str; 10] = ["sub", "exp", "nbf", "iat", "aud", "iss", "channels", "allow", "info", "channel"];

/// What a token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// The user (`sub`).
    pub user: Option<Box<str>>,
    /// Channels that are subscribed at once.
    pub channels: Vec<ChannelName>,
    /// Channels that may be read.
    pub allow: Vec<Pattern>,
    /// Whether `allow` has the word `everybody`.
    pub everybody: bool,
    /// The channel that the token is for, and nothing else.
    pub channel: Option<ChannelName>,
    /// What others on a channel see of the user: a JSON object.
    pub info: Option<Box<str>>,
    /// When it counts no more: `exp` and the leeway.
    pub expires_at: SystemTime,
}

/// What a token must say beside that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// One of its audiences (`aud`).
    pub(crate) audience: Option<String>,
    /// Who made it (`iss`).
    pub(crate) issuer: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Reads claims whose signature was checked.
    pub(super) fn read(json: &[u8], expected: &Expected, now: SystemTime) -> Result<Claims, TokenError> {
        let object = JsonObject::parse(json, &CLAIMS)?;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        let ends = time(&object, "exp")?.ok_or(TokenError::Missing("exp"))?;
        if now >= ends + leeway {
            return Err(TokenError::Expired);
        }
        if time(&object, "nbf")?.is_some_and(|begins| begins > now + leeway) {
            return Err(TokenError::NotYet);
        }
        if time(&object, "iat")?.is_some_and(|made| made > now + leeway) {
            return Err(TokenError::FromTheFuture);
        }
        check_audience(&object, expected.audience.as_deref())?;
        check_issuer(&object, expected.issuer.as_deref())?;
        let (allow, everybody) = allowed(&object)?;
        Ok(Claims {
            user: user(&object, "sub")?,
            channels: channels(&object)?,
            allow,
            everybody,
            channel: object.get::<String>("channel")?.map(|name| channel(&name, "channel")).transpose()?,
            info: info(&object)?,
            expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs_f64(ends) + LEEWAY,
        })
    }
}

/// A number of seconds since 1970, which may have a fraction (RFC 7519, section 2).
fn time(object: &JsonObject<'_>, claim: &'static str) -> Result<Option<f64>, TokenError> {
    match object.get::<f64>(claim)? {
        Some(seconds) if !(0.0..=LAST_TIME).contains(&seconds) => Err(TokenError::Claim(claim)),
        seconds => Ok(seconds),
    }
}

fn check_audience(object: &JsonObject<'_>, expected: Option<&str>) -> Result<(), TokenError> {
    let is_for_us = |expected: &str, audience: &Audience| match audience {
        Audience::One(audience) => audience == expected,
        Audience::Several(audiences) => audiences.iter().any(|audience| audience == expected),
    };
    match (object.get::<Audience>("aud")?, expected) {
        (_, None) => Ok(()),
        (None, Some(_)) => Err(TokenError::Missing("aud")),
        (Some(audience), Some(expected)) if is_for_us(expected, &audience) => Ok(()),
        _ => Err(TokenError::WrongAudience),
    }
}

fn check_issuer(object: &JsonObject<'_>, expected: Option<&str>) -> Result<(), TokenError> {
    match (object.get::<String>("iss")?, expected) {
        (_, None) => Ok(()),
        (None, Some(_)) => Err(TokenError::Missing("iss")),
        (Some(issuer), Some(expected)) if issuer == expected => Ok(()),
        _ => Err(TokenError::WrongIssuer),
    }
}

pub(super) fn user(object: &JsonObject<'_>, claim: &'static str) -> Result<Option<Box<str>>, TokenError> {
    match object.get::<String>(claim)? {
        Some(user) if user.is_empty() || user.len() > MAX_USER_BYTES => Err(TokenError::Claim(claim)),
        user => Ok(user.map(String::into_boxed_str)),
    }
}

pub(super) fn channels(object: &JsonObject<'_>) -> Result<Vec<ChannelName>, TokenError> {
    let names = object.get::<Vec<String>>("channels")?.unwrap_or_default();
    if names.len() > MAX_TOKEN_CHANNELS {
        return Err(TokenError::Claim("channels"));
    }
    let mut channels = Vec::with_capacity(names.len());
    for name in names {
        let name = channel(&name, "channels")?;
        if !channels.contains(&name) {
            channels.push(name);
        }
    }
    Ok(channels)
}

/// A channel that a client may have.
fn channel(name: &str, claim: &'static str) -> Result<ChannelName, TokenError> {
    let name: Option<ChannelName> = name.parse().ok();
    name.filter(|name| !name.is_for_producers()).ok_or(TokenError::Claim(claim))
}

pub(super) fn allowed(object: &JsonObject<'_>) -> Result<(Vec<Pattern>, bool), TokenError> {
    let refuse = TokenError::Claim("allow");
    let mut texts = object.get::<Vec<String>>("allow")?.unwrap_or_default();
    if texts.len() > MAX_ALLOWED {
        return Err(refuse);
    }
    let count = texts.len();
    texts.retain(|text| text != EVERYBODY);
    let patterns = texts.iter().map(|text| text.parse().map_err(|_| refuse)).collect::<Result<_, _>>()?;
    Ok((patterns, texts.len() < count))
}

pub(super) fn info(object: &JsonObject<'_>) -> Result<Option<Box<str>>, TokenError> {
    match object.raw("info") {
        Some(text) if text.len() > MAX_INFO_BYTES || !text.starts_with('{') => Err(TokenError::Claim("info")),
        text => Ok(text.map(Into::into)),
    }
}
