//! The target of a request. How it may stand in a log, [`queue::url_without_secrets`] says: a token in its query is a secret.

/// The parameter that holds a token.
pub(crate) const TOKEN: &str = "token";

/// What comes after the first `?`, as sent.
pub(crate) fn query(target: &str) -> &str {
    target.split_once('?').map_or("", |(_, query)| query)
}
