//! The hook: code outside, such as a PHP script, that decides who may connect. It is asked once for each connection, so
//! that PHP's own session decides.
//!
//! A question is in [`question`], how it is asked in [`crate::http_client`] and [`over_fastcgi`] (with [`records`]), and
//! what an answer means in [`answer`], and what the log shows of one in [`excerpt`]. Where the hook is says [`url`].
//! [`script`] is no question: it runs a script for code outside.

mod answer;
mod excerpt;
mod failure;
mod over_fastcgi;
mod question;
mod records;
mod script;
mod url;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::display;
use tracing::warn;

use crate::http_client::{self, HttpUrl};
use crate::hub::Hub;
use crate::log_limit::LogLimit;
use crate::tls::{self, TlsFiles};

pub(crate) use answer::Decision;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use answer::try_output;
use failure::HookFailure;
pub(crate) use question::Question;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use records::try_records;
pub use script::run_script;
pub use url::Endpoint;
pub(crate) use url::HookUrl;

/// How much earlier than the answer says an identity may end, as a share of its time. All who connected at the same
/// time would come back at the same time otherwise.
const SPREAD: f64 = 0.1;
/// How long a question without an answer in time keeps its turn, at most. Its script still runs, and another question
/// would take one more worker from the site.
const MAX_LATE: Duration = Duration::from_secs(60);

/// What is decided about the hook from the settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HookOptions {
    pub(crate) url: HookUrl,
    /// How long a question may take, and before that how long a client waits for its turn.
    pub(crate) timeout: Duration,
    /// Questions at the same time.
    pub(crate) concurrency: usize,
    /// Clients that wait for their turn.
    pub(crate) queue: usize,
}

/// The hook has decided nothing. The client is not let in, and may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// Asks the hook.
#[derive(Debug)]
pub(crate) struct Hook {
    options: HookOptions,
    tls: Result<Option<Arc<ClientConfig>>, String>,
    /// Clients that are asked about or wait for that.
    places: Semaphore,
    /// Questions at the same time.
    turns: Arc<Semaphore>,
    running: TaskTracker,
    stop: CancellationToken,
    hub: Hub,
    failures: Mutex<LogLimit>,
}

impl Hook {
    /// Reads whom the system trusts, if the hook needs that. Connects to nothing.
    pub(crate) fn new(options: HookOptions, hub: Hub) -> Hook {
        let needs_tls = matches!(&options.url, HookUrl::Http(url) if url.is_tls);
        let tls = needs_tls.then(|| tls::config(&TlsFiles::default())).transpose().map_err(|error| error.to_string());
        Hook {
            tls,
            places: Semaphore::new(options.concurrency + options.queue),
            turns: Arc::new(Semaphore::new(options.concurrency)),
            running: TaskTracker::new(),
            stop: CancellationToken::new(),
            hub,
            failures: Mutex::default(),
            options,
        }
    }

    /// How long asking takes at most.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.options.timeout * 2
    }

    /// Asks. Whatever goes wrong, nobody is let in for it.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Decision, NoAnswer> {
        match self.decide(question).await {
            Ok(decision) => Ok(decision),
            Err(failure) => {
                self.hub.metrics().auth_failed(failure.kind());
                self.log(&failure, &question);
                Err(NoAnswer)
            }
        }
    }

    pub(super) fn options(&self) -> &HookOptions {
        &self.options
    }

    /// Whether questions are on their way.
    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Ends questions that are on their way, and waits for that.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }

    async fn decide(&self, question: Question<'_>) -> Result<Decision, HookFailure> {
        let HookOptions { timeout: limit, queue, .. } = self.options;
        let _place = self.places.try_acquire().map_err(|_| HookFailure::QueueFull(queue))?;
        let _waits = self.hub.metrics().hook_waits();
        let turn = timeout(limit, self.turns.clone().acquire_owned()).await.map_err(|_| HookFailure::Busy(limit))?;
        let turn = turn.map_err(|_| HookFailure::Stopped)?;
        let answered = self.start(question, turn)?;
        timeout(limit, answered).await.map_err(|_| HookFailure::TooLong(limit))?.map_err(|_| HookFailure::Stopped)?
    }

    /// Starts to ask, on a task of its own: it keeps its turn until the hook is done with it, even if nobody waits for
    /// the answer any more.
    fn start(
        &self,
        question: Question<'_>,
        turn: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Decision, HookFailure>>, HookFailure> {
        let asking = self.asking(question)?;
        let (answer, answered) = oneshot::channel();
        let (stop, hub, limit) = (self.stop.clone(), self.hub.clone(), self.options.timeout + MAX_LATE);
        self.running.spawn(async move {
            let _turn = turn;
            let begun = Instant::now();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                outcome = timeout(limit, asking) => {
                    hub.metrics().hook_answered(begun.elapsed());
                    // If nobody waits any more, it is too late.
                    let _ = answer.send(outcome.unwrap_or(Err(HookFailure::TooLong(limit))));
                }
            }
        });
        Ok(answered)
    }

    /// What asks, with all that it needs.
    fn asking(
        &self,
        question: Question<'_>,
    ) -> Result<impl Future<Output = Result<Decision, HookFailure>> + Send + use<>, HookFailure> {
        let share = 1.0 - SPREAD * rand::random::<f64>();
        let asked = match &self.options.url {
            HookUrl::Http(url) => {
                let tls = self.tls.clone().map_err(HookFailure::Tls)?;
                Asked::Http(url.clone(), tls, Box::new(question.to_http(url)?))
            }
            HookUrl::Fastcgi(url) => Asked::Fastcgi(url.socket.clone(), question.to_params(url)),
        };
        Ok(async move {
            let decide = |status, body: &[u8]| answer::decide(status, body, share, SystemTime::now());
            match asked {
                Asked::Http(url, tls, request) => {
                    let (status, body) = http_client::send(&url, tls, *request).await?;
                    decide(status, &body).map_err(|error| HookFailure::answer(error, &body))
                }
                Asked::Fastcgi(socket, params) => {
                    let output = over_fastcgi::ask(&socket, &params).await?;
                    let (status, body) =
                        answer::of_script(&output).map_err(|error| HookFailure::answer(error, &output))?;
                    decide(status, body).map_err(|error| HookFailure::answer(error, body))
                }
            }
        })
    }

    fn log(&self, failure: &HookFailure, question: &Question<'_>) {
        let allowed = self.failures.lock().unwrap_or_else(PoisonError::into_inner).allow(Instant::now());
        if let Some(suppressed) = allowed {
            let answer = excerpt::excerpt(failure.answered(), question);
            let answer = answer.map(display);
            warn!(
                error = %failure, answer, suppressed,
                "the hook (auth_hook) has decided nothing, its clients are told to come back"
            );
        }
    }
}

/// A question on its way.
enum Asked {
    Http(HttpUrl, Option<Arc<ClientConfig>>, Box<Request<Empty<Bytes>>>),
    Fastcgi(url::Socket, Vec<u8>),
}
