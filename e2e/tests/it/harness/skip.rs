//! Saying loudly that a test did not run. Only for rights that this user or machine does not have, which no
//! installation fixes, and for the proxies that few have.

use std::io::Write;

pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by eprintln!, which is hidden when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: this machine cannot: {why}");
}
