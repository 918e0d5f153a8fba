//! A secret: bytes that no output shows.

use std::fmt;

use super::bounds::MIN_SECRET_BYTES;

/// What stands for a secret in every output.
const HIDDEN: &str = "[hidden]";

/// A secret, such as one that tokens are signed and checked with. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Secret {
        Secret(bytes.into())
    }

    /// Those of a variable of the environment, with commas between. None if it is empty, as if it were not set.
    pub fn all_of(text: &[u8]) -> Option<Vec<Secret>> {
        let is_given = !text.trim_ascii().is_empty();
        is_given.then(|| text.split(|byte| *byte == b',').map(|secret| Secret::new(secret.trim_ascii())).collect())
    }

    /// The bytes, to sign with.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is wrong with it, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        let length = self.0.len();
        (length < MIN_SECRET_BYTES).then(|| {
            format!(
                "a secret has {length} bytes, and at least {MIN_SECRET_BYTES} are needed: make one with `openssl rand -hex 32`"
            )
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_holds_secrets_with_commas_between() {
        let given = |text: &str| Secret::all_of(text.as_bytes());
        assert_eq!((given(""), given(" ")), (None, None));
        assert_eq!(given("new , old"), Some(vec![Secret::new(*b"new"), Secret::new(*b"old")]));
        // An empty one among others is a mistake: it is kept, and refused as too short.
        assert_eq!(given("new,"), Some(vec![Secret::new(*b"new"), Secret::new(*b"")]));
    }
}
