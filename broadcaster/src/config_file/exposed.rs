//! Configuration files that have a password or a key and that every user of the machine can read. It is no error: such
//! a file is often the only one on a machine with no other users.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use server::broker::Address;
use server::config::{Setting, Settings, Value, all_settings};
use server::hook_address::HookAddress;

use super::{parse, text_of};

const READ_BY_OTHERS: u32 = 0o004;

/// A file with a secret that every user of the machine can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExposedSecret {
    path: PathBuf,
    mode: u32,
    /// The setting whose value is the secret.
    key: String,
}

impl ExposedSecret {
    /// The secret that this file exposes, if it does. What is wrong in the file is told elsewhere.
    pub(crate) fn find(path: &Path) -> Option<ExposedSecret> {
        let metadata = fs::metadata(path).ok()?;
        let mode = metadata.mode() & 0o7777;
        // A pipe was read already, and has nothing to read twice.
        if mode & READ_BY_OTHERS == 0 || !metadata.is_file() {
            return None;
        }
        let settings = parse(&text_of(path).ok()?).ok()?;
        let secret = all_settings().find(|setting| has_secret(setting, &settings))?;
        Some(ExposedSecret { path: path.to_owned(), mode, key: secret.file_key().into_owned() })
    }

    /// What to do.
    pub(crate) fn remedy(&self) -> String {
        format!("chmod 640 {} (its group must be one of the broadcaster's user)", self.path.display())
    }
}

impl fmt::Display for ExposedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExposedSecret { path, mode, key } = self;
        let path = path.display();
        write!(f, "every user of the machine can read the secret of {key} in {path} (mode {mode:04o})")
    }
}

fn has_secret(setting: &Setting, settings: &Settings) -> bool {
    match setting.value(settings) {
        Some(Value::Secrets(secrets)) => !secrets.is_empty(),
        // Without a password or a key it is an address as others are.
        Some(Value::Url(url)) => {
            let address = str::from_utf8(url.as_bytes()).ok().and_then(|url| url.trim().parse::<Address>().ok());
            address.is_some_and(|address| address.has_password())
                || HookAddress::parse(&url).is_some_and(|hook| hook.has_query())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_in_a_file_for_everybody_is_found() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("file.toml");
        for (text, key) in [
            ("[broker]\nurl = 'redis://u:s3cret@h'", Some("broker.url")),
            ("[broker]\nurl = 'redis+sentinel://h/m?sentinel_password=s3cret'", Some("broker.url")),
            ("[broker]\nurl = 'redis+unix:///s?pass=s3cret'", Some("broker.url")),
            ("token_secret = ['s3cret']", Some("token_secret")),
            ("auth_hook = 'http://app/ws-auth?key=s3cret'", Some("auth_hook")),
            ("auth_hook = 'fastcgi:///s?script=/a.php&uri=/ws-auth?key=s3cret'", Some("auth_hook")),
            ("auth_hook = 'http://app/ws-auth'", None),
            ("auth_hook = 'fastcgi:///s?script=/a.php&uri=/ws-auth'", None),
            ("[broker]\nurl = 'redis://h'", None),
            ("token_secret = []\ntoken_secret_file = ['/file']", None),
            ("port = 1", None),
        ] {
            fs::write(&path, text).expect("a file");
            for (mode, is_exposed) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the owner");
                let found = ExposedSecret::find(&path);
                assert_eq!(found.as_ref().map(|found| &*found.key), key.filter(|_| is_exposed), "{text} {mode:o}");
                assert!(found.is_none_or(|found| !found.to_string().contains("s3cret")), "{text}");
            }
        }
    }
}
