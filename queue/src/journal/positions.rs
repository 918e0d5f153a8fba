//! How far each segment is acked: a file of slots in the queue directory, written in place. What is before a position
//! was acked and is not given out again.
//!
//! A slot has 32 bytes: the UUID in the name of the segment (16), the position in bytes (8, least significant byte
//! first), the lane (1: 0 normal, 1 high, 2 low), three zeros, and the CRC-32C of these 28 bytes (4, least significant
//! byte first). A slot whose checksum is wrong says nothing, and neither does one with another lane: its segment is read
//! from its beginning, and events are sent again rather than lost.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::descriptor::{UNTRUSTED_FILE, clear_of_standard};
use crate::journal::{SegmentName, reading};
use crate::layout;
use crate::priority::Priority;
use crate::uid::Uid;

const SLOT_BYTES: usize = 32;
const CHECKED_BYTES: usize = 28;
const LANE_BYTE: usize = 24;
/// Lanes by what a slot says of them.
const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Low];
/// So many slots are read of a file. It has one for each segment that was there at once.
const MAX_SLOTS: u64 = 1 << 20;

/// The file, and which slots are in use.
#[derive(Debug, Default)]
pub(super) struct Positions {
    queue: Option<OwnedFd>,
    /// `None`: no position was written yet.
    file: Option<OwnedFd>,
    /// What the file begins with when it is made.
    kept: HashMap<SegmentName, u64>,
    slots: HashMap<SegmentName, usize>,
    free: Vec<usize>,
    end: usize,
}

impl Positions {
    /// Reads what the reader before has written. Empty, if there is no file.
    ///
    /// # Errors
    /// The error of the system, also that the file is no regular one.
    pub(super) fn read(queue: BorrowedFd<'_>) -> io::Result<HashMap<SegmentName, u64>> {
        let file = match rustix::fs::openat(queue, layout::POSITIONS, UNTRUSTED_FILE, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(HashMap::new()),
            // A link, a socket, a device.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Err(not_a_file()),
            Err(errno) => return Err(errno.into()),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_a_file());
        }
        let slots = stat.st_size.unsigned_abs().div_ceil(SLOT_BYTES as u64).min(MAX_SLOTS);
        let mut content = vec![0; slots as usize * SLOT_BYTES];
        let filled = reading::read_exactly(file.as_fd(), &mut content, 0)?;
        Ok(content[..filled].chunks_exact(SLOT_BYTES).filter_map(parse).collect())
    }

    /// Begins a new file, with the positions of the segments that there are. It is made when the first position is
    /// written: a queue without a journal has none.
    pub(super) fn begin(queue: &OwnedFd, kept: &HashMap<SegmentName, u64>) -> Positions {
        let queue = queue.try_clone().ok();
        Positions { queue, file: None, kept: kept.clone(), slots: HashMap::new(), free: Vec::new(), end: 0 }
    }

    /// Writes the position of a segment.
    ///
    /// # Errors
    /// The error of the system. The position of before stays.
    pub(super) fn write(&mut self, segment: SegmentName, position: u64) -> Result<(), Errno> {
        if self.file.is_none() {
            self.make_file()?;
        }
        let Some(file) = &self.file else { return Ok(()) };
        let index = *self.slots.entry(segment).or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.end += 1;
                self.end - 1
            })
        });
        match rustix::io::pwrite(file, &slot(segment, position), (index * SLOT_BYTES) as u64)? {
            SLOT_BYTES => Ok(()),
            _ => Err(Errno::NOSPC),
        }
    }

    fn make_file(&mut self) -> Result<(), Errno> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let kept = std::mem::take(&mut self.kept);
        let content: Vec<u8> = kept.iter().flat_map(|(segment, position)| slot(*segment, *position)).collect();
        match write_anew(queue.as_fd(), &content) {
            Ok(file) => self.file = Some(file),
            Err(errno) => {
                self.kept = kept;
                return Err(errno);
            }
        }
        self.end = kept.len();
        self.slots = kept.into_keys().zip(0..).collect();
        Ok(())
    }

    /// The segment is gone: its slot is free for another.
    pub(super) fn forget(&mut self, segment: SegmentName) {
        self.kept.remove(&segment);
        self.free.extend(self.slots.remove(&segment));
    }

    /// Waits until all positions are on the disk.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        self.file.as_ref().map_or(Ok(()), rustix::fs::fdatasync)
    }
}

/// One error whatever it is, which says what to do. Whoever waits for the queue goes on when it was deleted.
fn not_a_file() -> io::Error {
    io::Error::other("it is not a regular file (delete it; what was acked may be sent again)")
}

fn write_anew(queue: BorrowedFd<'_>, content: &[u8]) -> Result<OwnedFd, Errno> {
    match rustix::fs::unlinkat(queue, layout::NEW_POSITIONS, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
    let file = clear_of_standard(rustix::fs::openat(queue, layout::NEW_POSITIONS, flags, mode)?);
    let written = match rustix::io::pwrite(&file, content, 0) {
        Ok(written) if written == content.len() => {
            rustix::fs::renameat(queue, layout::NEW_POSITIONS, queue, layout::POSITIONS)
        }
        Ok(_) => Err(Errno::NOSPC),
        Err(errno) => Err(errno),
    };
    written.map(|()| file).inspect_err(|_| {
        // The first error is the one that counts.
        let _ = rustix::fs::unlinkat(queue, layout::NEW_POSITIONS, AtFlags::empty());
    })
}

fn slot(segment: SegmentName, position: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..16].copy_from_slice(segment.uid().0.as_bytes());
    slot[16..24].copy_from_slice(&position.to_le_bytes());
    // All lanes are there, and their numbers are small.
    slot[LANE_BYTE] = LANES.iter().position(|lane| *lane == segment.priority()).unwrap_or(0) as u8;
    let checksum = crc32c::crc32c(&slot[..CHECKED_BYTES]);
    slot[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
    slot
}

fn parse(slot: &[u8]) -> Option<(SegmentName, u64)> {
    let (checked, checksum) = slot.split_at_checked(CHECKED_BYTES)?;
    let is_right = crc32c::crc32c(checked).to_le_bytes() == checksum;
    let uid = Uid(uuid::Uuid::from_slice(&checked[..16]).ok()?);
    let position = u64::from_le_bytes(checked[16..24].try_into().ok()?);
    let lane = *LANES.get(usize::from(checked[LANE_BYTE]))?;
    is_right.then_some((SegmentName::new(uid, lane), position))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use tempfile::TempDir;

    use super::*;
    use crate::queued_at::Now;

    #[test]
    fn positions_are_read_as_they_were_written_last() {
        let path = TempDir::new().expect("a directory");
        let queue = OwnedFd::from(File::open(path.path()).expect("opened"));
        assert!(Positions::read(queue.as_fd()).expect("there is no file").is_empty());
        let names: Vec<_> = (0..5).map(|_| SegmentName::at(Now::read(), Priority::Normal)).collect();
        let mut positions = Positions::begin(&queue, &HashMap::new());
        for (name, position) in names.iter().zip(1..) {
            positions.write(*name, position).expect("written");
            positions.write(*name, position * 10).expect("written");
        }
        positions.forget(names[1]);
        positions.write(names[4], 99).expect("written");
        let new = SegmentName::at(Now::read(), Priority::High);
        positions.write(new, 7).expect("the slot of another");
        let read = Positions::read(queue.as_fd()).expect("read");
        let expected = [(names[0], 10), (names[2], 30), (names[3], 40), (names[4], 99), (new, 7)];
        assert_eq!(read, expected.into());
        // The file of the next reader has them too, once it is made.
        let mut next = Positions::begin(&queue, &read);
        next.write(names[0], 11).expect("written");
        let mut expected = read;
        expected.insert(names[0], 11);
        assert_eq!(Positions::read(queue.as_fd()).expect("read"), expected);
    }

    #[test]
    fn segments_of_one_uuid_in_several_lanes_have_positions_of_their_own() {
        let path = TempDir::new().expect("a directory");
        let queue = OwnedFd::from(File::open(path.path()).expect("opened"));
        let uid = SegmentName::at(Now::read(), Priority::Normal).uid();
        let names = LANES.map(|lane| SegmentName::new(uid, lane));
        let mut positions = Positions::begin(&queue, &HashMap::new());
        for (name, position) in names.into_iter().zip(1..) {
            positions.write(name, position).expect("written");
        }
        let read = Positions::read(queue.as_fd()).expect("read");
        assert_eq!(read, HashMap::from([(names[0], 1), (names[1], 2), (names[2], 3)]));
        assert_eq!(slot(names[0], 1)[LANE_BYTE..CHECKED_BYTES], [0; 4], "as before lanes were written");
    }

    #[test]
    fn a_slot_that_was_damaged_says_nothing() {
        let path = TempDir::new().expect("a directory");
        let queue = OwnedFd::from(File::open(path.path()).expect("opened"));
        let name = SegmentName::at(Now::read(), Priority::Normal);
        let mut positions = Positions::begin(&queue, &HashMap::new());
        positions.write(name, 1234).expect("written");
        let file = File::options().write(true).open(path.path().join(layout::POSITIONS)).expect("opened");
        for byte in 0..SLOT_BYTES as u64 {
            let mut good = slot(name, 1234);
            good[byte as usize] ^= 0x40;
            file.write_all_at(&good, 0).expect("written");
            assert!(Positions::read(queue.as_fd()).expect("read").is_empty(), "{byte}");
        }
        file.set_len(SLOT_BYTES as u64 - 1).expect("cut");
        assert!(Positions::read(queue.as_fd()).expect("read").is_empty());
    }
}
