//! Closes a connection so that its last answer arrives. Input that nobody reads turns the answer into a reset, and a
//! proxy takes that for a server that fails: it tells its client 502 and asks others from then on.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Most bytes that are read and thrown away: larger than what forms and proxies usually send, and done in milliseconds.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long it may take altogether.
const LONGEST: Duration = Duration::from_secs(5);
/// How long nothing may come.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// Says that nothing more comes, and reads until the other side has said the same. It takes no memory meanwhile.
pub(super) async fn linger(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = MAX_BYTES;
    let _ = timeout(LONGEST, async {
        while let Ok(Ok(read @ 1..)) = timeout(LONGEST_SILENCE, discard(stream)).await {
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    })
    .await;
}

async fn discard(stream: &TcpStream) -> io::Result<usize> {
    // Between others, however fast it comes.
    yield_now().await;
    loop {
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || throw_away(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Not even copied: with this flag the kernel forgets what it would have given (`tcp(7)`).
fn throw_away(stream: &TcpStream) -> io::Result<usize> {
    SockRef::from(stream).recv_with_flags(&mut [MaybeUninit::uninit(); 64 * 1024], libc::MSG_TRUNC)
}
