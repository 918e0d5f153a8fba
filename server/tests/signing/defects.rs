//! Every way a token can be wrong that we know of.

use data_encoding::BASE64URL_NOPAD;
use ring::{hmac, signature};

use super::{OTHER_SECRET, P256, RSA, SECRET, der, eddsa, es256, header, hs256, mac, rs256, rsa, token};

/// What the claims of a good token are, at a time in seconds. It may read `private-user.42`.
pub(crate) fn good_claims(now: u64) -> String {
    format!(r#"{{"sub":"42","exp":{},"aud":"us","iss":"them","allow":["private-user.42"]}}"#, now + 600)
}

/// What is wrong and such a token, for a server that has [`SECRET`] and the three public keys, and expects the audience
/// `us` and the issuer `them`.
pub(crate) fn all(now: u64) -> Vec<(&'static str, String)> {
    let mut all = claims(now);
    all.extend(signatures(now));
    all.extend(shapes(now));
    all
}

/// Signed by the right key, with claims that are wrong.
fn claims(now: u64) -> Vec<(&'static str, String)> {
    let good = good_claims(now);
    let exp = format!(r#""exp":{}"#, now + 600);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        hs256(SECRET, &good.replace(from, to))
    };
    let and = |claim: String| hs256(SECRET, &good.replace('{', &format!("{{{claim},")));
    let many = |item: &str, count: usize| vec![item; count].join(",");
    vec![
        ("expired", with(&exp, &format!(r#""exp":{}"#, now - 3600))),
        ("expired beyond the leeway", with(&exp, &format!(r#""exp":{}"#, now - 31))),
        ("no exp", with(&format!("{exp},"), "")),
        ("exp is a string", with(&exp, &format!(r#""exp":"{}""#, now + 600))),
        ("exp is null", with(&exp, r#""exp":null"#)),
        ("exp is negative", with(&exp, r#""exp":-1"#)),
        ("exp is no time", with(&exp, r#""exp":1e300"#)),
        ("exp is in milliseconds", with(&exp, &format!(r#""exp":{}000"#, now + 600))),
        ("not yet", and(format!(r#""nbf":{}"#, now + 600))),
        ("nbf is a string", and(format!(r#""nbf":"{now}""#))),
        ("from the future", and(format!(r#""iat":{}"#, now + 600))),
        ("iat is a list", and(r#""iat":[1]"#.to_owned())),
        ("wrong aud", with(r#""aud":"us""#, r#""aud":"you""#)),
        ("wrong auds", with(r#""aud":"us""#, r#""aud":["you","US"]"#)),
        ("aud is empty", with(r#""aud":"us""#, r#""aud":[]"#)),
        ("no aud", with(r#""aud":"us","#, "")),
        ("aud is an object", with(r#""aud":"us""#, r#""aud":{"us":"us"}"#)),
        ("aud is null", with(r#""aud":"us""#, r#""aud":null"#)),
        ("wrong iss", with(r#""iss":"them""#, r#""iss":"Them""#)),
        ("no iss", with(r#""iss":"them","#, "")),
        ("iss is a list", with(r#""iss":"them""#, r#""iss":["them"]"#)),
        ("sub is a number", with(r#""sub":"42""#, r#""sub":42"#)),
        ("sub is null", with(r#""sub":"42""#, r#""sub":null"#)),
        ("sub is empty", with(r#""sub":"42""#, r#""sub":"""#)),
        ("sub is too long", with(r#""42""#, &format!(r#""{}""#, "4".repeat(201)))),
        ("channels is a string", and(r#""channels":"a""#.to_owned())),
        ("channels is an object", and(r#""channels":{"0":"a"}"#.to_owned())),
        ("channels has a number", and(r#""channels":[1]"#.to_owned())),
        ("channels has no channel", and(r#""channels":["a b"]"#.to_owned())),
        ("channels has a pattern", and(r#""channels":["a*"]"#.to_owned())),
        ("channels has a name of producers", and(r##""channels":["#server-to-user-42"]"##.to_owned())),
        ("too many channels", and(format!(r#""channels":[{}]"#, many(r#""a""#, 129)))),
        ("allow is a string", with(r#"["private-user.42"]"#, r#""*""#)),
        ("allow has no pattern", with("private-user.42", "*.42")),
        ("allow has a name of producers", with("private-user.42", "#server-to-user-*")),
        ("allow is too long", with(r#""private-user.42""#, &many(r#""a""#, 257))),
        ("info is a string", and(r#""info":"x""#.to_owned())),
        ("info is a list", and(r#""info":[]"#.to_owned())),
        ("info is too large", and(format!(r#""info":{{"x":"{}"}}"#, "x".repeat(1025)))),
        ("a token for one channel", and(r#""channel":"private-user.42""#.to_owned())),
        ("channel is a list", and(r#""channel":["private-user.42"]"#.to_owned())),
        ("sub twice", and(r#""sub":"42""#.to_owned())),
        ("sub twice, once with an escape", and(r#""s\u0075b":"1""#.to_owned())),
        ("exp twice", and(format!(r#""exp":{}"#, now + 9_000_000))),
        ("an unknown claim twice", and(r#""x":1,"x":1"#.to_owned())),
        ("claims are a list", hs256(SECRET, "[]")),
        ("claims are null", hs256(SECRET, "null")),
        ("claims are no JSON", hs256(SECRET, "x")),
        ("claims are followed by something", hs256(SECRET, &format!("{good}{{}}"))),
    ]
}

/// With good claims, signed in a way that must not count.
fn signatures(now: u64) -> Vec<(&'static str, String)> {
    let good = good_claims(now);
    let signed = |algorithm: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>| token(&header(algorithm), good.as_bytes(), sign);
    let of_header =
        |header: &str| token(header.as_bytes(), good.as_bytes(), |message| mac(hmac::HMAC_SHA256, SECRET, message));
    let with_secret = |secret: &[u8]| hs256(secret, &good);
    let genuine = hs256(SECRET, &good);
    let (message, signature) = genuine.rsplit_once('.').expect("it has three parts");
    let other = BASE64URL_NOPAD.encode(good.replace("42", "43").as_bytes());
    let first = message.split('.').next().expect("it has three parts");
    vec![
        ("a wrong key", with_secret(OTHER_SECRET)),
        ("an empty key", with_secret(b"")),
        ("the secret without its last byte", with_secret(&SECRET[..SECRET.len() - 1])),
        ("other claims than those that were signed", format!("{first}.{other}.{signature}")),
        ("no signature", format!("{message}.")),
        ("a part of the signature", format!("{message}.{}", &signature[..20])),
        ("none", signed("none", &|_| Vec::new())),
        ("None", signed("None", &|_| Vec::new())),
        ("none with a signature", signed("none", &|message| mac(hmac::HMAC_SHA256, SECRET, message))),
        ("an empty algorithm", signed("", &|_| Vec::new())),
        ("another case", signed("hs256", &|message| mac(hmac::HMAC_SHA256, SECRET, message))),
        ("no algorithm", of_header(r#"{"typ":"JWT"}"#)),
        ("an algorithm that is no text", of_header(r#"{"alg":["HS256"]}"#)),
        ("two algorithms", of_header(r#"{"alg":"HS256","alg":"HS256"}"#)),
        ("HS256 with the text of the RSA key", with_secret(RSA.as_bytes())),
        ("HS256 with the bytes of the RSA key", with_secret(&der(RSA))),
        ("HS256 with the text of the P-256 key", with_secret(P256.as_bytes())),
        ("HS256 with the bytes of the P-256 key", with_secret(&der(P256))),
        ("HS256 called HS512", signed("HS512", &|message| mac(hmac::HMAC_SHA256, SECRET, message))),
        ("HS256 called RS256", signed("RS256", &|message| mac(hmac::HMAC_SHA256, SECRET, message))),
        ("RS256 called HS256", signed("HS256", &rs256)),
        ("RS256 called ES256", signed("ES256", &rs256)),
        ("ES256 called RS256", signed("RS256", &es256)),
        ("ES256 called EdDSA", signed("EdDSA", &es256)),
        ("EdDSA called ES256", signed("ES256", &eddsa)),
        ("ES256 of zeros", signed("ES256", &|_| vec![0; 64])),
        ("RS512", signed("RS512", &|message| rsa(&signature::RSA_PKCS1_SHA512, message))),
        ("PS256", signed("PS256", &|message| rsa(&signature::RSA_PSS_SHA256, message))),
        ("a wrong type", of_header(r#"{"alg":"HS256","typ":"at+jwt"}"#)),
        ("a type that is no text", of_header(r#"{"alg":"HS256","typ":null}"#)),
        ("an extension", of_header(r#"{"alg":"HS256","crit":["exp"]}"#)),
        ("an empty list of extensions", of_header(r#"{"alg":"HS256","crit":[]}"#)),
        (
            "an unknown kid and a wrong key",
            token(br#"{"alg":"HS256","kid":"nobody"}"#, good.as_bytes(), |message| {
                mac(hmac::HMAC_SHA256, OTHER_SECRET, message)
            }),
        ),
        (
            "a key in the header",
            token(br#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#, good.as_bytes(), |message| {
                mac(hmac::HMAC_SHA256, &[0; 3], message)
            }),
        ),
    ]
}

/// Of another shape than a token.
fn shapes(now: u64) -> Vec<(&'static str, String)> {
    let genuine = hs256(SECRET, &good_claims(now));
    let parts: Vec<&str> = genuine.split('.').collect();
    let not_utf8 = [&good_claims(now).as_bytes()[..10], b"\xff\xfe", &good_claims(now).as_bytes()[10..]].concat();
    let signed = |claims: &[u8]| token(&header("HS256"), claims, |message| mac(hmac::HMAC_SHA256, SECRET, message));
    vec![
        ("empty", String::new()),
        ("no token", "x".to_owned()),
        ("dots", "..".to_owned()),
        ("two parts", parts[..2].join(".")),
        ("four parts", format!("{genuine}.{}", parts[2])),
        ("five parts", format!("{genuine}.{}.{}", parts[1], parts[2])),
        ("padding", format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
        ("a character that is not of base64url", format!("{}.{}+.{}", parts[0], parts[1], parts[2])),
        ("not UTF-8", signed(&not_utf8)),
        ("huge", signed(format!(r#"{{"x":"{}",{}"#, "x".repeat(7000), &good_claims(now)[1..]).as_bytes())),
        (
            "deep",
            signed(
                format!(r#"{{"channels":{}{},{}"#, "[".repeat(1500), "]".repeat(1500), &good_claims(now)[1..])
                    .as_bytes(),
            ),
        ),
    ]
}
