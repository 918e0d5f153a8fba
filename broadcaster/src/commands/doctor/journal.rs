//! What the doctor finds of the journal: whether producers may append to it, and whether somebody reads it.

use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use queue::{Announcement, Backlog, JournalState, Reader};

use super::finding::Finding::{self, Bad, Good, Note};

pub(super) fn findings(queue: &Path, max_event_bytes: u64) -> Vec<Finding> {
    let folder = queue::journal_folder(queue);
    let is_owned = Reader::is_owned(queue);
    let found = match fs::symlink_metadata(&folder) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return missing(queue, is_owned).into_iter().collect(),
        Err(error) => return vec![Bad(format!("{}: {error}", folder.display()), "check its owner and mode".into())],
    };
    let described = format!(
        "journal {}, mode {:o}, user {}, group {}",
        folder.display(),
        found.mode() & 0o7777,
        found.uid(),
        found.gid()
    );
    if let Some(bad) = permissions(&folder, &found, queue, &described) {
        return vec![bad];
    }
    match JournalState::of(queue) {
        Ok(Some(state)) => {
            let mut findings = of_state(queue, is_owned, &described, &state);
            findings.extend(damage(queue, max_event_bytes));
            findings
        }
        Ok(None) => missing(queue, is_owned).into_iter().collect(),
        Err(error) => vec![Bad(format!("{described}: {error}"), "run the doctor as the broadcaster's user".into())],
    }
}

/// Why producers cannot append, or the broadcaster refuses the queue.
fn permissions(folder: &Path, found: &Metadata, queue: &Path, described: &str) -> Option<Finding> {
    let shown = folder.display();
    if !found.is_dir() {
        return Some(Bad(
            format!("{shown} is no directory, so producers write files"),
            format!("move it away; the broadcaster makes the directory: mv {shown} {shown}.old"),
        ));
    }
    if found.mode() & 0o002 != 0 {
        return Some(Bad(
            described.to_owned(),
            format!("every user can send events to all clients: chmod o-w {shown}"),
        ));
    }
    let above = fs::metadata(queue).ok()?;
    let of_group = above.mode() & 0o070;
    if found.gid() != above.gid() || found.mode() & of_group != of_group {
        return Some(Bad(
            format!("{described}: who may queue files by the group of the queue directory may not append there"),
            format!("chgrp {} {shown}, then chmod g+rwxs {shown}", above.gid()),
        ));
    }
    None
}

/// What the next broadcaster will leave out. One that runs has said it in its log, and has gone on behind it.
fn damage(queue: &Path, max_event_bytes: u64) -> Option<Finding> {
    let bytes = Backlog::of(queue, max_event_bytes).ok()?.damaged_bytes;
    (bytes > 0).then(|| {
        Note(
            format!("the journal has {bytes} damaged bytes that nobody has read yet: the broadcaster leaves them out"),
            "power was lost, or another program has written there: events in these bytes are lost, those behind them \
             are sent"
                .into(),
        )
    })
}

/// There is no journal.
fn missing(queue: &Path, is_owned: bool) -> Option<Finding> {
    if !is_owned {
        return Some(Good("there is no journal: producers write files until a broadcaster makes it".into()));
    }
    Some(Note(
        "there is no journal, so producers write files".into(),
        match announcement(queue).is_some_and(|reader| reader.reads_journal()) {
            true => "the broadcaster makes it within a second: see that its user may write to the directory".into(),
            false => "update the broadcaster: this one is older".into(),
        },
    ))
}

fn of_state(queue: &Path, is_owned: bool, described: &str, state: &JournalState) -> Vec<Finding> {
    let mut findings = vec![reading(queue, is_owned, described, state)];
    if let Some(Err(error)) = &state.locks {
        findings.push(Bad(
            format!("files cannot be locked there: {error}. Producers write files instead"),
            "put the queue on a file system of this machine; on NFS, the journal cannot be used".into(),
        ));
    }
    let positions = queue::positions_file(queue);
    let shown = positions.display();
    match &state.positions {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => findings.push(Note(
            format!("{shown}: {error}. What was delivered already is counted as waiting here"),
            "run the doctor as the broadcaster's user, by sudo -u".into(),
        )),
        Err(error) => findings.push(Bad(
            format!("{shown}: {error}, so that no broadcaster starts on this queue"),
            format!("rm -r {shown}: events that are still in the journal are sent once more"),
        )),
    }
    if let (true, Some(example)) = (is_owned, &state.example) {
        findings.push(Note(
            format!(
                "{} segments of producers that have ended are there for longer than a minute, such as {}",
                state.ended,
                example.display()
            ),
            "their events wait for clients that read slowly, or the broadcaster may not delete them: see what it logs"
                .into(),
        ));
    }
    findings
}

/// Whether the broadcaster of this queue reads the journal.
fn reading(queue: &Path, is_owned: bool, described: &str, state: &JournalState) -> Finding {
    let found = format!("{described}: {} segments, {} bytes", state.segments, state.bytes);
    let reader = announcement(queue);
    match reader {
        Some(reader) if reader.reads_journal() => Good(found),
        // It says so when it starts.
        None if !is_owned => Good(found),
        _ if !is_owned => Note(
            format!("{found}; the last broadcaster of this queue did not read it, so producers write files"),
            "start a broadcaster of this version".into(),
        ),
        reader => {
            let version = reader.map_or_else(|| "of an unknown version".to_owned(), |reader| reader.version);
            let text = format!("{found}; the broadcaster that runs ({version}) does not read it");
            match state.segments {
                0 => Note(text, "producers write files; update the broadcaster".into()),
                _ => Bad(text, "what is in the journal waits until a newer broadcaster runs: update it".into()),
            }
        }
    }
}

/// What the broadcaster of a queue says of itself.
fn announcement(queue: &Path) -> Option<Announcement> {
    File::open(queue).ok().and_then(|directory| Announcement::read(directory.as_fd()))
}
