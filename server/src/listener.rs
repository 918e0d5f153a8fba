//! Takes connections in: as many as are allowed, each with a time limit for its request, and a few more to be told why not.

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::config::Admission;
use crate::descriptors;
use crate::health::Health;
use crate::http::Responder;
use crate::hub::Hub;
use crate::origin::RefusedOrigins;
use crate::spare_slots::{SpareSlot, SpareSlots};

/// Pause after a failed accept. Descriptors come back when clients leave; asking sooner would only burn CPU.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);
/// How long a connection may take for its request when there is no room for another client.
const SPARE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long there must have been room before the log says so. Of a full server clients leave all the time, and others come.
const ROOM_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) hub: Hub,
    pub(crate) health: Arc<Health>,
    pub(crate) admission: Admission,
    /// Whether the sockets were passed to us: they go on listening for other processes that have them.
    pub(crate) is_passed: bool,
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

/// What a connection needs to become a client, as far as it was to be had when the connection came.
#[derive(Debug)]
pub(crate) struct PendingPermit {
    slots: Arc<Semaphore>,
    slot: Option<OwnedSemaphorePermit>,
    counted: Result<Option<Counted>, TooMany>,
}

impl Listener {
    /// Accepts until it is told to stop, then waits for requests that have begun.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Admission {
            max_connections,
            spare_slots,
            max_connections_per_address,
            handshake_timeout,
            max_header_bytes,
            allowed_origins,
            first_descriptor,
        } = self.admission;
        // All of one name: either all are of this machine alone, or none is.
        let origins = match self.listeners.first().map(TcpListener::local_addr) {
            Some(Ok(address)) => allowed_origins.listening_on(address.ip()),
            _ => allowed_origins,
        };
        let refused_origins = RefusedOrigins::default();
        let responder = Responder { hub: self.hub, health: self.health, origins, refused_origins, max_header_bytes };
        let responder = Arc::new(responder);
        let (slots, addresses) = (Arc::new(Semaphore::new(max_connections)), Addresses::default());
        let mut spare_slots = SpareSlots::new(spare_slots);
        let mut fullness = Fullness { max_connections, seen: None };
        let requests = TaskTracker::new();
        let (mut is_failing, mut next) = (false, 0);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = fullness.next_look() => {
                    fullness.look(&slots);
                    continue;
                }
                accepted = accept(&self.listeners, &mut next) => accepted,
            };
            let raise = |(stream, address)| Ok((descriptors::raise(stream, first_descriptor)?, address));
            let (stream, address) = match accepted.and_then(raise) {
                Ok(accepted) => accepted,
                Err(error) if is_client_fault(&error) => continue,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(%error, "cannot accept connections, trying again until it works");
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(ACCEPT_BACKOFF) => continue,
                    }
                }
            };
            is_failing = false;
            let counted =
                max_connections_per_address.map(|max| Counted::new(&addresses, address.ip(), max)).transpose();
            let slot = counted.is_ok().then(|| slots.clone().try_acquire_owned().ok()).flatten();
            if counted.is_ok() && slot.is_none() {
                fullness.found();
            }
            // Who cannot become a client is answered all the same: it may be a health check.
            let (slot, spare) = match slot {
                Some(slot) => (Some(slot), None),
                // An address with too many does not make the others wait.
                None if counted.is_err() => match spare_slots.try_acquire() {
                    Some(spare) => (None, Some(spare)),
                    None => continue,
                },
                None => tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    slot = slots.clone().acquire_owned() => (slot.ok(), None),
                    spare = spare_slots.acquire() => (None, Some(spare)),
                },
            };
            let limit = if spare.is_some() { handshake_timeout.min(SPARE_TIMEOUT) } else { handshake_timeout };
            let pending = PendingPermit { slots: slots.clone(), slot, counted };
            let (responder, stop) = (responder.clone(), stop.clone());
            requests.spawn(async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    // Before the spare is given up: what has arrived is answered.
                    answered = responder.answer(stream, address, limit, pending, spare.as_ref()) => {
                        if let Err(error) = answered {
                            debug!(%address, %error, "request refused");
                        }
                    }
                    () = reclaimed(spare.as_ref()) => debug!(%address, "request took too long, others wait"),
                }
            });
        }
        if !self.is_passed {
            // Closing it would not free the port while a forked process has a copy.
            for listener in &self.listeners {
                let _ = SockRef::from(listener).shutdown(Shutdown::Both);
            }
        }
        drop(self.listeners);
        requests.close();
        requests.wait().await;
    }
}

/// The next connection of any of several sockets, by turns. `next` is whose turn it is.
async fn accept(listeners: &[TcpListener], next: &mut usize) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        let (before, after) = listeners.split_at((*next).min(listeners.len()));
        for (passed, listener) in after.iter().chain(before).enumerate() {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                *next = (*next + passed + 1) % listeners.len();
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

async fn reclaimed(spare: Option<&SpareSlot>) {
    match spare {
        Some(spare) => spare.reclaimed().await,
        None => pending().await,
    }
}

impl PendingPermit {
    /// The right to be a client. A slot that has become free meanwhile will do. Who does not get it stays counted as before.
    pub(crate) fn complete(&mut self) -> Result<Permit, TooMany> {
        let address = self.counted.as_mut().map_err(|too_many| *too_many)?;
        let slot =
            self.slot.take().or_else(|| self.slots.clone().try_acquire_owned().ok()).ok_or(TooMany::Altogether)?;
        Ok(Permit { _slot: slot, _address: address.take() })
    }
}

/// Logs that the server is full, and when that is over: once each.
#[derive(Debug)]
struct Fullness {
    max_connections: usize,
    /// When the server was last found to be full.
    seen: Option<Instant>,
}

impl Fullness {
    fn found(&mut self) {
        if self.seen.replace(Instant::now()).is_none() {
            warn!(max_connections = self.max_connections, "server is full, clients are refused until some leave");
        }
    }

    async fn next_look(&self) {
        match self.seen {
            Some(seen) => sleep_until(seen + ROOM_INTERVAL).await,
            None => pending().await,
        }
    }

    fn look(&mut self, slots: &Semaphore) {
        self.seen = (slots.available_permits() == 0).then(Instant::now);
        if self.seen.is_none() {
            info!("there is room for clients again");
        }
    }
}

/// Why a connection cannot become a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// Its address has all the connections that it may have.
    OfAddress,
    /// The server has all the clients that it may have.
    Altogether,
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

/// Tells a connection that died before we took it from a fault of ours.
fn is_client_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
