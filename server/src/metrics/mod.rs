//! What is counted while the server runs, and its text for Prometheus. Counts are added where something happens, and
//! summed when somebody looks. Names of channels and users are in none of them.

#![allow(dead_code, reason = "what is counted is not shown yet")]

mod api;
mod histogram;
mod labels;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use labels::AuthFailure;

use api::ApiRequests;
use histogram::Histogram;

/// Upper bounds of what a hook may take, in seconds.
const HOOK_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// All that is counted. One value for a server.
#[derive(Debug)]
pub struct Metrics {
    hook: Histogram<{ HOOK_BOUNDS.len() }>,
    auth_failures: [AtomicU64; AuthFailure::ALL.len()],
    api: ApiRequests,
    reloads: [AtomicU64; 2],
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        Metrics {
            hook: Histogram::new(&HOOK_BOUNDS),
            auth_failures: Default::default(),
            api: ApiRequests::default(),
            reloads: Default::default(),
        }
    }

    /// Notes that the hook has answered, whatever it said, or that it has failed, after so long.
    pub fn hook_answered(&self, duration: Duration) {
        self.hook.add(duration);
    }

    /// Notes that somebody was not let in, or may not have what it asked for.
    pub fn auth_failed(&self, reason: AuthFailure) {
        self.auth_failures[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request to the admin listener was answered. `endpoint` is the path as it is declared, and never what
    /// somebody has sent.
    pub fn api_request(&self, endpoint: &'static str, status: u16) {
        self.api.add(endpoint, status);
    }

    /// Notes that the configuration was read again. If it had a mistake, nothing was applied.
    pub fn config_reloaded(&self, is_applied: bool) {
        self.reloads[usize::from(is_applied)].fetch_add(1, Ordering::Relaxed);
    }
}
