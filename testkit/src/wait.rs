//! Waiting for conditions. Nothing here or in the tests sleeps in the hope that something has happened meanwhile.

use std::time::{Duration, Instant};

/// No condition of a test takes longer than this, or the test fails. Long, since a machine may be busy.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
pub const INTERVAL: Duration = Duration::from_millis(2);

/// What a test waits for: that something is true, or that there is a value.
pub trait Condition {
    /// What it gives.
    type Value;
    /// The value, once there is one.
    fn value(self) -> Option<Self::Value>;
}

impl Condition for bool {
    type Value = ();

    fn value(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn value(self) -> Option<T> {
        self
    }
}

/// Blocks until the condition holds.
pub fn until<C: Condition>(what: &str, mut condition: impl FnMut() -> C) -> C::Value {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = condition().value() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(INTERVAL);
    }
}

/// Waits until the condition holds. Other tasks of the runtime go on meanwhile.
pub async fn eventually<C: Condition>(what: &str, condition: impl FnMut() -> C) -> C::Value {
    eventually_for(TIMEOUT, what, condition).await
}

/// The same for what takes longer than most: for so long.
pub async fn eventually_for<C: Condition>(time: Duration, what: &str, mut condition: impl FnMut() -> C) -> C::Value {
    let look = async {
        loop {
            if let Some(value) = condition().value() {
                return value;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    match tokio::time::timeout(time, look).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not in time"),
    }
}

/// Returns what the future gives.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not in time"),
    }
}
