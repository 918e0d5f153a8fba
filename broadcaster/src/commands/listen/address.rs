//! The address on the command line: that of a WebSocket, or of a stream of server-sent events.

use queue::url_without_secrets;
use thiserror::Error;
use url::Url;

/// An address that fits no WebSocket.
#[derive(Debug, Error)]
#[error("invalid value '{}' for '<URL>': {problem}", url_without_secrets(.url))]
pub(crate) struct BadAddress {
    url: String,
    problem: String,
}

/// Takes the address of a socket.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let scheme = scheme_of(text)?;
    let shown = url_without_secrets(text);
    let rest = shown.split_once("://").map_or("", |(_, rest)| rest);
    match scheme.as_str() {
        "http" => Err(format!("is the address of a page: write ws://{rest}")),
        "https" => Err(format!("is the address of a page: write wss://{rest}")),
        _ => Ok(text.to_owned()),
    }
}

/// Takes the address of a socket or of a stream.
pub(super) fn any_address(text: &str) -> Result<String, String> {
    scheme_of(text).map(|_| text.to_owned())
}

/// Checks that an address is that of a socket.
pub(super) fn check_socket(url: &str) -> Result<(), BadAddress> {
    address(url).map(|_| ()).map_err(|problem| {
        let problem = format!("{problem}, or add --sse for server-sent events");
        BadAddress { url: url.to_owned(), problem }
    })
}

fn scheme_of(text: &str) -> Result<String, String> {
    let shown = url_without_secrets(text);
    let Some((scheme, _)) = shown.split_once("://") else {
        return Err(format!("has no scheme: write ws://{shown} or, with TLS, wss://{shown}"));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !["ws", "wss", "http", "https"].contains(&scheme.as_str()) {
        return Err("must begin with ws:// or wss://".to_owned());
    }
    Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
    Ok(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_of_a_socket_are_refused_with_what_to_write() {
        for (text, told) in [
            ("localhost:18081", "write ws://localhost:18081"),
            ("http://localhost/ws", "write ws://localhost/ws"),
            ("HTTPS://example.com", "write wss://example.com"),
            ("ftp://x", "must begin with ws:// or wss://"),
            ("ws://", "is no address: empty host"),
            ("ws://x:99999", "is no address: invalid port number"),
            ("http://u:secret@x/?token=secret", "write ws://[hidden]@x/?token=[hidden]"),
            ("u:secret@x/?token=secret", "write ws://[hidden]@x/?token=[hidden]"),
        ] {
            let error = address(text).expect_err(text);
            assert!(error.contains(told) && !error.contains("secret"), "{text}: {error}");
        }
        assert_eq!(address("WSS://example.com/ws").as_deref(), Ok("WSS://example.com/ws"));
    }

    #[test]
    fn a_stream_has_the_address_of_a_page_as_well() {
        for text in ["http://x/events", "HTTPS://x", "ws://x", "wss://x/ws?a=b"] {
            assert_eq!(any_address(text).as_deref(), Ok(text));
        }
        for text in ["x/events", "ftp://x", "http://"] {
            assert!(any_address(text).is_err(), "{text}");
        }
        assert!(check_socket("ws://x").is_ok());
        let error = check_socket("https://x/?token=secret").expect_err("a page").to_string();
        let expected = "invalid value 'https://x/?token=[hidden]' for '<URL>': is the address of a page: write \
                        wss://x/?token=[hidden], or add --sse for server-sent events";
        assert_eq!(error, expected);
    }
}
