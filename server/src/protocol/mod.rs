//! What clients receive and send, as bytes.

pub(crate) mod allowance;
pub(crate) mod frame_meter;
pub(crate) mod incoming;
pub mod message;
