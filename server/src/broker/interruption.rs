//! Why forwarding or following stops for now. It is tried again.

use std::io;
use std::path::PathBuf;

use redis::RedisError;
use thiserror::Error;

use super::connect::ConnectError;
use super::connection::Connection;
use super::failure::{Failure, FailureKind};

#[derive(Debug, Error)]
pub(super) enum Interruption {
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("Redis at {server}: {failure}")]
    Redis { server: String, failure: Failure },
    #[error("Redis at {server} does not answer")]
    NoAnswer { server: String },
    #[error("{replicas} of {wanted} replicas (broker.min_replicas) have what was added")]
    TooFewReplicas { replicas: u32, wanted: u32 },
    #[error("cannot write {}: {cause}", path.display())]
    CannotNote { path: PathBuf, cause: io::Error },
    #[error("cannot wait for clients: {0}")]
    CannotWait(io::Error),
}

impl Interruption {
    /// Notes which server it was.
    pub(super) fn at(mut self, connection: &Connection) -> Interruption {
        if let Interruption::Redis { server, .. } | Interruption::NoAnswer { server } = &mut self {
            connection.server().clone_into(server);
        }
        self
    }

    /// Whether the connection is of no use any more.
    pub(super) fn needs_another_connection(&self) -> bool {
        match self {
            Interruption::Redis { failure, .. } => matches!(failure.kind, FailureKind::Lost | FailureKind::Elsewhere),
            Interruption::Connect(_) | Interruption::NoAnswer { .. } => true,
            _ => false,
        }
    }
}

impl From<RedisError> for Interruption {
    fn from(error: RedisError) -> Interruption {
        Interruption::Redis { server: String::new(), failure: Failure::of(&error) }
    }
}
