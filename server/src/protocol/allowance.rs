//! How much a client may send in a second. If it sends more, the server reads from it more slowly: nothing is lost, TCP holds the
//! client back.

use std::time::{Duration, Instant};

/// What a client may send at once, and what it may save up: the allowance of a second.
const BURST: Duration = Duration::from_secs(1);
/// Who has used up all of it waits for so much of it, and not for each single message.
const REFILL: Duration = Duration::from_millis(100);

/// The rates that hold for every client; none is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Frames per second: messages, each of their fragments, pings and pongs.
    pub messages: Option<u32>,
    /// Bytes per second.
    pub bytes: Option<u32>,
}

/// What one client has used, as two token buckets: for each rate the time at which all of it is there again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    messages: Instant,
    bytes: Instant,
}

impl Allowance {
    /// That of a client which has sent nothing.
    pub(super) fn new(now: Instant) -> Allowance {
        Allowance { messages: now, bytes: now }
    }

    /// Frames that the client may send now. The error is when it may send again.
    pub(super) fn messages(&self, rates: &Rates, now: Instant) -> Result<u32, Instant> {
        rates.messages.map_or(Ok(u32::MAX), |rate| available(self.messages, rate, now))
    }

    /// Bytes that the client may send now. The error is when it may send again.
    pub(super) fn bytes(&self, rates: &Rates, now: Instant) -> Result<u32, Instant> {
        rates.bytes.map_or(Ok(u32::MAX), |rate| available(self.bytes, rate, now))
    }

    /// Notes what the client has sent. It may be more than was available.
    pub(super) fn spend(&mut self, messages: u32, bytes: usize, rates: &Rates, now: Instant) {
        if let Some(rate) = rates.messages {
            spend(&mut self.messages, u64::from(messages), rate, now);
        }
        if let Some(rate) = rates.bytes {
            spend(&mut self.bytes, bytes as u64, rate, now);
        }
    }
}

fn available(full_at: Instant, rate: u32, now: Instant) -> Result<u32, Instant> {
    let used = full_at.saturating_duration_since(now);
    let count = BURST.saturating_sub(used).as_micros() * u128::from(rate) / 1_000_000;
    // Less is not worth a look: a client would be read from byte by byte.
    let least = refill(rate).as_micros() * u128::from(rate) / 1_000_000;
    if count < least.max(1) {
        return Err(now + used.saturating_sub(BURST.saturating_sub(refill(rate))));
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The time in which enough comes back to go on: at least one.
fn refill(rate: u32) -> Duration {
    REFILL.max(Duration::from_secs(1) / rate.max(1)).min(BURST)
}

fn spend(full_at: &mut Instant, count: u64, rate: u32, now: Instant) {
    let time = Duration::from_micros(count.saturating_mul(1_000_000) / u64::from(rate.max(1)));
    *full_at = (*full_at).max(now) + time;
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates { messages: Some(100), bytes: Some(1000) };

    #[test]
    fn a_second_is_there_at_once_and_then_what_time_brings_back() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert_eq!(allowance.messages(&RATES, now), Ok(100));
        allowance.spend(100, 0, &RATES, now);
        let again = allowance.messages(&RATES, now).expect_err("all is used");
        assert_eq!(again - now, REFILL);
        assert_eq!(allowance.messages(&RATES, again), Ok(10));
        assert_eq!(allowance.messages(&RATES, now + Duration::from_secs(60)), Ok(100), "no more is saved up");
        assert_eq!(allowance.bytes(&RATES, now), Ok(1000), "the other rate is its own");
    }

    #[test]
    fn what_was_sent_beyond_it_is_paid_back_first() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        allowance.spend(0, 3000, &RATES, now);
        let again = allowance.bytes(&RATES, now).expect_err("three seconds are used");
        assert_eq!(again - now, Duration::from_secs(2) + REFILL);
        assert!(allowance.bytes(&RATES, again).is_ok());
    }

    #[test]
    fn the_lowest_rate_lets_one_pass_each_second() {
        let rates = Rates { messages: Some(1), bytes: None };
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        allowance.spend(1, 1 << 30, &rates, now);
        let again = allowance.messages(&rates, now).expect_err("it is used");
        assert_eq!(again - now, Duration::from_secs(1));
        assert_eq!(allowance.messages(&rates, again), Ok(1));
        assert_eq!(allowance.bytes(&rates, now), Ok(u32::MAX));
    }
}
