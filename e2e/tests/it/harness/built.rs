//! Where the things under test are: what was built, and programs of the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::skipped;

/// The broadcaster's binary.
pub(crate) fn broadcaster() -> PathBuf {
    built("FASTAPI_BROADCASTER", "fastapi-broadcaster")
}

/// The extension's shared library.
pub(crate) fn extension() -> PathBuf {
    built("FASTAPI_EXTENSION", "libfastapi_websocket.so")
}

/// The PHP command line.
pub(crate) fn php() -> PathBuf {
    std::env::var_os("PHP").map_or_else(|| PathBuf::from("php"), PathBuf::from)
}

/// A server program that distributions keep outside PATH: `php-fpm` or `nginx`.
pub(crate) fn server_program(name: &str) -> PathBuf {
    let found = Command::new(repository().join("setup/find")).arg(name).output().expect("setup/find runs");
    assert!(found.status.success(), "{name} is missing: install it, or run `make setup`, which does");
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim_end())
}

/// The same. If it is not there, says that the test is skipped, and returns None.
pub(crate) fn optional_server_program(name: &str) -> Option<PathBuf> {
    let found = Command::new(repository().join("setup/find")).arg(name).output().expect("setup/find runs");
    if !found.status.success() {
        skipped(&format!("{name} is not installed; `make setup` does it"));
        return None;
    }
    Some(PathBuf::from(String::from_utf8(found.stdout).unwrap().trim_end()))
}

/// The root of the source tree.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace around this crate")
}

fn built(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| repository().join("target/release").join(name), PathBuf::from);
    assert!(path.exists(), "{} does not exist: run `make build` first", path.display());
    path
}
