//! What comes in on the port: connections, requests, and who may become a client.

mod accepted;
mod admission;
mod answer;
mod bind;
mod cors;
mod credentials;
mod decisions;
mod error;
mod event_stream;
mod gate;
pub(crate) mod head;
mod head_reader;
pub mod hosts;
mod intake;
mod linger;
mod listener;
pub mod origin;
mod query;
mod refusal;
mod responder;
mod routes;
mod spare_slots;
mod upgrade;

pub use admission::{Admission, AnsweredPaths, MAX_SPARE_SLOTS};
pub(crate) use bind::listen;
pub(crate) use intake::Intake;
pub(crate) use listener::Listener;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use query::try_query;
