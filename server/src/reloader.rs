//! Other settings for a server that runs. Whether a setting can be changed, its declaration says
//! ([`Setting::reloads`](crate::config::Setting::reloads)).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::http_server::Intake;
use crate::hub::Hub;
use crate::observer::Seen;

/// Changes the settings of a server that runs. Cheap to clone, usable from every thread.
#[derive(Debug, Clone)]
pub struct Reloader {
    hub: Hub,
    intake: Intake,
    seen: Arc<Seen>,
    shutdown_grace: Arc<ArcSwap<Duration>>,
}

impl Reloader {
    pub(crate) fn new(config: &Config, hub: Hub, intake: Intake, seen: Arc<Seen>) -> Reloader {
        Reloader { hub, intake, seen, shutdown_grace: Arc::new(ArcSwap::from_pointee(config.shutdown_grace)) }
    }

    /// Takes what can be changed, and nothing else. No client is disconnected: those that are there stay by the rights and
    /// bounds by which they came, until their tokens end.
    pub fn reload(&self, config: &Config) {
        self.intake.change(config);
        self.hub.reload(config);
        self.hub.webhooks().change(config.rights.app.as_ref());
        self.seen.change(config, self.has_history());
        self.shutdown_grace.store(Arc::new(config.shutdown_grace));
    }

    /// Whether the server keeps history, or has at its start. Without, history cannot be turned on while it runs.
    pub fn has_history(&self) -> bool {
        self.hub.has_history()
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        **self.shutdown_grace.load()
    }
}
