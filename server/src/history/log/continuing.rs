//! Whether a log that an earlier process has left can be continued, and what it holds.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::directory::LogDirectory;
use super::event::Kept;
use super::file::Place;
use super::header::{HEADER_BYTES, Header};
use super::records::Records;

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
    let size = stat.st_size.cast_unsigned();
    let header = read_header(&mut file, size)?;
    judge(&header, stat.st_ino, epoch, boot_id)?;
    let (places, events) = read(&mut file, &header, size)?;
    Ok(Found { file: file.into(), header, places, events })
}

/// Reads what stands before the records.
pub(super) fn read_header(file: &mut File, size: u64) -> Result<Header, Anew> {
    let mut block = [0; HEADER_BYTES];
    if size < HEADER_BYTES as u64 {
        return Err(Anew::NotALog);
    }
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut block)?;
    let header = Header::read(&block).ok_or(Anew::NotALog)?;
    if header.is_known() { Ok(header) } else { Err(Anew::NewerVersion) }
}

/// Whether a header is of a log that may be continued, if its records are whole.
pub(super) fn judge(header: &Header, inode: u64, epoch: Option<u64>, boot_id: &str) -> Result<(), Anew> {
    if epoch != Some(header.epoch) {
        return Err(Anew::AnotherEpoch);
    }
    if header.inode != inode {
        return Err(Anew::Copied);
    }
    if header.boot_id != boot_id && !header.is_closed() {
        return Err(Anew::NotClosed);
    }
    Ok(())
}

/// Reads all records up to the end of the file, or to one that was not written whole.
fn read(file: &mut File, header: &Header, size: u64) -> Result<(VecDeque<Place>, Vec<Kept>), Anew> {
    let (mut places, mut events) = (VecDeque::new(), Vec::new());
    let mut records = Records::new(file, header, size)?;
    while let Some(record) = records.next()? {
        places.push_back(Place { last: records.last(), at: record.at, end: record.end });
        events.extend(record.events);
    }
    Ok((places, events))
}
