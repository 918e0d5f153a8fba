//! What comes in on the port: connections, requests, and who may become a client.

mod admission;
mod answer;
mod bind;
mod error;
mod gate;
pub(crate) mod head;
mod head_reader;
mod linger;
mod listener;
pub mod origin;
mod responder;
mod routes;
mod spare_slots;
mod upgrade;

pub use admission::{Admission, MAX_SPARE_SLOTS};
pub(crate) use bind::listen;
pub(crate) use listener::Listener;
