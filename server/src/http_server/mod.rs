//! What comes in on the port: connections, requests, and who may become a client.

mod admission;
pub(crate) mod head;
mod head_reader;
mod linger;
mod listener;
pub mod origin;
mod responder;
mod spare_slots;

pub use admission::{Admission, MAX_SPARE_SLOTS};
pub(crate) use listener::Listener;
