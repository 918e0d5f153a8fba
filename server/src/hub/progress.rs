//! How far the clients are, for the source that feeds the hub.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::notifier::Notifier;
use crate::publication::Seq;

/// How far the sessions are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last publication that every session had its turn to write.
    pub offered: Seq,
    /// The last publication that every session has written, or has ended before.
    pub delivered: Seq,
}

/// The sessions that are not about to end, and those of them that are far behind ([`crate::hub::Limits::window`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ClientCounts {
    pub(super) sessions: usize,
    pub(super) far_behind: usize,
    /// Of those: they took something a moment ago.
    pub(super) moving: usize,
    /// They take so much that they are worth waiting for.
    pub(super) reading: usize,
    /// They may be worth waiting for, and will soon be too far behind for the log.
    pub(super) near_log_tail: usize,
    /// Of those, they take much, or were not watched for long enough.
    pub(super) fast_near_log_tail: usize,
}

/// Wakes the source when a thread of the hub has made progress.
#[derive(Debug)]
pub(super) struct ProgressNotifier {
    is_awaited: AtomicBool,
    notifier: Notifier,
}

impl Progress {
    pub(super) fn least(self, other: Progress) -> Progress {
        Progress { offered: self.offered.min(other.offered), delivered: self.delivered.min(other.delivered) }
    }
}

impl ClientCounts {
    pub(super) fn and(self, other: ClientCounts) -> ClientCounts {
        ClientCounts {
            sessions: self.sessions + other.sessions,
            far_behind: self.far_behind + other.far_behind,
            moving: self.moving + other.moving,
            reading: self.reading + other.reading,
            near_log_tail: self.near_log_tail + other.near_log_tail,
            fast_near_log_tail: self.fast_near_log_tail + other.fast_near_log_tail,
        }
    }
}

impl ProgressNotifier {
    pub(super) fn new() -> io::Result<ProgressNotifier> {
        Ok(ProgressNotifier { is_awaited: AtomicBool::new(false), notifier: Notifier::new()? })
    }

    /// Whether the next progress is to be notified. Only the next: the source has to ask again each time.
    pub(super) fn set_awaited(&self, is_awaited: bool) {
        self.is_awaited.store(is_awaited, Ordering::SeqCst);
    }

    pub(super) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    pub(super) fn notify(&self) {
        if self.is_awaited.swap(false, Ordering::SeqCst) {
            self.notifier.notify();
        }
    }
}
