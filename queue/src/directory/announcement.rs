//! `.reader`: what the one consumer of a directory says of itself. Producers see there which forms of the queue it
//! reads; its own next start sees there which history log belongs to the events that were sent last.
//!
//! Everybody who may queue events can replace the file, so nothing in it is trusted further than that.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::descriptor::UNTRUSTED_FILE;
use crate::layout;

/// The forms of a queue that this version reads.
const FORMS: [&str; 2] = ["directory", JOURNAL_FORM];
/// What `forms` has if the journal is read.
const JOURNAL_FORM: &str = "journal";
/// Every producer may read it, whatever the umask is.
const MODE: Mode = Mode::from_raw_mode(0o644);
/// A longer file was not written by us.
const MAX_BYTES: usize = 4096;

/// What a consumer says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its version.
    pub version: String,
    /// The forms of a queue that it reads. An unknown one is that of a newer version.
    pub forms: Vec<String>,
    /// Names one start of a server, or several that continue the numbers of the one before: 16 hexadecimal digits, as
    /// in the ids that clients get.
    #[serde(with = "epoch")]
    pub epoch: u64,
}

impl Announcement {
    /// That of this version.
    pub fn new(epoch: u64) -> Announcement {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Announcement { version, forms: FORMS.map(str::to_owned).to_vec(), epoch }
    }

    /// Whether it reads the journal.
    pub fn reads_journal(&self) -> bool {
        self.forms.iter().any(|form| form == JOURNAL_FORM)
    }

    /// What the last consumer of a directory said. `None`: nothing, or nothing that this version understands.
    pub fn read(directory: BorrowedFd<'_>) -> Option<Announcement> {
        let file = rustix::fs::openat(directory, layout::READER, UNTRUSTED_FILE, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        let mut content = [0; MAX_BYTES];
        let bytes = rustix::io::pread(&file, &mut content, 0).ok()?;
        serde_json::from_slice(&content[..bytes]).ok()
    }

    /// Puts this in the place of what was said before. When it returns, that is so also after the power fails.
    ///
    /// # Errors
    /// The error of the system. What was said before stays, or this is there and may be lost when the power fails.
    pub fn write(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let mut content = serde_json::to_vec(self)?;
        content.push(b'\n');
        // One that a process left which ended meanwhile.
        remove(directory, layout::NEW_READER)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(directory, layout::NEW_READER, flags, MODE)?;
        let written = fill(&file, &content)
            .and_then(|()| rustix::fs::renameat(directory, layout::NEW_READER, directory, layout::READER));
        if let Err(errno) = written {
            // The first error is the one to report.
            let _ = remove(directory, layout::NEW_READER);
            return Err(errno.into());
        }
        Ok(rustix::fs::fsync(directory)?)
    }

    /// Takes back what was said, where nothing can be written: this needs no space. Then no history log is continued,
    /// and producers use the form that all versions read.
    ///
    /// # Errors
    /// The error of the system.
    pub fn retract(directory: BorrowedFd<'_>) -> io::Result<()> {
        remove(directory, layout::READER)?;
        Ok(rustix::fs::fsync(directory)?)
    }
}

fn fill(file: &OwnedFd, content: &[u8]) -> Result<(), Errno> {
    // File systems with fixed modes refuse, and the file is then readable as far as they allow.
    let _ = rustix::fs::fchmod(file, MODE);
    match rustix::io::write(file.as_fd(), content)? {
        written if written == content.len() => rustix::fs::fsync(file),
        _ => Err(Errno::NOSPC),
    }
}

fn remove(directory: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

mod epoch {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(epoch: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{epoch:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(&text, 16)
            .ok()
            .filter(|_| is_plain)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn directory() -> (TempDir, File) {
        let directory = TempDir::new().expect("a directory");
        let file = File::open(directory.path()).expect("opened");
        (directory, file)
    }

    #[test]
    fn what_was_said_last_is_read() {
        let (path, directory) = directory();
        assert_eq!(Announcement::read(directory.as_fd()), None);
        for epoch in [0xab, u64::MAX] {
            Announcement::new(epoch).write(directory.as_fd()).expect("written");
            assert_eq!(Announcement::read(directory.as_fd()), Some(Announcement::new(epoch)));
        }
        let content = fs::read_to_string(path.path().join(".reader")).expect("a file");
        let version = env!("CARGO_PKG_VERSION");
        let expected =
            format!(r#"{{"version":"{version}","forms":["directory","journal"],"epoch":"ffffffffffffffff"}}"#);
        assert_eq!(content, expected + "\n");
        assert_eq!(fs::metadata(path.path().join(".reader")).expect("there").permissions().mode() & 0o777, 0o644);
        Announcement::retract(directory.as_fd()).expect("removed");
        Announcement::retract(directory.as_fd()).expect("it is gone already");
        assert_eq!(fs::read_dir(path.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_file_that_is_none_of_ours_says_nothing_and_is_replaced() {
        let (path, directory) = directory();
        let reader = path.path().join(".reader");
        let good = r#"{"version":"9","forms":["directory","new"],"epoch":"00000000000000ab","more":1}"#;
        fs::write(&reader, good).expect("written");
        let read = Announcement::read(directory.as_fd()).expect("keys of a newer version are ignored");
        assert_eq!((read.epoch, &*read.forms), (0xab, &["directory".to_owned(), "new".to_owned()][..]));
        for epoch in ["ab", "+0000000000000ab", "00000000000000ag", ""] {
            fs::write(&reader, good.replace("00000000000000ab", epoch)).expect("written");
            assert_eq!(Announcement::read(directory.as_fd()), None, "{epoch}");
        }
        let elsewhere = path.path().join("elsewhere");
        for replaced in [&reader, &path.path().join(".reader.new")] {
            fs::write(&elsewhere, good).expect("written");
            let _ = fs::remove_file(replaced);
            symlink(&elsewhere, replaced).expect("linked");
            Announcement::new(7).write(directory.as_fd()).expect("written");
            assert_eq!(Announcement::read(directory.as_fd()), Some(Announcement::new(7)));
            assert_eq!(fs::read_to_string(&elsewhere).expect("there"), good, "the target of a link stays as it is");
        }
        fs::remove_file(&reader).expect("removed");
        symlink(&elsewhere, &reader).expect("linked");
        assert_eq!(Announcement::read(directory.as_fd()), None, "a link is not followed");
    }
}
