//! In which directory a log may be.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use testkit::has_root;

use super::*;

fn open(queue: &Queue, directory: Option<&Path>) -> Result<Opened<Vec<Kept>>, HistoryError> {
    HistoryLog::open(&queue.reader, directory, |_| Vec::new())
}

fn error(queue: &Queue, directory: Option<&Path>) -> String {
    open(queue, directory).expect_err("it is refused").to_string()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn the_directory_and_the_log_are_for_their_owner_alone() {
    let queue = Queue::new();
    let _log = queue.open().log;
    assert_eq!((mode(&queue.history()), mode(&queue.log())), (0o700, 0o600));
    let configured = queue.directory.root().join("state");
    let _other = open(&queue, Some(&configured)).expect("a log");
    assert_eq!((mode(&configured), mode(&configured.join("log"))), (0o700, 0o600));
}

#[test]
fn links_and_other_files_are_refused() {
    let queue = Queue::new();
    let elsewhere = queue.directory.root().join("elsewhere");
    fs::create_dir(&elsewhere).expect("created");
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).expect("changed");
    symlink(&elsewhere, queue.history()).expect("linked");
    assert!(error(&queue, None).contains("is a link or no directory: move it away"));
    let link = queue.directory.root().join("link");
    symlink(&elsewhere, &link).expect("linked");
    assert!(error(&queue, Some(&link)).contains("is a link or no directory"));
    fs::remove_file(queue.history()).expect("removed");
    fs::write(queue.history(), "").expect("written");
    assert!(error(&queue, None).contains("is a link or no directory"));
    assert_eq!(fs::read_dir(elsewhere).expect("listed").count(), 0);
    let missing = queue.directory.root().join("missing").join("state");
    assert!(error(&queue, Some(&missing)).contains("create the directory that it is in"));
}

#[test]
fn a_directory_that_others_may_enter_is_refused() {
    let queue = Queue::new();
    drop(queue.open());
    for mode in [0o710, 0o707, 0o701, 0o777] {
        fs::set_permissions(queue.history(), Permissions::from_mode(mode)).expect("changed");
        let error = error(&queue, None);
        assert!(error.contains(&format!("mode {mode:04o}")) && error.contains("chmod 700 "), "{error}");
    }
    fs::set_permissions(queue.history(), Permissions::from_mode(0o700)).expect("changed");
    assert_eq!(queue.open().anew, None);
}

#[test]
fn the_directory_of_another_user_is_refused() {
    if !has_root("to give a directory away") {
        return;
    }
    let queue = Queue::new();
    drop(queue.open());
    chown(queue.history(), Some(12_345), None).expect("given away");
    let error = error(&queue, None);
    assert!(error.contains("belongs to the user with the id 12345, and this process runs as 0"), "{error}");
    assert!(error.contains("chown 0 "), "{error}");
}

#[test]
fn a_log_is_used_by_one_process_at_a_time() {
    let queue = Queue::new();
    let opened = queue.open();
    assert!(error(&queue, None).contains("in use by another broadcaster"));
    let other = Queue::new();
    assert!(error(&other, Some(&queue.history())).contains("give each its own history_dir"));
    drop(opened);
    assert_eq!(queue.open().anew, None);
}

#[test]
fn a_link_in_place_of_the_log_is_replaced_and_its_target_stays() {
    let queue = Queue::new();
    drop(queue.open());
    let target = queue.directory.root().join("target");
    for name in ["log", "log.new"] {
        fs::write(&target, "theirs").expect("written");
        let _ = fs::remove_file(queue.history().join(name));
        symlink(&target, queue.history().join(name)).expect("linked");
        let opened = queue.open();
        assert!(opened.log.is_written(), "{name}");
        assert_eq!(queue.files(), ["log"]);
        assert_eq!(fs::read_to_string(&target).expect("read"), "theirs");
    }
}

#[test]
fn what_was_forwarded_is_noted_in_a_file_and_in_nothing_else() {
    let queue = Queue::new();
    let path = queue.history().join("forwarded");
    let file = StateFile::open(&queue.reader, None).expect("it is created");
    assert_eq!(file.path(), path);
    fs::remove_file(&path).expect("a file");
    let puts: [fn(&Path); 3] = [
        |path| std::os::unix::fs::symlink("log", path).expect("a link"),
        |path| fs::create_dir(path).expect("a directory"),
        |path| drop(std::os::unix::net::UnixListener::bind(path).expect("a socket")),
    ];
    for put in puts {
        put(&path);
        let error = StateFile::open(&queue.reader, None).expect_err("no file");
        assert!(!error.is_passing(), "{error}");
        let told = format!("{} is a link or no file, and what was forwarded is to be noted in it: ", path.display());
        assert!(error.to_string().starts_with(&told), "{error}");
        _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}
