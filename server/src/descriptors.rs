//! Which numbers the descriptors of a server have, where it shares its process with code that cares.

use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};

use queue::FIRST_DESCRIPTOR;
use rustix::fs::{Mode, OFlags};
use tokio::net::TcpStream;

/// Duplicates a descriptor to a number of at least `least`, or to a lower one where the limit of open files leaves
/// none, but never to one of the three standard streams.
///
/// # Errors
/// When no descriptor is left.
pub fn duplicate(descriptor: impl AsFd, least: RawFd) -> io::Result<OwnedFd> {
    let duplicate = |least| rustix::io::fcntl_dupfd_cloexec(&descriptor, least);
    Ok(duplicate(least).or_else(|_| duplicate(FIRST_DESCRIPTOR))?)
}

/// Gives a socket a number of at least `least`, as [`duplicate`] does. It keeps its number if there is no other.
pub(crate) fn raise(stream: TcpStream, least: RawFd) -> io::Result<TcpStream> {
    if stream.as_raw_fd() >= least {
        return Ok(stream);
    }
    let low = stream.into_std()?;
    let is_standard = low.as_raw_fd() < FIRST_DESCRIPTOR;
    let raised = match rustix::io::fcntl_dupfd_cloexec(&low, least) {
        Err(_) if is_standard => duplicate(&low, FIRST_DESCRIPTOR),
        raised => raised.map_err(io::Error::from),
    };
    let Ok(raised) = raised else { return TcpStream::from_std(low) };
    if is_standard {
        put_null(low.into());
    }
    TcpStream::from_std(std::net::TcpStream::from(raised))
}

/// Opens `/dev/null` under the number of a standard stream that was closed, so that nothing else gets it.
fn put_null(mut taken: OwnedFd) {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    // Without it, the number becomes free again.
    if null.is_ok_and(|null| rustix::io::dup2(null, &mut taken).is_ok()) {
        let _ = taken.into_raw_fd();
    }
}
