//! What the doctor finds of the history log: whether the directory can be used, and whether the next start continues
//! it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use queue::{HISTORY, Reader};
use rustix::fs::{Access, AtFlags, CWD};
use server::{Config, LogError, LogOnDisk, LogSummary, NextStart};

use super::finding::Finding::{self, Bad, Good, Note};
use crate::output::ago;

/// File systems in memory: `f_type` of statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

pub(super) fn findings(config: &Config, queue: &Path) -> Vec<Finding> {
    let configured = config.history_dir.as_deref();
    let path = configured.map_or_else(|| queue.join(HISTORY), Path::to_owned);
    // With a broker, the stream is the log. A small file in the directory says what was forwarded.
    if config.broker.is_some() {
        return vec![directory(&path)];
    }
    if !config.keeps_history() {
        return vec![Good("no history is kept, as the settings say".into())];
    }
    let mut findings = vec![directory(&path)];
    findings.extend(volatile(&path, queue));
    if matches!(findings[0], Good(_)) {
        findings.extend(log(&path, queue, configured));
    }
    findings
}

/// Whether a broadcaster that runs as this user can use it.
fn directory(path: &Path) -> Finding {
    let shown = path.display();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(path),
        Err(error) => {
            return Bad(
                format!("history directory {shown}: {error}"),
                "run the doctor as the broadcaster's user, by sudo -u".into(),
            );
        }
    };
    let mode = metadata.mode() & 0o777;
    let described = format!("history directory {shown}, mode {mode:o}, user {}", metadata.uid());
    let user = rustix::process::geteuid().as_raw();
    if !metadata.is_dir() {
        let text = format!("the history directory {shown} is a link or no directory");
        Bad(text, "move it away: the broadcaster creates a directory; or name another one in history_dir".into())
    } else if mode & 0o077 != 0 {
        Bad(format!("{described}: others could read events that are not for them"), format!("chmod 700 {shown}"))
    } else if user != 0 && metadata.uid() != user {
        Bad(
            format!("{described}: this user, {user}, cannot use it"),
            format!(
                "run the doctor as the broadcaster's user, as in sudo -u '#{0}' fastapi-broadcaster doctor; if this is that user: \
                 chown -R {user} {shown}",
                metadata.uid()
            ),
        )
    } else if let Err(error) = writable(path) {
        Bad(format!("{described}: it cannot be written: {error}"), cannot_write(path))
    } else {
        Good(described)
    }
}

/// The broadcaster creates it, in a directory that must be there.
fn missing(path: &Path) -> Finding {
    let shown = path.display();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match writable(parent) {
        Ok(()) => Good(format!("the history directory {shown} is missing; the broadcaster creates it")),
        Err(error) => Bad(
            format!("the history directory {shown} is missing, and cannot be created: {}: {error}", parent.display()),
            format!("install -d -o {} -m 700 {shown}", rustix::process::geteuid().as_raw()),
        ),
    }
}

fn writable(directory: &Path) -> io::Result<()> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::accessat(CWD, directory, access, AtFlags::EACCESS)?)
}

fn cannot_write(path: &Path) -> String {
    format!("remount it, or with systemd: ReadWritePaths={}", path.display())
}

/// A log that is gone after a reboot, while the queue stays.
fn volatile(path: &Path, queue: &Path) -> Option<Finding> {
    let is_in_memory = |path: &Path| {
        let existing = path.ancestors().find(|path| path.exists())?;
        let kind = rustix::fs::statfs(existing).ok()?.f_type;
        Some(IN_MEMORY.contains(&(kind as u64 & 0xffff_ffff)))
    };
    (is_in_memory(path)? && !is_in_memory(queue)?).then(|| {
        Note(
            format!("the history directory {} is in memory (tmpfs), and the queue is on a disk", path.display()),
            "after each reboot, clients that come back are told that they may have missed events: set history_dir to a \
             directory on a disk"
                .into(),
        )
    })
}

/// Whether the next start continues the log.
fn log(path: &Path, queue: &Path, configured: Option<&Path>) -> Option<Finding> {
    let summary = LogOnDisk::of_queue(queue, configured).and_then(|log| log.summary());
    let clear = format!("fastapi-broadcaster history clear --history-dir {}", path.display());
    Some(match summary {
        Err(LogError::Missing(_)) if !Reader::is_owned(queue) => return None,
        Err(LogError::Missing(_)) => Note(
            format!("the broadcaster that runs writes no history log in {}", path.display()),
            "if its history_dir is another, run the doctor with its configuration, as in --config \
             /etc/fastapi-broadcaster/config.toml; else see what it logs (a full disk), and whether it has this version"
                .into(),
        ),
        Err(error) => Bad(error.to_string(), "the next start begins anew, if it can".into()),
        Ok(LogSummary { next_start: NextStart::BeginsAnew(reason), .. }) => Note(
            format!("history begins anew at the next start: {reason}"),
            format!("nothing, if you know why; after a backup was restored: {clear}"),
        ),
        Ok(LogSummary { events, ages, .. }) => {
            let age = ages.map(|(oldest, _)| format!(", the oldest {} old", ago(oldest))).unwrap_or_default();
            let text = format!("the history log has {events} events{age}");
            if Reader::is_owned(queue) {
                Good(text)
            } else {
                Good(format!(
                    "{text}. If queue or log come from a backup or snapshot, delete it before the start: {clear}"
                ))
            }
        }
    })
}
