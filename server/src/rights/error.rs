//! Which rule a token breaks. For operators: clients get a denial alone. No text has anything of the token in it, so
//! that it may stand in logs.

use thiserror::Error;

use super::bounds::{MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_BYTES, MAX_TOKEN_CHANNELS, MAX_USER_BYTES};

/// Which rule a token breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Nothing is configured to check it with.
    #[error("no key is configured (token_secret, token_secret_file or token_public_key_file)")]
    NoKey,
    /// It is longer than any token may be.
    #[error("it has more than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// It is no JWT.
    #[error("it is no JWT: three parts in base64url without padding, with dots between, of which two are JSON objects")]
    Malformed,
    /// A name stands twice in one of the objects.
    #[error("{0} stands in it twice")]
    Repeated(&'static str),
    /// It is of another type.
    #[error("its header has a `typ` other than JWT or fastapi-ws+jwt")]
    WrongType,
    /// Its header needs what nobody here understands.
    #[error("its header has `crit`, and no extension is supported")]
    Critical,
    /// It is signed by an algorithm that no key is for, or by none.
    #[error(
        "its `alg` is none that a configured key is for: HS256, HS384, HS512 of a secret, RS256, ES256 or EdDSA of a public key"
    )]
    WrongAlgorithm,
    /// No key fits.
    #[error(
        "no configured key has made its signature: it was made with another secret, or with the end of the line of its file (rtrim)"
    )]
    WrongSignature,
    /// A claim that it needs is not there.
    #[error("the claim `{0}` is missing")]
    Missing(&'static str),
    /// A claim is not what it has to be.
    #[error("the claim `{claim}` must be {expected}", claim = .0, expected = expected(.0))]
    Claim(&'static str),
    /// It has ended.
    #[error("it has expired (`exp`)")]
    Expired,
    /// It has not begun.
    #[error("it is not valid yet (`nbf`)")]
    NotYet,
    /// It was made in the future.
    #[error("it was issued in the future (`iat`): the clocks differ by more than the leeway")]
    FromTheFuture,
    /// It is for somebody else.
    #[error("its `aud` is not token_audience")]
    WrongAudience,
    /// It is from somebody else.
    #[error("its `iss` is not token_issuer")]
    WrongIssuer,
    /// It is for one subscription, and no login.
    #[error("it is for one subscription (`channel`) and no login")]
    ForOneChannel,
    /// It is a login, and not for one subscription.
    #[error("it is a login and not for one subscription: it has no claim `channel`")]
    NotForOneChannel,
    /// It is for another channel.
    #[error("it is for another channel")]
    OtherChannel,
    /// It is for another user.
    #[error("it is for another user")]
    OtherUser,
}

impl TokenError {
    /// Whether a token of our own application is refused for this reason in the course of things.
    pub(super) fn is_usual(&self) -> bool {
        use TokenError::{Expired, ForOneChannel, NotForOneChannel, OtherChannel, OtherUser};
        matches!(self, Expired | ForOneChannel | NotForOneChannel | OtherChannel | OtherUser)
    }
}

/// What a claim, or a value in the answer of a hook, has to be.
pub(super) fn expected(claim: &str) -> String {
    match claim {
        "sub" => format!("a string of 1 to {MAX_USER_BYTES} bytes"),
        "user" => format!("a string of 1 to {MAX_USER_BYTES} bytes, or a whole number"),
        "expires_in" => "a number of seconds above 0".to_owned(),
        "channels" => format!("a list of channel names, at most {MAX_TOKEN_CHANNELS}"),
        "allow" => {
            format!("a list of channel names, patterns that end in *, or the word everybody, at most {MAX_ALLOWED}")
        }
        "channel" => "a channel name".to_owned(),
        "info" => format!("an object of at most {MAX_INFO_BYTES} bytes"),
        "aud" => "a string or a list of strings".to_owned(),
        "iss" => "a string".to_owned(),
        _ => "a number of seconds since 1970 (not of milliseconds)".to_owned(),
    }
}
