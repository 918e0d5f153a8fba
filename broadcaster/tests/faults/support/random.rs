//! Random numbers, for the time and the target of a kill.

use std::time::SystemTime;

pub(crate) struct Random(u64);

impl Random {
    /// Begins anywhere; the seed is printed with a failed test.
    pub(crate) fn new() -> Random {
        let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        eprintln!("seed {seed}");
        Random::with_seed(seed)
    }

    pub(crate) fn with_seed(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
