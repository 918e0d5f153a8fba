//! The broadcaster as a library: the binary runs it beside php-fpm, the PHP extension inside `start()`.
//!
//! An event goes through these modules, top to bottom:
//!
//! 1. [`source`] waits for entries, reads them in order and encodes each once ([`protocol`]).
//! 2. [`hub`] puts the encoded frames into the inbox of each of its threads (`hub::inbox`); the thread (`hub::shard`)
//!    appends them to its one log of frames (`hub::log`).
//! 3. Every client is a `hub::session`: a position in that log, and an outbox for what only it receives.
//!
//! With several machines, [`broker`] is between the first step and the second: the source hands events to it, and what
//! comes from the stream of all machines goes to the hub.
//!
//! Clients come in through [`http_server`]; what code outside does when one speaks goes through [`application`].
//! [`server`] is the only module that knows all others.

pub mod application;
mod backlog;
mod backoff;
#[cfg(feature = "benching")]
#[doc(hidden)]
pub mod benching;
pub mod broker;
mod claim;
mod client_message;
pub mod config;
pub mod descriptors;
pub mod disconnect;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod history;
pub mod hook_address;
mod http_server;
mod hub;
pub mod log_level;
mod log_limit;
pub mod log_lines;
mod logged_reason;
pub mod metrics;
#[cfg(test)]
mod model;
mod notifier;
mod observer;
mod permit;
mod protocol;
pub mod publication;
mod publisher;
mod reloader;
mod rights;
pub mod server;
mod session_id;
pub mod signal;
mod source;
mod stop;
mod target;
mod threads;
mod tls;
pub mod token;
mod trim;
mod unix_time;

pub use application::{Application, Client, HeaderText, Headers, NoApplication, Reception};
pub use claim::{BindError, Claim};
pub use client_message::ClientMessage;
pub use config::Config;
pub use disconnect::Disconnect;
pub use history::{
    ChannelRule, HistoryError, InvalidChannelRule, LogError, LogOnDisk, LogSummary, NextStart, PastEvent,
};
pub use http_server::{
    Admission, AnsweredPaths, InvalidNetwork, InvalidRouteRule, MAX_SPARE_SLOTS, Network, Require, RouteRule, hosts,
    origin,
};
pub use hub::{Batch, ChannelPage, Feed, Hub, InvalidClient, Limits, NotDone, Progress, Room, Who};
pub use metrics::Metrics;
pub use observer::{Observer, Problem, Status, Troubled};
pub use protocol::after::is_position;
pub use protocol::allowance::Rates;
pub use protocol::{frames, plain};
pub use publication::{Audience, Publication, Seq};
pub use publisher::{PublishError, Publisher};
pub use reloader::Reloader;
pub use rights::{ClientEvents, InvalidApp, PusherApp};
pub use server::Server;
pub use session_id::SessionId;
pub use unix_time::MAX_CLOCK_DIFFERENCE;
