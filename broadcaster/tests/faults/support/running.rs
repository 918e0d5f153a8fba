//! Commands as an operator calls them, and what they print.

use std::path::Path;

use testkit::Finish as _;

use super::broadcaster::{BINARY, command};

/// Runs a command on a queue. Returns its exit code, standard output and standard error. `doctor` asks no PHP.
pub(crate) fn run(queue: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = command(BINARY).args(arguments).arg("--queue").arg(queue).env("PHP", "/nowhere/php").finish();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a command prints that succeeds.
pub(crate) fn printed(queue: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = run(queue, arguments);
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}");
    out
}
