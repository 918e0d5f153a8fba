//! The URL of a web server, taken apart. It connects to nothing.

use std::fmt;

use url::Url;

/// Where a request goes. Its parts may hold a secret, so it shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What `Host` says.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) target: String,
}

impl HttpUrl {
    /// None if its scheme is another. A user, a password and a fragment are left out.
    pub(crate) fn new(url: &Url) -> Option<HttpUrl> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let host = without_brackets(url.host_str()?).to_owned();
        let port = url.port_or_known_default()?;
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Some(HttpUrl { is_tls: url.scheme() == "https", host, port, authority, target })
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// A host as it is connected to: an IPv6 address has brackets in URLs only.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}
