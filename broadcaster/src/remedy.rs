//! What to do about a queue directory that the broadcaster cannot use, by what the system said, about problems of the
//! server, and about lines of the log. For the log, for doctor and for the status page.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid};
use queue::{OpenError, shown};
use server::{HistoryError, Troubled};

/// A text without an end, such as "make room on its file system".
pub(crate) fn remedy(error: &OpenError, queue: &Path) -> String {
    let (path, cause) = match error {
        OpenError::Io { path, cause, .. } => (path, cause),
        OpenError::NotAQueue { .. } => {
            return "name the directory of the events with --queue, or move the other files away".to_owned();
        }
        OpenError::NotADirectory(_) => return "name the directory of the events with --queue".to_owned(),
        OpenError::NotALockFile(path) => return format!("rm -r {}", shown(path)),
        _ => return "is --queue right?".to_owned(),
    };
    match cause.kind() {
        ErrorKind::PermissionDenied if path != queue && path.is_dir() => {
            let path = shown(path);
            format!(
                "events wait in it: give it the group of the queue directory and mode 2770 (chgrp GROUP {path} && chmod 2770 {path})"
            )
        }
        ErrorKind::PermissionDenied if path != queue && fs::symlink_metadata(path).is_ok() => {
            format!("a broadcaster ran as another user once: see that none runs, then delete {}", shown(path))
        }
        ErrorKind::PermissionDenied => permission(queue),
        ErrorKind::ReadOnlyFilesystem => format!(
            "mount it so that it can be written to; if a unit of systemd protects it, add to the broadcaster's unit: \
             ReadWritePaths={}",
            shown(queue)
        ),
        ErrorKind::Other if *path == queue::positions_file(queue) => format!("rm -r {}", shown(path)),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on its file system".to_owned(),
        _ => "is --queue right?".to_owned(),
    }
}

/// What to do about a history directory that is of another user, as after a start by root.
pub(crate) fn remedy_of_history(error: &HistoryError) -> Option<String> {
    let HistoryError::Io { path, cause, .. } = error else { return None };
    let (owner, user) = (fs::symlink_metadata(path).ok()?.uid(), Uid::effective().as_raw());
    (cause.kind() == ErrorKind::PermissionDenied && owner != user).then(|| {
        let path = shown(path);
        format!("the user {owner} has made it: see that no broadcaster runs as that user, then chown -R {user} {path}")
    })
}

fn permission(queue: &Path) -> String {
    let Ok(metadata) = fs::metadata(queue) else {
        return "let the broadcaster's user enter all directories above it".to_owned();
    };
    let group = metadata.gid();
    let group = Group::from_gid(Gid::from_raw(group)).ok().flatten().map_or_else(|| group.to_string(), |it| it.name);
    let open = if metadata.mode() & 0o070 == 0o070 { "" } else { ", and let the group use it: chmod g+rwx DIR" };
    let open = open.replace("DIR", &shown(queue).to_string());
    format!("run the broadcaster as a user of the directory's group, {group}{open}")
}

/// What to do about lines of the log that do not say it themselves, by how they begin.
const REMEDIES: [(&str, &str); 25] = [
    ("cannot raise the limit of open files", "Raise LimitNOFILE= in the unit, or ulimit -Hn."),
    ("fewer files may be open than max_connections needs", "Raise LimitNOFILE= in the unit, or ulimit -Hn."),
    (
        "cannot accept connections",
        "The process has no descriptor or memory left: raise LimitNOFILE=, or lower max_connections.",
    ),
    ("server is full", "Raise max_connections, or start another broadcaster (docs/scale.md)."),
    ("clients hold more memory", "Raise max_memory, or find out which clients do not read."),
    (
        "clients receive nothing, because the broker cannot be read",
        "Look at Redis: fastapi-broadcaster doctor says what is wrong.",
    ),
    (
        "events wait in the queue, because they cannot be forwarded",
        "Look at Redis: fastapi-broadcaster doctor says what is wrong.",
    ),
    ("the broker has lost events", "Set appendonly in Redis and broker.min_replicas (docs/scale.md)."),
    ("entry is no event", "fastapi-broadcaster failed list shows such entries, failed retry puts them back."),
    (
        "segments of the journal cannot be read",
        "Give journal/ and the files in it the group of the queue directory, and journal/ mode 2770 (chgrp -R GROUP, chmod 2770): new segments belong to that group then.",
    ),
    (
        "the journal holds files that are no segments",
        "fastapi-broadcaster failed list shows them, failed retry puts them back into journal/.",
    ),
    (
        "something else than a folder has the name of the journal",
        "Delete what has that name: the broadcaster makes the folder, and producers use it.",
    ),
    (
        "the journal is damaged",
        "Power was lost, or something else than a producer has written there: what was left out is not sent.",
    ),
    ("entries of a newer version wait", "Update the broadcaster: a producer is newer."),
    (
        "events wait in a directory beside the queue",
        "Give producer and broadcaster the same path, or delete that directory.",
    ),
    ("file system reports no changes", "Raise fs.inotify.max_user_instances and fs.inotify.max_user_watches."),
    ("log lines were dropped", "Find out why nobody reads standard error, or log less (RUST_LOG)."),
    (
        "cannot write the history log",
        "Make room on its file system, and look at its owner: fastapi-broadcaster doctor.",
    ),
    (
        "the hook (auth_hook) has decided nothing",
        "Ask it by hand (docs/auth-hook.md), and see what fastapi-broadcaster doctor says of its address.",
    ),
    (
        "a Pusher client is refused because of its signature",
        "If this happens to all clients, give the application's server the key and the secret of [[app]].",
    ),
    (
        "a webhook has not taken events",
        "See that the URL in webhooks of [[app]] is right, that its server can be reached from here \
         (fastapi-broadcaster doctor), and that it answers with status 2xx within 5 s (docs/pusher-webhooks.md).",
    ),
    (
        "a webhook is not told of an event",
        "See that the server of the URL in webhooks of [[app]] answers in time (docs/pusher-webhooks.md).",
    ),
    (
        "the settings stay as they are",
        "The message names the mistake, and its line if it is in the file: correct it, and reload again.",
    ),
    ("a page may not connect", "If the page is yours, add its origin to allowed_origins."),
    ("thread panicked", "This is a fault of the broadcaster: please report it with the lines of the log."),
];

/// What to do about a line of the log, if it is known.
pub(crate) fn remedy_of_line(line: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(beginning, _)| line.starts_with(beginning)).map(|(_, remedy)| *remedy)
}

/// What to do about a server that does not do its work.
pub(crate) fn remedy_of_problem(of: Troubled) -> &'static str {
    match of {
        Troubled::Server => "run: fastapi-broadcaster doctor",
        Troubled::Broker => "run: fastapi-broadcaster doctor. The log says what failed",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_refused_reload_and_a_webhook_that_takes_nothing_have_a_remedy() {
        for (line, expected) in [
            ("the settings stay as they are", "reload again"),
            ("a webhook has not taken events, they are sent again", "status 2xx"),
            ("a webhook has not taken events for too long", "doctor"),
            ("a webhook is not told of an event, because too many wait for it already", "answers in time"),
            ("a Pusher client is refused because of its signature", "secret of [[app]]"),
        ] {
            assert!(remedy_of_line(line).is_some_and(|remedy| remedy.contains(expected)), "{line}");
        }
    }

    #[test]
    fn each_line_that_has_a_remedy_is_logged_by_somebody() {
        fn read(path: &Path, all: &mut String) {
            for entry in fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    read(&entry, all);
                } else if !entry.ends_with("remedy.rs") {
                    *all += &fs::read_to_string(entry).unwrap_or_default();
                }
            }
        }
        let (mut sources, root) = (String::new(), Path::new(env!("CARGO_MANIFEST_DIR")));
        [root.join("src"), root.join("../server/src")].iter().for_each(|path| read(path, &mut sources));
        for (line, _) in REMEDIES {
            assert!(sources.contains(&format!("\"{line}")), "nobody logs {line:?}");
        }
    }
}
