//! The way in for connections: how many there may be, and what is decided about each. It can be changed while the server
//! runs.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Config;
use crate::health::Health;
use crate::http_server::decisions::Decisions;
use crate::http_server::hooks::Hooks;
use crate::http_server::pusher_api::ApiParts;
use crate::http_server::responder::Responder;
use crate::hub::Hub;
use crate::permit::Permits;

/// The way in for connections. All clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    hub: Hub,
    health: Arc<Health>,
    /// All addresses of one name: either all are of this machine alone, or none is.
    listening_on: Option<IpAddr>,
    pub(super) permits: Permits,
    pub(super) responder: Arc<Responder>,
    pub(super) hooks: Hooks,
    api: Arc<ApiParts>,
}

impl Intake {
    pub(crate) fn new(config: &Config, hub: Hub, health: Arc<Health>, listening_on: Option<IpAddr>) -> Intake {
        let admission = &config.admission;
        let permits = Permits::new(admission.max_connections, admission.max_connections_per_address);
        let hooks = Hooks::default();
        let hook = hooks.of(config.entrance.hook.as_ref(), &hub);
        let api = Arc::new(ApiParts::of(config));
        let decisions = Decisions::of(config, &hub, &health, hook, listening_on, &api);
        let responder = Arc::new(Responder::new(hub.clone(), decisions));
        Intake { hub, health, listening_on, permits, responder, hooks, api }
    }

    /// Admits by other settings from now on. Clients that are there stay.
    pub(crate) fn change(&self, config: &Config) {
        let admission = &config.admission;
        self.permits.set(admission.max_connections, admission.max_connections_per_address);
        let hook = self.hooks.of(config.entrance.hook.as_ref(), &self.hub);
        let decisions = Decisions::of(config, &self.hub, &self.health, hook, self.listening_on, &self.api);
        self.responder.decide_by(decisions);
    }
}
