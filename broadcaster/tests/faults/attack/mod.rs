//! Attackers beside good clients: what the good ones notice.
//!
//! `make attack` measures it, `tests` says what must hold.

mod attackers;
mod connection;
mod good_clients;
mod kind;
mod latency;
mod measure;
mod tests;
