//! Whether a log that an earlier process has left can be continued, and what it holds.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use queue::record::{self, HEAD_BYTES, Head};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::directory::LogDirectory;
use super::event::Kept;
use super::file::Place;
use super::header::{HEADER_BYTES, Header};
use super::time::LogTime;
use crate::publication::Seq;

/// Bytes that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// A log that can be continued.
pub(super) struct Found {
    pub(super) file: OwnedFd,
    pub(super) header: Header,
    pub(super) places: VecDeque<Place>,
    pub(super) events: Vec<Kept>,
}

/// Why the numbers begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anew {
    /// There is no log.
    NoLog,
    /// What has its name is no log of ours, or the header is damaged.
    NotALog,
    /// A newer program wrote it.
    NewerVersion,
    /// The last process that sent events had another log, or none.
    AnotherEpoch,
    /// The file is a copy. What was appended to the original afterwards would be missing.
    Copied,
    /// The system was started again, and the log was not closed: what was not on disk is missing.
    NotClosed,
    /// A record is not as it was written.
    Damaged {
        /// Where it begins in the file.
        offset: u64,
    },
    /// The system refused to read or to write it.
    Failed(String),
}

impl fmt::Display for Anew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Anew::NoLog => formatter.write_str("there is no history log yet"),
            Anew::NotALog => formatter.write_str("the history log has no header that can be read"),
            Anew::NewerVersion => formatter.write_str("the history log was written by a newer version"),
            Anew::AnotherEpoch => formatter.write_str("events were sent since that are not in the history log"),
            Anew::Copied => formatter.write_str("the history log is a copy, and may lack what was sent since"),
            Anew::NotClosed => formatter
                .write_str("the system ended before the history log was closed, and may have lost a part of it"),
            Anew::Damaged { offset } => write!(formatter, "the history log is damaged at byte {offset}"),
            Anew::Failed(error) => write!(formatter, "the history log cannot be used: {error}"),
        }
    }
}

impl From<io::Error> for Anew {
    fn from(error: io::Error) -> Anew {
        Anew::Failed(error.to_string())
    }
}

/// Reads the log and decides. `epoch` is that of the last process that sent events.
pub(super) fn find(directory: &LogDirectory, epoch: Option<u64>, boot_id: &str) -> Result<Found, Anew> {
    let file = match directory.open_log() {
        Ok(file) => file,
        Err(Errno::NOENT) => return Err(Anew::NoLog),
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(Anew::NotALog),
        Err(errno) => return Err(io::Error::from(errno).into()),
    };
    let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Anew::NotALog);
    }
    let mut file = File::from(file);
    let mut block = [0; HEADER_BYTES];
    let size = stat.st_size.cast_unsigned();
    if size < HEADER_BYTES as u64 {
        return Err(Anew::NotALog);
    }
    file.read_exact(&mut block)?;
    let header = Header::read(&block).ok_or(Anew::NotALog)?;
    if !header.is_known() {
        return Err(Anew::NewerVersion);
    }
    if epoch != Some(header.epoch) {
        return Err(Anew::AnotherEpoch);
    }
    if header.inode != stat.st_ino {
        return Err(Anew::Copied);
    }
    if header.boot_id != boot_id && !header.is_closed() {
        return Err(Anew::NotClosed);
    }
    // A log that is shorter lost what its header was written after.
    if header.start < HEADER_BYTES as u64 || header.start > size {
        return Err(Anew::Damaged { offset: size });
    }
    let (places, events) = read(&mut file, &header, size)?;
    Ok(Found { file: file.into(), header, places, events })
}

/// Reads all records up to the end of the file, or to one that was not written whole.
fn read(file: &mut File, header: &Header, size: u64) -> Result<(VecDeque<Place>, Vec<Kept>), Anew> {
    let (mut places, mut events) = (VecDeque::new(), Vec::new());
    let mut body = Vec::new();
    let mut offset = header.start;
    file.seek(SeekFrom::Start(offset))?;
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let mut last = Seq::default();
    while offset < size {
        let damaged = Anew::Damaged { offset };
        let mut bytes = [0; HEAD_BYTES];
        let head_bytes = HEAD_BYTES.min(usize::try_from(size - offset).unwrap_or(HEAD_BYTES));
        file.read_exact(&mut bytes[..head_bytes])?;
        let head = Head::parse(&bytes).filter(|_| head_bytes == HEAD_BYTES);
        let Some(head) = head.filter(|head| head.body_bytes as u64 <= size - offset - HEAD_BYTES as u64) else {
            // Nobody has the events of a record whose writer was killed. In a log that was closed there is none.
            let mut rest = bytes[..head_bytes].to_vec();
            file.read_to_end(&mut rest)?;
            return if record::is_torn(&rest) && !header.is_closed() { Ok((places, events)) } else { Err(damaged) };
        };
        body.resize(head.body_bytes, 0);
        file.read_exact(&mut body)?;
        if !head.is_of(&body) {
            return Err(damaged);
        }
        let at = LogTime(head.time);
        for event in Kept::read_all(&body, at).ok_or_else(|| damaged.clone())? {
            if !follows(event.seq, last, header.trimmed().seq) {
                return Err(damaged);
            }
            last = event.seq;
            events.push(event);
        }
        offset += (HEAD_BYTES + body.len()) as u64;
        places.push_back(Place { last, at, end: offset });
    }
    Ok((places, events))
}

/// Whether a number can come after another one. Those from before the log's beginning have holes between them: they are
/// only of events that were not acked.
fn follows(seq: Seq, last: Seq, trimmed: Seq) -> bool {
    if seq > trimmed { seq == last.max(trimmed).plus(1) } else { seq > last }
}
