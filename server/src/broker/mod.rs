//! Several machines over one Redis (or Valkey) stream. Each machine [forwards](forward) what its PHP processes queue, and
//! deletes it from its queue when the stream has it. Each [follows](follow) the stream, and delivers what comes there to
//! its clients: the one order of the stream is the order everywhere.
//!
//! The commands are in [`redis_stream`]. Where Redis is ([`address`]), how the server that accepts writes is found
//! ([`connect`]), the connection to it ([`connection`]), and what went wrong with it ([`failure`]) know nothing of events.
//! What people want to know of it is in [`inspect`](mod@inspect) and [`forwarded`](mod@forwarded).

mod address;
mod confirmed;
mod connect;
mod connection;
mod entry;
mod failure;
mod follow;
mod forward;
mod forwarded;
mod inspect;
mod interruption;
mod lines;
mod lookup;
mod options;
mod reconcile;
mod redis_stream;
mod stream;
#[cfg(test)]
mod tests;
mod threads;
mod tls;
mod uid_window;

pub use address::{Address, InvalidAddress};
pub use forwarded::{Forwarded, forwarded};
pub use inspect::{BrokerReport, InspectError, Memory, Refusal, Saving, Seen, Software, StreamReport, inspect};
pub use options::BrokerOptions;

pub(crate) use confirmed::Confirmed;
pub(crate) use lines::Lines;
pub(crate) use threads::{Broker, BrokerEnds, BrokerThreads};
