//! `fastapi-broadcaster listen`: a client for the shell.

mod connecting;

use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::Args;
use futures_util::StreamExt;
use queue::printable;
use serde::de::IgnoredAny;
use tokio_tungstenite::tungstenite::Message;

use crate::numbers::whole;

pub(crate) use connecting::{address, connect};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// Address as a page would use it, such as wss://example.com/ws
    #[arg(value_parser = address)]
    url: String,
    /// Stop after so many messages
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = whole)]
    count: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster listen ws://127.0.0.1:8081/
  fastapi-broadcaster listen wss://example.com/ws --count 1
  fastapi-broadcaster listen ws://127.0.0.1:8081/ | jq .payload

Certificates are checked against those of the system, or those in the file that SSL_CERT_FILE names.

Exit codes: 0 as many messages as --count says have come; 64 bad arguments; 1 no connection, or its end.";

pub(crate) fn run(arguments: ListenArgs) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut socket = connect(&arguments.url).await?;
        let mut out = io::stdout().lock();
        let mut left = arguments.count.unwrap_or(u64::MAX);
        while left > 0 {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    writeln!(out, "{}", in_one_line(&text))?;
                    out.flush()?;
                    left -= 1;
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map_or(1005, |frame| u16::from(frame.code));
                    let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    bail!("the server closed the connection with code {code} {reason}");
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the connection broke"),
                None => bail!("the connection has ended"),
            }
        }
        // The server learns of our end by the socket's.
        let _ = socket.close(None).await;
        Ok(())
    })
}

/// A message without what would end the line or command a terminal. What is JSON stays so, and the same: there, ends of
/// lines can only stand between its parts.
fn in_one_line(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
    } else {
        printable(text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_json_stays_what_it_is() {
        let json = "{\n\t\"payload\": \"\u{9b}2J\u{2028}\x7f\"\r\n}";
        let line = in_one_line(json);
        assert_eq!(line, r#"{  "payload": "\u009b2J\u2028\u007f"  }"#);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
        assert_eq!(parse(&line), parse(json));
        assert_eq!(in_one_line("no JSON\n\x1b[2J"), r"no JSON\n\u001b[2J");
    }
}
