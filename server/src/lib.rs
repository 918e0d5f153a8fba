//! The broadcaster as a library: the binary runs it beside php-fpm, the PHP extension inside `start()`.
//!
//! An event goes through these modules, top to bottom:
//!
//! 1. [`consumer`] waits for entries ([`watch`]), reads them in order and encodes each once ([`message`]).
//! 2. [`hub`] puts the encoded frames into the inbox of each of its threads ([`shard`]); the thread ([`fan_out`]) appends them to
//!    its one [`log`] of frames.
//! 3. Every client is a [`session`]: a position in that log, and an [`outbox`] for what only it receives.
//!
//! Clients come in through [`listener`] and [`http`] ([`head`], [`origin`]); what code outside does when one speaks goes through
//! [`application`]. [`server`] is the only module that knows all others.

mod allowance;
pub mod application;
#[cfg(feature = "benching")]
#[doc(hidden)]
pub mod benching;
pub mod config;
mod consumer;
pub mod descriptors;
pub mod disconnect;
mod fan_out;
mod frame_meter;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod head_reader;
mod health;
mod http;
pub mod hub;
mod incoming;
mod linger;
mod listener;
mod lock_watch;
mod log;
pub mod log_level;
mod log_limit;
pub mod log_lines;
pub mod message;
pub mod origin;
mod outbox;
mod pace;
mod pacing;
mod rejections;
pub mod server;
mod session;
mod shard;
pub mod signal;
mod spare_slots;
mod trim;
mod undone;
mod watch;

pub use allowance::Rates;
pub use application::{Application, Client, ClientMessage, HeaderText, Headers, NoApplication, Reception};
pub use config::Config;
pub use disconnect::Disconnect;
pub use hub::{Hub, SessionId};
pub use server::{BindError, Server};
