//! The doctor's look at what producers have written: whether the broadcaster may read it, and whether it is where
//! somebody reads.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, getgrouplist};
use server::Config;

use super::finding::Finding::{self, Bad, Good, Note};

/// Whether the broadcaster's user may read every entry.
pub(super) fn entries(queue: &Path, max_event_bytes: u64) -> Finding {
    let broadcaster = BroadcasterUser::of(queue);
    let files = queue::entry_files(queue, max_event_bytes);
    let mut refused = files.iter().filter(|(_, metadata)| !broadcaster.may_read(metadata));
    let Some((path, metadata)) = refused.next() else {
        return Good(format!("the broadcaster ({}) may read what is in the directory", broadcaster.described));
    };
    let found = format!(
        "the broadcaster ({}) may not read {} of the events, such as {}: mode {:o}, user {}, group {}",
        broadcaster.described,
        1 + refused.count(),
        path.display(),
        metadata.mode() & 0o7777,
        metadata.uid(),
        metadata.gid()
    );
    let shown = queue.display();
    let entries = path.with_file_name(match path.extension().and_then(|extension| extension.to_str()) {
        Some("events") => "*.events",
        Some("seg") => "*.seg",
        _ => "*.json",
    });
    let entries = entries.display();
    let again = format!("fastapi-broadcaster failed retry --all --queue {shown}");
    let remedy = if broadcaster.groups.contains(&metadata.gid()) {
        format!(
            "something that writes without this extension has a umask of 077: UMask=0027 in its unit; what waits: \
             chmod g+r {entries}, then {again}"
        )
    } else {
        format!(
            "let all entries belong to the group of the directory: chmod g+s {shown}; what waits: chgrp {} {entries}, then \
             {again}",
            fs::metadata(queue).map_or_else(|_| broadcaster.group, |metadata| metadata.gid())
        )
    };
    Bad(found, remedy)
}

/// Queues beside this one, and in the current directory, that nobody reads.
pub(super) fn unread_queues(queue: &Path) -> Vec<Finding> {
    let mut above: Vec<PathBuf> =
        queue.canonicalize().ok().and_then(|queue| Some(queue.parent()?.to_owned())).into_iter().collect();
    above.extend(std::env::current_dir().ok().filter(|directory| !above.contains(directory)));
    above.iter().flat_map(|above| queue::unread_queues(above, queue)).map(|path| unread(&path, queue)).collect()
}

/// What a PHP says of the extension's settings, as far as the broadcaster has to do with them.
#[derive(Default)]
pub(super) struct PhpSettings<'a> {
    pub(super) path: Option<&'a str>,
    pub(super) queue: Option<&'a str>,
    pub(super) max_event_bytes: Option<u64>,
}

impl PhpSettings<'_> {
    /// In a few words. The other settings are those of servers in PHP.
    pub(super) fn described(&self) -> String {
        let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).unwrap_or("not set").to_owned();
        format!(
            "path {}, queue {}, max_event_bytes {}",
            text(self.path.filter(|path| *path != "no value")),
            text(self.queue),
            self.max_event_bytes.map_or_else(|| "not set".to_owned(), |bytes| bytes.to_string())
        )
    }

    /// What does not go with this queue and its broadcaster.
    pub(super) fn findings(&self, php: &str, queue: &Path, config: &Config) -> Vec<Finding> {
        let path = self.path.and_then(|path| path_setting(php, path, queue));
        let form = (self.queue == Some("journal")).then(|| journal_setting(php, queue)).flatten();
        let size = self.max_event_bytes.filter(|bytes| *bytes > config.max_event_bytes).map(|bytes| {
            Note(
                format!(
                    "{php} queues events of up to {bytes} bytes, and the broadcaster puts those of more than {} aside",
                    config.max_event_bytes
                ),
                "give fastapi_websocket.max_event_bytes in php.ini and max_event_bytes of the broadcaster the same value"
                    .into(),
            )
        });
        path.into_iter().chain(form).chain(size).collect()
    }
}

/// PHP writes files as long as nobody has made the journal.
fn journal_setting(php: &str, queue: &Path) -> Option<Finding> {
    let is_missing = !queue::journal_folder(queue).exists();
    is_missing.then(|| {
        Note(
            format!(
                "{php} is set to append to the journal, and there is none: it writes files until a broadcaster makes it"
            ),
            format!("start a broadcaster: fastapi-broadcaster --queue {}", queue.display()),
        )
    })
}

/// Whether PHP's own default is this queue.
fn path_setting(php: &str, path: &str, queue: &Path) -> Option<Finding> {
    let path = Some(path).filter(|path| path.starts_with('/')).map(Path::new)?;
    if path == queue
        || path.canonicalize().ok().is_some_and(|path| queue.canonicalize().is_ok_and(|queue| queue == path))
    {
        return None;
    }
    Some(if queue::is_unread_queue(path) {
        unread(path, queue)
    } else {
        Note(
            format!("{php} queues into {} where a script gives no path, which is another directory", path.display()),
            format!("fastapi_websocket.path = {} in php.ini, for cli and fpm each", queue.display()),
        )
    })
}

fn unread(path: &Path, queue: &Path) -> Finding {
    Bad(
        format!("events wait in {}, which no broadcaster reads", path.display()),
        format!(
            "if its path is a mistake in the PHP application, let it queue into {}; otherwise run a broadcaster for it. To \
             see what waits: fastapi-broadcaster queue stat --queue {}",
            queue.display(),
            path.display()
        ),
    )
}

/// The user account that reads the queue.
struct BroadcasterUser {
    user: u32,
    group: u32,
    groups: Vec<u32>,
    described: String,
}

impl BroadcasterUser {
    /// The user who made the lock of the directory, or else this one: root asks for the rights of the service.
    fn of(queue: &Path) -> BroadcasterUser {
        let this = (Uid::effective().as_raw(), Gid::effective().as_raw());
        let lock = fs::symlink_metadata(queue::lock_file(queue)).ok();
        let user = lock.as_ref().map_or(this.0, Metadata::uid);
        let account = User::from_uid(Uid::from_raw(user)).ok().flatten();
        let group = account.as_ref().map_or(this.1, |account| account.gid.as_raw());
        let mut groups = vec![group];
        // Only as one of the group could somebody else than the owner make the lock: a unit may give it more groups
        // than its account has.
        if let (Some(lock), Ok(directory)) = (lock, fs::metadata(queue))
            && lock.uid() != directory.uid()
        {
            groups.push(directory.gid());
        }
        if user == this.0 {
            groups.push(this.1);
            groups.extend(nix::unistd::getgroups().unwrap_or_default().into_iter().map(Gid::as_raw));
        } else if let Some(name) =
            account.as_ref().and_then(|account| std::ffi::CString::new(account.name.clone()).ok())
        {
            groups.extend(getgrouplist(&name, Gid::from_raw(group)).unwrap_or_default().into_iter().map(Gid::as_raw));
        }
        let described = account.map_or_else(|| format!("user {user}"), |account| format!("user {}", account.name));
        BroadcasterUser { user, group, groups, described }
    }

    fn may_read(&self, file: &Metadata) -> bool {
        let bit = if self.user == 0 {
            return true;
        } else if file.uid() == self.user {
            0o400
        } else if self.groups.contains(&file.gid()) {
            0o040
        } else {
            0o004
        };
        file.mode() & bit != 0
    }
}
