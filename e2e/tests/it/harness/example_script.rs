//! A script of `examples` that starts several processes, as a user calls it in a terminal.

use std::path::Path;
use std::process::Command;

use testkit::Process;

use super::built;

/// Its command. What it makes lies in `temporary`.
pub(crate) fn example_script(script: &str, temporary: &Path) -> Command {
    // A shell cannot trap what was ignored when it began, as SIGINT is in jobs that a script has put in the background.
    let mut command = Process::command("env");
    command
        .arg("--default-signal=INT")
        .arg(built::repository().join("examples").join(script))
        .env("TMPDIR", temporary)
        .env("PHP", built::php())
        .env("FASTAPI_BROADCASTER", built::broadcaster())
        .env("FASTAPI_EXTENSION", built::extension());
    command
}
