//! Other settings for a hub that runs: its threads take them in a turn, in the order of everything else that is for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::Config;
use crate::hub::inbox::Command;
use crate::hub::{Hub, Limits};
use crate::rights::Rights;

/// What a thread of the hub is told.
#[derive(Debug)]
pub(super) struct Reloaded {
    pub(super) limits: Limits,
    pub(super) rights: Arc<Rights>,
}

impl Hub {
    /// Takes what can be changed of the settings. Clients and their subscriptions stay, also those that the new settings
    /// would not let in.
    pub(crate) fn reload(&self, config: &Config) {
        let (limits, rights) = (config.limits.clone(), config.rights.clone());
        self.shared.max_subscriptions.store(limits.max_subscriptions, Ordering::Relaxed);
        let mut published = self.lock();
        published.interest.set_max_channels(limits.max_channels);
        published.presence.set_max_bytes(limits.max_outbox_bytes);
        published.set_history_rules(&config.history);
        published.serve_pusher(config.rights.app.is_some());
        drop(published);
        let reloaded = Arc::new(Reloaded { limits, rights });
        self.shared.inboxes.iter().for_each(|inbox| inbox.command(Command::Reload(reloaded.clone())));
    }

    /// Whether anything can be sent again to clients that come back.
    pub(crate) fn has_history(&self) -> bool {
        self.lock().has_history()
    }

    /// Bytes of history that are kept at most.
    pub(crate) fn history_bytes(&self) -> usize {
        self.lock().history_bytes()
    }
}
