//! What a client of the shell sends with its first request, beside channels: a token, headers, cookies; and whose
//! certificate it accepts. For `listen` and `doctor`.

use std::fmt;
use std::io::{self, Read};

use anyhow::{Context, bail};
use clap::Args;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, ORIGIN, TRANSFER_ENCODING, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};

use super::request::Token;
use super::trust::Trust;

/// What stands for standard input.
const FROM_INPUT: &str = "-";
/// Headers that hold no secret.
const PUBLIC: [HeaderName; 2] = [HOST, ORIGIN];
/// A shorter part of a header is no secret, and may be any word of a text.
const MIN_SECRET_BYTES: usize = 8;
/// A server takes less in all.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

/// The options of the command line.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Token, or - to read it from standard input. Every user of the machine can see an argument: better use - or the variable
    #[arg(long, env = "FASTAPI_WS_TOKEN", hide_env_values = true, value_parser = Token::parser())]
    token: Option<Token>,
    /// Header of the request, as 'Name: value', or - to read one a line from standard input. Give it several times for
    /// several. Every user of the machine can see an argument
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<Hidden>,
    /// Cookie of the request, as name=value, or - to read one a line from standard input. Give it several times for
    /// several. Every user of the machine can see an argument. For a WebSocket the server takes cookies only together
    /// with --header 'Origin: https://example.com' of an allowed page
    #[arg(long = "cookie", value_name = "COOKIE", value_parser = cookie)]
    cookies: Vec<Hidden>,
    /// Accept any certificate. Who answers is then not known, and token and cookies may reach somebody else: for tests
    #[arg(long)]
    insecure: bool,
}

/// What is sent beside channels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) token: Option<Token>,
    pub(super) headers: HeaderMap,
    pub(super) trust: Trust,
}

/// A text that may hold a secret. No debug output shows it.
#[derive(Clone)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

impl ClientArgs {
    /// Reads what comes from standard input, which can be one thing only.
    pub(crate) fn read(self) -> anyhow::Result<Client> {
        let ClientArgs { token, headers, cookies, insecure } = self;
        let of_input = |texts: &[Hidden]| texts.iter().filter(|text| text.0 == FROM_INPUT).count();
        let token_of_input = usize::from(token.as_ref().is_some_and(Token::is_of_input));
        if token_of_input + of_input(&headers) + of_input(&cookies) > 1 {
            bail!("only one of --token, --header and --cookie can be read from standard input");
        }
        let mut map = HeaderMap::new();
        for line in lines(headers, header)? {
            let (name, value) = parse_header(&line).map_err(anyhow::Error::msg)?;
            map.append(name, value);
        }
        let cookies = lines(cookies, cookie)?;
        if !cookies.is_empty() {
            let mut value = HeaderValue::try_from(cookies.join("; ")).context("a cookie has wrong characters")?;
            value.set_sensitive(true);
            map.append(COOKIE, value);
        }
        let token = token.map(Token::read).transpose()?;
        if token.is_some() && map.contains_key(AUTHORIZATION) {
            bail!("--token is sent in the header Authorization: leave out one of --token and --header Authorization");
        }
        let trust = if insecure { Trust::Anybody } else { Trust::System };
        Ok(Client { token, headers: map, trust })
    }
}

impl Client {
    /// Whether something says who the client is.
    pub(crate) fn names_somebody(&self) -> bool {
        self.token.is_some() || self.headers.contains_key(AUTHORIZATION) || self.headers.contains_key(COOKIE)
    }

    /// A text of a server without the secrets that it was sent: some answer with the request.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let headers = self.headers.iter().filter(|(name, _)| !PUBLIC.contains(name));
        let parts = headers.filter_map(|(_, value)| value.to_str().ok()).flat_map(|value| value.split([' ', ';', ',']));
        // Of a cookie, the value. Other parts may end with = too.
        let secrets =
            parts.map(|part| part.split_once('=').map_or(part, |(_, end)| if end.len() < 2 { part } else { end }));
        let secrets = secrets.chain(self.token.as_ref().map(Token::secret));
        secrets
            .filter(|secret| secret.len() >= MIN_SECRET_BYTES)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "[hidden]"))
    }
}

/// The texts, and those of standard input in place of `-`.
fn lines(texts: Vec<Hidden>, check: fn(&str) -> Result<Hidden, String>) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for Hidden(text) in texts {
        if text != FROM_INPUT {
            all.push(text);
            continue;
        }
        let mut input = String::new();
        io::stdin().lock().take(MAX_INPUT_BYTES).read_to_string(&mut input).context("cannot read standard input")?;
        for line in input.lines().map(str::trim).filter(|line| !line.is_empty()) {
            check(line).map_err(|problem| anyhow::anyhow!("a line of standard input {problem}"))?;
            all.push(line.to_owned());
        }
    }
    Ok(all)
}

fn header(text: &str) -> Result<Hidden, String> {
    if text != FROM_INPUT {
        parse_header(text)?;
    }
    Ok(Hidden(text.to_owned()))
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("is no header: write 'Name: value'")?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| "has a name that no header has: write 'Name: value'")?;
    let is_ours = [CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name)
        || name.as_str().starts_with("sec-websocket-");
    if is_ours {
        return Err(format!("is the header {name}, which belongs to the connection itself: leave it out"));
    }
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| "has characters that no header has")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn cookie(text: &str) -> Result<Hidden, String> {
    let is_cookie = text.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty())
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b';');
    if !is_cookie && text != FROM_INPUT {
        return Err("is no cookie: write name=value, and --cookie once for each".to_owned());
    }
    Ok(Hidden(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&str], cookies: &[&str]) -> anyhow::Result<Client> {
        let hidden = |texts: &[&str]| texts.iter().map(|text| Hidden((*text).to_owned())).collect();
        ClientArgs { token: None, headers: hidden(headers), cookies: hidden(cookies), insecure: false }.read()
    }

    #[test]
    fn headers_and_cookies_are_sent_as_they_are_given_and_shown_nowhere() {
        let client = read(&["Origin: https://a.example", "X-Key:geheim", "x-key: b"], &["a=geheim", "c=d=e"]);
        let client = client.expect("headers");
        assert_eq!(client.headers["origin"], "https://a.example");
        assert_eq!(client.headers.get_all("x-key").iter().collect::<Vec<_>>(), ["geheim", "b"]);
        assert_eq!(client.headers["cookie"], "a=geheim; c=d=e");
        assert!(!format!("{client:?}{:?}", header("A: geheim")).contains("geheim"));
        assert!(client.names_somebody() && !read(&["Origin: x"], &[]).expect("a header").names_somebody());
        assert!(read(&["-"], &["-"]).expect_err("one input").to_string().contains("only one of"));
    }

    #[test]
    fn a_text_of_the_server_is_shown_without_the_secrets_that_it_was_sent() {
        let mut client =
            read(&["Origin: https://a.example", "Authorization: Basic Z2VoZWltOng=", "X: a"], &["sid=geheim-1"]);
        client.as_mut().expect("headers").token = Some(Token::new("geheim-2".to_owned()));
        let said = client.expect("headers").without_secrets(
            "Origin: https://a.example\r\nAuthorization: Basic Z2VoZWltOng=\r\nX: a\r\nCookie: sid=geheim-1; geheim-2",
        );
        let expected =
            "Origin: https://a.example\r\nAuthorization: Basic [hidden]\r\nX: a\r\nCookie: sid=[hidden]; [hidden]";
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_no_header_or_cookie_is_refused_with_what_to_write() {
        for (text, told) in [
            ("Origin", "write 'Name: value'"),
            ("a b: c", "write 'Name: value'"),
            ("Sec-WebSocket-Protocol: x", "belongs to the connection itself"),
            ("Upgrade: x", "belongs to the connection itself"),
            ("A: b\nC: d", "has characters that no header has"),
        ] {
            assert!(header(text).expect_err(text).contains(told), "{text}");
        }
        for text in ["a", "=b", "a=b; c=d", "a=\n"] {
            assert!(cookie(text).expect_err(text).contains("write name=value"), "{text}");
        }
    }
}
