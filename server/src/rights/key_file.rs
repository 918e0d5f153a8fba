//! Files of keys: who may have read or written them is checked before they count.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use queue::shown;
use thiserror::Error;

use super::keys::Key;
use super::secret::Secret;

/// Largest file: a public key has a few hundred bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// All that other users may do, other than the owner and the group.
const OTHERS: u32 = 0o007;
const WRITE_BY_OTHERS: u32 = 0o002;

/// Why a file of a key is refused.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    #[error("cannot read {path}: {cause}", path = shown(.0), cause = .1)]
    Unreadable(PathBuf, io::Error),
    #[error("{path} is no file", path = shown(.0))]
    NoFile(PathBuf),
    #[error(
        "every user of the machine can use the secret in {path} (mode {mode:04o}): chmod o= {path}{elsewhere}",
        path = shown(.path),
        elsewhere = " (in a container: `mode` of the secret in Compose, `defaultMode` in Kubernetes, 0440)"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("every user of the machine can change {path} (mode {mode:04o}): chmod o-w {path}", path = shown(.path))]
    Writable { path: PathBuf, mode: u32 },
    #[error("{path} has more than {MAX_BYTES} bytes", path = shown(.0))]
    TooLarge(PathBuf),
    #[error("{path} holds a key in PEM and no secret", path = shown(.0))]
    Pem(PathBuf),
    #[error("{path} {problem}", path = shown(.0), problem = .1)]
    Useless(PathBuf, String),
}

/// The secret in a file. The end of its last line is not part of it.
pub(crate) fn secret(path: &Path) -> Result<Secret, KeyFileError> {
    secret_with(path, Secret::problem)
}

/// The token of operators in a file, in the same form.
pub(crate) fn token(path: &Path, problem: fn(&Secret) -> Option<String>) -> Result<Secret, KeyFileError> {
    secret_with(path, problem)
}

fn secret_with(path: &Path, problem: fn(&Secret) -> Option<String>) -> Result<Secret, KeyFileError> {
    let useless = |problem: &str| Err(KeyFileError::Useless(path.to_owned(), problem.to_owned()));
    let bytes = read(path, |mode| (mode & OTHERS != 0).then(|| KeyFileError::Open { path: path.to_owned(), mode }))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"-----BEGIN ") {
        return Err(KeyFileError::Pem(path.to_owned()));
    }
    let secret = Secret::new(line);
    match problem(&secret) {
        None => Ok(secret),
        Some(problem) => useless(&format!("is refused: {problem}")),
    }
}

/// The public key in a file.
pub(crate) fn public_key(path: &Path) -> Result<Key, KeyFileError> {
    let bytes = read(path, |mode| {
        (mode & WRITE_BY_OTHERS != 0).then(|| KeyFileError::Writable { path: path.to_owned(), mode })
    })?;
    Key::public(&bytes).map_err(|problem| KeyFileError::Useless(path.to_owned(), problem.to_owned()))
}

/// All of a file whose mode is not refused.
fn read(path: &Path, refuse: impl FnOnce(u32) -> Option<KeyFileError>) -> Result<Vec<u8>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable(path.to_owned(), error);
    // A named pipe would be waited for.
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NoFile(path.to_owned()));
    }
    if let Some(refused) = refuse(metadata.mode() & 0o7777) {
        return Err(refused);
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(KeyFileError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// A file with a text and a mode.
    fn file(text: &str, mode: u32) -> (TempDir, PathBuf) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn refused<T: std::fmt::Debug>(outcome: Result<T, KeyFileError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn a_secret_is_the_file_without_the_end_of_its_line() {
        for text in [SECRET.to_owned(), format!("{SECRET}\n"), format!("{SECRET}\r\n")] {
            let (_directory, path) = file(&text, 0o640);
            assert_eq!(secret(&path).unwrap().as_bytes(), SECRET.as_bytes(), "{text:?}");
        }
        let (_directory, path) = file(&format!("{SECRET} \n\n"), 0o600);
        assert_eq!(secret(&path).unwrap().as_bytes(), format!("{SECRET} \n").as_bytes());
    }

    #[test]
    fn a_secret_that_every_user_can_use_is_refused_with_the_remedy() {
        for mode in [0o644, 0o604, 0o602, 0o601, 0o666] {
            let (_directory, path) = file(SECRET, mode);
            let error = refused(secret(&path));
            assert!(error.contains(&format!("chmod o= {}", path.display())), "{error}");
            assert!(error.contains(&format!("mode {mode:04o}")) && !error.contains(SECRET), "{error}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let (_directory, path) = file("short\n", 0o600);
        let error = refused(secret(&path));
        assert!(error.contains("has 5 bytes, and at least 32") && !error.contains("short"), "{error}");
        let (_directory, path) = file("-----BEGIN PUBLIC KEY-----\nx\n", 0o600);
        assert!(refused(secret(&path)).contains("holds a key in PEM"));
        let (directory, _) = file("", 0o600);
        assert!(refused(secret(directory.path())).contains("is no file"));
        assert!(refused(secret(&directory.path().join("missing"))).starts_with("cannot read "));
        let (_directory, path) = file(&"x".repeat(70_000), 0o600);
        assert!(refused(secret(&path)).contains("more than 65536 bytes"));
    }

    #[test]
    fn a_public_key_that_every_user_can_change_is_refused_with_the_remedy() {
        let (_directory, path) = file("-----BEGIN PUBLIC KEY-----", 0o646);
        assert!(refused(public_key(&path)).contains(&format!("chmod o-w {}", path.display())));
        let (_directory, path) = file("-----BEGIN PUBLIC KEY-----", 0o644);
        assert!(refused(public_key(&path)).contains("holds no key"));
        let (_directory, path) = file("-----BEGIN PRIVATE KEY-----", 0o644);
        assert!(refused(public_key(&path)).contains("openssl pkey -in FILE -pubout"));
    }
}
