//! Where the hook is: its URL, taken apart. It connects to nothing.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// The forms that are accepted, for error texts.
const FORMS: &str = "http://HOST[:PORT]/PATH, https://HOST[:PORT]/PATH, fastcgi:///SOCKET?script=/FILE.php or \
                     fastcgi://HOST:PORT?script=/FILE.php";

/// Where the hook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookUrl {
    Http(HttpUrl),
    Fastcgi(FastcgiUrl),
}

/// A hook that is asked by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What `Host` says.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
}

/// A script that FastCGI runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FastcgiUrl {
    pub(super) socket: Socket,
    /// The file.
    pub(super) script: String,
    /// What `REQUEST_URI` is, by which a framework finds its route.
    pub(super) uri: String,
}

/// Where a FastCGI server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Socket {
    Unix(PathBuf),
    Tcp(String, u16),
}

/// Why a text is no URL of a hook. It is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidHookUrl {
    #[error("must be {FORMS}")]
    Form,
    #[error("must have no user or password: the hook is asked with what the client has sent")]
    Login,
    #[error("must name a script by its absolute path: fastcgi:///run/php/php-fpm.sock?script=/srv/app/ws_auth.php")]
    Script,
    #[error("may have `script` and `uri` behind the question mark, each once; `uri` must begin with /")]
    Parameter,
}

/// Where something listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// A socket of the file system.
    Unix(&'a Path),
    /// Host and port.
    Tcp(&'a str, u16),
}

impl HookUrl {
    /// Where it is connected to.
    pub(crate) fn endpoint(&self) -> Endpoint<'_> {
        match self {
            HookUrl::Http(url) => Endpoint::Tcp(&url.host, url.port),
            HookUrl::Fastcgi(FastcgiUrl { socket: Socket::Unix(path), .. }) => Endpoint::Unix(path),
            HookUrl::Fastcgi(FastcgiUrl { socket: Socket::Tcp(host, port), .. }) => Endpoint::Tcp(host, *port),
        }
    }

    /// The file that FastCGI runs.
    pub(crate) fn script(&self) -> Option<&Path> {
        match self {
            HookUrl::Http(_) => None,
            HookUrl::Fastcgi(url) => Some(Path::new(&url.script)),
        }
    }

    /// Whether it has a query, which may hold a key.
    pub(crate) fn has_query(&self) -> bool {
        match self {
            HookUrl::Http(url) => url.target.contains('?'),
            HookUrl::Fastcgi(url) => url.uri.contains('?'),
        }
    }
}

impl FromStr for HookUrl {
    type Err = InvalidHookUrl;

    fn from_str(text: &str) -> Result<HookUrl, InvalidHookUrl> {
        let url = Url::parse(text).map_err(|_| InvalidHookUrl::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidHookUrl::Login);
        }
        if url.fragment().is_some() {
            return Err(InvalidHookUrl::Form);
        }
        match url.scheme() {
            "http" | "https" => http(&url).map(HookUrl::Http).ok_or(InvalidHookUrl::Form),
            "fastcgi" => fastcgi(&url).map(HookUrl::Fastcgi),
            _ => Err(InvalidHookUrl::Form),
        }
    }
}

fn http(url: &Url) -> Option<HttpUrl> {
    let host = without_brackets(url.host_str()?).to_owned();
    let port = url.port_or_known_default()?;
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Some(HttpUrl { is_tls: url.scheme() == "https", host, port, authority, target })
}

fn fastcgi(url: &Url) -> Result<FastcgiUrl, InvalidHookUrl> {
    let (mut script, mut uri) = (None, None);
    for (name, value) in url.query_pairs() {
        let kept = match &*name {
            "script" => &mut script,
            "uri" => &mut uri,
            _ => return Err(InvalidHookUrl::Parameter),
        };
        if kept.replace(value.into_owned()).is_some() {
            return Err(InvalidHookUrl::Parameter);
        }
    }
    let script = script.filter(|script| script.starts_with('/') && !script.contains('\0'));
    let script = script.ok_or(InvalidHookUrl::Script)?;
    let uri = uri.unwrap_or_else(|| format!("/{}", file_name(&script)));
    if !uri.starts_with('/') || uri.contains('\0') {
        return Err(InvalidHookUrl::Parameter);
    }
    let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| InvalidHookUrl::Form)?;
    let socket = match (url.host_str().filter(|host| !host.is_empty()), url.port()) {
        (None, None) if path.len() > 1 && path.starts_with('/') => Socket::Unix(PathBuf::from(&*path)),
        (Some(host), Some(port)) if matches!(&*path, "" | "/") => Socket::Tcp(without_brackets(host).to_owned(), port),
        _ => return Err(InvalidHookUrl::Form),
    };
    Ok(FastcgiUrl { socket, script, uri })
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_has_a_url_of_http() {
        for (text, host, port, authority, target) in [
            ("http://app/ws-auth", "app", 80, "app", "/ws-auth"),
            ("https://app.example/a?key=1", "app.example", 443, "app.example", "/a?key=1"),
            ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000", "/"),
            ("http://[::1]:8000/x", "::1", 8000, "[::1]:8000", "/x"),
        ] {
            let Ok(HookUrl::Http(url)) = text.parse() else { panic!("{text}") };
            assert_eq!((&*url.host, url.port, &*url.authority, &*url.target), (host, port, authority, target));
            assert_eq!(url.is_tls, text.starts_with("https"));
        }
    }

    #[test]
    fn or_it_is_a_script_of_a_fastcgi_server() {
        let fastcgi = |text: &str| match text.parse() {
            Ok(HookUrl::Fastcgi(url)) => url,
            other => panic!("{text}: {other:?}"),
        };
        let url = fastcgi("fastcgi:///run/php/php8.2-fpm.sock?script=/srv/app/ws_auth.php");
        assert_eq!(url.socket, Socket::Unix("/run/php/php8.2-fpm.sock".into()));
        assert_eq!((&*url.script, &*url.uri), ("/srv/app/ws_auth.php", "/ws_auth.php"));
        let url = fastcgi("fastcgi://127.0.0.1:9000?script=/srv/app/public/index.php&uri=/ws-auth");
        assert_eq!(url.socket, Socket::Tcp("127.0.0.1".to_owned(), 9000));
        assert_eq!((&*url.script, &*url.uri), ("/srv/app/public/index.php", "/ws-auth"));
        assert_eq!(fastcgi("fastcgi://[::1]:9000/?script=/a").socket, Socket::Tcp("::1".to_owned(), 9000));
        assert_eq!(fastcgi("fastcgi:///a%20b?script=/a").socket, Socket::Unix("/a b".into()));
    }

    #[test]
    fn everything_else_is_refused() {
        use InvalidHookUrl::{Form, Login, Parameter, Script};
        for (text, error) in [
            ("", Form),
            ("/srv/app/ws_auth.php", Form),
            ("ftp://x/y", Form),
            ("http://", Form),
            ("http://x/#y", Form),
            ("http://user:password@x/y", Login),
            ("fastcgi:///run/php.sock", Script),
            ("fastcgi:///run/php.sock?script=ws_auth.php", Script),
            ("fastcgi:///run/php.sock?script=/a&script=/b", Parameter),
            ("fastcgi:///run/php.sock?script=/a&uri=x", Parameter),
            ("fastcgi:///run/php.sock?script=/a&timeout=5", Parameter),
            ("fastcgi://?script=/a", Form),
            ("fastcgi://127.0.0.1?script=/a", Form),
            ("fastcgi://127.0.0.1:9000/run/php.sock?script=/a", Form),
            ("fastcgi:run/php.sock?script=/a", Form),
        ] {
            assert_eq!(text.parse::<HookUrl>(), Err(error), "{text}");
        }
    }
}
