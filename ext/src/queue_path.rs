//! The path of a queue as an absolute directory name, by PHP's own rules for paths.
//!
//! Does not check whether the directory exists: writing the entry shows it.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::{ZendStr, Zval};
use ext_php_rs::zend::ce;

use crate::globals::GLOBALS;
use crate::json::Refusal;
use crate::zend::{self, MAX_PATH_BYTES};

/// Converts the argument to a string as PHP would, but refuses what PHP would warn about.
pub(crate) fn to_string(value: &Zval) -> Result<ZBox<ZendStr>, Refusal> {
    let convertible = value.is_scalar()
        || value.is_null()
        || value.object().is_some_and(|object| object.instance_of(ce::stringable()));
    if !convertible {
        let got = zend::type_name(value);
        return Err(Refusal::Reason(format!("the queue path must be a string, got {got}")));
    }
    zend::to_string(value).ok_or(Refusal::Thrown)
}

/// Resolves the string to a directory this script may write to. An empty one is the directory of the settings.
pub(crate) fn resolve(path: &ZendStr) -> Result<PathBuf, String> {
    let path = locate(path.as_bytes())?;
    check_open_basedir(&path)?;
    Ok(path)
}

/// The directory that the text names now, whether this script may write to it or not. An empty one is the directory of
/// the settings.
pub(crate) fn locate(path: &[u8]) -> Result<PathBuf, String> {
    let set;
    let given = if path.is_empty() {
        set = GLOBALS.get().path.borrow().clone();
        set.as_bytes()
    } else {
        path
    };
    let path = trim(given);
    if path.is_empty() {
        return Err("the queue path is empty".to_owned());
    }
    let path = trim(queue::local_path(path).map_err(|error| error.to_string())?);
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("the queue path is longer than {MAX_PATH_BYTES} bytes"));
    }
    let mut path = CString::new(path).map_err(|_| "the queue path contains a NUL byte".to_owned())?;
    // In a thread-safe PHP each thread has its own current directory, so that only PHP can resolve a relative path.
    if !path.as_bytes().starts_with(b"/") {
        path = zend::absolute_path(&path)
            .ok_or_else(|| format!("cannot resolve the queue path {}", path.to_string_lossy()))?;
    }
    Ok(PathBuf::from(OsString::from_vec(path.into_bytes())))
}

/// Refuses a directory outside of `open_basedir`.
pub(crate) fn check_open_basedir(path: &Path) -> Result<(), String> {
    let path =
        CString::new(path.as_os_str().as_bytes()).map_err(|_| "the queue path contains a NUL byte".to_owned())?;
    if zend::is_allowed_by_open_basedir(&path) {
        Ok(())
    } else {
        Err(format!("the queue path {} is outside of open_basedir", path.to_string_lossy()))
    }
}

/// Trims trailing slashes and backslashes as `eventQueue()` does, but leaves the root its slash.
fn trim(path: &[u8]) -> &[u8] {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    let kept = path.iter().rposition(|byte| !is_separator(byte)).map_or(0, |last| last + 1);
    if kept == 0 && path.starts_with(b"/") { b"/" } else { &path[..kept] }
}
