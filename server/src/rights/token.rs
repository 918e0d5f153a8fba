//! A token as it is sent (JWS, RFC 7515): its parts, its header, its signature. Nothing of it is believed before the
//! signature is checked.

use std::time::SystemTime;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Algorithm;

use super::bounds::MAX_TOKEN_BYTES;
use super::claims::{Claims, Expected};
use super::error::TokenError;
use super::json_object::JsonObject;
use super::keys::Keys;

/// What tokens may be by their header; or nothing is said there.
const TYPES: [&str; 2] = ["JWT", "fastapi-ws+jwt"];
const HEADERS: [&str; 4] = ["alg", "typ", "crit", "kid"];

/// What a token says, if one of the keys has signed it and it counts now.
pub(super) fn check(token: &str, keys: &Keys, expected: &Expected, now: SystemTime) -> Result<Claims, TokenError> {
    if keys.is_empty() {
        return Err(TokenError::NoKey);
    }
    Claims::read(&payload(token, keys)?, expected, now)
}

/// The payload of a token that one of the keys has signed.
pub(super) fn payload(token: &str, keys: &Keys) -> Result<Vec<u8>, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLarge);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let algorithm = algorithm(&decode(header)?)?;
    let payload = decode(payload)?;
    if !keys.are_for(algorithm) {
        return Err(TokenError::WrongAlgorithm);
    }
    if !keys.verify(algorithm, signature, message.as_bytes()) {
        return Err(TokenError::WrongSignature);
    }
    Ok(payload)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenError::Malformed)
}

/// By which algorithm a header says that the token is signed.
fn algorithm(header: &[u8]) -> Result<Algorithm, TokenError> {
    let header = JsonObject::parse(header, &HEADERS)?;
    if header.raw("crit").is_some() {
        return Err(TokenError::Critical);
    }
    if let Some(given) = header.get::<String>("typ").map_err(|_| TokenError::WrongType)?
        && !TYPES.iter().any(|known| known.eq_ignore_ascii_case(&given))
    {
        return Err(TokenError::WrongType);
    }
    match header.get::<String>("alg").ok().flatten().as_deref() {
        Some("HS256") => Ok(Algorithm::HS256),
        Some("HS384") => Ok(Algorithm::HS384),
        Some("HS512") => Ok(Algorithm::HS512),
        Some("RS256") => Ok(Algorithm::RS256),
        Some("ES256") => Ok(Algorithm::ES256),
        Some("EdDSA") => Ok(Algorithm::EdDSA),
        _ => Err(TokenError::WrongAlgorithm),
    }
}
