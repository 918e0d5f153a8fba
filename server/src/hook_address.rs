//! Where the hook is, for code outside that looks at the place: it is not asked here.

use std::path::Path;

use crate::config::Config;
use crate::http_server::HookUrl;
use crate::rights::Secret;

pub use crate::http_server::{Endpoint, run_script};

/// The address of a hook, as `auth_hook` gives it. It is shown nowhere as a whole: it may hold a key.
#[derive(Debug, Clone)]
pub struct HookAddress(HookUrl);

impl HookAddress {
    /// That of the setting, if it is one.
    pub fn parse(url: &Secret) -> Option<HookAddress> {
        str::from_utf8(url.as_bytes()).ok()?.trim().parse().ok().map(HookAddress)
    }

    /// That of a configuration, if there is a hook.
    pub fn of(config: &Config) -> Option<HookAddress> {
        config.entrance.hook.as_ref().map(|hook| HookAddress(hook.url.clone()))
    }

    /// Where it is connected to.
    pub fn endpoint(&self) -> Endpoint<'_> {
        self.0.endpoint()
    }

    /// The file that FastCGI runs.
    pub fn script(&self) -> Option<&Path> {
        self.0.script()
    }

    /// Whether it has a query, which may hold a key.
    pub fn has_query(&self) -> bool {
        self.0.has_query()
    }
}
