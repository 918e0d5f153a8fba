//! What is decided from the settings about how a client is let in: which hook is asked, what single paths need, which
//! proxies are believed. Nothing in it changes while the server runs, so a new one can take its place.

use crate::http_server::hook::HookOptions;
use crate::http_server::proxies::TrustedProxies;
use crate::http_server::route_rule::{Require, RouteRule};

/// How a client is let in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entrance {
    pub(crate) hook: Option<HookOptions>,
    /// Rules for paths. The first that matches counts.
    pub(crate) routes: Vec<RouteRule>,
    pub(crate) proxies: TrustedProxies,
}

impl Entrance {
    /// The rule for a target.
    pub(super) fn route(&self, target: &str) -> Option<&RouteRule> {
        self.routes.iter().find(|route| route.matches(target))
    }

    /// What a client needs to connect with this target, if a rule says so.
    pub(super) fn require(&self, target: &str) -> Option<Require> {
        self.route(target)?.require
    }
}
