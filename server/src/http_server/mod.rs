//! What comes in on the port: connections, requests, and who may become a client.

mod accepted;
mod admission;
mod answer;
mod bind;
mod cors;
mod credentials;
mod decisions;
mod entrance;
mod error;
mod event_stream;
mod finishing;
mod gate;
pub(crate) mod head;
mod head_reader;
mod hook;
mod hooks;
pub mod hosts;
mod intake;
mod linger;
mod listener;
pub mod origin;
mod proxies;
mod pusher_api;
mod pusher_handshake;
mod query;
mod refusal;
mod responder;
mod route_rule;
mod routes;
mod spare_slots;
mod upgrade;

pub use admission::{Admission, AnsweredPaths, MAX_SPARE_SLOTS};
pub(crate) use bind::listen;
pub(crate) use entrance::Entrance;
pub use hook::{Endpoint, run_script};
pub(crate) use hook::{HookOptions, HookUrl};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hook::{try_output, try_records};
pub(crate) use intake::Intake;
pub(crate) use listener::Listener;
pub(crate) use proxies::TrustedProxies;
pub use proxies::{InvalidNetwork, Network};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use pusher_api::{try_body, try_signed, try_target};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use query::try_query;
pub use route_rule::{InvalidRouteRule, Require, RouteRule};
