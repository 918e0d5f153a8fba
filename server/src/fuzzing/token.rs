//! Tokens and queries as strangers send them.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use queue::url_without_secrets;
use ring::hmac;
use serde::de::IgnoredAny;

use crate::http_server::try_query;
use crate::rights::{
    Key, Keys, LEEWAY, MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_BYTES, MAX_TOKEN_CHANNELS, MAX_USER_BYTES, Rights, Secret,
};

const SECRET: &[u8] = b"a secret that the fuzzer does not know";
/// The time that the claims are judged at.
const NOW: u64 = 1_700_000_000;

/// Checks a text as a token, as the header and as the claims of a signed one, and as the target of a request. The first
/// byte says which.
///
/// # Panics
/// When a token counts that must not.
pub fn token(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => assert!(check(&text).is_err(), "a token that nobody has signed counts: {text}"),
        1 => signed(br#"{"alg":"HS256"}"#, rest),
        2 => signed(rest, format!(r#"{{"exp":{}}}"#, NOW + 60).as_bytes()),
        _ => {
            try_query(&text);
            let shown = url_without_secrets(&text);
            assert_eq!(url_without_secrets(&shown), shown, "what is shown has a token");
        }
    }
}

fn check(token: &str) -> Result<crate::rights::Claims, crate::rights::TokenError> {
    let secrets = vec![Secret::new(SECRET)];
    let keys = Keys::new(secrets.iter().map(Key::secret).collect());
    let rights = Rights { public: Vec::new(), keys, secrets, ..Rights::open() };
    rights.read(token, now())
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// By other means than the code: what counts is within the bounds.
fn signed(header: &[u8], claims: &[u8]) {
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    let token = format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()));
    let Ok(read) = check(&token) else { return };
    assert!(token.len() <= MAX_TOKEN_BYTES);
    // A number may be too large for this reader.
    let Ok(header) = serde_json::from_slice::<serde_json::Value>(header) else {
        assert!(serde_json::from_slice::<IgnoredAny>(header).is_ok(), "a header is JSON");
        return;
    };
    assert_eq!(header["alg"], "HS256");
    let typ = header.get("typ").map(|typ| typ.as_str().expect("a type that is a text").to_ascii_lowercase());
    assert!(typ.is_none_or(|typ| typ == "jwt" || typ == "fastapi-ws+jwt"));
    assert!(header.get("crit").is_none());
    let Ok(claims) = serde_json::from_slice::<serde_json::Value>(claims) else {
        assert!(serde_json::from_slice::<IgnoredAny>(claims).is_ok(), "claims are JSON");
        return;
    };
    let seconds = |claim: &str| claims.get(claim).map(|time| time.as_f64().expect("a number"));
    let (now, leeway) = (NOW as f64, LEEWAY.as_secs_f64());
    assert!(seconds("exp").expect("an end") + leeway > now);
    assert!(["nbf", "iat"].iter().all(|claim| seconds(claim).is_none_or(|time| time <= now + leeway)));
    assert!(read.user.is_none_or(|user| (1..=MAX_USER_BYTES).contains(&user.len()) && claims["sub"] == *user));
    assert!(read.channels.len() <= MAX_TOKEN_CHANNELS && read.allow.len() <= MAX_ALLOWED);
    assert!(read.channels.iter().chain(&read.channel).all(|channel| !channel.is_for_producers()));
    assert!(read.info.is_none_or(|info| info.len() <= MAX_INFO_BYTES && claims["info"].is_object()));
}

#[cfg(test)]
mod tests {
    //! What the fuzzers found, each once.

    use super::token;

    #[test]
    fn a_token_of_each_kind() {
        token(b"\0a.b.c");
        token(br#"01{"exp":1700000060}"#);
        token(br#"1{"exp":1700000060,"sub":"42","channels":["a"],"allow":["b*","everybody"],"info":{}}"#);
        token(br#"1{"exp":1700000060,"other":1e0841}"#);
        token(br#"2{"alg":"HS256","typ":"JWT"}"#);
        token(b"3/?channel=a&token=b&everybody=0");
    }
}
