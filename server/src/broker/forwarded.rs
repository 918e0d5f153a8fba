//! A look, for code outside, at the file that names the last entry that a forwarder has seen in the stream. It needs no
//! broadcaster, and changes nothing.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use queue::{FORWARDED, HISTORY, clear_of_standard};
use rustix::fs::{CWD, Mode, OFlags};

use super::confirmed::{BYTES, parse};
use crate::protocol::id::Id;

/// What a forwarder has last seen in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// How the keys of its stream begin.
    pub prefix: String,
    /// The id of the entry.
    pub id: String,
    /// How long ago that was.
    pub age: Duration,
}

/// Reads it, in the configured history directory or in that of the queue. `None`: nothing was forwarded.
///
/// # Errors
/// With the path: when it cannot be read.
pub fn forwarded(queue: &Path, configured: Option<&Path>) -> Result<Option<Forwarded>, (PathBuf, io::Error)> {
    let path = configured.map_or_else(|| queue.join(HISTORY), Path::to_owned).join(FORWARDED);
    read(&path).map_err(|error| (path, error))
}

fn read(path: &Path) -> io::Result<Option<Forwarded>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(clear_of_standard(file)),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let modified = file.metadata()?.modified()?;
    let mut content = Vec::new();
    file.take(BYTES as u64).read_to_end(&mut content)?;
    Ok(parse(&content).map(|(prefix, id)| Forwarded {
        prefix: prefix.to_owned(),
        id: Id::Stream(id).to_string(),
        age: SystemTime::now().duration_since(modified).unwrap_or_default(),
    }))
}
