//! What went wrong with Redis: which kind of failure it is, and what is said of it.

use std::fmt;

use redis::{RedisError, ServerError};

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The connection has ended or does not answer: connect anew.
    Lost,
    /// The server cannot serve the stream, now or at all: look for the right one and connect anew.
    Elsewhere,
    /// Redis has no memory left. Somebody has to do something.
    Memory,
    /// User or password are wrong, or missing. Somebody has to do something.
    Login,
    /// The user has not all rights. Somebody has to do something.
    Permission,
    /// Anything else that Redis said.
    Other,
}

/// A failure, and a sentence of it for the log. It has no secrets, and nothing of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    said: String,
}

/// Characters of an answer that are shown: whoever answers chooses how many there are.
const MAX_DETAILS: usize = 200;

/// Codes of Redis, what they mean, and what is to be done.
const CODES: [(&str, FailureKind, &str); 14] = [
    ("READONLY", FailureKind::Elsewhere, "it is a replica and takes no writes: the master is another server"),
    ("MOVED", FailureKind::Elsewhere, "another server of the cluster has the stream"),
    ("ASK", FailureKind::Elsewhere, "the stream is on its way to another server of the cluster"),
    ("TRYAGAIN", FailureKind::Elsewhere, "the stream is on its way to another server of the cluster"),
    ("CLUSTERDOWN", FailureKind::Elsewhere, "the cluster is down"),
    ("MASTERDOWN", FailureKind::Elsewhere, "it is a replica that has lost its master"),
    ("LOADING", FailureKind::Elsewhere, "it still loads its data"),
    ("UNBLOCKED", FailureKind::Elsewhere, "it has become a replica"),
    (
        "OOM",
        FailureKind::Memory,
        "it has no memory left: raise `maxmemory` of Redis, or lower broker.max_bytes or broker.max_events",
    ),
    ("NOAUTH", FailureKind::Login, "it asks for a password: broker.url needs one"),
    (
        "WRONGPASS",
        FailureKind::Login,
        "it does not accept the user and the password of broker.url, where special characters are percent-encoded \
         (@ as %40)",
    ),
    ("NOPERM", FailureKind::Permission, "its rules (ACL) do not allow that to the user of broker.url"),
    ("DENIED", FailureKind::Login, "it has no password and so accepts only clients of its own machine"),
    ("NOREPLICAS", FailureKind::Other, "it has fewer replicas than its `min-replicas-to-write` asks for"),
];

impl Failure {
    pub(crate) fn of(error: &RedisError) -> Failure {
        // Errors of a pipeline are several, and the first is the cause of the others.
        let first =
            error.clone().into_server_errors().and_then(|errors| errors.first().map(|(_, error)| error.clone()));
        match first {
            Some(error) => Failure::said_by_server(&error),
            None if error.is_io_error() => {
                Failure { kind: FailureKind::Lost, said: format!("the connection is lost: {error}") }
            }
            // What is no Redis, or has stopped in the middle of an answer.
            None => {
                let hint = if is_http(error) { ": it answers HTTP and is no Redis (which port is it?)" } else { "" };
                Failure { kind: FailureKind::Lost, said: format!("what it answers cannot be understood{hint}") }
            }
        }
    }

    fn said_by_server(error: &ServerError) -> Failure {
        let details = error.details().unwrap_or_default();
        // Redis up to version 6 tells the error of a command in a script as a part of its text. So does every version
        // with a transaction that is refused as a whole.
        let is_in_text = |code: &str| {
            details.contains(&format!("-{code} ")) || details.contains(&format!("discarded because of: {code} "))
        };
        let is_it = |code: &str| error.code() == code || is_in_text(code);
        let details = shortened(details);
        match CODES.iter().find(|(code, ..)| is_it(code)) {
            Some((code, kind, meaning)) if details.is_empty() => {
                Failure { kind: *kind, said: format!("{meaning} ({code})") }
            }
            Some((code, kind, meaning)) => Failure { kind: *kind, said: format!("{meaning} ({code} {details})") },
            // A server without users answers so to a login.
            None if details.contains("without any password configured") => {
                Failure { kind: FailureKind::Login, said: "it has no password, and broker.url names one".to_owned() }
            }
            None => {
                let hint = hint_of_unknown_command(&details);
                Failure { kind: FailureKind::Other, said: format!("it answers {} {details}{hint}", error.code()) }
            }
        }
    }
}

/// Whether the answer begins as one of HTTP, and as none of Redis. The `redis` crate says only that a byte is wrong.
fn is_http(error: &RedisError) -> bool {
    error.to_string().contains(&format!("Unexpected `{}`", b'H'))
}

/// Which server does not know a command that is needed.
fn hint_of_unknown_command(details: &str) -> &'static str {
    let command = details.strip_prefix("unknown command ").map(|rest| rest.trim_matches(['\'', '`', ',', ' ']));
    match command {
        // A Sentinel takes a login as Redis does.
        Some("XADD" | "XREAD" | "XRANGE" | "XREVRANGE" | "SELECT") => {
            " (a Sentinel? Then broker.url is redis+sentinel://HOST:26379/mymaster, where mymaster is the name of its \
             `sentinel monitor`)"
        }
        Some("SENTINEL") => " (it is no Sentinel: is it Redis itself? Then the scheme begins with redis or rediss)",
        _ => "",
    }
}

/// Without the arguments of the command, which Redis repeats where it does not know one.
fn shortened(details: &str) -> String {
    let end = details.find(", with args").or_else(|| details.find(['\r', '\n'])).unwrap_or(details.len());
    let details: String = details[..end].trim_end().chars().take(MAX_DETAILS).collect();
    queue::printable(&details).into_owned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use redis::{RedisResult, Value, parse_redis_value};

    use super::*;

    fn answered(answer: &str) -> Failure {
        let answer: RedisResult<Value> = parse_redis_value(answer.as_bytes());
        Failure::of(&answer.and_then(Value::extract_error).expect_err("an error"))
    }

    #[test]
    fn what_redis_says_has_a_kind_and_a_sentence() {
        for (answer, kind, said) in [
            ("-READONLY You can't write.\r\n", FailureKind::Elsewhere, "it is a replica and takes no writes"),
            ("-MOVED 1 h:1\r\n", FailureKind::Elsewhere, "another server of the cluster has the stream (MOVED 1 h:1)"),
            ("-CLUSTERDOWN x\r\n", FailureKind::Elsewhere, "the cluster is down"),
            ("-MASTERDOWN Link\r\n", FailureKind::Elsewhere, "it is a replica that has lost its master"),
            ("-LOADING Redis is\r\n", FailureKind::Elsewhere, "it still loads its data"),
            ("-UNBLOCKED force\r\n", FailureKind::Elsewhere, "it has become a replica"),
            ("-OOM command\r\n", FailureKind::Memory, "it has no memory left: raise `maxmemory`"),
            ("-ERR Error running script: @user_script:1: -OOM no\r\n", FailureKind::Memory, "it has no memory left"),
            ("-NOAUTH x\r\n", FailureKind::Login, "it asks for a password"),
            ("-WRONGPASS x\r\n", FailureKind::Login, "it does not accept the user"),
            ("-NOPERM this user\r\n", FailureKind::Permission, "its rules (ACL) do not allow that"),
            (
                "-EXECABORT Transaction discarded because of: NOPERM this user\r\n",
                FailureKind::Permission,
                "its rules (ACL) do not allow that",
            ),
            ("-NOREPLICAS x\r\n", FailureKind::Other, "it has fewer replicas"),
            ("-WRONGTYPE Operation\r\n", FailureKind::Other, "it answers WRONGTYPE Operation"),
        ] {
            let failure = answered(answer);
            assert!(failure.kind == kind && failure.to_string().starts_with(said), "{answer}: {failure:?}");
        }
    }

    #[test]
    fn what_was_written_is_not_shown() {
        let failure = answered("-ERR unknown command 'XADD', with args beginning with: 's3cret' \r\n");
        let told = failure.to_string();
        assert!(told.starts_with("it answers ERR unknown command 'XADD' (a Sentinel?"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn commands_that_others_do_not_know_tell_which_server_it_is() {
        for (answer, hint) in [
            (
                "-ERR unknown command 'SELECT', with args beginning with: '1' \r\n",
                "redis+sentinel://HOST:26379/mymaster",
            ),
            // As Redis 6 writes it.
            (
                "-ERR unknown command `XREVRANGE`, with args beginning with: \r\n",
                "redis+sentinel://HOST:26379/mymaster",
            ),
            ("-ERR unknown command 'SENTINEL', with args beginning with: \r\n", "it is no Sentinel"),
        ] {
            let told = answered(answer).to_string();
            assert!(told.contains(hint) && queue::text_without_secrets(&told) == told, "{told}");
        }
        // A provider may have taken it away.
        let told = answered("-ERR unknown command 'CONFIG', with args beginning with: 'GET' \r\n").to_string();
        assert_eq!(told, "it answers ERR unknown command 'CONFIG'");
    }

    #[test]
    fn an_end_of_the_connection_is_a_loss() {
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut, io::ErrorKind::BrokenPipe] {
            let failure = Failure::of(&io::Error::from(kind).into());
            assert_eq!(failure.kind, FailureKind::Lost);
            assert!(failure.to_string().starts_with("the connection is lost: "), "{failure}");
        }
        for (answer, told) in [
            (
                "HTTP/1.1 400\r\n",
                "what it answers cannot be understood: it answers HTTP and is no Redis (which port is it?)",
            ),
            ("220 mail.example\r\n", "what it answers cannot be understood"),
        ] {
            let failure = Failure::of(&parse_redis_value(answer.as_bytes()).expect_err("no Redis"));
            assert_eq!((failure.kind, failure.to_string().as_str()), (FailureKind::Lost, told));
        }
        assert_eq!(Failure::of(&parse_redis_value(b"$5\r\nab").expect_err("not whole")).kind, FailureKind::Lost);
    }
}
