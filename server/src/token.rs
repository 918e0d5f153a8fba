//! Tokens as code outside sees them: making one, and what the server of a configuration says of one.

use std::time::SystemTime;

use queue::ChannelName;

use crate::config::Config;

pub use crate::rights::{
    Claims, EVERYBODY, InvalidPattern, LEEWAY, MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_BYTES, MAX_TOKEN_CHANNELS,
    MAX_TTL, MAX_USER_BYTES, MIN_SECRET_BYTES, NewToken, NewTokenError, Pattern, Secret, TokenError, create,
};

/// What the server takes a token for, at a time: a login, or one for one subscription.
///
/// # Errors
/// When it would not count, with the rule that it breaks.
pub fn check(config: &Config, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
    config.rights.read(token, now)
}

/// The claims of a token that one of the keys has signed, as JSON text.
///
/// # Errors
/// When none has.
pub fn payload(config: &Config, token: &str) -> Result<Vec<u8>, TokenError> {
    config.rights.payload(token)
}

/// The secret that new tokens are signed with, if there is one.
pub fn signing_secret(config: &Config) -> Option<&Secret> {
    config.rights.secrets.first()
}

/// A channel with this end that everybody may read, if there is one that is not listed by its name.
pub fn public_name(config: &Config, end: &str) -> Option<ChannelName> {
    let mut names = config.rights.public.iter().filter_map(|pattern| pattern.name_with(end));
    names.find(|name| config.rights.is_public(name))
}

/// What new tokens must say so that the server takes them: audience and issuer.
pub fn for_server(config: &Config, new: NewToken) -> NewToken {
    let expected = &config.rights.expected;
    NewToken { audience: expected.audience.clone(), issuer: expected.issuer.clone(), ..new }
}
