//! What comes in on the one port: a request's head is read, a WebSocket handshake or a request for server-sent events
//! goes to the hub on any path, everything else is answered as plain HTTP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http_server::accepted::Accepted;
use crate::http_server::answer::refuse;
use crate::http_server::error::HttpError;
use crate::http_server::event_stream::EventStreams;
use crate::http_server::head_reader::HeadReader;
use crate::http_server::linger::linger;
use crate::http_server::proxies::{Sender, TrustedProxies};
use crate::http_server::routes::Routes;
use crate::http_server::spare_slots::SpareSlot;
use crate::http_server::upgrade::Handshakes;
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
    pub(super) handshakes: Handshakes,
    pub(super) event_streams: EventStreams,
    pub(super) routes: Routes,
    pub(super) proxies: TrustedProxies,
    pub(super) max_header_bytes: usize,
    /// How long the answer to a request may take that is there.
    pub(super) answer_timeout: Duration,
    /// Clients that have joined.
    pub(super) joined: AtomicUsize,
}

impl Responder {
    /// Answers the request of a new connection, which must be complete within a time. It may have a spare slot.
    pub(super) async fn answer(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        limit: Duration,
        mut pending: PendingPermit,
        spare: Option<&SpareSlot>,
    ) -> Result<(), HttpError> {
        let answered = self.answer_on(&mut stream, address, limit, &mut pending, spare).await;
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
    ) -> Result<Option<(Accepted, SocketAddr)>, HttpError> {
        let mut reader = HeadReader::new(self.max_header_bytes);
        let head = timeout(limit, reader.read(stream)).await.map_err(|_| HttpError::TooLong)??;
        let mut received = reader.into_received();
        let sender = match &head {
            Ok(Some(head)) => self.proxies.sender(peer, head),
            _ => Sender { address: peer, is_proxied: false },
        };
        if sender.is_proxied {
            pending.count_for(sender.address.ip());
        }
        let answered = async {
            match head {
                Ok(None) => Err(HttpError::Incomplete),
                Ok(Some(head)) if head.is_upgrade() => {
                    let received = received.split_off(head.length);
                    self.handshakes.accept(stream, head, received, sender, pending).await.map(Some)
                }
                Ok(Some(head)) if head.is_event_stream() => {
                    self.event_streams.accept(stream, head, sender, pending).await
                }
                Ok(Some(_)) => {
                    spare.inspect(|spare| spare.keep());
                    self.routes.serve(stream, received, self.max_header_bytes).await.map(|()| None)
                }
                Err(error) => {
                    refuse(stream, error.status(), &error.to_string()).await?;
                    Err(error.into())
                }
            }
        };
        let answered = timeout(self.answer_timeout, answered).await.map_err(|_| HttpError::TooLong)??;
        Ok(answered.map(|accepted| (accepted, sender.address)))
    }
}
