//! The journal under faults.

mod directory;
mod disk;
mod limits;
mod producer;
mod support;
mod tally;
mod torture;
