//! The right to be a client: one of the connections that there may be, in all and of an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why a connection cannot become a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// Its address has all the connections that it may have.
    OfAddress,
    /// The server has all the clients that it may have.
    Altogether,
}

/// A client's right to be there, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _slot: Slot,
    _address: Option<Counted>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Permit {
    pub(crate) fn for_fuzzing() -> Permit {
        let slot = Arc::new(Slots::new(1)).take().expect("there is one");
        Permit { _slot: slot, _address: None }
    }
}

/// How many connections each address has.
type Addresses = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection in the count of its address.
#[derive(Debug)]
struct Counted {
    addresses: Addresses,
    address: IpAddr,
}

/// The connections that there may be. All clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    slots: Arc<Slots>,
    /// Counted also while an address may have any number: the bound may be set later.
    addresses: Addresses,
    max_per_address: Arc<AtomicUsize>,
}

/// The clients that there may be in all.
#[derive(Debug)]
struct Slots {
    free: Arc<Semaphore>,
    /// Held by who gives a slot back, too: none may be free while there are too many.
    bound: Mutex<Bound>,
}

#[derive(Debug)]
struct Bound {
    max: usize,
    /// So many slots more are taken than there may be, since the bound was lowered.
    excess: usize,
}

/// One of them, given back when dropped.
#[derive(Debug)]
struct Slot {
    slots: Arc<Slots>,
    permit: Option<OwnedSemaphorePermit>,
}

/// What a connection needs to become a client, as far as it was available when the connection came.
#[derive(Debug)]
pub(crate) struct PendingPermit {
    permits: Permits,
    slot: Option<Slot>,
    counted: Result<Option<Counted>, TooMany>,
}

impl Permits {
    pub(crate) fn new(max: usize, max_per_address: Option<usize>) -> Permits {
        let max_per_address = Arc::new(AtomicUsize::new(max_per_address.unwrap_or(usize::MAX)));
        Permits { slots: Arc::new(Slots::new(max)), addresses: Addresses::default(), max_per_address }
    }

    /// Sets other bounds. Clients that are there stay.
    pub(crate) fn set(&self, max: usize, max_per_address: Option<usize>) {
        self.max_per_address.store(max_per_address.unwrap_or(usize::MAX), Ordering::Relaxed);
        self.slots.set_max(max);
    }

    /// What there is for a new connection.
    pub(crate) fn request(&self, address: IpAddr) -> PendingPermit {
        let counted = self.count(address);
        let slot = counted.is_ok().then(|| self.slots.take()).flatten();
        PendingPermit { permits: self.clone(), slot, counted }
    }

    /// What there is for a new connection of a proxy, which is counted once it is known for whom it is.
    pub(crate) fn request_for_proxy(&self) -> PendingPermit {
        PendingPermit { permits: self.clone(), slot: self.slots.take(), counted: Ok(None) }
    }

    fn count(&self, address: IpAddr) -> Result<Option<Counted>, TooMany> {
        Counted::new(&self.addresses, address, self.max_per_address.load(Ordering::Relaxed)).map(Some)
    }

    /// Clients that there may be.
    pub(crate) fn max(&self) -> usize {
        self.slots.lock().max
    }

    pub(crate) fn are_exhausted(&self) -> bool {
        self.slots.free.available_permits() == 0
    }
}

impl Slots {
    fn new(max: usize) -> Slots {
        Slots { free: Arc::new(Semaphore::new(max)), bound: Mutex::new(Bound { max, excess: 0 }) }
    }

    /// One that is free.
    fn take(self: &Arc<Slots>) -> Option<Slot> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(Slot { slots: self.clone(), permit: Some(permit) })
    }

    /// Waits for one.
    async fn wait(self: &Arc<Slots>) -> Option<Slot> {
        let permit = self.free.clone().acquire_owned().await.ok()?;
        Some(Slot { slots: self.clone(), permit: Some(permit) })
    }

    fn set_max(&self, max: usize) {
        let mut bound = self.lock();
        if max > bound.max {
            let more = max - bound.max;
            let covered = more.min(bound.excess);
            bound.excess -= covered;
            self.free.add_permits(more - covered);
        } else {
            let fewer = bound.max - max;
            bound.excess += fewer - self.free.forget_permits(fewer);
        }
        bound.max = max;
    }

    fn lock(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut bound = self.slots.lock();
        if bound.excess > 0 {
            bound.excess -= 1;
            permit.forget();
        } else {
            drop(permit);
        }
    }
}

impl PendingPermit {
    /// Why the connection cannot become a client now.
    pub(crate) fn problem(&self) -> Option<TooMany> {
        match &self.counted {
            Err(too_many) => Some(*too_many),
            Ok(_) if self.slot.is_none() => Some(TooMany::Altogether),
            Ok(_) => None,
        }
    }

    /// Counts the connection of a proxy as one of its client's.
    pub(crate) fn count_for(&mut self, client: IpAddr) {
        self.counted = self.permits.count(client);
    }

    /// Waits until the server has room for one more client.
    pub(crate) async fn wait_for_slot(&mut self) {
        self.slot = self.permits.slots.wait().await;
    }

    /// The right to be a client. A slot that has become free meanwhile will do. Who does not get it stays counted as
    /// before.
    pub(crate) fn complete(&mut self) -> Result<Permit, TooMany> {
        let address = self.counted.as_mut().map_err(|too_many| *too_many)?;
        let slot = self.slot.take().or_else(|| self.permits.slots.take()).ok_or(TooMany::Altogether)?;
        Ok(Permit { _slot: slot, _address: address.take() })
    }
}

impl Counted {
    fn new(addresses: &Addresses, address: IpAddr, max: usize) -> Result<Counted, TooMany> {
        let mut counts = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= max {
            return Err(TooMany::OfAddress);
        }
        *count += 1;
        Ok(Counted { addresses: addresses.clone(), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    #[test]
    fn a_lower_bound_lets_nobody_in_until_enough_have_left() {
        let permits = Permits::new(3, None);
        let mut clients: Vec<Permit> =
            (0..3).map(|_| permits.request(address(1)).complete().expect("there is room")).collect();
        permits.set(1, None);
        for _ in 0..2 {
            assert_eq!(permits.request(address(1)).problem(), Some(TooMany::Altogether));
            clients.pop();
        }
        assert_eq!(permits.request(address(1)).problem(), Some(TooMany::Altogether), "one has stayed, as may be");
        clients.pop();
        assert_eq!(permits.request(address(1)).problem(), None);
        assert_eq!(permits.max(), 1);
    }

    #[test]
    fn a_bound_that_is_raised_again_gives_back_what_it_took() {
        let permits = Permits::new(4, None);
        let clients: Vec<Permit> =
            (0..3).map(|_| permits.request(address(1)).complete().expect("there is room")).collect();
        permits.set(1, None);
        permits.set(4, None);
        let fourth = permits.request(address(1)).complete().expect("there is room again");
        assert_eq!(permits.request(address(1)).problem(), Some(TooMany::Altogether));
        drop((clients, fourth));
        let again: Vec<Permit> =
            (0..4).map(|_| permits.request(address(1)).complete().expect("there is room")).collect();
        assert!(permits.are_exhausted());
        drop(again);
    }

    #[test]
    fn connections_of_before_count_when_a_bound_for_addresses_is_set() {
        let permits = Permits::new(10, None);
        let before: Vec<Permit> =
            (0..2).map(|_| permits.request(address(1)).complete().expect("there is room")).collect();
        permits.set(10, Some(2));
        assert_eq!(permits.request(address(1)).problem(), Some(TooMany::OfAddress));
        assert_eq!(permits.request(address(2)).problem(), None);
        drop(before);
        assert_eq!(permits.request(address(1)).problem(), None);
    }
}
