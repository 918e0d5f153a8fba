//! Whether the consumer of a queue reads its journal, by what it says in `.reader`.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::directory::{Announcement, Stamp};
use crate::layout;

/// What `.reader` said when it was read. It is read again when it was replaced or changed.
#[derive(Debug)]
pub(super) struct Announced {
    file: PathBuf,
    /// `None`: there is none.
    seen: Option<Stamp>,
    names_journal: bool,
}

impl Announced {
    /// For the queue `path`. Nothing is read yet.
    pub(super) fn new(path: &Path) -> Announced {
        Announced { file: path.join(layout::READER), seen: None, names_journal: false }
    }

    /// Asks whether the consumer reads the journal.
    pub(super) fn ask(&mut self, path: &Path) -> bool {
        let stat = rustix::fs::statat(CWD, &self.file, AtFlags::SYMLINK_NOFOLLOW).ok();
        let stamp = stat.as_ref().map(Stamp::new);
        if stamp != self.seen {
            // In this order: if the file is replaced in between, its stamp is another one when it is asked again.
            self.seen = stamp;
            self.names_journal = stamp.is_some() && names_journal(path);
        }
        self.names_journal
    }
}

fn names_journal(path: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let announcement =
        rustix::fs::open(path, flags, Mode::empty()).ok().and_then(|directory| Announcement::read(directory.as_fd()));
    announcement.is_some_and(|announcement| announcement.reads_journal())
}
