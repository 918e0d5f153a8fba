//! How many files the tests may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::skipped;

/// Raises the limit of open files, for this process and those that it starts. Says that the test is skipped if it is
/// too low for so many.
pub(crate) fn may_open(count: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < count) {
        skipped(&format!("needs {count} open files (ulimit -Hn)"));
        return false;
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    true
}
