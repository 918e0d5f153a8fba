//! What links several broadcasters: a stream in Redis or Valkey. Where that is ([`address`]), and a connection to the
//! server that accepts writes ([`connect`]).

// The threads that forward and follow are its users.
#![allow(dead_code, reason = "nothing uses a connection yet")]

mod address;
mod options;

pub use address::{Address, InvalidAddress};
pub use options::BrokerOptions;
