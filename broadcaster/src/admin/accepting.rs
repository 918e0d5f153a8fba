//! Connections to the admin listener, and what bounds them: a program that opens many, or is slow, keeps nobody else out.
//! A connection has one request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use tracing::debug;

/// Connections at a time.
pub(super) const MAX_CONNECTIONS: usize = 64;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// After so long without a request, one makes room for others.
const SLOW_HEAD: Duration = Duration::from_millis(500);
/// Bytes of a request's head, and its lines.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// How long one that is no stream may take in all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what was sent may wait for who reads a stream.
const UNREAD_TIMEOUT_MS: u32 = 20_000;
/// How long connections may take when the server ends.
pub(super) const END_TIMEOUT: Duration = Duration::from_millis(500);
/// How long nothing is accepted when that has failed: the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Marks an answer that has no end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endless;

/// What became of a connection so far.
#[derive(Debug)]
struct Progress {
    began: Instant,
    /// The head of its request is there.
    is_asked: AtomicBool,
    /// Its answer is a stream.
    is_endless: AtomicBool,
}

/// Accepts until it is told to end, and ends all connections then.
pub(super) async fn run(listener: TcpListener, router: Router, ending: CancellationToken) {
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.make_room().await;
                    connections.add(stream, router.clone(), ending.clone());
                }
                // The process may have no descriptor left for a while.
                Err(error) => {
                    debug!(%error, "cannot accept a connection to the admin listener");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.tasks.join_next() => {}
            () = ending.cancelled() => break,
        }
    }
    drop(listener);
    let _ = timeout(END_TIMEOUT, async { while connections.tasks.join_next().await.is_some() {} }).await;
    connections.tasks.shutdown().await;
}

#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// The oldest first, some of which have ended.
    order: VecDeque<(AbortHandle, Arc<Progress>)>,
}

impl Connections {
    /// If there are as many as there may be, one makes room: the oldest that takes long for its request, or else the oldest
    /// that is no stream, or else the oldest. Who asks and reads at once is never among them.
    async fn make_room(&mut self) {
        self.order.retain(|(task, _)| !task.is_finished());
        while self.order.len() >= MAX_CONNECTIONS {
            let is_slow = |connection: &Progress| {
                !connection.is_asked.load(Ordering::Relaxed) && connection.began.elapsed() >= SLOW_HEAD
            };
            let is_finite = |connection: &Progress| !connection.is_endless.load(Ordering::Relaxed);
            let find =
                |is_it: &dyn Fn(&Progress) -> bool| self.order.iter().position(|(_, connection)| is_it(connection));
            let oldest = find(&is_slow).or_else(|| find(&is_finite)).unwrap_or(0);
            if let Some((task, _)) = self.order.remove(oldest) {
                task.abort();
            }
        }
        while self.tasks.len() >= MAX_CONNECTIONS {
            let _ = self.tasks.join_next().await;
        }
    }

    fn add(&mut self, stream: TcpStream, router: Router, ending: CancellationToken) {
        let (is_asked, is_endless) = (AtomicBool::new(false), AtomicBool::new(false));
        let progress = Arc::new(Progress { began: Instant::now(), is_asked, is_endless });
        let serving = serve(stream, router, progress.clone(), ending);
        self.order.push_back((self.tasks.spawn(serving), progress));
    }
}

async fn serve(stream: TcpStream, router: Router, progress: Arc<Progress>, ending: CancellationToken) {
    // It fails only if the connection has ended.
    let _ = sockopt::set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS);
    let of_request = progress.clone();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (mut router, progress) = (router.clone(), of_request.clone());
        progress.is_asked.store(true, Ordering::Relaxed);
        async move {
            let answer: Response = router.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
            progress.is_endless.store(answer.extensions().get::<Endless>().is_some(), Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let too_slow = async {
        loop {
            sleep(CONNECTION_TIMEOUT).await;
            if !progress.is_endless.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, "a connection to the admin listener has failed");
            }
            return;
        }
        () = too_slow => return,
        () = ending.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
