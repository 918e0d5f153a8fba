//! Tokens and rights, with real keys.

use std::time::{Duration, SystemTime};

use ring::{hmac, rand, signature};

use super::*;

#[allow(dead_code, reason = "the tests of the server use the others")]
#[path = "../../tests/signing/mod.rs"]
mod signing;

use signing::defects::{self, good_claims};
use signing::{ED25519, OTHER_SECRET, P256, RSA, SECRET, eddsa, es256, header, hs256, rs256, token};

fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

fn name(text: &str) -> ChannelName {
    text.parse().unwrap()
}

/// With every kind of key.
fn rights() -> Rights {
    let secrets = vec![Secret::new(SECRET)];
    let mut keys: Vec<Key> = secrets.iter().map(Key::secret).collect();
    keys.extend([RSA, P256, ED25519].map(|pem| Key::public(pem.as_bytes()).unwrap()));
    Rights {
        public: vec![pattern("public.*")],
        anonymous: true,
        keys: Keys::new(keys),
        secrets,
        expected: Expected { audience: Some("us".to_owned()), issuer: Some("them".to_owned()) },
        ..Rights::open()
    }
}

/// With one secret, and nothing else to look at.
fn simple() -> Rights {
    Rights { keys: Keys::new(vec![Key::secret(&Secret::new(SECRET))]), expected: Expected::default(), ..rights() }
}

#[test]
fn a_token_of_every_algorithm_says_who_its_bearer_is() {
    let (rights, now) = (rights(), SystemTime::now());
    let claims = good_claims(unix(now));
    let signed = |algorithm: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>| token(&header(algorithm), claims.as_bytes(), sign);
    for good in [
        signed("HS256", &|message| signing::mac(hmac::HMAC_SHA256, SECRET, message)),
        signed("HS384", &|message| signing::mac(hmac::HMAC_SHA384, SECRET, message)),
        signed("HS512", &|message| signing::mac(hmac::HMAC_SHA512, SECRET, message)),
        signed("RS256", &rs256),
        signed("ES256", &es256),
        signed("EdDSA", &eddsa),
    ] {
        let who = rights.login(&good, now).expect(&good);
        assert_eq!(who.user.as_deref(), Some("42"));
        assert_eq!((who.allow.as_slice(), who.everybody), (&[pattern("private-user.42")][..], false));
        let ends = unix(now) + 600 + LEEWAY.as_secs();
        assert_eq!(who.expires_at, SystemTime::UNIX_EPOCH + Duration::from_secs(ends));
    }
}

#[test]
fn a_defective_token_is_nobodys() {
    let (rights, now) = (rights(), SystemTime::now());
    let all = defects::all(unix(now));
    assert!(all.len() > 80);
    for (defect, token) in all {
        let denial = rights.login(&token, now).expect_err(defect);
        let expected = if defect.starts_with("expired") { Denial::Expired } else { Denial::NotAuthenticated };
        assert_eq!(denial, expected, "{defect}");
    }
}

#[test]
fn an_error_tells_the_rule_and_nothing_of_the_token() {
    let (rights, now) = (rights(), SystemTime::now());
    let rule = |searched: &str| {
        let all = defects::all(unix(now));
        let (_, token) = all.iter().find(|(defect, _)| *defect == searched).expect(searched);
        rights.check(token, now).expect_err(searched)
    };
    for (defect, expected) in [
        ("expired", TokenError::Expired),
        ("no exp", TokenError::Missing("exp")),
        ("exp is in milliseconds", TokenError::Claim("exp")),
        ("not yet", TokenError::NotYet),
        ("from the future", TokenError::FromTheFuture),
        ("wrong aud", TokenError::WrongAudience),
        ("no aud", TokenError::Missing("aud")),
        ("wrong iss", TokenError::WrongIssuer),
        ("sub is null", TokenError::Claim("sub")),
        ("sub twice, once with an escape", TokenError::Repeated("sub")),
        ("an unknown claim twice", TokenError::Repeated("a name")),
        ("a token for one channel", TokenError::ForOneChannel),
        ("a wrong key", TokenError::WrongSignature),
        ("none", TokenError::WrongAlgorithm),
        ("HS256 called RS256", TokenError::WrongSignature),
        ("HS256 with the text of the RSA key", TokenError::WrongSignature),
        ("PS256", TokenError::WrongAlgorithm),
        ("a wrong type", TokenError::WrongType),
        ("an extension", TokenError::Critical),
        ("two algorithms", TokenError::Repeated("alg")),
        ("huge", TokenError::TooLarge),
        ("not UTF-8", TokenError::Malformed),
        ("four parts", TokenError::Malformed),
    ] {
        assert_eq!(rule(defect), expected, "{defect}");
    }
    assert_eq!(Rights::open().check("x", now), Err(TokenError::NoKey));
}

#[test]
fn a_key_is_for_the_algorithms_of_its_kind_alone() {
    let now = SystemTime::now();
    let claims = good_claims(unix(now));
    let with = |key: Key| Rights { keys: Keys::new(vec![key]), expected: Expected::default(), ..rights() };
    let rsa = with(Key::public(RSA.as_bytes()).unwrap());
    assert!(rsa.login(&token(&header("RS256"), claims.as_bytes(), rs256), now).is_ok());
    assert_eq!(rsa.check(&hs256(RSA.as_bytes(), &claims), now), Err(TokenError::WrongAlgorithm));
    assert_eq!(rsa.check(&token(&header("ES256"), claims.as_bytes(), es256), now), Err(TokenError::WrongAlgorithm));
    // The other way round: a text that is a public key is no secret of a server that has the key as such.
    let secret = with(Key::secret(&Secret::new(SECRET)));
    assert_eq!(secret.check(&token(&header("RS256"), claims.as_bytes(), rs256), now), Err(TokenError::WrongAlgorithm));
}

#[test]
fn two_secrets_count_while_one_takes_over_from_the_other() {
    let now = SystemTime::now();
    let claims = good_claims(unix(now));
    let keys = [OTHER_SECRET, SECRET].map(|secret| Key::secret(&Secret::new(secret)));
    let both = Rights { keys: Keys::new(keys.into()), expected: Expected::default(), ..rights() };
    for secret in [SECRET, OTHER_SECRET] {
        assert!(both.login(&hs256(secret, &claims), now).is_ok());
        // A key is not searched by the name that the token gives.
        let named = br#"{"alg":"HS256","kid":"x"}"#;
        let named = token(named, claims.as_bytes(), |message| signing::mac(hmac::HMAC_SHA256, secret, message));
        assert!(both.login(&named, now).is_ok());
    }
    assert!(simple().login(&hs256(OTHER_SECRET, &claims), now).is_err());
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    let (rights, now) = (simple(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let check = |claims: String| rights.check(&hs256(SECRET, &claims), now).map(|_| ());
    let at = |seconds: i64| 1_700_000_000 + seconds;
    assert_eq!(check(format!(r#"{{"exp":{}}}"#, at(-29))), Ok(()));
    assert_eq!(check(format!(r#"{{"exp":{}.5}}"#, at(-30))), Ok(()));
    assert_eq!(check(format!(r#"{{"exp":{}}}"#, at(-30))), Err(TokenError::Expired));
    for (claim, error) in [("nbf", TokenError::NotYet), ("iat", TokenError::FromTheFuture)] {
        assert_eq!(check(format!(r#"{{"exp":{},"{claim}":{}}}"#, at(60), at(30))), Ok(()));
        assert_eq!(check(format!(r#"{{"exp":{},"{claim}":{}}}"#, at(60), at(31))), Err(error));
    }
}

#[test]
fn audience_and_issuer_are_looked_at_only_where_they_are_set() {
    let now = SystemTime::now();
    let claims = |more: &str| format!(r#"{{"exp":{}{more}}}"#, unix(now) + 60);
    assert!(simple().login(&hs256(SECRET, &claims(r#","aud":"x","iss":"y""#)), now).is_ok());
    assert!(rights().login(&hs256(SECRET, &claims(r#","aud":["x","us"],"iss":"them""#)), now).is_ok());
}

#[test]
fn types_that_are_ours_or_not_told_are_taken() {
    let now = SystemTime::now();
    for typ in ["", r#","typ":"JWT""#, r#","typ":"jwt""#, r#","typ":"fastapi-ws+jwt""#] {
        let header = format!(r#"{{"alg":"HS256"{typ}}}"#);
        let sign = |message: &[u8]| signing::mac(hmac::HMAC_SHA256, SECRET, message);
        let token = token(header.as_bytes(), good_claims(unix(now)).as_bytes(), sign);
        assert!(simple().login(&token, now).is_ok(), "{typ}");
    }
}

#[test]
fn a_client_reads_what_is_public_and_what_its_token_allows() {
    let (rights, now) = (simple(), SystemTime::now());
    let who = |claims: &str| {
        let claims = format!(r#"{{"exp":{},{claims}}}"#, unix(now) + 60);
        rights.login(&hs256(SECRET, &claims), now).unwrap()
    };
    let user = who(r#""sub":"42","channels":["news"],"allow":["private-user.42","team.*"]"#);
    let admin = who(r#""allow":["*"]"#);
    for (channel, of_nobody, of_user, of_admin) in [
        ("public.a", Ok(()), Ok(()), Ok(())),
        ("news", Err(Denial::NotAuthenticated), Ok(()), Ok(())),
        ("team.1", Err(Denial::NotAuthenticated), Ok(()), Ok(())),
        ("Team.1", Err(Denial::NotAuthenticated), Err(Denial::NotAllowed), Ok(())),
        ("private-user.42", Err(Denial::NotAuthenticated), Ok(()), Ok(())),
        ("private-user.421", Err(Denial::NotAuthenticated), Err(Denial::NotAllowed), Ok(())),
        ("private-user.4", Err(Denial::NotAuthenticated), Err(Denial::NotAllowed), Ok(())),
        ("presence-x", Err(Denial::NotAuthenticated), Err(Denial::NotAllowed), Ok(())),
        ("#server-to-user-42", Err(Denial::NotAllowed), Err(Denial::NotAllowed), Err(Denial::NotAllowed)),
    ] {
        let channel = name(channel);
        assert_eq!(rights.may_read(None, &channel, None, now).map(drop), of_nobody, "{channel}");
        assert_eq!(rights.may_read(Some(&user), &channel, None, now).map(drop), of_user, "{channel}");
        assert_eq!(rights.may_read(Some(&admin), &channel, None, now).map(drop), of_admin, "{channel}");
    }
    let later = now + Duration::from_secs(91);
    assert_eq!(rights.may_read(Some(&user), &name("news"), None, later), Err(Denial::Expired));
    assert_eq!(rights.may_read(Some(&user), &name("public.a"), None, later).map(drop), Ok(()));
}

#[test]
fn restricted_channels_are_never_public_and_refused_outright_without_a_key() {
    let (open, now) = (Rights::open(), SystemTime::now());
    assert_eq!(open.may_read(None, &name("orders"), None, now).map(drop), Ok(()));
    for channel in ["private-a", "presence-a"] {
        assert_eq!(open.may_read(None, &name(channel), None, now), Err(Denial::NotAllowed));
        assert_eq!(open.may_read(None, &name(channel), Some("x"), now), Err(Denial::NotAllowed));
        let public = Rights { public: vec![pattern("*"), pattern("private-*"), pattern(channel)], ..simple() };
        assert_eq!(public.may_read(None, &name(channel), None, now), Err(Denial::NotAuthenticated));
    }
}

#[test]
fn a_token_for_one_channel_is_for_that_one_and_for_its_user() {
    let (rights, now) = (simple(), SystemTime::now());
    let sign = |claims: &str| hs256(SECRET, &format!(r#"{{"exp":{},{claims}}}"#, unix(now) + 60));
    let user = rights.login(&sign(r#""sub":"42""#), now).unwrap();
    let (a, b) = (name("private-a"), name("private-b"));
    let of_anybody = sign(r#""channel":"private-a""#);
    let of_user = sign(r#""channel":"private-a","sub":"42""#);
    let until = now + Duration::from_secs(60) + LEEWAY;
    let read = |who, channel, token: &str| rights.may_read(who, channel, Some(token), now).map(drop);
    let ends = rights.may_read(None, &a, Some(&of_anybody), now).unwrap().unwrap();
    assert!(ends <= until && ends > until - Duration::from_secs(2), "{ends:?}");
    assert_eq!(read(None, &a, &of_anybody), Ok(()));
    assert_eq!(read(Some(&user), &a, &of_anybody), Ok(()));
    assert_eq!(read(Some(&user), &a, &of_user), Ok(()));
    assert_eq!(read(None, &a, &of_user), Err(Denial::NotAllowed));
    assert_eq!(read(Some(&user), &b, &of_user), Err(Denial::NotAllowed));
    assert_eq!(read(Some(&user), &a, &sign(r#""channel":"private-a","sub":"43""#)), Err(Denial::NotAllowed));
    // A login is none, whatever it allows, and what is for one channel is no login.
    assert_eq!(read(None, &a, &sign(r#""allow":["*"]"#)), Err(Denial::NotAuthenticated));
    assert_eq!(read(None, &a, &sign(r#""channel":"private-b","allow":["*"]"#)), Err(Denial::NotAllowed));
    assert_eq!(rights.login(&of_anybody, now), Err(Denial::NotAuthenticated));
    let ended = now + Duration::from_secs(91);
    assert_eq!(rights.may_read(None, &a, Some(&of_anybody), ended), Err(Denial::Expired));
}

#[test]
fn events_for_everybody_are_off_where_they_are_not_public_unless_asked_for_and_allowed() {
    let now = SystemTime::now();
    let login = |rights: &Rights, allow: &str| {
        let claims = format!(r#"{{"exp":{},"allow":["{allow}"]}}"#, unix(now) + 60);
        rights.login(&hs256(SECRET, &claims), now).unwrap()
    };
    let public = Rights { public: vec![Pattern::all()], ..simple() };
    let closed = Rights { public: vec![Pattern::all()], anonymous: false, ..simple() };
    let asked = [None, Some(true), Some(false)];
    let gets = |rights: &Rights, who: Option<&Identity>| asked.map(|asked| rights.gets_everybody(who, asked));
    assert_eq!(gets(&Rights::open(), None), [true, true, false]);
    assert_eq!(gets(&public, None), [true, true, false]);
    for rights in [simple(), closed] {
        assert_eq!(gets(&rights, None), [false; 3]);
        assert_eq!(gets(&rights, Some(&login(&rights, "*"))), [false; 3]);
        assert_eq!(gets(&rights, Some(&login(&rights, "everybody"))), [false, true, false]);
    }
}

#[test]
fn keys_of_other_kinds_are_refused_with_what_to_do() {
    let refused = |pem: &str| Key::public(pem.as_bytes()).map(|_| ()).unwrap_err();
    assert!(refused(include_str!("../../tests/signing/rsa.pem")).contains("openssl pkey"));
    assert!(refused(include_str!("../../tests/signing/rsa1024.public.pem")).contains("less than 2048 bits"));
    assert!(refused(include_str!("../../tests/signing/p384.public.pem")).contains("another curve"));
    assert!(refused(&format!("{RSA}{P256}")).contains("several keys"));
    assert!(refused("-----BEGIN CERTIFICATE-----").contains("openssl x509"));
    assert!(refused("ssh-ed25519 AAAA").contains("no public key in PEM"));
    assert!(refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").contains("holds no key"));
}

#[test]
fn a_new_token_is_one_that_the_server_takes() {
    let (rights, now) = (rights(), SystemTime::now());
    let new = NewToken {
        user: Some("42".to_owned()),
        channels: vec!["news".to_owned()],
        allow: vec!["private-user.*".to_owned(), "everybody".to_owned()],
        ttl: Duration::from_secs(60),
        info: Some(r#"{"name":"Ann"}"#.to_owned()),
        audience: Some("us".to_owned()),
        issuer: Some("them".to_owned()),
        channel: None,
    };
    let token = create(&Secret::new(SECRET), &new, now).unwrap();
    let claims = rights.check(&token, now).unwrap();
    assert_eq!((claims.user.as_deref(), claims.everybody), (Some("42"), true));
    assert_eq!(claims.info.as_deref(), Some(r#"{"name":"Ann"}"#));
    assert_eq!((claims.channels, claims.allow), (vec![name("news")], vec![pattern("private-user.*")]));
    let refused = |new: NewToken| create(&Secret::new(SECRET), &new, now).unwrap_err().to_string();
    for (new, problem) in [
        (NewToken { ttl: Duration::ZERO, ..new.clone() }, "1 second to 10 years"),
        (NewToken { channels: vec!["a b".to_owned()], ..new.clone() }, "\"a b\" is no channel"),
        (NewToken { channel: Some("#server-to-user-1".to_owned()), ..new.clone() }, "is no channel"),
        (NewToken { allow: vec!["a*b".to_owned()], ..new.clone() }, "\"a*b\" is no pattern"),
        (NewToken { info: Some("[1]".to_owned()), ..new.clone() }, "`info` must be an object"),
        (NewToken { info: Some("{".to_owned()), ..new.clone() }, "must be a JSON object"),
        (NewToken { user: Some(String::new()), ..new.clone() }, "`sub` must be"),
    ] {
        assert!(refused(new).contains(problem), "{problem}");
    }
    let short = create(&Secret::new(*b"short"), &new, now).unwrap_err().to_string();
    assert!(short.contains("has 5 bytes") && !short.contains("short"), "{short}");
    let large = NewToken { allow: vec!["x".repeat(190); 40], ..new };
    assert!(refused(large).contains("more than 8192 bytes"));
}

#[test]
fn a_generated_key_of_each_kind_is_told_apart_from_every_other() {
    // The keys beside the tests are fixed; one that was made now must not count.
    let (random, now) = (rand::SystemRandom::new(), SystemTime::now());
    let strange = signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let strange = signature::Ed25519KeyPair::from_pkcs8(strange.as_ref()).unwrap();
    let token =
        token(&header("EdDSA"), good_claims(unix(now)).as_bytes(), |message| strange.sign(message).as_ref().to_vec());
    assert_eq!(rights().check(&token, now), Err(TokenError::WrongSignature));
}
