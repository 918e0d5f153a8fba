//! Clients that mean harm, beside clients that only want their events: what the good ones notice.
//!
//! `make attack` measures it, `tests` says what must hold.

mod attackers;
mod connection;
mod kind;
mod latency;
mod measure;
mod tests;
mod witness;
