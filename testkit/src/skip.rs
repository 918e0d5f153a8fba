//! Saying that a test did not run. Only for rights that this user or machine does not have, which no installation
//! gives, and for the proxies that few have.

use std::io::Write;

/// Whether the tests may act as other users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the test may go on. Says that it is skipped if not.
pub fn has_root(what_for: &str) -> bool {
    if !is_root() {
        skipped(&format!("needs root {what_for}"));
    }
    is_root()
}

/// Prints that the test that calls it is skipped, and why.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by eprintln!, which is hidden when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
