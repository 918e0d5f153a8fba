//! By which the hub knows a session.

/// Threads that a hub can have.
pub(crate) const MAX_HUB_THREADS: usize = 1 << THREAD_BITS;
const THREAD_BITS: u32 = 6;
const KEY_BITS: u32 = 32 - THREAD_BITS;

/// The name of a session, never reused while the process runs. From the highest bit: 32 of a generation, the hub's
/// thread, and the session's key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    pub(crate) fn new(generation: u32, thread: usize, key: usize) -> SessionId {
        debug_assert!(key < 1 << KEY_BITS);
        SessionId(u64::from(generation) << 32 | (thread as u64) << KEY_BITS | key as u64)
    }

    /// The key of the session in its thread.
    pub(crate) fn key(self) -> usize {
        self.0 as usize & ((1 << KEY_BITS) - 1)
    }

    /// The index of the hub's thread that has the session.
    pub(crate) fn thread(self) -> usize {
        (self.0 as u32 >> KEY_BITS) as usize
    }
}
