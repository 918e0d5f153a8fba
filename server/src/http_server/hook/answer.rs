//! What the hook answers, and whether that lets a client in. Whatever is not clearly a yes or a no is a failure.

use std::time::SystemTime;

use http::StatusCode;
use thiserror::Error;

use crate::rights::{Denial, GrantError, Identity};

/// Largest answer.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Most header lines of a script's output.
const MAX_HEADERS: usize = 100;

/// What the hook has decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The client is let in.
    In(Box<Identity>),
    /// It is not.
    Out(Denial),
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AnswerError {
    #[error("the status is {0}, and not 200, 401 or 403")]
    Status(u16),
    #[error("the output of the script has no valid headers")]
    Headers,
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the answer cannot be used: {0}")]
    Grant(#[from] GrantError),
}

/// Decides by status and body. An identity counts for this share of the time that the answer says.
pub(super) fn decide(status: StatusCode, body: &[u8], share: f64, now: SystemTime) -> Result<Decision, AnswerError> {
    match status {
        StatusCode::OK => Ok(Decision::In(Box::new(Identity::granted(body, share, now)?))),
        StatusCode::UNAUTHORIZED => Ok(Decision::Out(Denial::NotAuthenticated)),
        StatusCode::FORBIDDEN => Ok(Decision::Out(Denial::NotAllowed)),
        other => Err(AnswerError::Status(other.as_u16())),
    }
}

/// Status and body of what a script has written (RFC 3875, section 6): headers, an empty line, the body.
pub(super) fn of_script(output: &[u8]) -> Result<(StatusCode, &[u8]), AnswerError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let Ok(httparse::Status::Complete((length, headers))) = httparse::parse_headers(output, &mut headers) else {
        return Err(AnswerError::Headers);
    };
    let values = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    let mut statuses = values("Status");
    let status = match (statuses.next(), statuses.next()) {
        // It would be a redirect, and no answer.
        (None, None) if values("Location").next().is_some() => return Err(AnswerError::Status(302)),
        (None, None) => StatusCode::OK,
        (Some(status), None) => status_of(status.value).ok_or(AnswerError::Headers)?,
        _ => return Err(AnswerError::Headers),
    };
    Ok((status, &output[length..]))
}

/// `401 Unauthorized`: the number counts.
fn status_of(value: &[u8]) -> Option<StatusCode> {
    let number = value.split(|byte| *byte == b' ').next()?;
    StatusCode::from_bytes(number).ok()
}

/// Does with a script's output what the server does, and checks whom it would let in.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_output(output: &[u8]) -> bool {
    let now = SystemTime::UNIX_EPOCH;
    let decision = of_script(output).and_then(|(status, body)| decide(status, body, 1.0, now).map(|it| (status, it)));
    match decision {
        Ok((status, Decision::In(identity))) => {
            assert_eq!(status, StatusCode::OK);
            assert!(identity.expires_at > now);
            assert!(identity.channels.iter().all(|channel| !channel.is_for_producers()));
            true
        }
        Ok((status, Decision::Out(_))) => {
            assert!(matches!(status.as_u16(), 401 | 403));
            false
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(output: &str) -> String {
        let decision =
            of_script(output.as_bytes()).and_then(|(status, body)| decide(status, body, 1.0, SystemTime::UNIX_EPOCH));
        match decision {
            Ok(Decision::In(identity)) => format!("in as {}", identity.user.as_deref().unwrap_or("nobody")),
            Ok(Decision::Out(denial)) => denial.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_a_clear_yes_lets_a_client_in() {
        for (output, expected) in [
            ("Content-type: application/json\r\n\r\n{\"user\":\"42\"}", "in as 42"),
            ("Status: 200 OK\r\nX: y\r\n\r\n{\"user\":42}\n", "in as 42"),
            ("status:200\n\n{}", "in as nobody"),
            ("\r\n{}", "in as nobody"),
            ("Status: 401 Unauthorized\r\n\r\n", "not authenticated"),
            ("Status: 403\r\n\r\n{\"user\":\"42\"}", "not allowed"),
        ] {
            assert_eq!(decided(output), expected, "{output:?}");
        }
        for output in [
            "",
            "{\"user\":\"42\"}",
            "Status: 200 OK\r\n{\"user\":\"42\"}",
            "Status: 200 OK\r\n\r\n",
            "Status: 200 OK\r\nStatus: 401\r\n\r\n{}",
            "Status: 2000\r\n\r\n{}",
            "Status: \r\n\r\n{}",
            "Status: 20\r\n\r\n{}",
            "Status: 204 No Content\r\n\r\n{}",
            "Status: 302 Found\r\nLocation: /login\r\n\r\n{}",
            "Location: /login\r\n\r\n{}",
            "Status: 500 Internal Server Error\r\n\r\n{}",
            "Content-type: text/html\r\n\r\n<br /><b>Warning</b>{\"user\":\"42\"}",
            "Content-type: text/html\r\n\r\nnull",
            "\u{0}: x\r\n\r\n{}",
        ] {
            let decided = decided(output);
            assert!(!decided.starts_with("in as") && !decided.starts_with("not "), "{output:?}: {decided}");
        }
        assert_eq!(decided(&format!("{}\r\n{{}}", "X: y\r\n".repeat(101))), AnswerError::Headers.to_string());
    }
}
