//! Log lines of the server's threads on standard error: they must not call PHP. Only what an operator should know, unless
//! `RUST_LOG` names another level.

use std::io::{self, IsTerminal};
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

static STARTED: Once = Once::new();

/// Starts logging, once in a process.
pub(crate) fn start() {
    STARTED.call_once(|| {
        // An empty variable, as Compose makes them, is not set.
        let level = std::env::var("RUST_LOG").ok().filter(|level| !level.trim().is_empty());
        let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::WARN);
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
        // It fails only if another library of this process logs the same way already.
        let _ = subscriber.with_ansi(io::stderr().is_terminal()).try_init();
    });
}
