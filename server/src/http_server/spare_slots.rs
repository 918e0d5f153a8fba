//! Connections that are accepted although there is no room for another client: few, and for a short time, so that
//! health checks are answered and everybody else is told to come later.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a connection keeps its slot although others want it. A request that has arrived is answered well within
/// that; 16 slots go through 1,600 connections in a second that never send one.
const MIN_HOLD: Duration = Duration::from_millis(10);

/// Slots in the order in which they were given. When all are taken and others come, the oldest goes first: a connection
/// that sends its request slowly keeps nobody else from being answered.
#[derive(Debug)]
pub(super) struct SpareSlots {
    free: Arc<Semaphore>,
    given: VecDeque<Given>,
    /// Told when a slot that was kept may be reclaimed.
    unkept: Arc<Notify>,
}

#[derive(Debug)]
struct Given {
    since: Instant,
    /// Cancelled when the slot is reclaimed for another, or was given back.
    reclaimed: CancellationToken,
    is_kept: Arc<AtomicBool>,
}

/// A connection's right to be answered, given back when dropped.
#[derive(Debug)]
pub(super) struct SpareSlot {
    reclaimed: CancellationToken,
    is_kept: Arc<AtomicBool>,
    unkept: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl SpareSlots {
    pub(super) fn new(count: usize) -> SpareSlots {
        SpareSlots { free: Arc::new(Semaphore::new(count)), given: VecDeque::new(), unkept: Arc::default() }
    }

    /// Waits for a slot, and asks the oldest connection for its own if there is no other.
    pub(super) async fn acquire(&mut self) -> SpareSlot {
        let permit = self.permit().await;
        self.give(permit)
    }

    /// A slot that nobody has, if there is one.
    pub(super) fn try_acquire(&mut self) -> Option<SpareSlot> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(self.give(permit))
    }

    fn give(&mut self, permit: OwnedSemaphorePermit) -> SpareSlot {
        self.given.retain(|given| !given.reclaimed.is_cancelled());
        let (reclaimed, is_kept) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let given = Given { since: Instant::now(), reclaimed: reclaimed.clone(), is_kept: is_kept.clone() };
        self.given.push_back(given);
        SpareSlot { reclaimed, is_kept, unkept: self.unkept.clone(), _permit: permit }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let mut free = pin!(self.free.clone().acquire_owned());
        loop {
            let oldest = self.given.iter().find(|given| !given.is_exempt());
            tokio::select! {
                biased;
                permit = &mut free => return permit.expect("the semaphore is never closed"),
                () = self.unkept.notified() => continue,
                () = until_reclaimable(oldest) => {}
            }
            if let Some(oldest) = oldest.filter(|oldest| !oldest.is_exempt()) {
                oldest.reclaimed.cancel();
                // One connection that comes is no reason to end two.
                return free.await.expect("the semaphore is never closed");
            }
        }
    }
}

impl Given {
    fn is_exempt(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed) || self.reclaimed.is_cancelled()
    }
}

/// Waits until a slot may be asked back; for ever if there is none.
async fn until_reclaimable(oldest: Option<&Given>) {
    match oldest {
        Some(oldest) => sleep_until(oldest.since + MIN_HOLD).await,
        None => pending().await,
    }
}

impl SpareSlot {
    /// Keeps the slot until the request is answered, which does not depend on the client any more.
    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Ends that: the answer is sent, and the rest depends on the client again.
    pub(super) fn unkeep(&self) {
        self.is_kept.store(false, Ordering::Relaxed);
        self.unkept.notify_one();
    }

    /// Waits until the slot is reclaimed for another connection.
    pub(super) async fn reclaimed(&self) {
        self.reclaimed.cancelled().await;
    }
}

impl Drop for SpareSlot {
    fn drop(&mut self) {
        self.reclaimed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_connection_makes_room_and_those_that_end_do_too() {
        let mut slots = SpareSlots::new(2);
        let (first, second) = (slots.acquire().await, slots.acquire().await);
        // As the listener does: whose slot is reclaimed goes.
        let leaving = tokio::spawn(async move {
            first.reclaimed().await;
            assert!(!second.reclaimed.is_cancelled());
            drop(first);
            second
        });
        let third = slots.acquire().await;
        let second = leaving.await.expect("the first left");
        second.keep();
        let leaving = tokio::spawn(async move {
            third.reclaimed().await;
        });
        let _fourth = slots.acquire().await;
        leaving.await.expect("the third left, since the second keeps its slot");
        assert!(!second.reclaimed.is_cancelled());
        assert_eq!(slots.given.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_was_kept_makes_room_once_its_answer_is_sent() {
        let mut slots = SpareSlots::new(1);
        let kept = slots.acquire().await;
        kept.keep();
        let leaving = tokio::spawn(async move {
            // Others are waiting by now, who found nothing to reclaim.
            tokio::time::sleep(MIN_HOLD * 10).await;
            assert!(!kept.reclaimed.is_cancelled());
            kept.unkeep();
            kept.reclaimed().await;
        });
        slots.acquire().await;
        leaving.await.expect("it left when its answer was sent");
    }
}
