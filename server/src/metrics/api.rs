//! Requests to the admin listener and to the API of the Pusher protocol, by endpoint and status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// There are few endpoints, and few requests.
#[derive(Debug, Default)]
pub(super) struct ApiRequests(Mutex<BTreeMap<(&'static str, u16), u64>>);

impl ApiRequests {
    pub(super) fn add(&self, endpoint: &'static str, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((endpoint, status)).or_default() += 1;
    }

    pub(super) fn all(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
