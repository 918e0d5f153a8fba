//! Whether a request has begun with what cannot be taken back: then it is answered, although the server stops.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Of one request.
#[derive(Debug, Default)]
pub(super) struct Finishing(AtomicBool);

impl Finishing {
    /// From now on it is answered. That must not take long.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Waits until the request is to be given up: the server stops, and it has not begun.
    pub(super) async fn given_up(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        if self.0.load(Ordering::Relaxed) {
            pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_has_begun_is_not_given_up() {
        let (finishing, stop) = (Finishing::default(), CancellationToken::new());
        assert!(finishing.given_up(&stop).now_or_never().is_none());
        stop.cancel();
        assert!(finishing.given_up(&stop).now_or_never().is_some());
        finishing.begin();
        assert!(finishing.given_up(&stop).now_or_never().is_none());
    }
}
