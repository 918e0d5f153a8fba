//! Connections that are accepted although there is no room for another client: few, and for a short time, so that health
//! checks are answered and everybody else is told to come later.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a connection keeps its place although others want it. A request that has arrived is answered well within that;
/// 16 places go through 1,600 connections in a second that never send one.
const MIN_STAY: Duration = Duration::from_millis(10);

/// Places in the order in which they were given. When all are taken and others come, the oldest goes first: whoever drips a
/// request keeps nobody else from being answered.
#[derive(Debug)]
pub(crate) struct Reserve {
    free: Arc<Semaphore>,
    given: VecDeque<Given>,
}

#[derive(Debug)]
struct Given {
    since: Instant,
    /// Cancelled when the place is wanted for another, or was given back.
    wanted: CancellationToken,
    is_kept: Arc<AtomicBool>,
}

/// A connection's right to be answered, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    wanted: CancellationToken,
    is_kept: Arc<AtomicBool>,
    _permit: OwnedSemaphorePermit,
}

impl Reserve {
    pub(crate) fn new(places: usize) -> Reserve {
        Reserve { free: Arc::new(Semaphore::new(places)), given: VecDeque::new() }
    }

    /// Waits for a place, and asks the oldest connection for its own if there is no other.
    pub(crate) async fn place(&mut self) -> Place {
        let permit = self.permit().await;
        self.give(permit)
    }

    /// A place that nobody has, if there is one.
    pub(crate) fn free_place(&mut self) -> Option<Place> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(self.give(permit))
    }

    fn give(&mut self, permit: OwnedSemaphorePermit) -> Place {
        self.given.retain(|given| !given.wanted.is_cancelled());
        let (wanted, is_kept) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let given = Given { since: Instant::now(), wanted: wanted.clone(), is_kept: is_kept.clone() };
        self.given.push_back(given);
        Place { wanted, is_kept, _permit: permit }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let mut free = pin!(self.free.clone().acquire_owned());
        loop {
            let oldest = self.given.iter().find(|given| !given.is_spared());
            tokio::select! {
                biased;
                permit = &mut free => return permit.expect("the semaphore is never closed"),
                () = stay(oldest) => {}
            }
            if let Some(oldest) = oldest.filter(|oldest| !oldest.is_spared()) {
                oldest.wanted.cancel();
                // One connection that comes is no reason to end two.
                return free.await.expect("the semaphore is never closed");
            }
        }
    }
}

impl Given {
    fn is_spared(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed) || self.wanted.is_cancelled()
    }
}

/// Waits until a place may be asked back; for ever if there is none.
async fn stay(oldest: Option<&Given>) {
    match oldest {
        Some(oldest) => sleep_until(oldest.since + MIN_STAY).await,
        None => pending().await,
    }
}

impl Place {
    /// Keeps the place until the request is answered, which does not depend on the client any more.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Waits until the place is wanted for another connection.
    pub(crate) async fn wanted(&self) {
        self.wanted.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.wanted.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_connection_makes_room_and_those_that_end_do_too() {
        let mut reserve = Reserve::new(2);
        let (first, second) = (reserve.place().await, reserve.place().await);
        // As the listener does: whose place is wanted goes.
        let leaving = tokio::spawn(async move {
            first.wanted().await;
            assert!(!second.wanted.is_cancelled());
            drop(first);
            second
        });
        let third = reserve.place().await;
        let second = leaving.await.expect("the first left");
        second.keep();
        let leaving = tokio::spawn(async move {
            third.wanted().await;
        });
        let _fourth = reserve.place().await;
        leaving.await.expect("the third left, since the second keeps its place");
        assert!(!second.wanted.is_cancelled());
        assert_eq!(reserve.given.len(), 2);
    }
}
