//! How urgent an event is: which lane of the queue its entry waits in.

/// The lane that an entry waits in. Within a lane entries keep the order of queueing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Taken first.
    High,
    /// That of all entries of one event (`*.json`).
    #[default]
    Normal,
    /// Taken last, and never left waiting without end.
    Low,
}
