//! Who may become a client: decided from the request, before it is answered.

use std::net::IpAddr;

use http::StatusCode;

use crate::http_server::head::Head;
use crate::http_server::origin::{AllowedOrigins, RefusedOrigins};

/// Decides about requests that want to become clients.
#[derive(Debug)]
pub(super) struct Gate {
    origins: AllowedOrigins,
    refused_origins: RefusedOrigins,
}

/// Why a request does not become a client.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) problem: String,
}

impl Gate {
    /// Lets pages of these origins in, on a server that listens on the address, if it is known.
    pub(super) fn new(origins: AllowedOrigins, listening_on: Option<IpAddr>) -> Gate {
        let origins = match listening_on {
            Some(address) => origins.listening_on(address),
            None => origins,
        };
        Gate { origins, refused_origins: RefusedOrigins::default() }
    }

    /// Lets a request in or refuses it. Async, because what is asked may be another process.
    pub(super) async fn admit(&self, head: &Head) -> Result<(), Refusal> {
        if self.origins.admit(head.origin(), head.host()) {
            return Ok(());
        }
        let origin = head.origin().unwrap_or_default();
        self.refused_origins.log_refusal(origin, head.host());
        let problem = format!("pages of {origin} may not connect: the operator can add it to allowed_origins");
        Err(Refusal { status: StatusCode::FORBIDDEN, problem })
    }
}
