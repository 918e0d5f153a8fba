//! What stands in files that settings name. It may change while the settings stay as they are.

use std::sync::Arc;

use super::Config;
use crate::rights::{Rights, Secret};

/// What was read from the files of keys and tokens. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Contents {
    rights: Arc<Rights>,
    tokens: Vec<Secret>,
}

impl Config {
    /// What was read from files.
    pub fn contents(&self) -> Contents {
        Contents { rights: self.rights.clone(), tokens: self.admin.tokens.clone() }
    }
}

impl Contents {
    /// The settings that name files of which the content is another one, or of which the files are others. Secrets that
    /// are settings themselves are compared with those of the file.
    pub fn differing(&self, other: &Contents) -> impl Iterator<Item = &'static str> {
        let secrets = self.rights.secrets != other.rights.secrets;
        let public_keys = !self.rights.keys.have_same_public_keys(&other.rights.keys);
        let tokens = self.tokens != other.tokens;
        [("token_secret_file", secrets), ("token_public_key_file", public_keys), ("admin_token_file", tokens)]
            .into_iter()
            .filter_map(|(key, differs)| differs.then_some(key))
    }
}
