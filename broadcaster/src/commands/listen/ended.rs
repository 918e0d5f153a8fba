//! Why a connection has ended or was not made, and whether the next can go better.

use std::fmt;
use std::time::Duration;

use rand::RngExt;

/// Pauses before the next connection: each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// So many times is the pause doubled at once, where the server has no room.
const DOUBLED_WHEN_FULL: u32 = 3;
/// The longest pause that a server can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// A connection that lasted so long was a good one: the next pause is short again.
pub(super) const GOOD: Duration = Duration::from_secs(10);

/// The end of a connection.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) error: anyhow::Error,
    kind: Kind,
    /// The shortest pause that the server wants before the next.
    asked: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The same request would be refused again.
    Final,
    /// The next may go better.
    Passing,
    /// The same, but not at once.
    NoRoom,
}

impl Ended {
    pub(super) fn passing(error: impl Into<anyhow::Error>) -> Ended {
        Ended::of(Kind::Passing, error)
    }

    /// The server takes nobody now.
    pub(super) fn no_room(error: impl Into<anyhow::Error>) -> Ended {
        Ended::of(Kind::NoRoom, error)
    }

    /// With the pause that the server asks for, up to a bound.
    pub(super) fn with_pause(self, asked: Option<Duration>) -> Ended {
        Ended { asked: asked.unwrap_or_default().min(LONGEST_ASKED), ..self }
    }

    fn of(kind: Kind, error: impl Into<anyhow::Error>) -> Ended {
        Ended { error: error.into(), kind, asked: Duration::ZERO }
    }

    /// By the close code of a WebSocket.
    pub(super) fn with_code(code: u16, error: anyhow::Error) -> Ended {
        let kind = match code {
            1000 | 1002 | 1003 | 1007..=1010 | 4400 | 4401 | 4403 => Kind::Final,
            1013 | 4429 => Kind::NoRoom,
            _ => Kind::Passing,
        };
        Ended::of(kind, error)
    }

    /// By the status of an answer that is no connection.
    pub(super) fn with_status(status: u16, error: anyhow::Error) -> Ended {
        let kind = match status {
            429 | 503 => Kind::NoRoom,
            408 | 500..=599 => Kind::Passing,
            _ => Kind::Final,
        };
        Ended::of(kind, error)
    }

    pub(super) fn is_final(&self) -> bool {
        self.kind == Kind::Final
    }
}

/// What has no other kind is final.
impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Ended {
        Ended::of(Kind::Final, error)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.error)
    }
}

/// The pauses between connections, in a row.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    taken: u32,
}

impl Pauses {
    /// The pause after a connection that ended so and had lasted so long. With a random part, so that not all clients
    /// connect at the same time after a restart of the server.
    pub(super) fn next(&mut self, ended: &Ended, lasted: Duration) -> Duration {
        if lasted >= GOOD {
            self.taken = 0;
        }
        if ended.kind == Kind::NoRoom {
            self.taken = self.taken.max(DOUBLED_WHEN_FULL);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.taken.min(16)).min(LONGEST_PAUSE);
        self.taken += 1;
        pause.mul_f64(rand::rng().random_range(0.75..1.25)).max(ended.asked)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn who_was_refused_for_good_does_not_come_back() {
        let of_code = |code| Ended::with_code(code, anyhow!("x")).is_final();
        assert_eq!([1000, 1009, 4401, 4403].map(of_code), [true; 4]);
        assert_eq!([1001, 1005, 1006, 1013, 4008, 4009, 4429].map(of_code), [false; 7]);
        let of_status = |status| Ended::with_status(status, anyhow!("x")).is_final();
        assert_eq!([200, 301, 400, 401, 403, 404].map(of_status), [true; 6]);
        assert_eq!([429, 502, 503, 504].map(of_status), [false; 4]);
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_again_after_a_good_connection() {
        let (mut pauses, lost) = (Pauses::default(), Ended::passing(anyhow!("x")));
        let mut next = |ended: &Ended, lasted| pauses.next(ended, lasted).as_secs_f64();
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] {
            let pause = next(&lost, Duration::ZERO);
            assert!((0.75 * expected..1.25 * expected).contains(&pause), "{pause} s for {expected} s");
        }
        assert!(next(&lost, GOOD) < 1.0);
        assert!(next(&Ended::with_code(1013, anyhow!("x")), GOOD) >= 3.0);
        let asked = |secs| Ended::passing(anyhow!("x")).with_pause(Some(Duration::from_secs(secs)));
        assert_eq!(next(&asked(30), GOOD), 30.0);
        assert_eq!(next(&asked(u64::MAX), GOOD), LONGEST_ASKED.as_secs_f64());
    }
}
