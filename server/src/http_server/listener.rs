//! Takes connections in: as many as are allowed, each with a time limit for its request, and a few more to be told why
//! not.

use std::future::{pending, poll_fn};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::RawFd;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::descriptors;
use crate::http_server::finishing::Finishing;
use crate::http_server::intake::Intake;
use crate::http_server::spare_slots::{SpareSlot, SpareSlots};
use crate::log_limit::LogLimit;
use crate::metrics::RefusedFor;
use crate::permit::{Permits, TooMany};

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
    pub(crate) intake: Intake,
    /// Connections beside the clients, only to answer health checks and to tell that the server is full.
    pub(crate) spare_slots: usize,
    /// The lowest number that sockets of clients have.
    pub(crate) first_descriptor: RawFd,
    /// Whether the sockets were passed to us: they go on listening for other processes that have them.
    pub(crate) is_passed: bool,
}

impl Listener {
    /// Accepts until it is told to stop, then waits for requests that have begun.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Listener { listeners, intake, spare_slots, first_descriptor, is_passed } = self;
        let Intake { permits, responder, hooks, .. } = intake;
        let mut spare_slots = SpareSlots::new(spare_slots);
        let mut fullness = Fullness::default();
        let mut failure = AcceptFailure::default();
        let requests = TaskTracker::new();
        let mut next = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = fullness.next_look() => {
                    fullness.look(&permits);
                    continue;
                }
                accepted = accept(&listeners, &mut next) => accepted,
            };
            let raise = |(stream, address)| Ok((descriptors::raise(stream, first_descriptor)?, address));
            let (stream, address) = match accepted.and_then(raise) {
                Ok(accepted) => accepted,
                Err(error) if is_client_fault(&error) => continue,
                Err(error) => {
                    failure.found(&error);
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(ACCEPT_BACKOFF) => continue,
                    }
                }
            };
            failure.over();
            let is_proxy = responder.decisions().proxies.contain(address.ip());
            let mut pending = if is_proxy { permits.request_for_proxy() } else { permits.request(address.ip()) };
            let problem = pending.problem();
            if problem == Some(TooMany::Altogether) {
                fullness.found(permits.max());
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
            let handshake_timeout = responder.decisions().handshake_timeout;
            let limit = if spare.is_some() { handshake_timeout.min(SPARE_TIMEOUT) } else { handshake_timeout };
            let (responder, stop) = (responder.clone(), stop.clone());
            requests.spawn(async move {
                let finishing = Finishing::default();
                tokio::select! {
                    biased;
                    () = finishing.given_up(&stop) => {}
                    // Before the spare is given up: what has arrived is answered.
                    answered = responder.answer(stream, address, limit, pending, spare.as_ref(), &finishing) => {
                        if let Err(error) = answered {
                            debug!(%address, %error, "request refused");
                        }
                    }
                    () = reclaimed(spare.as_ref()) => debug!(%address, "request took too long, others wait"),
                }
            });
        }
        if !is_passed {
            // Closing it would not free the port while a forked process has a copy.
            for listener in &listeners {
                let _ = SockRef::from(listener).shutdown(Shutdown::Both);
            }
        }
        drop(listeners);
        requests.close();
        requests.wait().await;
        hooks.stop().await;
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

/// Logs that connections cannot be accepted: once until that is over, and a line a second at most.
#[derive(Debug)]
struct AcceptFailure {
    is_logged: bool,
    limit: LogLimit,
}

impl Default for AcceptFailure {
    fn default() -> AcceptFailure {
        AcceptFailure { is_logged: false, limit: LogLimit::every_second() }
    }
}

impl AcceptFailure {
    fn found(&mut self, error: &io::Error) {
        if !self.is_logged
            && let Some(suppressed) = self.limit.allow(std::time::Instant::now())
        {
            warn!(%error, suppressed, "cannot accept connections, trying again until it works");
            self.is_logged = true;
        }
    }

    fn over(&mut self) {
        self.is_logged = false;
    }
}

/// Logs that the server is full, and when that is over: once each.
#[derive(Debug, Default)]
struct Fullness {
    /// When the server was last found to be full.
    seen: Option<Instant>,
}

impl Fullness {
    fn found(&mut self, max_connections: usize) {
        if self.seen.replace(Instant::now()).is_none() {
            warn!(max_connections, "server is full, clients are refused until some leave");
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
