//! The doctor's look at the port: who answers there.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use server::Config;

use super::finding::Finding::{self, Bad, Good, Note};

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
