//! Tokens as tests make them, also such as nobody should: any header, any claims, any key. The keys beside this file are
//! of no use outside of tests.

pub(crate) mod defects;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rand::SystemRandom;
use ring::{hmac, signature};

/// A secret.
pub(crate) const SECRET: &[u8] = b"a secret of these tests, of 42 bytes in all";
/// One that the server does not have.
pub(crate) const OTHER_SECRET: &[u8] = b"another secret of these tests that is as long";
/// The public keys.
pub(crate) const RSA: &str = include_str!("rsa.public.pem");
pub(crate) const P256: &str = include_str!("p256.public.pem");
pub(crate) const ED25519: &str = include_str!("ed25519.public.pem");

/// A token with this header and these claims, signed by what the function does.
pub(crate) fn token(header: &[u8], claims: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    format!("{message}.{}", BASE64URL_NOPAD.encode(&sign(message.as_bytes())))
}

/// The header of a token of this algorithm.
pub(crate) fn header(algorithm: &str) -> Vec<u8> {
    format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#).into_bytes()
}

/// A token of HS256.
pub(crate) fn hs256(secret: &[u8], claims: &str) -> String {
    token(&header("HS256"), claims.as_bytes(), |message| mac(hmac::HMAC_SHA256, secret, message))
}

pub(crate) fn mac(algorithm: hmac::Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec()
}

pub(crate) fn rs256(message: &[u8]) -> Vec<u8> {
    rsa(&signature::RSA_PKCS1_SHA256, message)
}

pub(crate) fn rsa(padding: &'static dyn signature::RsaEncoding, message: &[u8]) -> Vec<u8> {
    let pair = signature::RsaKeyPair::from_pkcs8(&der(include_str!("rsa.pem"))).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

pub(crate) fn es256(message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = signature::EcdsaKeyPair::from_pkcs8(algorithm, &der(include_str!("p256.pem")), &random).unwrap();
    pair.sign(&random, message).unwrap().as_ref().to_vec()
}

pub(crate) fn eddsa(message: &[u8]) -> Vec<u8> {
    let pair = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(include_str!("ed25519.pem"))).unwrap();
    pair.sign(message).as_ref().to_vec()
}

/// What a PEM text holds.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64.decode(lines.as_bytes()).unwrap()
}
