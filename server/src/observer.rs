//! What can be seen of a server while it runs, for those who look after it.

use std::sync::Arc;

use crate::health::Health;
use crate::hub::Hub;
use crate::metrics::Metrics;

/// A view of a running server. Cheap to clone, usable from every thread.
#[derive(Debug, Clone)]
pub struct Observer {
    hub: Hub,
    health: Arc<Health>,
}

impl Observer {
    pub(crate) fn new(hub: Hub, health: Arc<Health>) -> Observer {
        Observer { hub, health }
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
}
