//! The disk: what is on it for certain, and what may be lost when the power fails.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use testkit::QueueDir;

use super::Random;
use crate::history::log::testing::{BOOT, SYNCS, Synced, Syncs};

/// Bytes of the header of a log.
const HEADER_BYTES: usize = 4096;

/// A state of the log.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    /// `None`: there is no log.
    inode: Option<u64>,
    content: Vec<u8>,
}

pub(super) struct Disk {
    pub(super) queue: QueueDir,
    syncs: Syncs,
    boot: u32,
    /// What may be found after the power failed, the oldest first.
    versions: Vec<Version>,
    /// Entries that wait, each with its content and whether it was synced.
    waiting: BTreeMap<String, (Vec<u8>, bool)>,
    /// Entries that were deleted, which may come back.
    deleted: Vec<(String, Vec<u8>)>,
}

impl Disk {
    pub(super) fn new() -> Disk {
        let queue = QueueDir::in_memory();
        fs::create_dir(queue.root().join("inodes")).expect("created");
        let none = Version { inode: None, content: Vec::new() };
        Disk {
            queue,
            syncs: Syncs::default(),
            boot: 0,
            versions: vec![none],
            waiting: BTreeMap::new(),
            deleted: Vec::new(),
        }
    }

    /// Lets a thread see this disk and this boot.
    pub(super) fn enter(boot: u32, syncs: &Syncs) {
        BOOT.set(Some(format!("boot-{boot}")));
        SYNCS.set(Some(syncs.clone()));
    }

    pub(super) fn boot(&self) -> u32 {
        self.boot
    }

    pub(super) fn syncs(&self) -> &Syncs {
        &self.syncs
    }

    pub(super) fn log(&self) -> PathBuf {
        self.queue.path().join("history").join("log")
    }

    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(self.log()).map_or(0, |metadata| metadata.len())
    }

    /// The text of the records in the log, without those that were trimmed.
    pub(super) fn records(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let header = String::from_utf8_lossy(log.get(..HEADER_BYTES).unwrap_or_default()).into_owned();
        let number =
            |text: &str, name| -> Option<usize> { text.split_once(name)?.1.split([',', '}']).next()?.parse().ok() };
        let copies = header.split("\"v\":").skip(1);
        let copies = copies.filter_map(|copy| Some((number(copy, "\"generation\":")?, number(copy, "\"start\":")?)));
        let start = copies.max().map_or(HEADER_BYTES, |(_, start)| start);
        String::from_utf8_lossy(log.get(start..).unwrap_or_default()).into_owned()
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, name: &str, content: &str) {
        self.queue.write(name, content);
        self.waiting.insert(name.to_owned(), (content.into(), false));
    }

    pub(super) fn is_drained(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes what has changed.
    pub(super) fn look(&mut self) {
        let current = version(&self.log());
        if let Some(inode) = current.inode {
            // It keeps the number for as long as it may come back.
            let _ = fs::hard_link(self.log(), self.kept(inode));
        }
        let entries = self.queue.entries();
        let gone: Vec<String> = self.waiting.keys().filter(|name| !entries.contains(name)).cloned().collect();
        for name in gone {
            if let Some((content, _)) = self.waiting.remove(&name) {
                self.deleted.push((name, content));
            }
        }
        let synced = std::mem::take(&mut *self.syncs.lock().unwrap_or_else(PoisonError::into_inner));
        for synced in synced {
            match synced {
                Synced::Log { inode, content } => {
                    self.versions.retain(|version| version.inode != Some(inode));
                    self.versions.push(Version { inode: Some(inode), content });
                }
                Synced::Names => self.versions.retain(|version| version.inode == current.inode),
                Synced::Queue => {
                    self.deleted.clear();
                    self.waiting.values_mut().for_each(|(_, is_synced)| *is_synced = true);
                }
            }
        }
        if self.versions.last() != Some(&current) {
            self.versions.push(current);
        }
    }

    /// Lets the power fail: what was not synced is lost, or not. Returns the entries that are lost.
    pub(super) fn lose_power(&mut self, random: &mut Random) -> Vec<Vec<u8>> {
        self.look();
        self.boot += 1;
        let records = self.versions[random.below(self.versions.len())].clone();
        let headers: Vec<&Version> = self.versions.iter().filter(|version| version.inode == records.inode).collect();
        let header = headers[random.below(headers.len())].clone();
        let _ = fs::remove_file(self.log());
        if let Some(inode) = records.inode {
            let mut content = records.content;
            let head = HEADER_BYTES.min(header.content.len()).min(content.len());
            content[..head].copy_from_slice(&header.content[..head]);
            let kept = self.kept(inode);
            let mut file = File::options().write(true).truncate(true).open(&kept).expect("it is kept");
            file.write_all(&content).expect("written");
            fs::hard_link(kept, self.log()).expect("linked");
        }
        let mut lost = Vec::new();
        for (name, (content, is_synced)) in std::mem::take(&mut self.waiting) {
            if !is_synced && random.one_in(2) {
                fs::remove_file(self.queue.path().join(&name)).expect("it is there");
                lost.push(content);
            } else {
                self.waiting.insert(name, (content, true));
            }
        }
        for (name, content) in std::mem::take(&mut self.deleted) {
            if random.one_in(2) {
                self.queue.write(&name, &content);
                self.waiting.insert(name, (content, true));
            }
        }
        self.versions = vec![version(&self.log())];
        lost
    }

    /// The log as it is before something is appended.
    pub(super) fn before_append(&self) -> Before {
        let mut header = fs::read(self.log()).unwrap_or_default();
        let bytes = header.len() as u64;
        header.truncate(HEADER_BYTES);
        Before { bytes, header }
    }

    /// Cuts the record somewhere that was appended last: its writer was killed. The header was written only later.
    pub(super) fn tear(&mut self, before: &Before, random: &mut Random) -> bool {
        let end = self.log_bytes();
        let can_be_torn = end > before.bytes && before.bytes >= HEADER_BYTES as u64;
        if can_be_torn {
            let length = before.bytes + random.below((end - before.bytes) as usize) as u64;
            let file = File::options().write(true).open(self.log()).expect("it is there");
            file.set_len(length).expect("cut");
            file.write_all_at(&before.header, 0).expect("written");
        }
        can_be_torn
    }

    /// Cuts the log anywhere behind the header, as somebody does by hand.
    pub(super) fn cut(&mut self, random: &mut Random) {
        let records = self.log_bytes().saturating_sub(HEADER_BYTES as u64);
        if records > 0 {
            let length = HEADER_BYTES as u64 + random.below(records as usize) as u64;
            File::options().write(true).open(self.log()).expect("it is there").set_len(length).expect("cut");
        }
    }

    fn kept(&self, inode: u64) -> PathBuf {
        self.queue.root().join("inodes").join(inode.to_string())
    }
}

/// A log before something is appended.
pub(super) struct Before {
    bytes: u64,
    header: Vec<u8>,
}

fn version(log: &Path) -> Version {
    match (fs::metadata(log), fs::read(log)) {
        (Ok(metadata), Ok(content)) => Version { inode: Some(metadata.ino()), content },
        _ => Version { inode: None, content: Vec::new() },
    }
}
