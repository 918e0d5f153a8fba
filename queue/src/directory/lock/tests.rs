use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::FileType;

use super::*;

fn take(queue: &tempfile::TempDir) -> Result<Ownership, OpenError> {
    Ownership::take(queue.path(), open(queue.path()).expect("a descriptor"))
}

fn queue() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn an_ownership_ends_with_its_value_although_another_process_has_copies_of_its_descriptors() {
    let queue = queue();
    let owner = take(&queue).expect("a free directory");
    assert!(!owner.needs_its_file(), "a file system with such locks");
    let copies = [&owner.file.0, &owner.directory.descriptor]
        .map(|lock| rustix::io::dup(lock).expect("a copy, as a forked process has it"));
    assert!(matches!(take(&queue), Err(OpenError::Locked(_))) && is_taken(queue.path()));
    drop(owner);
    assert!(!is_taken(queue.path()));
    drop(take(&queue).expect("a free directory"));
    drop(copies);
}

#[test]
fn a_directory_stays_owned_when_the_lock_file_is_deleted_or_replaced_and_the_file_is_locked_again() {
    let (queue, lock) = (queue(), |queue: &tempfile::TempDir| lock_file(queue.path()));
    let mut owner = take(&queue).expect("a free directory");
    assert!(!owner.keep(queue.path()).expect("a lock"));
    for replaces in [false, true] {
        std::fs::remove_file(lock(&queue)).expect("a lock file");
        if replaces {
            std::fs::write(lock(&queue), "").expect("a file");
        }
        assert!(is_taken(queue.path()) && matches!(take(&queue), Err(OpenError::Locked(_))));
        assert_eq!(lock(&queue).exists(), replaces, "a process that is refused creates no lock file");
        assert!(owner.keep(queue.path()).expect("a lock"));
        assert!(!owner.keep(queue.path()).expect("a lock"));
        // What an older version sees, which knows only the lock file.
        let file = std::fs::File::open(lock(&queue)).expect("a lock file");
        assert!(is_locked(file.as_fd()));
    }
    drop(owner);
    drop(take(&queue).expect("a free directory"));
}

#[test]
fn a_lock_file_that_another_process_has_locked_is_not_taken_again() {
    let queue = queue();
    let mut owner = take(&queue).expect("a free directory");
    std::fs::remove_file(lock_file(queue.path())).expect("a lock file");
    let directory = open(queue.path()).expect("a descriptor");
    let other = take_file(queue.path(), directory.as_fd()).expect("what an older version does");
    assert!(matches!(owner.keep(queue.path()), Err(OpenError::Locked(_))));
    drop(other);
    assert!(owner.keep(queue.path()).expect("a lock"));
}

#[test]
fn a_lock_file_that_is_no_regular_file_is_refused_without_waiting() {
    for kind in [FileType::Fifo, FileType::Socket, FileType::Directory, FileType::Symlink] {
        let queue = queue();
        let owner = take(&queue).expect("a free directory");
        std::fs::remove_file(lock_file(queue.path())).expect("a lock file");
        let path = lock_file(queue.path());
        match kind {
            FileType::Directory => std::fs::create_dir(path).expect("a directory"),
            FileType::Symlink => std::os::unix::fs::symlink("/dev/null", path).expect("a link"),
            kind => rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::RUSR, 0).expect("a node"),
        }
        let mut owner = Some(owner);
        for _ in 0..2 {
            let refused = |outcome: Result<(), OpenError>| matches!(outcome, Err(OpenError::NotALockFile(_)));
            if let Some(owner) = &mut owner {
                assert!(refused(owner.keep(queue.path()).map(drop)), "{kind:?}");
            } else {
                assert!(refused(take(&queue).map(drop)), "{kind:?}");
            }
            let directory = open(queue.path()).expect("a descriptor");
            assert!(refused(check(queue.path(), directory.as_fd())), "{kind:?}");
            assert_eq!(is_taken(queue.path()), owner.is_some(), "{kind:?}");
            owner = None;
        }
    }
}

#[test]
fn a_directory_never_has_two_owners_while_its_lock_file_is_deleted_again_and_again() {
    let (queue, owners, taken) = (queue(), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while taken.load(Ordering::SeqCst) < 100 {
                    let Ok(owner) = take(&queue) else { continue };
                    assert_eq!(owners.fetch_add(1, Ordering::SeqCst), 0, "the directory has another owner");
                    let _ = std::fs::remove_file(lock_file(queue.path()));
                    std::thread::yield_now();
                    owners.fetch_sub(1, Ordering::SeqCst);
                    taken.fetch_add(1, Ordering::SeqCst);
                    drop(owner);
                }
            });
        }
    });
}

#[test]
fn a_dropped_standby_is_no_longer_announced_although_its_descriptor_has_a_copy() {
    let queue = tempfile::tempdir().expect("a directory");
    let standby = Standby::announce(queue.path()).expect("a lock");
    let copy = rustix::io::dup(&standby._directory.0).expect("a copy");
    assert!(Standby::is_announced(queue.path()));
    drop(standby);
    assert!(!Standby::is_announced(queue.path()));
    drop(copy);
}

#[test]
fn a_directory_that_stays_locked_makes_no_standby_wait() {
    let queue = queue();
    let other = open(queue.path()).expect("a descriptor");
    rustix::fs::flock(&other, FlockOperation::LockExclusive).expect("a lock");
    let (done, is_done) = std::sync::mpsc::channel();
    let path = queue.path().to_owned();
    std::thread::spawn(move || done.send(Standby::announce(&path).is_err()));
    assert_eq!(is_done.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
}
