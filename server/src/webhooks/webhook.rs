//! One webhook: a URL, what waits for it, and the task that sends it, in order and one request after the other.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::MAX_WAITING_BYTES;
use crate::backoff::Backoff;
use crate::http_client::{self, RequestError};
use crate::log_limit::LogLimit;
use crate::rights::{PusherApp, WebhookUrl};
use crate::tls::{self, TlsFiles};
use crate::unix_time;

/// Most events of a request, and most bytes of several.
pub(super) const MAX_EVENTS: usize = 100;
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// How long others are waited for that can go into the same request.
const GATHER: Duration = Duration::from_millis(5);
/// How long an answer may take.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long something is tried to be told.
pub(super) const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// What an event takes in the queue beside its text.
const OVERHEAD_BYTES: usize = 64;

/// What has happened, as it is written.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) at: Instant,
    pub(super) text: Bytes,
}

/// A webhook, whose task runs.
#[derive(Debug)]
pub(super) struct Webhook(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: WebhookUrl,
    /// Its place in the settings. In log lines it stands for the URL, which may hold a secret.
    number: AtomicUsize,
    app: ArcSwap<PusherApp>,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    /// Nothing more comes.
    closing: CancellationToken,
}

#[derive(Debug)]
struct Waiting {
    events: VecDeque<Told>,
    bytes: usize,
    /// What found no room, or became too old, since it was logged.
    dropped: LogLimit,
}

/// Why a request was no success.
#[derive(Debug, Error)]
enum NotTaken {
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("no answer within {}s", ANSWER_TIMEOUT.as_secs())]
    TooLong,
    #[error("cannot use TLS: {0}")]
    Tls(String),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("the request cannot be made: {0}")]
    Invalid(#[from] http::Error),
}

/// What goes into a request.
#[derive(Debug)]
struct Batch {
    body: Bytes,
    events: u64,
    /// When it is given up.
    end: Instant,
}

struct Task {
    shared: Arc<Shared>,
    /// What is being told.
    batch: Option<Batch>,
    /// Events whose last try before the end has failed.
    lost: u64,
    backoff: Backoff,
    tls: Option<Arc<ClientConfig>>,
}

impl Webhook {
    /// Starts its task. It ends when it is [closed](Self::close), or at once when `abandon` is cancelled.
    pub(super) fn start(
        url: WebhookUrl,
        app: Arc<PusherApp>,
        tasks: &mut JoinSet<()>,
        abandon: CancellationToken,
    ) -> Webhook {
        let shared = Arc::new(Shared {
            url,
            number: AtomicUsize::new(0),
            app: ArcSwap::new(app),
            waiting: Mutex::new(Waiting { events: VecDeque::new(), bytes: 0, dropped: LogLimit::every_second() }),
            arrived: Notify::new(),
            closing: CancellationToken::new(),
        });
        let mut task = Task { shared: shared.clone(), batch: None, lost: 0, backoff: Backoff::default(), tls: None };
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = abandon.cancelled() => {}
                () = task.run() => {}
            }
            task.end();
        });
        Webhook(shared)
    }

    pub(super) fn url(&self) -> &WebhookUrl {
        &self.0.url
    }

    /// Its place in the settings, and with what is signed.
    pub(super) fn change(&self, number: usize, app: Arc<PusherApp>) {
        self.0.number.store(number, Ordering::Relaxed);
        self.0.app.store(app);
    }

    /// Adds what is to be told. If there is no room it is dropped.
    pub(super) fn push(&self, told: Told) {
        let bytes = told.text.len() + OVERHEAD_BYTES;
        let mut waiting = self.0.lock();
        if waiting.bytes + bytes > MAX_WAITING_BYTES {
            if let Some(others) = waiting.dropped.allow_of(1, Instant::now().into_std()) {
                let webhook = self.0.number();
                error!(webhook, others, "a webhook is not told of an event, because too many wait for it already");
            }
            return;
        }
        waiting.bytes += bytes;
        waiting.events.push_back(told);
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// What waits.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> Vec<Bytes> {
        self.0.lock().events.iter().map(|told| told.text.clone()).collect()
    }

    /// Nothing more is added. What waits is tried once.
    pub(super) fn close(&self) {
        self.0.closing.cancel();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> usize {
        self.number.load(Ordering::Relaxed)
    }

    /// The oldest of what waits, as one request. What is too old is left out.
    fn next_batch(&self) -> Option<Batch> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let mut old = 0;
        while waiting.events.front().is_some_and(|told| told.at + MAX_AGE <= now) {
            waiting.pop();
            old += 1;
        }
        if old > 0
            && let Some(others) = waiting.dropped.allow_of(old, now.into_std())
        {
            error!(webhook = self.number(), events = old, others, "a webhook has not taken events for too long");
        }
        let first = waiting.pop()?;
        let mut body = format!(r#"{{"time_ms":{},"events":["#, unix_time::now().as_millis()).into_bytes();
        body.extend_from_slice(&first.text);
        let mut events = 1;
        while events < MAX_EVENTS
            && waiting.events.front().is_some_and(|told| body.len() + told.text.len() < MAX_BATCH_BYTES)
            && let Some(told) = waiting.pop()
        {
            body.push(b',');
            body.extend_from_slice(&told.text);
            events += 1;
        }
        body.extend_from_slice(b"]}");
        Some(Batch { body: body.into(), events: events as u64, end: first.at + MAX_AGE })
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<Told> {
        let told = self.events.pop_front()?;
        self.bytes -= told.text.len() + OVERHEAD_BYTES;
        if self.events.is_empty() && self.events.capacity() > 1024 {
            self.events = VecDeque::new();
        }
        Some(told)
    }
}

impl Task {
    /// Ends when nothing more comes and all was tried.
    async fn run(&mut self) {
        loop {
            let is_closing = self.shared.closing.is_cancelled();
            let count = self.shared.lock().events.len();
            if count == 0 {
                if is_closing {
                    return;
                }
                self.unless_closing(self.shared.arrived.notified()).await;
                continue;
            }
            if count < MAX_EVENTS {
                self.unless_closing(sleep(GATHER)).await;
            }
            self.batch = self.shared.next_batch();
            self.send_batch().await;
        }
    }

    /// Tries until it was taken or is too old; once if nothing more comes.
    async fn send_batch(&mut self) {
        while let Some(Batch { body, end, .. }) = &self.batch {
            let (body, end) = (body.clone(), *end);
            self.pause().await;
            let is_closing = self.shared.closing.is_cancelled();
            let Err(failure) = self.try_to_send(body).await else {
                self.batch = None;
                if self.backoff.succeed() {
                    info!(webhook = self.shared.number(), "a webhook takes events again");
                }
                return;
            };
            let now = Instant::now();
            if self.backoff.fail(now.into_std(), &failure) {
                let webhook = self.shared.number();
                warn!(webhook, error = %failure, "a webhook has not taken events, they are sent again");
            }
            if is_closing {
                self.lost += self.batch.take().map_or(0, |batch| batch.events);
            } else if now >= end {
                let events = self.batch.take().map_or(0, |batch| batch.events);
                let allowed = self.shared.lock().dropped.allow_of(events, now.into_std());
                if let Some(others) = allowed {
                    let webhook = self.shared.number();
                    error!(webhook, events, others, error = %failure, "a webhook has not taken events for too long");
                }
            }
        }
    }

    /// Between two tries, a time that chance changes by half: what has failed together does not come back together.
    async fn pause(&self) {
        let Some(until) = self.backoff.until() else { return };
        let pause = until.saturating_duration_since(Instant::now().into_std());
        self.unless_closing(sleep(pause.mul_f64(rand::random_range(0.5..1.5)))).await;
    }

    async fn unless_closing(&self, wait: impl Future<Output = ()>) {
        tokio::select! {
            () = wait => {}
            () = self.shared.closing.cancelled() => {}
        }
    }

    async fn try_to_send(&mut self, body: Bytes) -> Result<(), NotTaken> {
        let sending = async {
            let tls = self.tls().await?;
            let request = self.shared.request(body)?;
            Ok(http_client::send(self.shared.url.http(), tls, request).await?)
        };
        match timeout(ANSWER_TIMEOUT, sending).await {
            Ok(Ok((status, _))) if status.is_success() => Ok(()),
            Ok(Ok((status, _))) => Err(NotTaken::Status(status)),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(NotTaken::TooLong),
        }
    }

    /// Whom the system trusts is read once.
    async fn tls(&mut self) -> Result<Option<Arc<ClientConfig>>, NotTaken> {
        if self.shared.url.http().is_tls && self.tls.is_none() {
            let read = tokio::task::spawn_blocking(|| tls::config(&TlsFiles::default())).await;
            let read = read.map_err(|error| NotTaken::Tls(error.to_string()))?;
            self.tls = Some(read.map_err(|error| NotTaken::Tls(error.to_string()))?);
        }
        Ok(self.tls.clone())
    }

    /// Says what is not told any more.
    fn end(self) {
        let not_tried = self.shared.lock().events.len() as u64 + self.batch.map_or(0, |batch| batch.events);
        let events = self.lost + not_tried;
        if events > 0 {
            error!(webhook = self.shared.number(), events, "a webhook is not told of the last events");
        }
    }
}

impl Shared {
    /// It is signed for each try: the secret can be another by now.
    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let (url, app) = (self.url.http(), self.app.load());
        Request::post(url.target.as_str())
            .header("host", url.authority.as_str())
            .header("connection", "close")
            .header("user-agent", "fastapi-broadcaster")
            .header("content-type", "application/json")
            .header("x-pusher-key", &*app.key)
            .header("x-pusher-signature", app.sign(&body))
            .body(Full::new(body))
    }
}
