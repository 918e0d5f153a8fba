//! Waiting for conditions. Nothing here or elsewhere sleeps in the hope that something has happened meanwhile.

use std::time::Duration;

/// How long anything may take. Far longer than it takes, even on a busy machine: reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition that cannot be waited for, such as a file, is looked at.
pub(crate) const INTERVAL: Duration = Duration::from_millis(5);

/// Returns when the condition gives a value.
pub(crate) async fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(value) = condition() {
                return value;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    within_deadline(what, look).await
}

/// Returns what the future gives.
pub(crate) async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s in vain: {what}", DEADLINE.as_secs()),
    }
}
