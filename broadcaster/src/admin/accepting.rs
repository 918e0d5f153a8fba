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
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use tracing::debug;

use super::body;

/// Connections at a time.
pub(super) const MAX_CONNECTIONS: usize = 64;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one that is being answered is kept, if others wait: its head and its body had all the time they may take.
const ANSWER_TIMEOUT: Duration = HEAD_TIMEOUT.saturating_add(body::TIMEOUT);
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

impl Progress {
    fn is_too_long(&self) -> bool {
        !self.is_endless.load(Ordering::Relaxed) && self.began.elapsed() >= ANSWER_TIMEOUT
    }
}

#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// The oldest first, some of which have ended.
    order: VecDeque<(AbortHandle, Arc<Progress>)>,
}

impl Connections {
    /// If there are as many as there may be, one makes room: the oldest that has asked nothing yet, or else one that is
    /// being answered for longer than that may take, or else the oldest stream, whose reader comes again. If there is none,
    /// the new one waits. So nothing that an operator has asked for is broken off by others who connect.
    async fn make_room(&mut self) {
        if self.tasks.len() >= MAX_CONNECTIONS {
            // What has arrived meanwhile is read first.
            yield_now().await;
        }
        self.order.retain(|(task, _)| !task.is_finished());
        while self.order.len() >= MAX_CONNECTIONS {
            if let Some((task, _)) = self.dispensable().and_then(|index| self.order.remove(index)) {
                task.abort();
                continue;
            }
            let is_too_long = self.order.front().map(|(_, oldest)| oldest.began + ANSWER_TIMEOUT);
            tokio::select! {
                _ = self.tasks.join_next() => {}
                () = sleep_until(is_too_long.unwrap_or_else(Instant::now)) => {}
            }
            self.order.retain(|(task, _)| !task.is_finished());
        }
        while self.tasks.len() >= MAX_CONNECTIONS {
            let _ = self.tasks.join_next().await;
        }
    }

    fn dispensable(&self) -> Option<usize> {
        let find = |is_it: fn(&Progress) -> bool| self.order.iter().position(|(_, connection)| is_it(connection));
        find(|connection| !connection.is_asked.load(Ordering::Relaxed))
            .or_else(|| find(Progress::is_too_long))
            .or_else(|| find(|connection| connection.is_endless.load(Ordering::Relaxed)))
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
