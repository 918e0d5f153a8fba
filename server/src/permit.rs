//! The right to be a client: one of the connections that there may be, in all and of an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

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
    _slot: OwnedSemaphorePermit,
    _address: Option<Counted>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Permit {
    pub(crate) fn for_fuzzing() -> Permit {
        let slot = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a new semaphore has its permits");
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

/// The connections that there may be.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    slots: Arc<Semaphore>,
    addresses: Addresses,
    max_per_address: Option<usize>,
}

/// What a connection needs to become a client, as far as it was available when the connection came.
#[derive(Debug)]
pub(crate) struct PendingPermit {
    permits: Permits,
    slot: Option<OwnedSemaphorePermit>,
    counted: Result<Option<Counted>, TooMany>,
}

impl Permits {
    pub(crate) fn new(max: usize, max_per_address: Option<usize>) -> Permits {
        Permits { slots: Arc::new(Semaphore::new(max)), addresses: Addresses::default(), max_per_address }
    }

    /// What there is for a new connection.
    pub(crate) fn request(&self, address: IpAddr) -> PendingPermit {
        let counted = self.count(address);
        let slot = counted.is_ok().then(|| self.slots.clone().try_acquire_owned().ok()).flatten();
        PendingPermit { permits: self.clone(), slot, counted }
    }

    /// What there is for a new connection of a proxy, which is counted once it is known for whom it is.
    pub(crate) fn request_for_proxy(&self) -> PendingPermit {
        PendingPermit { permits: self.clone(), slot: self.slots.clone().try_acquire_owned().ok(), counted: Ok(None) }
    }

    fn count(&self, address: IpAddr) -> Result<Option<Counted>, TooMany> {
        self.max_per_address.map(|max| Counted::new(&self.addresses, address, max)).transpose()
    }

    pub(crate) fn are_exhausted(&self) -> bool {
        self.slots.available_permits() == 0
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
        self.slot = self.permits.slots.clone().acquire_owned().await.ok();
    }

    /// The right to be a client. A slot that has become free meanwhile will do. Who does not get it stays counted as
    /// before.
    pub(crate) fn complete(&mut self) -> Result<Permit, TooMany> {
        let address = self.counted.as_mut().map_err(|too_many| *too_many)?;
        let slot = self
            .slot
            .take()
            .or_else(|| self.permits.slots.clone().try_acquire_owned().ok())
            .ok_or(TooMany::Altogether)?;
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
