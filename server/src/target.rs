//! The target of a request, and how it may stand in a log: a token in its query is a secret.

use std::borrow::Cow;

use url::form_urlencoded;

/// The parameter that holds a token.
pub(crate) const TOKEN: &str = "token";
/// What stands for it in a log.
const HIDDEN: &str = "token=[hidden]";

/// What stands behind the first `?`, as sent.
pub(crate) fn query(target: &str) -> &str {
    target.split_once('?').map_or("", |(_, query)| query)
}

/// The target without what may be a token, however its name is written.
pub(crate) fn without_token(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else { return Cow::Borrowed(target) };
    let is_token = |part: &&str| {
        form_urlencoded::parse(part.as_bytes()).next().is_some_and(|(name, _)| name.eq_ignore_ascii_case(TOKEN))
    };
    if !query.split('&').any(|part| is_token(&part)) {
        return Cow::Borrowed(target);
    }
    let parts: Vec<&str> = query.split('&').map(|part| if is_token(&part) { HIDDEN } else { part }).collect();
    Cow::Owned(format!("{path}?{}", parts.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_cut_out_of_the_target_however_its_name_is_written() {
        for (target, shown) in [
            ("/ws", "/ws"),
            ("/token=x", "/token=x"),
            ("/ws?a=b&tokens=c", "/ws?a=b&tokens=c"),
            ("/ws?token=s", "/ws?token=[hidden]"),
            ("/ws?a=token&token=s&b", "/ws?a=token&token=[hidden]&b"),
            ("/ws?%74ok%65n=s&TOKEN=s", "/ws?token=[hidden]&token=[hidden]"),
            ("/ws?token=s?s=s", "/ws?token=[hidden]"),
            ("http://x/ws?token=s#s", "http://x/ws?token=[hidden]"),
            ("/ws?token", "/ws?token=[hidden]"),
        ] {
            assert_eq!(without_token(target), shown, "{target}");
        }
    }
}
