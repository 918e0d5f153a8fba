//! Real Redis servers: a single one, one with Sentinels, a cluster. Each has its own directory and its own ports, and
//! is ended and removed with its value.
//!
//! All of it blocks. The servers end with the thread that started them, so that they end with a test that is killed:
//! start them where the test itself runs.

mod cluster;
mod options;
mod sentinels;
mod server;

pub use cluster::Cluster;
pub use options::RedisOptions;
pub use sentinels::Sentinels;
pub use server::RedisServer;
