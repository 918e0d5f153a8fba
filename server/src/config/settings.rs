//! Settings as users give them: flags, environment, file. Everything is optional, nothing is decided.

use std::path::PathBuf;

use super::value::LogFormat;
use crate::history::ChannelRule;
use crate::http_server::hosts::HostRule;
use crate::http_server::origin::Rule;
use crate::http_server::{Network, RouteRule};
use crate::rights::{Pattern, PusherApp, Secret};

/// What users may set. A flag wins over the environment, that over the file, that over the default. What each means,
/// its default and its bounds are declared in the file of its section.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the help of each is in its section")]
pub struct Settings {
    pub queue: Option<PathBuf>,
    pub max_event_bytes: Option<u64>,
    pub entry_grace_secs: Option<f64>,
    pub failed_max_entries: Option<usize>,
    pub failed_max_age_secs: Option<u64>,
    pub scan_interval_secs: Option<f64>,

    pub listen: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub max_connections: Option<usize>,
    pub max_connections_per_address: Option<usize>,
    pub allowed_origins: Option<Vec<Rule>>,
    pub allowed_hosts: Option<Vec<HostRule>>,
    pub handshake_timeout_secs: Option<f64>,
    pub max_header_bytes: Option<usize>,

    pub token_secret: Option<Vec<Secret>>,
    pub token_secret_file: Option<Vec<PathBuf>>,
    pub token_public_key_file: Option<Vec<PathBuf>>,
    pub token_audience: Option<String>,
    pub token_issuer: Option<String>,
    pub public_channels: Option<Vec<Pattern>>,
    pub anonymous: Option<bool>,
    pub max_channels_per_client: Option<usize>,
    pub max_channels: Option<usize>,
    pub max_subscriptions: Option<usize>,

    pub auth_hook: Option<Secret>,
    pub auth_hook_timeout_secs: Option<f64>,
    pub auth_hook_concurrency: Option<usize>,
    pub auth_hook_queue: Option<usize>,
    pub trusted_proxies: Option<Vec<Network>>,
    pub route: Option<Vec<RouteRule>>,

    pub app: Option<Vec<PusherApp>>,

    pub history_events: Option<usize>,
    pub history_events_everybody: Option<usize>,
    pub history_ttl_secs: Option<u64>,
    pub history_bytes: Option<usize>,
    pub history_meta_secs: Option<u64>,
    pub channel: Option<Vec<ChannelRule>>,
    pub recover_limit: Option<usize>,
    pub recover_bytes: Option<usize>,
    pub history_dir: Option<PathBuf>,

    pub log_bytes: Option<usize>,
    pub slow_client_timeout_secs: Option<f64>,
    pub max_outbox_bytes: Option<usize>,
    pub max_message_bytes: Option<usize>,
    pub max_messages_per_sec: Option<u32>,
    pub max_bytes_per_sec: Option<u32>,
    pub max_memory: Option<usize>,
    pub ping_interval_secs: Option<f64>,
    pub pong_timeout_secs: Option<f64>,
    pub hub_threads: Option<usize>,
    pub relay_client_events: Option<bool>,

    pub admin_listen: Option<String>,
    pub admin_token: Option<Vec<Secret>>,
    pub admin_token_file: Option<Vec<PathBuf>>,
    pub admin_hosts: Option<Vec<String>>,

    pub shutdown_grace_secs: Option<f64>,
    pub log_format: Option<LogFormat>,
    pub log_level: Option<String>,

    pub broker_url: Option<Secret>,
    pub broker_prefix: Option<String>,
    pub broker_max_events: Option<u64>,
    pub broker_max_bytes: Option<u64>,
    pub broker_min_replicas: Option<u32>,
}
