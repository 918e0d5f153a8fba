//! Whether a log that an earlier process has left can be continued, and what it holds.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::anew::Anew;
use super::directory::LogDirectory;
use super::event::Kept;
use super::file::Place;
use super::header::{HEADER_BYTES, Header};
use super::records::Records;
use super::time::Trimmed;

/// A log that can be continued.
pub(super) struct Found<T> {
    pub(super) file: OwnedFd,
    pub(super) header: Header,
    pub(super) places: VecDeque<Place>,
    /// What was made of its events.
    pub(super) kept: T,
}

/// Reads the log and decides. `epoch` is that of the last process that sent events. `begin` makes the value to which
/// the events are added. If the log turns out to be damaged, that value is dropped.
pub(super) fn find<T: Extend<Kept>>(
    directory: &LogDirectory,
    epoch: Option<u64>,
    boot_id: &str,
    begin: impl Fn(Trimmed) -> T,
) -> Result<Found<T>, Anew> {
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
    let mut kept = begin(header.trimmed());
    let places = read(&mut file, &header, size, &mut kept)?;
    Ok(Found { file: file.into(), header, places, kept })
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

/// Reads all records up to the end of the file, or to one that was not written whole. Each is handed over before the
/// next is read: all together, they can take several times the memory of the file.
fn read(file: &mut File, header: &Header, size: u64, kept: &mut impl Extend<Kept>) -> Result<VecDeque<Place>, Anew> {
    let mut places = VecDeque::new();
    let mut records = Records::new(file, header, size)?;
    while let Some(record) = records.next()? {
        places.push_back(Place { last: records.last(), at: record.at, end: record.end });
        kept.extend(record.events);
    }
    Ok(places)
}
