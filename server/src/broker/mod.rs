//! Several machines over one Redis (or Valkey) stream. Each machine [forwards](forward) what its PHP processes queue,
//! and deletes it from its queue when the stream has it. Each [follows](follow) the stream, and delivers what comes
//! there to its clients. So all machines have one order: that of the stream.
//!
//! 1. [`lines`]: events on their way from the source to the thread `forward`.
//! 2. [`forward`] adds them to the stream. [`reconcile`] and [`confirmed`] find out what an interrupted forwarder
//!    added.
//! 3. [`redis_stream`] has the commands, [`entry`] the fields of an entry.
//! 4. [`follow`] reads the stream into the hub. [`uid_window`] drops repeats. [`lookup`] answers questions of the hub.
//!
//! These know nothing of events: where Redis is ([`address`]), how the server that accepts writes is found
//! ([`connect`]), the connection to it ([`connection`], [`link`]), and what went wrong with it ([`failure`]). What people want to
//! know of the broker is in [`inspect`](mod@inspect) and [`forwarded`](mod@forwarded).

mod address;
mod confirmed;
mod connect;
mod connection;
mod delivering;
mod entry;
mod failure;
mod follow;
mod forward;
mod forwarded;
mod inspect;
mod interruption;
mod lines;
mod link;
mod lookup;
mod options;
mod reconcile;
mod redis_stream;
mod socket;
#[cfg(test)]
mod tests;
mod threads;
mod uid_window;

pub use address::{Address, InvalidAddress};
pub use forwarded::{Forwarded, forwarded};
pub use inspect::{
    BrokerReport, InspectError, Memory, Refusal, Remedy, Saving, Seen, Software, StreamReport, UnfitScheme, inspect,
};
pub use options::BrokerOptions;

pub(crate) use confirmed::Confirmed;
pub(crate) use lines::Lines;
pub(crate) use threads::{Broker, BrokerHandles, BrokerThreads};
