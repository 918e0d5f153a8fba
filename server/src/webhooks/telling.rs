//! The task that takes what has happened and hands it to the webhooks.

use std::io;
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

use super::vacated::Vacated;
use super::webhook::{Told, Webhook};
use super::{Happened, Webhooks};
use crate::log_limit::LogLimit;
use crate::rights::PusherApp;

/// What is taken at a time. Others have their turn on the thread in between.
const PORTION: usize = 1000;

/// The task, to end it. If this is dropped it ends at once, and nobody waits for it.
#[derive(Debug)]
pub(crate) struct Telling {
    task: JoinHandle<()>,
    stop: DropGuard,
    /// Ends requests that are on their way.
    abandon: DropGuard,
}

pub(super) struct Task {
    webhooks: Webhooks,
    app: Option<Arc<PusherApp>>,
    /// In the order of the settings.
    pub(super) receivers: Vec<Webhook>,
    pub(super) vacated: Vacated,
    running: JoinSet<()>,
    pub(super) abandon: CancellationToken,
    dropped: LogLimit,
}

impl Telling {
    /// Starts it. When it ends, `ends` is cancelled: it may have panicked.
    pub(crate) fn start(webhooks: Webhooks, ends: &CancellationToken) -> Telling {
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let (stopped, ending) = (stop.clone(), ends.clone().drop_guard());
        let task = Task::new(webhooks, abandon.clone());
        let task = tokio::spawn(async move {
            let _ending = ending;
            task.run(stopped).await;
        });
        Telling { task, stop: stop.drop_guard(), abandon: abandon.drop_guard() }
    }

    /// Ends it when all that waits was tried once, or at a given time. Nothing may be told any more.
    pub(crate) async fn end(mut self, until: Instant) -> io::Result<()> {
        drop(self.stop);
        let ended = match timeout_at(until, &mut self.task).await {
            Ok(ended) => ended,
            Err(_) => {
                drop(self.abandon);
                self.task.await
            }
        };
        ended.map_err(io::Error::other)
    }
}

impl Task {
    pub(super) fn new(webhooks: Webhooks, abandon: CancellationToken) -> Task {
        Task {
            webhooks,
            app: None,
            receivers: Vec::new(),
            vacated: Vacated::default(),
            running: JoinSet::new(),
            abandon,
            dropped: LogLimit::every_second(),
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let webhooks = self.webhooks.clone();
        loop {
            if self.take() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = webhooks.shared.changed.notified() => {}
                Some(ended) = self.running.join_next() => rethrow(ended),
                channel = self.vacated.next() => self.pass_on(&Happened::Vacated(channel)),
            }
        }
        while self.take() {}
        // Their subscribers cannot come back to this server.
        self.vacated.take_all().for_each(|channel| self.pass_on(&Happened::Vacated(channel)));
        self.receivers.iter().for_each(Webhook::close);
        while let Some(ended) = self.running.join_next().await {
            rethrow(ended);
        }
    }

    /// Returns whether there is more.
    pub(super) fn take(&mut self) -> bool {
        self.follow_settings();
        let (taken, dropped) = self.webhooks.take(PORTION);
        if dropped > 0
            && let Some(others) = self.dropped.allow_of(dropped, Instant::now().into_std())
        {
            error!(events = dropped, others, "too much happens at once, webhooks are not told of all of it");
        }
        let is_more = taken.len() == PORTION;
        taken.into_iter().for_each(|happened| self.note(happened));
        is_more
    }

    fn note(&mut self, happened: Happened) {
        match happened {
            Happened::Vacated(channel) => {
                if let Some(channel) = self.vacated.insert(channel) {
                    self.pass_on(&Happened::Vacated(channel));
                }
            }
            Happened::Occupied(channel) if self.vacated.remove(&channel) => {}
            happened => self.pass_on(&happened),
        }
    }

    fn pass_on(&self, happened: &Happened) {
        let is_wanted = |app: &Arc<PusherApp>| app.webhook_events().has(happened.event());
        if !self.app.as_ref().is_some_and(is_wanted) {
            return;
        }
        let told = Told { at: Instant::now(), text: Bytes::from(happened.to_json()) };
        self.receivers.iter().for_each(|webhook| webhook.push(told.clone()));
    }

    /// Webhooks that stay keep what waits for them; others try it once more and end.
    fn follow_settings(&mut self) {
        let app = self.webhooks.shared.app.load_full();
        if app.as_ref().map(Arc::as_ptr) == self.app.as_ref().map(Arc::as_ptr) {
            return;
        }
        let mut before = std::mem::take(&mut self.receivers);
        for (index, url) in app.iter().flat_map(|app| app.webhooks()).enumerate() {
            let Some(app) = &app else { continue };
            let webhook = match before.iter().position(|webhook| webhook.url() == url) {
                Some(place) => before.swap_remove(place),
                None => Webhook::start(url.clone(), app.clone(), &mut self.running, self.abandon.clone()),
            };
            webhook.change(index + 1, app.clone());
            self.receivers.push(webhook);
        }
        before.iter().for_each(Webhook::close);
        self.app = app;
    }
}

/// A task that panics ends the server, as a thread does.
fn rethrow(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
