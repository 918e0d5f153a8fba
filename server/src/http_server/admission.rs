//! Who may connect.

use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::http_server::hosts::AllowedHosts;
use crate::http_server::origin::AllowedOrigins;

/// Connections beside the clients, unless the limit of open files is low.
pub const MAX_SPARE_SLOTS: usize = 16;

/// Who may connect.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Clients at the same time.
    pub max_connections: usize,
    /// Connections beside those, only to answer health checks and to tell that the server is full.
    pub spare_slots: usize,
    /// Clients of one address at the same time.
    pub max_connections_per_address: Option<usize>,
    /// How long a client may take for its request.
    pub handshake_timeout: Duration,
    /// Largest head of a request, in bytes.
    pub max_header_bytes: usize,
    /// Pages that may connect.
    pub allowed_origins: AllowedOrigins,
    /// Hosts that requests of clients may name.
    pub allowed_hosts: AllowedHosts,
    /// The lowest number that sockets of clients have, as far as the limit of open files permits. Code of the same
    /// process may need the lower ones.
    pub first_descriptor: RawFd,
    /// Paths on which an application answers.
    pub answered: AnsweredPaths,
}

/// Paths on which an application answers clients itself: what stands in their query is for it.
#[derive(Clone, Default)]
pub struct AnsweredPaths(Option<Arc<Answers>>);

/// Whether a target is one of those paths.
type Answers = dyn Fn(&str) -> bool + Send + Sync;

impl AnsweredPaths {
    /// `answers` tells it of the target of a request, as sent. It is called on the thread that accepts.
    pub fn new(answers: impl Fn(&str) -> bool + Send + Sync + 'static) -> AnsweredPaths {
        AnsweredPaths(Some(Arc::new(answers)))
    }

    pub(super) fn contain(&self, target: &str) -> bool {
        self.0.as_ref().is_some_and(|answers| answers(target))
    }
}

impl fmt::Debug for AnsweredPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AnsweredPaths(some)" } else { "AnsweredPaths(none)" })
    }
}
