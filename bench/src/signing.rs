//! Keys of tokens, and a token that each has signed.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use server::config::Settings;
use tempfile::NamedTempFile;

/// What stands in front of the point of a public key of P-256 (RFC 5480).
const PUBLIC_KEY_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Longer than any run.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that a server checks tokens with, in a file, and a token that counts.
#[derive(Debug)]
pub(crate) struct Signed {
    key: NamedTempFile,
    flag: &'static str,
    /// Kept until the program ends, so that it can be in the manner of clients.
    pub(crate) token: &'static str,
}

impl Signed {
    /// With a secret.
    pub(crate) fn hs256() -> anyhow::Result<Signed> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| anyhow!("no random bits"))?;
        let secret = HEXLOWER.encode(&secret);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let token = token("HS256", |message| Ok(hmac::sign(&key, message).as_ref().to_vec()))?;
        Ok(Signed { key: in_file(&secret)?, flag: "--token-secret-file", token })
    }

    /// With a key of P-256.
    pub(crate) fn es256() -> anyhow::Result<Signed> {
        let random = SystemRandom::new();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(signing, &random).map_err(|_| anyhow!("no key of P-256"))?;
        let pair = EcdsaKeyPair::from_pkcs8(signing, key.as_ref(), &random).map_err(|error| anyhow!("{error}"))?;
        let sign = |message: &[u8]| {
            let signature = pair.sign(&random, message).map_err(|_| anyhow!("cannot sign"))?;
            Ok(signature.as_ref().to_vec())
        };
        let token = token("ES256", sign)?;
        let public = BASE64.encode(&[&PUBLIC_KEY_HEAD[..], pair.public_key().as_ref()].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
        Ok(Signed { key: in_file(&pem)?, flag: "--token-public-key-file", token })
    }

    /// The flags with which the broadcaster takes such tokens.
    pub(crate) fn flags(&self) -> anyhow::Result<[&str; 4]> {
        let path = self.path().to_str().context("a path is not text")?;
        Ok([self.flag, path, "--public-channels", "*"])
    }

    /// The settings of a server that takes such tokens.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let files = Some(vec![self.path().to_owned()]);
        let settings = Settings { public_channels: Some(vec!["*".parse()?]), ..Settings::default() };
        Ok(match self.flag {
            "--token-secret-file" => Settings { token_secret_file: files, ..settings },
            _ => Settings { token_public_key_file: files, ..settings },
        })
    }

    fn path(&self) -> &Path {
        self.key.path()
    }
}

/// A token as an application makes it for one user.
fn token(algorithm: &str, sign: impl FnOnce(&[u8]) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<&'static str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (issued, end) = (now.as_secs(), (now + LIFETIME).as_secs());
    let head = format!(r#"{{"typ":"JWT","alg":"{algorithm}"}}"#);
    let claims = format!(r#"{{"sub":"42","iat":{issued},"exp":{end},"allow":["private-user.42","orders.*"]}}"#);
    let mut token = BASE64URL_NOPAD.encode(head.as_bytes()) + "." + &BASE64URL_NOPAD.encode(claims.as_bytes());
    let signature = BASE64URL_NOPAD.encode(&sign(token.as_bytes())?);
    token += ".";
    token += &signature;
    Ok(token.leak())
}

fn in_file(content: &str) -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("no file for a key")?;
    file.write_all(content.as_bytes())?;
    file.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_takes_the_tokens_and_none_of_another_key() {
        let (secret, key, other) = (Signed::hs256(), Signed::es256(), Signed::es256());
        let (secret, key, other) = (secret.expect("a key"), key.expect("a key"), other.expect("a key"));
        let check = |server: &Signed, token: &str| {
            let config = server.settings().expect("settings").resolve().expect("a configuration");
            server::token::check(&config, token, SystemTime::now()).is_ok()
        };
        assert!(check(&secret, secret.token) && check(&key, key.token));
        assert!(!check(&key, secret.token) && !check(&secret, key.token) && !check(&key, other.token));
    }
}
