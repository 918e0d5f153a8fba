//! Takes connections in: as many as are allowed, each with a time limit for its request.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::http;
use crate::hub::Hub;

/// Pause after a failed accept. Descriptors come back when clients leave; asking sooner would only burn CPU.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) listener: TcpListener,
    pub(crate) hub: Hub,
    pub(crate) max_connections: usize,
    pub(crate) handshake_timeout: Duration,
}

impl Listener {
    /// Accepts until it is told to stop, then waits for requests that have begun.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let permits = std::sync::Arc::new(Semaphore::new(self.max_connections));
        let requests = TaskTracker::new();
        loop {
            // The permit comes first: a client too many waits in the kernel's queue and costs us nothing.
            let permit = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                permit = permits.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !is_client_fault(&error) {
                        warn!(%error, "cannot accept connections");
                        tokio::select! {
                            () = stop.cancelled() => break,
                            () = sleep(ACCEPT_BACKOFF) => {}
                        }
                    }
                    continue;
                }
            };
            let (hub, limit, stop) = (self.hub.clone(), self.handshake_timeout, stop.clone());
            requests.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    answered = timeout(limit, http::answer(stream, address, hub, permit)) => match answered {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => debug!(%address, %error, "request refused"),
                        Err(_) => debug!(%address, "request took too long"),
                    },
                }
            });
        }
        drop(self.listener);
        requests.close();
        requests.wait().await;
    }
}

/// Tells a connection that died before we took it from a fault of ours.
fn is_client_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
