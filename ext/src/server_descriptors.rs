//! The descriptors of a running server, which a fork must not keep: its port, its clients' sockets, its lock of the
//! queue. They are closed in the child before anything else runs there. Otherwise they would stay open as long as the
//! child runs.
//!
//! The parent has several threads. So until the child has closed everything, it may do only what is safe in a signal
//! handler (fork(2), signal-safety(7)): no memory is allocated and no lock is taken.
#![allow(unsafe_code)]

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketType, sockopt};
use rustix::process::{Resource, getrlimit};

use crate::process::Process;

/// How many descriptors are looked at where `/proc` is missing and their number has no limit.
const MOST_DESCRIPTORS: u64 = 1 << 20;

/// What is needed to find the descriptors of a server. The sockets of its clients are found by their address.
pub(crate) struct ServerDescriptors {
    /// Of the listeners and of every socket that they have accepted.
    addresses: Vec<SocketAddr>,
    /// In the queue directory, each with what it has to be. They can be made again while the server runs.
    files: Vec<(CString, FileType)>,
    queue: Option<CString>,
    /// The others that live as long as the server: epoll, eventfd and inotify instances, and the queue directory.
    others: Vec<(RawFd, Identity)>,
}

/// Device and inode.
type Identity = (u64, u64);
/// What has a name now, and what it has to be.
type Named = (Identity, FileType);

/// Files of a server in its queue directory.
const MOST_FILES: usize = 5;

/// Until this is dropped, a fork closes the descriptors of one server.
pub(crate) struct Registration {
    slot: &'static Slot,
    process: Process,
}

/// A place for the descriptors of one server. Never freed, so that a child can go through all of them at any time.
struct Slot {
    server: AtomicPtr<ServerDescriptors>,
    next: *const Slot,
}

static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

/// The descriptors that this process has open.
pub(crate) fn open_descriptors() -> HashSet<RawFd> {
    let mut open = HashSet::new();
    for_each_number(|number| {
        if stat(number).is_some() {
            open.insert(number);
        }
    });
    open
}

impl ServerDescriptors {
    /// Those of a server that was just started. `before` was open before.
    pub(crate) fn new(addresses: Vec<SocketAddr>, queue: Option<&Path>, before: &HashSet<RawFd>) -> ServerDescriptors {
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).ok();
        let files = queue.map(|queue| {
            let history = queue.join(queue::HISTORY);
            [
                (name(&queue::lock_file(queue)), FileType::RegularFile),
                (name(&history.join(queue::HISTORY_LOG)), FileType::RegularFile),
                (name(&history), FileType::Directory),
                (name(&queue.join(queue::JOURNAL)), FileType::Directory),
                (name(&queue.join(queue::POSITIONS)), FileType::RegularFile),
            ]
        });
        let files = files.into_iter().flatten().filter_map(|(name, kind)| Some((name?, kind))).collect();
        let directory = queue.and_then(|queue| rustix::fs::stat(queue).ok()).map(|stat| identity(&stat));
        let other = |number: &RawFd| {
            let stat = stat(*number)?;
            let is_ours = match FileType::from_raw_mode(stat.st_mode) {
                // Of no type are those that the kernel makes without a file.
                FileType::Unknown => true,
                FileType::Directory => directory == Some(identity(&stat)),
                _ => false,
            };
            is_ours.then(|| (*number, identity(&stat)))
        };
        let others = open_descriptors().difference(before).filter_map(other).collect();
        ServerDescriptors { addresses, files, queue: queue.and_then(name), others }
    }

    /// From now on a fork closes them.
    pub(crate) fn register(self) -> Registration {
        let process = Process::this();
        let server = Box::into_raw(Box::new(self));
        let take = |slot: &&Slot| {
            slot.server.compare_exchange(ptr::null_mut(), server, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        if let Some(slot) = slots().find(take) {
            return Registration { slot, process };
        }
        let slot = Box::leak(Box::new(Slot { server: AtomicPtr::new(server), next: ptr::null() }));
        let mut first = SLOTS.load(Ordering::Acquire);
        loop {
            slot.next = first;
            match SLOTS.compare_exchange(first, slot, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Registration { slot, process },
                Err(other) => first = other,
            }
        }
    }

    /// Whether a descriptor of this process is one of them.
    fn include(&self, number: RawFd, files: &[Option<Named>], queue: Option<Identity>) -> bool {
        // SAFETY: a number that is not open is only given to the system, which answers with an error.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        match rustix::net::getsockname(descriptor) {
            Ok(local) => self.is_address_of(descriptor, local),
            Err(Errno::BADF) => false,
            Err(_) => rustix::fs::fstat(descriptor).is_ok_and(|stat| {
                let identity = identity(&stat);
                match FileType::from_raw_mode(stat.st_mode) {
                    kind if files.contains(&Some((identity, kind))) => true,
                    FileType::RegularFile => false,
                    FileType::Directory if queue == Some(identity) && queue::holds_directory(descriptor) => true,
                    _ => self.others.contains(&(number, identity)),
                }
            }),
        }
    }

    /// Whether the local address of a socket is one that clients connect to: that of a listener or of a client that it
    /// accepted.
    fn is_address_of(&self, socket: BorrowedFd<'_>, local: SocketAddrAny) -> bool {
        let is_ours = SocketAddr::try_from(local).is_ok_and(|local| {
            self.addresses.iter().any(|ours| {
                let same = local.ip().to_canonical() == ours.ip().to_canonical();
                local.port() == ours.port() && (same || ours.ip().is_unspecified())
            })
        });
        is_ours && sockopt::socket_type(socket) == Ok(SocketType::STREAM)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // In a fork the slot was emptied, and another server may use it by now.
        if !self.process.was_forked() {
            let server = self.slot.server.swap(ptr::null_mut(), Ordering::AcqRel);
            // SAFETY: it was made by `register`. In a fork that happens now, the slot is either empty or its content
            // whole.
            drop(unsafe { Box::from_raw(server) });
        }
    }
}

/// Closes the descriptors of the servers of the parent. Called in the child, before anything else runs there.
pub(crate) fn close_in_child() {
    for slot in slots() {
        // What it points to is not freed: that is not allowed here.
        let server = slot.server.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: what a slot points to is whole, and in the child nobody else frees it.
        let Some(server) = (unsafe { server.as_ref() }) else { continue };
        // The queue directory may have been made again since the start, or what is in it.
        let named = |path: &CStr| rustix::fs::stat(path).ok().as_ref().map(identity);
        let queue = server.queue.as_deref().and_then(named);
        let mut files = [None; MOST_FILES];
        for (found, (path, kind)) in files.iter_mut().zip(&server.files) {
            *found = named(path).map(|identity| (identity, *kind));
        }
        for_each_number(|number| {
            if server.include(number, &files, queue) {
                // SAFETY: it belongs to threads that do not exist here, whose memory is never released.
                unsafe { rustix::io::close(number) };
            }
        });
    }
}

fn slots() -> impl Iterator<Item = &'static Slot> {
    let mut next: *const Slot = SLOTS.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: slots are never freed, and do not change any more once they can be reached.
        let slot = unsafe { next.as_ref() }?;
        next = slot.next;
        Some(slot)
    })
}

/// Calls `look` with every number that a descriptor of this process can have.
///
/// Trying each costs less than a listing of `/proc/self/fd`, for which the kernel makes a file for each: with 10,000
/// clients a fork takes 11 ms instead of 54 (and 2 without closing anything).
fn for_each_number(look: impl FnMut(RawFd)) {
    let limit = table_size().or_else(|| getrlimit(Resource::Nofile).current).unwrap_or(MOST_DESCRIPTORS);
    (0..RawFd::try_from(limit.min(MOST_DESCRIPTORS)).unwrap_or_default()).for_each(look);
}

/// The size of the kernel's table of descriptors. In a process that was just forked it ends with the last that is open.
fn table_size() -> Option<u64> {
    const KEY: &[u8] = b"\nFDSize:";
    let status = rustix::fs::open(c"/proc/self/status", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = [0; 2048];
    let length = rustix::io::read(&status, &mut text).ok()?;
    let text = text.get(..length)?;
    let key = text.windows(KEY.len()).position(|window| window == KEY)?;
    let digits = text.get(key + KEY.len()..)?.trim_ascii_start().split(|byte| !byte.is_ascii_digit()).next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}

fn stat(number: RawFd) -> Option<Stat> {
    // SAFETY: a number that is not open is only given to the system, which answers with an error.
    rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(number) }).ok()
}

fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}
