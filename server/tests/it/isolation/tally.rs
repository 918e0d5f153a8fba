//! What a run has seen, so that it cannot pass without having seen it.

/// How often each rule was seen to be applied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) events: usize,
    pub(super) refused: usize,
    pub(super) uncovered: usize,
    pub(super) ended: usize,
    pub(super) warned: usize,
    pub(super) closed: usize,
}

impl Tally {
    pub(super) fn and(self, other: Tally) -> Tally {
        Tally {
            events: self.events + other.events,
            refused: self.refused + other.refused,
            uncovered: self.uncovered + other.uncovered,
            ended: self.ended + other.ended,
            warned: self.warned + other.warned,
            closed: self.closed + other.closed,
        }
    }
}
