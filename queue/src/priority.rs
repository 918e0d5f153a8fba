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

/// How many lanes there are.
pub(crate) const LANES: usize = 3;

impl Priority {
    /// The number of its lane. The most urgent one is 0.
    pub(crate) fn lane(self) -> usize {
        match self {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        }
    }
}
