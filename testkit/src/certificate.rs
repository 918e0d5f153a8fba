//! A certificate for servers of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::queue_dir::temporary_directory;

/// A certificate for `localhost` and 127.0.0.1, which is its own authority, in a temporary directory.
pub struct Certificate {
    directory: TempDir,
}

impl Certificate {
    /// Makes one with a key of its own: the files `cert.pem` and `key.pem`.
    #[allow(clippy::new_without_default, reason = "it runs openssl")]
    pub fn new() -> Certificate {
        let certificate = Certificate { directory: temporary_directory() };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(certificate.path("key.pem"))
            .arg("-out")
            .arg(certificate.path("cert.pem"))
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        certificate
    }

    /// A file of this name in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Its directory, which has room for other files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}
