//! What the answer to a request is decided from, made of the settings. A reload replaces it as a whole.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::health::Health;
use crate::http_server::event_stream::EventStreams;
use crate::http_server::gate::Gate;
use crate::http_server::hook::Hook;
use crate::http_server::proxies::TrustedProxies;
use crate::http_server::pusher_api::{ApiParts, PusherApi};
use crate::http_server::responder::ANSWER_TIMEOUT;
use crate::http_server::routes::Routes;
use crate::http_server::upgrade::Handshakes;
use crate::hub::Hub;

/// What the answer to a request is decided from.
#[derive(Debug)]
pub(super) struct Decisions {
    pub(super) handshakes: Handshakes,
    pub(super) event_streams: EventStreams,
    pub(super) routes: Routes,
    /// How long a client may take for its request.
    pub(super) handshake_timeout: Duration,
    pub(super) max_header_bytes: usize,
    pub(super) proxies: TrustedProxies,
    /// How long the answer to a request may take that is there.
    pub(super) answer_timeout: Duration,
}

impl Decisions {
    /// Those of a server that listens on the address, if it is known. The hook is that of the settings.
    pub(super) fn of(
        config: &Config,
        hub: &Hub,
        health: &Arc<Health>,
        hook: Option<Arc<Hook>>,
        listening_on: Option<IpAddr>,
        api: &Arc<ApiParts>,
    ) -> Decisions {
        let hook_wait = hook.as_ref().map(|hook| hook.longest_wait()).unwrap_or_default();
        let gate = Arc::new(Gate::of(config, hook, listening_on));
        let api = PusherApi::new(config.rights.clone(), api.clone(), hub.clone());
        Decisions {
            routes: Routes { hub: hub.clone(), health: health.clone(), gate: gate.clone(), api },
            event_streams: EventStreams { gate: gate.clone() },
            handshakes: Handshakes { gate },
            handshake_timeout: config.admission.handshake_timeout,
            max_header_bytes: config.admission.max_header_bytes,
            proxies: config.entrance.proxies.clone(),
            answer_timeout: ANSWER_TIMEOUT + hook_wait,
        }
    }
}
