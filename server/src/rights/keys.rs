//! Keys that tokens are checked with. A key is for the algorithms of its kind alone, whatever a token says of itself: a
//! public key is never taken for a secret.

use jsonwebtoken::{Algorithm, DecodingKey};

use super::cryptography;
use super::secret::Secret;

/// Fewest bytes of an RSA key: its modulus alone has so many with 2048 bits.
const MIN_RSA_BYTES: usize = 256;
/// Bytes of a point of P-256, not compressed.
const P256_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// The keys, of which any may have made a signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Key>);

/// A key and what it is for. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    algorithms: &'static [Algorithm],
    decoding: DecodingKey,
}

impl Key {
    /// A secret, for HMAC.
    pub(crate) fn secret(secret: &Secret) -> Key {
        let decoding = DecodingKey::from_secret(secret.as_bytes());
        Key { algorithms: &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512], decoding }
    }

    /// The public key in a PEM text. The error is what is wrong, and what to do.
    pub(crate) fn public(pem: &[u8]) -> Result<Key, &'static str> {
        let text = String::from_utf8_lossy(pem);
        if text.contains("PRIVATE KEY-----") {
            return Err("holds a private key: give the public one, of `openssl pkey -in FILE -pubout`");
        }
        if text.contains("BEGIN CERTIFICATE-----") {
            return Err("holds a certificate: give its key, of `openssl x509 -in FILE -noout -pubkey`");
        }
        match text.matches("-----BEGIN ").count() {
            0 => return Err("holds no public key in PEM: it begins with -----BEGIN PUBLIC KEY-----"),
            1 => {}
            _ => return Err("holds several keys: give each in a file of its own"),
        }
        let length = |key: &DecodingKey| key.try_get_as_bytes().map_or(0, <[u8]>::len);
        if let Ok(decoding) = DecodingKey::from_ed_pem(pem).or_else(|_| DecodingKey::from_ec_pem(pem)) {
            return match length(&decoding) {
                ED25519_BYTES => Ok(Key { algorithms: &[Algorithm::EdDSA], decoding }),
                P256_BYTES => Ok(Key { algorithms: &[Algorithm::ES256], decoding }),
                _ => Err("holds a key of another curve than P-256 (ES256) or Ed25519 (EdDSA)"),
            };
        }
        match DecodingKey::from_rsa_pem(pem) {
            Ok(decoding) if length(&decoding) >= MIN_RSA_BYTES => Ok(Key { algorithms: &[Algorithm::RS256], decoding }),
            Ok(_) => Err("holds an RSA key of less than 2048 bits"),
            Err(_) => Err("holds no key of RSA, P-256 or Ed25519 in PEM"),
        }
    }
}

impl Keys {
    pub(crate) fn new(keys: Vec<Key>) -> Keys {
        cryptography::install();
        Keys(keys)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the public ones are the same, in the same order.
    pub(crate) fn have_same_public_keys(&self, other: &Keys) -> bool {
        self.public().eq(other.public())
    }

    fn public(&self) -> impl Iterator<Item = (&[Algorithm], Option<&[u8]>)> {
        let is_secret = |key: &&Key| key.algorithms.contains(&Algorithm::HS256);
        let public = self.0.iter().filter(move |key| !is_secret(key));
        public.map(|key| (key.algorithms, key.decoding.try_get_as_bytes().ok()))
    }

    /// Whether a key is for an algorithm.
    pub(super) fn are_for(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.algorithms.contains(&algorithm))
    }

    /// Whether a key has made a signature (in base64url). Each key of the kind is tried: a name of a key in the token
    /// (`kid`) would be a claim that nobody has checked. HMACs are compared in constant time; which of several keys fits
    /// is no secret.
    pub(super) fn verify(&self, algorithm: Algorithm, signature: &str, message: &[u8]) -> bool {
        self.0
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm))
            .any(|key| jsonwebtoken::crypto::verify(signature, message, &key.decoding, algorithm).unwrap_or(false))
    }
}
