//! What comes in on the one port: a request's head is read, a WebSocket handshake or a request for server-sent events
//! goes to the hub on any path, everything else is answered as plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http_server::accepted::Accepted;
use crate::http_server::answer::refuse;
use crate::http_server::decisions::Decisions;
use crate::http_server::error::HttpError;
use crate::http_server::finishing::Finishing;
use crate::http_server::head_reader::HeadReader;
use crate::http_server::linger::linger;
use crate::http_server::proxies::Sender;
use crate::http_server::pusher_api;
use crate::http_server::routes::Plain;
use crate::http_server::spare_slots::SpareSlot;
use crate::hub::Hub;
use crate::permit::PendingPermit;

/// How long answering may take, when the request is there, beside the time of the hook.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Clients that join before this thread yields its core. When thousands connect at the same time, the scheduler would
/// let it run for milliseconds, while events for connected clients wait for the same core.
const JOINS_BEFORE_YIELD: usize = 8;

/// Answers the first request of every connection.
#[derive(Debug)]
pub(super) struct Responder {
    pub(super) hub: Hub,
    /// Replaced as a whole.
    decisions: ArcSwap<Decisions>,
    /// Clients that have joined.
    joined: AtomicUsize,
}

impl Responder {
    pub(super) fn new(hub: Hub, decisions: Decisions) -> Responder {
        Responder { hub, decisions: ArcSwap::from_pointee(decisions), joined: AtomicUsize::new(0) }
    }

    /// Decides otherwise from now on, also about connections whose request is not there yet.
    pub(super) fn decide_by(&self, decisions: Decisions) {
        self.decisions.store(Arc::new(decisions));
    }

    /// By what it decides now.
    pub(super) fn decisions(&self) -> Guard<Arc<Decisions>> {
        self.decisions.load()
    }

    /// Answers the request of a new connection, which must be complete within a time. It may have a spare slot.
    pub(super) async fn answer(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        limit: Duration,
        mut pending: PendingPermit,
        spare: Option<&SpareSlot>,
        finishing: &Finishing,
    ) -> Result<(), HttpError> {
        let answered = self.answer_on(&mut stream, address, limit, &mut pending, spare, finishing).await;
        answered.as_ref().err().into_iter().for_each(|error| self.count(error));
        match answered {
            Ok(Some((accepted, client))) => {
                accepted.join(&self.hub, stream, client)?;
                self.yield_core();
                Ok(())
            }
            Err(HttpError::TooLong) => Err(HttpError::TooLong),
            answered => {
                spare.inspect(|spare| spare.unkeep());
                linger(&mut stream).await;
                answered.map(|_| ())
            }
        }
    }

    /// Counts a connection that does not become a client.
    fn count(&self, error: &HttpError) {
        error.refused_for().into_iter().for_each(|reason| self.hub.metrics().refused(reason));
        if let HttpError::Denied(_, counted) = error {
            self.hub.metrics().auth_failed(*counted);
        }
    }

    /// Yields the core after some clients.
    fn yield_core(&self) {
        if (self.joined.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(JOINS_BEFORE_YIELD) {
            std::thread::yield_now();
        }
    }

    /// Writes the answer, unless it is for the hub to write. Then it is returned with the address of the client.
    async fn answer_on(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        limit: Duration,
        pending: &mut PendingPermit,
        spare: Option<&SpareSlot>,
        finishing: &Finishing,
    ) -> Result<Option<(Accepted, SocketAddr)>, HttpError> {
        let max_header_bytes = self.decisions().max_header_bytes;
        let mut reader = HeadReader::new(max_header_bytes);
        let head = timeout(limit, reader.read(stream)).await.map_err(|_| HttpError::TooLong)??;
        let mut received = reader.into_received();
        // Only now: it may have changed while the request came.
        let decisions = self.decisions.load_full();
        let sender = match &head {
            Ok(Some(head)) => decisions.proxies.sender(peer, head),
            _ => Sender { address: peer, is_proxied: false },
        };
        if sender.is_proxied {
            pending.count_for(sender.address.ip());
        }
        let limit = match &head {
            Ok(Some(head)) if decisions.routes.are_api(head) => pusher_api::TIMEOUT,
            _ => decisions.answer_timeout,
        };
        let answered = async {
            match head {
                Ok(None) => Err(HttpError::Incomplete),
                Ok(Some(head)) if head.is_upgrade() => {
                    let received = received.split_off(head.length);
                    decisions.handshakes.accept(stream, head, received, sender, pending).await.map(Some)
                }
                Ok(Some(head)) if head.is_event_stream() => {
                    decisions.event_streams.accept(stream, head, sender, pending).await
                }
                Ok(Some(head)) => {
                    spare.inspect(|spare| spare.keep());
                    let plain = Plain { head, received, max_header_bytes };
                    decisions.routes.serve(stream, plain, finishing).await.map(|()| None)
                }
                Err(error) => {
                    refuse(stream, error.status(), &error.to_string()).await?;
                    Err(error.into())
                }
            }
        };
        let answered = timeout(limit, answered).await.map_err(|_| HttpError::TooLong)??;
        Ok(answered.map(|accepted| (accepted, sender.address)))
    }
}
