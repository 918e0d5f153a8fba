//! What the hook has answered, for the log: its beginning, in one line, without what the client has sent as a secret.

use http::header;
use percent_encoding::percent_decode;
use queue::{shown_bytes, text_without_secrets};

use crate::http_server::hook::question::Question;
use crate::target;

/// Longest excerpt.
const MAX_BYTES: usize = 200;
/// So much of an answer is looked at: there may be secrets in it, which are left out.
pub(super) const LOOKED_AT: usize = 1024;
/// What is shown for a secret.
const HIDDEN: &str = "[hidden]";
/// Shorter parts of a secret are no secrets.
const SECRET_BYTES: usize = 4;

/// The excerpt of an answer to a question, unless there is nothing.
pub(super) fn excerpt(answer: &[u8], question: &Question<'_>) -> Option<String> {
    let answer = without_set_cookie(beginning(answer));
    let mut text = shown_bytes(answer.trim_ascii()).to_string();
    for secret in secrets(question) {
        text = text.replace(&secret, HIDDEN);
    }
    let text = text_without_secrets(&text);
    let end = (0..=text.len().min(MAX_BYTES)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let more = if end < text.len() { "..." } else { "" };
    (!text.is_empty()).then(|| format!("{}{more}", &text[..end]))
}

/// As much as is looked at. A secret that is cut could not be found, so it is left out.
fn beginning(answer: &[u8]) -> &[u8] {
    let Some(beginning) = answer.get(..LOOKED_AT) else { return answer };
    let end = beginning.iter().rposition(|byte| !byte.is_ascii_alphanumeric());
    &beginning[..end.unwrap_or_default()]
}

/// The output of a script that has no valid headers may have some all the same.
fn without_set_cookie(answer: &[u8]) -> Vec<u8> {
    let name = b"set-cookie:";
    let is_set_cookie = |line: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    answer.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_set_cookie(line)).flatten().copied().collect()
}

/// What the question has of cookies, logins and tokens, in parts of letters and digits: what is between may be written
/// in several ways. The longest first, since one may be in another.
fn secrets(question: &Question<'_>) -> Vec<String> {
    let headers = question.headers();
    let has_secret = |name: &str| [header::COOKIE.as_str(), header::AUTHORIZATION.as_str()].contains(&name);
    let of_headers = headers.iter().filter(|(name, _)| has_secret(name)).flat_map(|(_, value)| {
        // Names of cookies, and of the way to log in, are none.
        value.split(|byte| *byte == b';').filter_map(|pair| pair.trim_ascii().splitn(2, is_separator).last())
    });
    let query = target::query(&question.head.target).as_bytes();
    let of_query = query.split(|byte| *byte == b'&').filter_map(|pair| pair.strip_prefix(b"token="));
    let mut parts: Vec<String> = of_headers.chain(of_query).flat_map(parts).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts.dedup();
    parts
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b'=' | b' ')
}

/// The parts of a secret as it is written, and without percent-encoding.
fn parts(secret: &[u8]) -> Vec<String> {
    let decoded = percent_decode(secret).collect::<Vec<u8>>();
    [secret, &decoded]
        .into_iter()
        .flat_map(|secret| secret.split(|byte| !byte.is_ascii_alphanumeric()))
        .filter(|part| part.len() >= SECRET_BYTES)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_server::head::Head;
    use crate::http_server::proxies::Sender;

    fn shown(answer: &str, target: &str, headers: &[(&str, &str)]) -> Option<String> {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let head = Head::parse(request.as_bytes(), 4096).expect("a head").expect("all of it");
        let sender = Sender { address: "192.0.2.1:4711".parse().expect("an address"), is_proxied: false };
        excerpt(answer.as_bytes(), &Question { head: &head, sender, has_cookies: true })
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(shown(" \r\n", "/", &[]), None);
        assert_eq!(shown("a\n\u{1b}b", "/", &[]).as_deref(), Some(r"a\n\u001bb"));
        let long = shown(&"\u{e9}".repeat(5000), "/", &[]).expect("an excerpt");
        assert_eq!(long, format!("{}...", "\u{e9}".repeat(100)));
        assert!(shown(&"x".repeat(5000), "/", &[]).is_none(), "it could be a secret that is cut");
    }

    #[test]
    fn it_shows_nothing_that_the_client_has_sent_as_a_secret() {
        let cookie = ("Cookie", "a=x; PHPSESSID=0123456789abcdef; data=eyJpdiI6%2FBase64%3Dpart");
        let login = ("Authorization", "Basic dXNlcjpwYXNzd29yZA==");
        let answer = "PHPSESSID 0123456789abcdef a=x eyJpdiI6/Base64=part dXNlcjpwYXNzd29yZA== tok3nx.part2x";
        let told = shown(answer, "/?channel=a&token=tok3nx.part2x", &[cookie, login]).expect("an excerpt");
        assert_eq!(told, "PHPSESSID [hidden] a=x [hidden]/[hidden]=[hidden] [hidden]== [hidden].[hidden]");
        let told = shown("X: y\r\nset-cookie: PHPSESSID=new\r\nbroken", "/", &[]).expect("an excerpt");
        assert_eq!(told, r"X: y\r\nbroken");
        // One that is cut.
        let answer = format!("{} 0123456789abcdef", "0123456789abcdef ".repeat(60));
        assert_eq!(answer.as_bytes()[LOOKED_AT - 1..=LOOKED_AT], *b"23");
        let told = shown(&answer, "/", &[cookie]).expect("an excerpt");
        assert!(!told.contains("0123"), "{told}");
    }
}
