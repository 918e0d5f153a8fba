//! Entries wait in lanes, by their priority. Which lane has the next turn.

use crate::priority::LANES;

/// Most entries that are taken of each lane in a round. Each lane has a turn in each round, so none waits without end.
const WEIGHTS: [usize; LANES] = [8, 4, 1];

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    /// How many may still be taken of each lane in this round.
    shares: [usize; LANES],
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns { shares: WEIGHTS }
    }

    /// The next lane of which one may be taken: the most urgent one that has entries and a share left in this round.
    pub(super) fn next(&mut self, has_entries: [bool; LANES]) -> Option<usize> {
        let next = |shares: &[usize; LANES]| (0..LANES).find(|lane| shares[*lane] > 0 && has_entries[*lane]);
        next(&self.shares).or_else(|| {
            self.shares = WEIGHTS;
            next(&self.shares)
        })
    }

    /// One was taken.
    pub(super) fn note_taken(&mut self, lane: usize) {
        self.shares[lane] = self.shares[lane].saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(mut waiting: [usize; LANES]) -> String {
        let mut turns = Turns::new();
        let mut taken = String::new();
        while let Some(lane) = turns.next(waiting.map(|entries| entries > 0)) {
            turns.note_taken(lane);
            waiting[lane] -= 1;
            taken.push(['h', 'n', 'l'][lane]);
        }
        taken
    }

    #[test]
    fn lanes_have_turns_by_their_weights() {
        assert!(turns([30, 30, 30]).starts_with("hhhhhhhhnnnnlhhhhhhhhnnnnl"));
    }

    #[test]
    fn a_lane_that_is_alone_is_not_held_up() {
        assert_eq!(turns([1, 0, 5]), "hlllll");
        assert_eq!(turns([0, 9, 0]), "nnnnnnnnn");
    }
}
