//! Hides what may be a secret in URLs that are shown: more people read error texts and logs than may know it. It does not
//! escape anything, `printable` does.

use std::borrow::Cow;

/// Parameters of a URL that hold a secret: a token, and passwords of a broker.
const SECRETS: [&str; 3] = ["token", "pass", "sentinel_password"];
/// What is shown for a secret.
const HIDDEN: &str = "[hidden]";
/// How every JWT begins: `{"` in base64url.
const BEGINNING_OF_JWT: &str = "eyJ";

/// A URL, or the target of a request, without user and password, tokens and other secrets. It may be wrong in any way:
/// people give what they have in the clipboard.
pub fn url_without_secrets(url: &str) -> Cow<'_, str> {
    if is_jwt(url) {
        return HIDDEN.into();
    }
    match without_users(url) {
        Cow::Borrowed(url) => without_parameters(url),
        Cow::Owned(url) => without_parameters(&url).into_owned().into(),
    }
}

/// A text in which URLs may stand, each without secrets. Spaces and quotes end a URL.
pub fn text_without_secrets(text: &str) -> Cow<'_, str> {
    let is_end = |character: char| character.is_whitespace() || "'\"`()<>".contains(character);
    let mut shown = String::new();
    for piece in text.split_inclusive(is_end) {
        let url = piece.trim_end_matches(is_end);
        // What has no scheme and no query may be anything, such as the name of a channel.
        let is_url = url.contains("://") || url.contains('?') || is_jwt(url);
        // Our own texts say so where a token belongs.
        let is_url = is_url && !["?token=", "&token=..."].iter().any(|example| url.ends_with(example));
        shown += &if is_url { url_without_secrets(url) } else { url.into() };
        shown += &piece[url.len()..];
    }
    if shown == text { text.into() } else { shown.into() }
}

fn is_jwt(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
    text.starts_with(BEGINNING_OF_JWT) && text.split('.').count() == 3 && text.split('.').all(is_part)
}

fn without_users(url: &str) -> Cow<'_, str> {
    let mut pieces = url.split("://");
    let first = pieces.next().unwrap_or_default();
    let has_scheme = first.len() < url.len();
    // Without a scheme, `user:password@host` is one, `name@host` may be anything, and a path has no user.
    let is_user = |end: &usize| !has_scheme && !first.starts_with('/') && first[..*end].contains(':');
    let mut end_of_user = end_of_user(first).filter(is_user);
    let mut shown = String::new();
    let mut piece = first;
    loop {
        match end_of_user {
            None => shown += piece,
            Some(end) => shown = shown + HIDDEN + &piece[end..],
        }
        let Some(next) = pieces.next() else { break };
        shown += "://";
        piece = next;
        end_of_user = self::end_of_user(piece);
    }
    if shown == url { url.into() } else { shown.into() }
}

/// Where the `@` after a user and a password is, at the beginning of what follows a scheme.
fn end_of_user(rest: &str) -> Option<usize> {
    let before_query = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    // A password with a character that ends the host makes an address with a port that is none.
    let has_bad_port = || {
        let authority = authority(rest);
        let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
        !authority.ends_with(']') && port.bytes().any(|byte| !byte.is_ascii_digit())
    };
    before_query.rfind('@').or_else(|| rest.rfind('@').filter(|_| has_bad_port()))
}

/// What stands before the path.
fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

fn without_parameters(url: &str) -> Cow<'_, str> {
    let Some(start) = url.find(['?', '#']) else { return url.into() };
    let (address, query) = url.split_at(start + 1);
    let shown: Vec<Cow<'_, str>> = query.split('&').map(part_without_secret).collect();
    if shown.iter().all(|part| matches!(part, Cow::Borrowed(_))) {
        return url.into();
    }
    format!("{address}{}", shown.join("&")).into()
}

/// A parameter, unless it is a secret, or holds one after a `?` or `#` that should not be there. Its name is shown as
/// we know it, however it is written.
fn part_without_secret(part: &str) -> Cow<'_, str> {
    let starts = part.match_indices(['?', '#']).map(|(index, _)| index + 1);
    let secret = std::iter::once(0).chain(starts).find_map(|start| Some((start, name_of_secret(&part[start..])?)));
    secret.map_or(part.into(), |(start, name)| format!("{}{name}={HIDDEN}", &part[..start]).into())
}

/// The name of a parameter that is a secret.
fn name_of_secret(parameter: &str) -> Option<&'static str> {
    let end = parameter.find(['=', '?', '#']).unwrap_or(parameter.len());
    let mut rest = &parameter.as_bytes()[..end];
    let mut name = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let decoded = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        name.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &behind[2..] } else { behind };
    }
    SECRETS.into_iter().find(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_parameter_is_hidden_however_its_name_is_written() {
        for (url, shown) in [
            ("/ws", "/ws"),
            ("/token=x", "/token=x"),
            ("/ws?a=b&tokens=c", "/ws?a=b&tokens=c"),
            ("/ws?token=s", "/ws?token=[hidden]"),
            ("/ws?a=token&token=s&b", "/ws?a=token&token=[hidden]&b"),
            ("/ws?%74ok%65n=s&TOKEN=s", "/ws?token=[hidden]&token=[hidden]"),
            ("/ws?token=s?s=s", "/ws?token=[hidden]"),
            ("/ws?a=b?token=s", "/ws?a=b?token=[hidden]"),
            ("/ws#token=s", "/ws#token=[hidden]"),
            ("/ws?a=%&%7&%zz=1&%ff", "/ws?a=%&%7&%zz=1&%ff"),
            ("http://x/ws?token=s#s", "http://x/ws?token=[hidden]"),
            ("/ws?token", "/ws?token=[hidden]"),
            ("ws://x/?token=s s", "ws://x/?token=[hidden]"),
            ("redis+unix:///s?db=1&pass=s&user=u", "redis+unix:///s?db=1&pass=[hidden]&user=u"),
            ("redis+sentinel://a,b/m?sentinel_password=s", "redis+sentinel://a,b/m?sentinel_password=[hidden]"),
            ("/ws?bypass=1&password_less", "/ws?bypass=1&password_less"),
            ("eyJhbGciOi.eyJzdWIiOiI0.c2lnbmF0dXJl", "[hidden]"),
            ("eyJ.js", "eyJ.js"),
        ] {
            assert_eq!(url_without_secrets(url), shown, "{url}");
            assert_eq!(url_without_secrets(shown), shown);
        }
    }

    #[test]
    fn a_user_and_its_password_are_hidden() {
        for (url, shown) in [
            ("ws://user@x/", "ws://[hidden]@x/"),
            ("ws://user:s@x:80/?a=b@c", "ws://[hidden]@x:80/?a=b@c"),
            ("ws://u:s@s@x/", "ws://[hidden]@x/"),
            ("ws://u:s/s@x/", "ws://[hidden]@x/"),
            ("ws://u:s?s#s@x/", "ws://[hidden]@x/"),
            ("ws://[::1]:80/?a=b@c", "ws://[::1]:80/?a=b@c"),
            ("ws://[::1]/?a=b@c", "ws://[::1]/?a=b@c"),
            ("ws://x/?next=http://u:s@y/&token=s", "ws://x/?next=http://[hidden]@y/&token=[hidden]"),
            ("https://u:s@a,https://v:s@b", "https://[hidden]@a,https://[hidden]@b"),
            ("u:s@x/ws", "[hidden]@x/ws"),
            ("name@x", "name@x"),
            ("/@a:b@c", "/@a:b@c"),
        ] {
            assert_eq!(url_without_secrets(url), shown, "{url}");
            assert_eq!(url_without_secrets(shown), shown);
        }
    }

    #[test]
    fn urls_are_found_in_a_text() {
        for (text, shown) in [
            (
                "invalid value 'ws://x/?token=s' for '<URL>': write it",
                "invalid value 'ws://x/?token=[hidden]' for '<URL>': write it",
            ),
            ("a \"http://u:s@x\" (http://v@y)\nend", "a \"http://[hidden]@x\" (http://[hidden]@y)\nend"),
            ("unexpected argument 'eyJh.eyJz.c2ln' found", "unexpected argument '[hidden]' found"),
            ("channel a:b@c, /srv/queue", "channel a:b@c, /srv/queue"),
            ("?token= or ?everybody=1&token=...", "?token= or ?everybody=1&token=..."),
            ("", ""),
        ] {
            assert_eq!(text_without_secrets(text), shown);
            assert_eq!(text_without_secrets(shown), shown);
        }
    }
}
