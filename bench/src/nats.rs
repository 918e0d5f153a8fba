//! As much of the NATS protocol as a subscriber needs: operations in a stream, however the server cut it into frames.

use anyhow::{Context, bail};

/// The subject of messages for all.
pub(crate) const SUBJECT: &str = "bench";
pub(crate) const PONG: &str = "PONG\r\n";

/// What a client sends first, to subscribe subjects, or that of messages for all. The server answers the ping when the
/// subscriptions are made.
pub(crate) fn subscribe<'a>(subjects: impl Iterator<Item = &'a str>) -> String {
    let mut text = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n".to_owned();
    let mut subjects = subjects.peekable();
    let all = subjects.peek().is_none().then_some(SUBJECT);
    for (index, subject) in all.into_iter().chain(subjects).enumerate() {
        text += &format!("SUB {subject} {}\r\n", index + 1);
    }
    text + "PING\r\n"
}

/// What the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation<'a> {
    Message(&'a [u8]),
    Ping,
    Pong,
    Info,
}

/// The operation that the bytes begin with, and how many bytes it has, if all of it is there.
pub(crate) fn first(bytes: &[u8]) -> anyhow::Result<Option<(Operation<'_>, usize)>> {
    let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line_bytes = line + 1;
    let line = bytes[..line].trim_ascii_end();
    let operation = match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
        b"MSG" => {
            // MSG <subject> <subscription> [<reply to>] <bytes>
            let length = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            let length: usize = std::str::from_utf8(length)?.parse().context("a message without a length")?;
            let end = line_bytes + length;
            let complete = bytes.len() >= end + 2;
            return Ok(complete.then(|| (Operation::Message(&bytes[line_bytes..end]), end + 2)));
        }
        b"PING" => Operation::Ping,
        b"PONG" => Operation::Pong,
        b"INFO" => Operation::Info,
        _ => bail!("the server sends {:?}", String::from_utf8_lossy(line)),
    };
    Ok(Some((operation, line_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_when_complete() {
        let stream = b"PONG\r\nMSG bench 1 4\r\nab\r\n\r\nMSG bench 1 1\r\nx\r";
        let (operation, pong) = first(stream).expect("no error").expect("an operation");
        assert_eq!(operation, Operation::Pong);
        let (operation, message) = first(&stream[pong..]).expect("no error").expect("an operation");
        assert_eq!(operation, Operation::Message(b"ab\r\n"));
        assert_eq!(first(&stream[pong + message..]).expect("no error"), None);
        assert!(first(b"-ERR 'Unknown Protocol Operation'\r\n").is_err());
    }
}
