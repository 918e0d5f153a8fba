//! What to tell the user when connecting failed, or was refused.

use std::io;

use queue::{text_without_secrets, url_without_secrets};
use rustls::{CertificateError, Error as TlsError, InvalidMessage};
use tokio_tungstenite::tungstenite::http::header::LOCATION;
use tokio_tungstenite::tungstenite::http::{Response, StatusCode};

use super::client::Client;

/// Characters of an answer that are shown.
const MAX_SHOWN: usize = 300;

/// What to say of a failure of TLS instead; nothing if the error says all there is. `url` is what was connected to.
pub(super) fn tls_of_io(error: &io::Error, url: &str) -> Option<String> {
    tls_problem(error.get_ref()?.downcast_ref()?, url)
}

/// The same of an error of TLS.
pub(super) fn tls_problem(error: &TlsError, url: &str) -> Option<String> {
    match error {
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            let is_http = url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
            let scheme = if is_http { "http" } else { "ws" };
            Some(format!("the server speaks no TLS there: write {scheme}:// instead of {scheme}s://"))
        }
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. },
        ) => None,
        TlsError::InvalidCertificate(_) => Some(format!(
            "nobody whom this system trusts has signed the server's certificate: name the file of its authority, or of the \
             certificate if it has signed itself, in the variable SSL_CERT_FILE; for a test --insecure suffices ({error})"
        )),
        _ => None,
    }
}

/// What a server has answered that gives no `wanted`: a WebSocket or an event stream.
pub(super) fn refusal(answer: &Response<Option<Vec<u8>>>, wanted: &str, client: &Client) -> String {
    let status = answer.status();
    let mut text = format!("the server answered {status}");
    let location = answer.headers().get(LOCATION).map(|location| String::from_utf8_lossy(location.as_bytes()));
    match location {
        Some(location) if status.is_redirection() => text += &format!(" to {}", url_without_secrets(&location)),
        _ if status.is_success() || status == StatusCode::NOT_FOUND => {
            text += &format!(", there is no {wanted} at this path: does the proxy pass it on?");
        }
        _ => {}
    }
    let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let is_page = body.trim_start().starts_with('<');
    let shown: String = client.without_secrets(body.trim()).chars().take(MAX_SHOWN).collect();
    if !shown.is_empty() && !is_page {
        text += &format!(": {}", text_without_secrets(&shown));
    }
    if let Some(advice) = advice(status, &shown) {
        text += &format!("; {advice}");
    }
    text
}

/// What to do about a refusal of our server, by what it says.
fn advice(status: StatusCode, said: &str) -> Option<&'static str> {
    match (status, said) {
        (StatusCode::UNAUTHORIZED, "token expired") => Some("get a new token"),
        (StatusCode::UNAUTHORIZED, _) => Some(
            "give a valid token: ?token= in the address, or --token or FASTAPI_WS_TOKEN of `listen`; of one that you gave, \
             `fastapi-broadcaster token check` says what is wrong with it",
        ),
        (StatusCode::FORBIDDEN, "not allowed") => Some(
            "neither the token nor public_channels of the server allows it: `fastapi-broadcaster token check` shows what a \
             token says",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::listen::Token;

    #[test]
    fn a_refusal_shows_the_beginning_of_what_was_answered_and_no_page() {
        let told = |status: u16, body: &str| {
            let answer =
                Response::builder().status(status).header(LOCATION, "/login?token=secret").body(Some(body.into()));
            let client = Client { token: Some(Token::new("geheim-1".to_owned())), ..Client::default() };
            refusal(&answer.expect("an answer"), "WebSocket", &client)
        };
        assert_eq!(told(503, "full\n"), "the server answered 503 Service Unavailable: full");
        assert_eq!(told(302, "<html>"), "the server answered 302 Found to /login?token=[hidden]");
        assert!(told(200, "<html>").ends_with("no WebSocket at this path: does the proxy pass it on?"));
        assert!(told(400, &"x".repeat(1000)).len() < 400);
        // A server that answers with the request, and where that is cut off.
        assert!(told(400, "authorization: Bearer geheim-1").ends_with(": authorization: Bearer [hidden]"));
        assert!(!told(400, &("x".repeat(MAX_SHOWN - 7) + "geheim-1")).contains("geheim"));
    }

    #[test]
    fn a_server_without_tls_has_the_scheme_of_the_address_without_it() {
        let error = TlsError::InvalidMessage(InvalidMessage::InvalidContentType);
        for (url, told) in
            [("wss://x", "write ws:// instead of wss://"), ("HTTPS://x", "write http:// instead of https://")]
        {
            let error = io::Error::other(error.clone());
            assert!(tls_of_io(&error, url).is_some_and(|text| text.ends_with(told)), "{url}");
        }
        assert_eq!(tls_of_io(&io::ErrorKind::ConnectionRefused.into(), "wss://x"), None);
    }
}
