//! Waiting for conditions, and saying why a test was skipped.

use std::io::Write;
use std::time::{Duration, Instant};

/// No condition of a test takes longer than this, or the test fails. Long, since a machine may be busy.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Polls until the condition holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Tells whether the test may go on, and says so loudly if not.
pub(crate) fn is_root(what_for: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped(&format!("needs root {what_for}"));
    }
    is_root
}

pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by eprintln!, which the harness hides when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
