//! Takes connections in: as many as are allowed, each with a time limit for its request.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::config::Admission;
use crate::http;
use crate::hub::Hub;

/// Pause after a failed accept. Descriptors come back when clients leave; asking sooner would only burn CPU.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) listener: TcpListener,
    pub(crate) hub: Hub,
    pub(crate) admission: Admission,
    /// Whether the socket was passed to us: it goes on listening for whoever has it too.
    pub(crate) is_passed: bool,
}

/// A connection's right to be there, given back when dropped.
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

impl Listener {
    /// Accepts until it is told to stop, then waits for requests that have begun.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.admission.max_connections));
        let (addresses, admission) = (Addresses::default(), Arc::new(self.admission));
        let requests = TaskTracker::new();
        let mut is_failing = false;
        loop {
            // The slot comes first: a client too many waits in the kernel's queue and costs us nothing.
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
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
            let counted = admission
                .max_connections_per_address
                .map(|max| Counted::new(&addresses, address.ip(), max))
                .transpose();
            let (hub, admission, stop) = (self.hub.clone(), admission.clone(), stop.clone());
            requests.spawn(async move {
                let limit = admission.handshake_timeout;
                tokio::select! {
                    () = stop.cancelled() => {}
                    answered = timeout(limit, admit(stream, address, &admission, &hub, slot, counted)) => match answered {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => debug!(%address, %error, "request refused"),
                        Err(_) => debug!(%address, "request took too long"),
                    },
                }
            });
        }
        if !self.is_passed {
            // Closing it would not free the port while a forked process has a copy.
            let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        }
        drop(self.listener);
        requests.close();
        requests.wait().await;
    }
}

async fn admit(
    mut stream: TcpStream,
    address: SocketAddr,
    admission: &Admission,
    hub: &Hub,
    slot: OwnedSemaphorePermit,
    counted: Result<Option<Counted>, TooMany>,
) -> Result<(), http::HttpError> {
    match counted {
        Ok(counted) => {
            let permit = Permit { _slot: slot, _address: counted };
            http::answer(stream, address, &admission.allowed_origins, hub, permit).await
        }
        Err(TooMany) => {
            let problem = "too many connections of this address (max_connections_per_address)";
            http::refuse(&mut stream, StatusCode::TOO_MANY_REQUESTS, problem).await
        }
    }
}

/// An address has all the connections it may have.
#[derive(Debug)]
struct TooMany;

impl Counted {
    fn new(addresses: &Addresses, address: IpAddr, max: usize) -> Result<Counted, TooMany> {
        let mut counts = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= max {
            return Err(TooMany);
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
