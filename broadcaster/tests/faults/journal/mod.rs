//! The journal under faults.

mod producer;
mod tally;
mod torture;
