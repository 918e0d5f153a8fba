//! Asks a FastCGI server such as php-fpm: a connection a question, which is never kept. An idle one would hold a worker.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tracing::debug;

use crate::http_server::hook::answer;
use crate::http_server::hook::failure::HookFailure;
use crate::http_server::hook::records::{Decoder, request};
use crate::http_server::hook::url::Socket;

/// Bytes that are read at a time.
const READ_BYTES: usize = 8 * 1024;

/// What the script has written.
pub(super) async fn ask(socket: &Socket, params: &[u8]) -> Result<Vec<u8>, HookFailure> {
    match socket {
        Socket::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(HookFailure::Connect)?;
            ask_on(stream, params).await
        }
        Socket::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(HookFailure::Connect)?;
            ask_on(stream, params).await
        }
    }
}

async fn ask_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, params: &[u8]) -> Result<Vec<u8>, HookFailure> {
    stream.write_all(&request(params)).await?;
    let mut decoder = Decoder::new(answer::MAX_BYTES);
    let mut bytes = vec![0; READ_BYTES];
    while !decoder.is_ended() {
        match stream.read(&mut bytes).await? {
            0 => return Err(HookFailure::Ended),
            read => decoder.push(&bytes[..read])?,
        }
    }
    if !decoder.errors().is_empty() {
        debug!(errors = %queue::shown_bytes(decoder.errors()), "the script of the hook has written to its log");
    }
    Ok(decoder.output().to_owned())
}
