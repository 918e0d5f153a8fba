//! What links several broadcasters: a stream in Redis or Valkey. Where that is ([`address`]), how the server that
//! accepts writes is found ([`connect`]), the connection to it ([`connection`]), and what went wrong with it
//! ([`failure`]).

// The threads that forward and follow are its users.
#![allow(dead_code, unused_imports, reason = "nothing uses a connection yet")]

mod address;
mod connect;
mod connection;
mod failure;
mod options;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use address::{Address, InvalidAddress};
pub(crate) use connect::{ConnectError, connect};
pub(crate) use connection::{Connection, Woken};
pub(crate) use failure::{Failure, FailureKind};
pub use options::BrokerOptions;
