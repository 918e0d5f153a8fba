//! What was published and is kept for clients that come back.

pub(crate) mod log;
