//! Tests of what other tests rely on.

mod cluster;
mod faulty_proxy;
mod redis_server;
mod reserved_port;
mod sentinels;
