//! Which queue paths are accepted: only the path of a directory. PHP's own functions for files accept URLs as well.

use crate::error::EnqueueError;
use crate::url_secrets::url_without_secrets;

/// Refuses what cannot be the path of a directory. Does not check that the directory exists.
///
/// # Errors
/// When it is empty, has a NUL byte or is a URL.
pub fn check_path(path: &[u8]) -> Result<(), EnqueueError> {
    if path.is_empty() {
        return Err(EnqueueError::EmptyPath);
    }
    if path.contains(&0) {
        return Err(EnqueueError::NulInPath);
    }
    scheme(path).map_or(Ok(()), |scheme| Err(refuse(path, scheme)))
}

/// The path that a PHP script means: `file:///srv/queue` is `/srv/queue`, as for PHP's own functions.
///
/// # Errors
/// When it is another URL, such as `phar://` or `php://`, or one of another machine.
pub fn local_path(path: &[u8]) -> Result<&[u8], EnqueueError> {
    let Some(scheme) = scheme(path) else { return Ok(path) };
    let rest = &path[scheme.len() + "://".len()..];
    let rest = rest.strip_prefix(b"localhost").filter(|rest| rest.starts_with(b"/")).unwrap_or(rest);
    if scheme.eq_ignore_ascii_case(b"file") && rest.starts_with(b"/") { Ok(rest) } else { Err(refuse(path, scheme)) }
}

/// The name before `://`, with the characters that PHP accepts there.
fn scheme(path: &[u8]) -> Option<&[u8]> {
    let end = path.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte))?;
    (end > 0 && path[end..].starts_with(b"://")).then(|| &path[..end])
}

fn refuse(path: &[u8], scheme: &[u8]) -> EnqueueError {
    let url = String::from_utf8_lossy(path);
    EnqueueError::Url(url_without_secrets(&url).into_owned(), String::from_utf8_lossy(scheme).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_is_the_path_in_it() {
        for url in ["file:///srv/queue", "FILE:///srv/queue", "file://localhost/srv/queue", "/srv/queue"] {
            assert_eq!(local_path(url.as_bytes()).ok(), Some(&b"/srv/queue"[..]), "{url}");
        }
        assert_eq!(local_path(b"srv/queue").ok(), Some(&b"srv/queue"[..]));
        assert_eq!(local_path(b"/srv/http://queue").ok(), Some(&b"/srv/http://queue"[..]));
        assert_eq!(local_path(b"12:queue").ok(), Some(&b"12:queue"[..]));
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "file://queue",
            "file://",
            "file://other/srv",
            "phar://a.phar/q",
            "php://memory",
            "http://a/q",
            "c+d.e-f://q",
        ] {
            assert!(local_path(url.as_bytes()).is_err(), "{url}");
            assert!(check_path(url.as_bytes()).is_err(), "{url}");
        }
    }

    #[test]
    fn a_url_is_refused_without_its_password() {
        let error = check_path(b"redis://user:word@host/0?token=word").expect_err("a URL").to_string();
        assert!(
            error.contains("redis://[hidden]@host/0?token=[hidden] is a URL") && !error.contains("word"),
            "{error}"
        );
    }
}
