//! Takes connections in: as many as are allowed, each with a time limit for its request, and a few more to be told why
//! not.

use std::future::{pending, poll_fn};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::descriptors;
use crate::health::Health;
use crate::http_server::Admission;
use crate::http_server::entrance::Entrance;
use crate::http_server::event_stream::EventStreams;
use crate::http_server::gate::Gate;
use crate::http_server::hook::Hook;
use crate::http_server::responder::{ANSWER_TIMEOUT, Responder};
use crate::http_server::routes::Routes;
use crate::http_server::spare_slots::{SpareSlot, SpareSlots};
use crate::http_server::upgrade::Handshakes;
use crate::hub::Hub;
use crate::metrics::RefusedFor;
use crate::permit::{Permits, TooMany};
use crate::rights::Rights;

/// Pause after a failed accept. Descriptors come back when clients leave; asking sooner would only burn CPU.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);
/// How long a connection may take for its request when there is no room for another client.
const SPARE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long there must have been room before the log says so. Of a full server clients leave all the time, and others
/// come.
const ROOM_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) hub: Hub,
    pub(crate) health: Arc<Health>,
    pub(crate) admission: Admission,
    pub(crate) rights: Arc<Rights>,
    pub(crate) entrance: Entrance,
    /// Channels that one client may have.
    pub(crate) max_channels: usize,
    /// Whether the sockets were passed to us: they go on listening for other processes that have them.
    pub(crate) is_passed: bool,
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
            answered,
        } = self.admission;
        // All of one name: either all are of this machine alone, or none is.
        let address = self.listeners.first().and_then(|listener| listener.local_addr().ok());
        let address = address.map(|address| address.ip());
        let proxies = self.entrance.proxies.clone();
        let hook = self.entrance.hook.clone().map(|options| Arc::new(Hook::new(options, self.hub.clone())));
        let answer_timeout = ANSWER_TIMEOUT + hook.as_ref().map(|hook| hook.patience()).unwrap_or_default();
        let entrance = (self.entrance, hook.clone());
        let gate = Gate::new(allowed_origins, address, self.rights, entrance, answered, self.max_channels);
        let gate = Arc::new(gate);
        let routes = Routes { hub: self.hub.clone(), health: self.health, gate: gate.clone() };
        let event_streams = EventStreams { gate: gate.clone() };
        let handshakes = Handshakes { gate };
        let joined = AtomicUsize::new(0);
        let responder = Responder {
            hub: self.hub,
            handshakes,
            event_streams,
            routes,
            proxies: proxies.clone(),
            max_header_bytes,
            answer_timeout,
            joined,
        };
        let responder = Arc::new(responder);
        let permits = Permits::new(max_connections, max_connections_per_address);
        let mut spare_slots = SpareSlots::new(spare_slots);
        let mut fullness = Fullness { max_connections, seen: None };
        let requests = TaskTracker::new();
        let (mut is_failing, mut next) = (false, 0);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = fullness.next_look() => {
                    fullness.look(&permits);
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
            let mut pending =
                if proxies.contain(address.ip()) { permits.request_for_proxy() } else { permits.request(address.ip()) };
            let problem = pending.problem();
            if problem == Some(TooMany::Altogether) {
                fullness.found();
            }
            // Who cannot become a client is answered all the same: it may be a health check.
            let spare = match problem {
                None => None,
                // An address with too many does not make the others wait.
                Some(TooMany::OfAddress) => match spare_slots.try_acquire() {
                    Some(spare) => Some(spare),
                    None => {
                        responder.hub.metrics().refused(RefusedFor::Address);
                        continue;
                    }
                },
                Some(TooMany::Altogether) => tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = pending.wait_for_slot() => None,
                    spare = spare_slots.acquire() => Some(spare),
                },
            };
            let limit = if spare.is_some() { handshake_timeout.min(SPARE_TIMEOUT) } else { handshake_timeout };
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
        if let Some(hook) = hook {
            hook.stop().await;
        }
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

    fn look(&mut self, permits: &Permits) {
        self.seen = permits.are_exhausted().then(Instant::now);
        if self.seen.is_none() {
            info!("there is room for clients again");
        }
    }
}

/// Tells a connection that was reset before it was accepted from a fault of ours.
fn is_client_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
