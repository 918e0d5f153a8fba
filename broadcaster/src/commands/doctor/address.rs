//! The doctor's look at addresses: who answers on the port, and whether an event comes through to a client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::StreamExt;
use queue::{Writer, url_without_secrets};
use server::Config;
use tokio_tungstenite::tungstenite::Message;

use super::finding::Finding::{self, Bad, Good, Note};
use crate::commands::listen;
use crate::errors::in_one_line;

/// How long an event may take through everything.
const ROUND_TRIP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection to the port may take, and the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Ours is much shorter.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Who answers on the port.
pub(super) fn port(config: &Config) -> Finding {
    let address = format!("{}:{}", config.host, config.port);
    let health = connect(&config.host, config.port).and_then(|mut stream| {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream
            .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
        read_answer(stream)
    });
    match health {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n") => {
            Good(format!("a broadcaster answers on {address}"))
        }
        Ok(answer) if answer.starts_with("HTTP/1.1 503") => Bad(
            format!(
                "the broadcaster on {address} is not healthy: {}",
                answer.lines().last().unwrap_or("no reason given")
            ),
            "its log says more".into(),
        ),
        Ok(answer) => Bad(
            format!("something else answers on {address}: {}", answer.lines().next().unwrap_or("nothing")),
            "choose another port with --listen".into(),
        ),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Note(
            format!("nothing listens on {address}"),
            "start the broadcaster, or say where it listens: --listen".into(),
        ),
        Err(error) => Bad(format!("{address}: {error}"), "check --listen".into()),
    }
}

/// Connects to the first address of a name that lets us.
pub(super) fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failure = io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, ANSWER_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Reads what somebody answers, who may be no broadcaster: it has bounds in size and time.
fn read_answer(mut stream: TcpStream) -> io::Result<String> {
    let end = Instant::now() + ANSWER_TIMEOUT;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while answer.len() < MAX_ANSWER_BYTES && Instant::now() < end {
        match stream.read(&mut part)? {
            0 => break,
            count => answer.extend_from_slice(&part[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends an event and waits for it at this address.
pub(super) fn round_trip(queue: &Path, url: &str) -> Finding {
    let shown = url_without_secrets(url);
    // To queue an event would make the directory, as the doctor's user.
    if !queue.is_dir() {
        return Bad(
            format!("no round trip through {shown}: there is no queue directory {}", queue.display()),
            "see above".into(),
        );
    }
    match try_round_trip(queue, url) {
        Ok(took) => Good(format!("an event went from the directory to {shown} in {:.1} ms", took.as_secs_f64() * 1e3)),
        Err(error) => Bad(
            format!("no round trip through {shown}: {}", in_one_line(&error)),
            "check the address, the proxy's upgrade headers, and that a broadcaster reads this directory. Where events for everybody \
             need a token, the address needs ?everybody=1&token=..."
                .into(),
        ),
    }
}

fn try_round_trip(queue: &Path, url: &str) -> anyhow::Result<Duration> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut socket = listen::connect(url).await?;
        let began = Instant::now();
        let id = Writer::new(queue)
            .enqueue(br#""doctor.ping""#, format!("{}", std::process::id()).as_bytes())
            .context("cannot queue an event")?;
        let wanted = format!(r#"{{"event":"doctor.ping","payload":{},"#, std::process::id());
        let arrival = async {
            while let Some(message) = socket.next().await {
                let Message::Text(text) = message? else { continue };
                if let Some(problem) = listen::pusher_problem(&text) {
                    bail!(problem);
                }
                if text.starts_with(&wanted) {
                    return Ok(began.elapsed());
                }
            }
            bail!("the connection has ended");
        };
        let arrived = tokio::time::timeout(ROUND_TRIP_TIMEOUT, arrival).await;
        if !matches!(arrived, Ok(Ok(_))) {
            // Nobody has read it, most likely, and it is of no use later.
            let _ = fs::remove_file(queue.join(id.as_os_str()));
        }
        arrived.with_context(|| format!("event {id} did not arrive within {} s", ROUND_TRIP_TIMEOUT.as_secs()))?
    })
}
