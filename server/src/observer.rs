//! What can be seen of a server while it runs, for those who look after it.

mod status;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::health::Health;
use crate::hub::Hub;
use crate::metrics::{Look, Metrics, Process, QueueLook, text};
use crate::unix_time;

pub use status::{Problem, Status, Troubled};

/// A view of a running server. Cheap to clone, usable from every thread.
#[derive(Debug, Clone)]
pub struct Observer {
    hub: Hub,
    health: Arc<Health>,
    seen: Arc<Seen>,
}

/// What is known of the server beside its parts.
#[derive(Debug)]
pub(crate) struct Seen {
    started: Duration,
    queue: Option<QueueLook>,
    has_broker: bool,
    bounds: ArcSwap<Bounds>,
}

/// What a reload can change of it.
#[derive(Debug)]
struct Bounds {
    has_hook: bool,
    max_connections: usize,
    max_subscriptions: usize,
    max_channels: usize,
    /// What history may take, if there is any.
    max_history_bytes: Option<usize>,
}

impl Seen {
    /// Of a server that starts with this configuration.
    pub(crate) fn of(config: &Config) -> Seen {
        Seen {
            started: unix_time::now(),
            queue: config.queue.clone().map(|path| QueueLook::new(path, config.max_event_bytes)),
            has_broker: config.broker.is_some(),
            bounds: ArcSwap::from_pointee(Bounds::of(config, config.history.keep_anything())),
        }
    }

    /// Notes that other bounds hold.
    pub(crate) fn change(&self, config: &Config, has_history: bool) {
        self.bounds.store(Arc::new(Bounds::of(config, has_history)));
    }
}

impl Bounds {
    fn of(config: &Config, has_history: bool) -> Bounds {
        Bounds {
            has_hook: config.entrance.hook.is_some(),
            max_connections: config.admission.max_connections,
            max_subscriptions: config.limits.max_subscriptions,
            max_channels: config.limits.max_channels,
            max_history_bytes: has_history.then_some(config.history.max_bytes),
        }
    }
}

impl Observer {
    pub(crate) fn new(hub: Hub, health: Arc<Health>, seen: Arc<Seen>) -> Observer {
        Observer { hub, health, seen }
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Where to note what is to be counted.
    pub fn counters(&self) -> &Metrics {
        self.hub.metrics()
    }

    /// Why the server does not do its work, in one line. `None`: it does.
    pub async fn problem(&self) -> Option<&'static str> {
        self.health.problem(&self.hub).await
    }

    /// All metrics as Prometheus reads them: its text format, version 0.0.4. Reads directories, so it is for a thread
    /// that may wait. Clients receive their messages meanwhile: nothing that the hub needs is locked.
    pub fn metrics(&self) -> String {
        let bounds = self.seen.bounds.load();
        let look = Look {
            max_connections: bounds.max_connections as u64,
            subscriptions: self.hub.subscriptions() as u64,
            waiting: self.seen.queue.as_ref().and_then(QueueLook::look),
            has_queue: self.seen.queue.is_some(),
            keeps_history: bounds.max_history_bytes.is_some(),
            has_broker: self.seen.has_broker,
            process: Process::look(),
        };
        text(self.hub.metrics(), look)
    }
}
