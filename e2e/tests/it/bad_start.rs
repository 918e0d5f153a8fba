//! What the broadcaster cannot start with: one line that names it and says what to do, and an exit code to act on. What
//! may still come is waited for.

use std::net::TcpListener;
use std::process::Command;

use testkit::{Process, QueueDir, Signal, is_root};

use crate::harness::{NOBODY, broadcaster, queue_dir};

/// Bad arguments, configuration or queue directory.
const USAGE: i32 = 64;
/// Anything else.
const FAILURE: i32 = 1;

#[tokio::test]
async fn a_missing_queue_directory() {
    awaited(broadcaster::command(["--queue", "/nowhere/queue"]), &["/nowhere/queue", "does not exist", "--queue"])
        .await;
}

#[tokio::test]
async fn no_queue_directory_at_all() {
    refused(broadcaster::command([""; 0]), USAGE, &["--queue"]).await;
}

#[tokio::test]
async fn a_file_instead_of_the_queue_directory() {
    refused(broadcaster::command(["--queue", "/etc/hostname"]), USAGE, &["/etc/hostname", "not a directory"]).await;
}

#[tokio::test]
async fn a_queue_directory_that_every_user_can_write_to() {
    let queue = queue_dir();
    queue.set_mode(0o777);
    refused(with_queue(&queue, &[]), USAGE, &[&path(&queue), "chmod"]).await;
}

#[tokio::test]
async fn a_queue_directory_that_the_user_cannot_read() {
    let queue = queue_dir();
    queue.set_mode(0o000);
    // Root may read everything, so another user has to try.
    let command = if is_root() {
        broadcaster::command_as(NOBODY, queue.root(), ["--listen", "127.0.0.1:0", "--queue", &path(&queue)])
    } else {
        with_queue(&queue, &[])
    };
    awaited(command, &[&path(&queue), "ermission"]).await;
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let queue = queue_dir();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = broadcaster::command(["--listen", &address, "--queue"]);
    let mut process = Process::spawn(command.arg(queue.path()));
    assert_eq!(process.exit().await.code(), Some(FAILURE));
    let stderr = process.stderr();
    // First that it waits, then that the address is still in use.
    assert_eq!(stderr.len(), 2, "{stderr:?}");
    assert!(stderr.iter().all(|line| line.contains(&address) && line.contains("in use")), "{stderr:?}");
    assert!(stderr[1].contains("--listen"), "{stderr:?}");
}

#[tokio::test]
async fn bad_values_of_flags_are_named() {
    let queue = queue_dir();
    for (flag, expected) in [
        ("--listen=8081", "listen"),
        ("--entry-grace-secs=soon", "--entry-grace-secs"),
        ("--entry-grace-secs=-1", "entry_grace_secs"),
        ("--log-bytes=1", "log_bytes"),
        ("--port=70000", "--port"),
        ("--log-format=xml", "--log-format"),
    ] {
        let mut command = broadcaster::command(["--queue"]);
        command.arg(queue.path()).arg(flag);
        refused(command, USAGE, &[expected]).await;
    }
}

#[tokio::test]
async fn a_bad_value_in_the_environment_is_named() {
    let queue = queue_dir();
    let mut command = broadcaster::command(["--queue"]);
    command.arg(queue.path()).env("FASTAPI_WS_MAX_CONNECTIONS", "many");
    refused(command, USAGE, &["many", "max-connections"]).await;
}

#[tokio::test]
async fn an_unknown_flag_is_named() {
    refused(broadcaster::command(["--qeueue", "/tmp"]), USAGE, &["--qeueue", "--help"]).await;
}

#[tokio::test]
async fn bad_configuration_files_are_named_with_the_key() {
    let queue = queue_dir();
    let file = queue.path().with_file_name("broadcaster.toml");
    let file_name = file.display().to_string();
    for (content, expected) in [
        ("listne = '127.0.0.1:0'", [&file_name[..], "listne"]),
        ("entry_grace_secs = 'soon'", [&file_name, "entry_grace_secs"]),
        ("max_connections = 0", [&file_name, "max_connections = 0: must be at least 1"]),
        ("ping_interval_secs = -1", [&file_name, "ping_interval_secs = -1: must be"]),
        ("listen = ", [&file_name, "line 1"]),
    ] {
        std::fs::write(&file, content).unwrap();
        refused(with_queue(&queue, &["--config", &file_name]), USAGE, &expected).await;
    }
    std::fs::remove_file(&file).unwrap();
    refused(with_queue(&queue, &["--config", &file_name]), USAGE, &[&file_name]).await;
}

#[tokio::test]
async fn numbers_out_of_range_are_refused_as_such_also_after_a_space() {
    let queue = queue_dir();
    for (args, expected) in [
        (&["--entry-grace-secs", "-1"][..], "entry_grace_secs = -1: must be a number of seconds above 0"),
        (&["--scan-interval-secs", "-0.5"], "scan_interval_secs = -0.5: must be a number of seconds above 0"),
        (&["--slow-client-timeout-secs", "soon"], "--slow-client-timeout-secs <SECONDS>': must be a number of seconds"),
        (&["--handshake-timeout-secs", "-1"], "handshake_timeout_secs = -1"),
        (&["--ping-interval-secs", "-1"], "ping_interval_secs = -1"),
        (&["--pong-timeout-secs", "-1"], "pong_timeout_secs = -1"),
        (&["--shutdown-grace-secs", "-1"], "shutdown_grace_secs = -1"),
        (&["--port", "-1"], "--port <PORT>': must be 0 to 65535"),
        (&["--max-event-bytes", "-1"], "--max-event-bytes <BYTES>': must be a whole number of at least 1"),
        (&["--failed-max-entries", "-1"], "--failed-max-entries <COUNT>': must be a whole number of at least 1"),
        (&["--failed-max-age-secs", "1.5"], "--failed-max-age-secs <SECONDS>': must be a whole number of at least 1"),
        (&["--log-bytes", "-1"], "--log-bytes <BYTES>': must be a whole number of at least 1"),
        (&["--max-outbox-bytes", "-1"], "--max-outbox-bytes <BYTES>': must be a whole number of at least 1"),
        (&["--max-message-bytes", "1M"], "--max-message-bytes <BYTES>': must be a whole number of at least 1"),
        (&["--max-connections", "-1"], "--max-connections <COUNT>': must be a whole number of at least 1"),
        (&["--max-connections", "99999999999999999999"], "--max-connections <COUNT>': is too large"),
        (&["--max-connections-per-address", "-1"], "per-address <COUNT>': must be a whole number of at least 1"),
        (&["listen", "ws://127.0.0.1/", "-n", "-1"], "--count <COUNT>': must be a whole number of at least 1"),
        (&["listen", "ws://127.0.0.1/", "-n", "0"], "--count <COUNT>': must be a whole number of at least 1"),
        (&["--hub-threads", "-1"], "--hub-threads <COUNT>': must be a whole number of at least 1"),
        (&["--hub-threads", "65"], "hub_threads = 65: "),
        (&["--nothing-such", "-1"], "unexpected argument '--nothing-such'"),
    ] {
        refused(with_queue(&queue, args), USAGE, &[expected]).await;
    }
}

#[tokio::test]
async fn a_value_of_a_flag_is_not_blamed_on_the_file() {
    let queue = queue_dir();
    let file = queue.path().with_file_name("broadcaster.toml");
    std::fs::write(&file, "ping_interval_secs = 0\nmax_event_bytes = 2000000").unwrap();
    let file_name = file.display().to_string();
    let flags = |flags: &[&str]| with_queue(&queue, &[&["--config", &file_name], flags].concat());
    let said = refused(flags(&["--ping-interval-secs", "0"]), USAGE, &["ping_interval_secs = 0"]).await;
    assert!(!said.contains(&file_name), "{said}");
    // Each would do alone; the file has its part in it.
    refused(
        flags(&["--ping-interval-secs", "1", "--log-bytes", "3000000"]),
        USAGE,
        &[&file_name, "log_bytes = 3000000"],
    )
    .await;
}

/// Runs it and checks that it prints every text on one line of standard error, nothing else, and exits with the code.
/// Returns that line.
async fn refused(mut command: Command, code: i32, expected: &[&str]) -> String {
    let mut process = Process::spawn(&mut command);
    let status = process.exit().await;
    let (stdout, stderr) = (process.stdout(), process.stderr());
    assert_eq!(status.code(), Some(code), "{command:?}: {stderr:?}");
    assert_eq!(stdout, Vec::<String>::new(), "{command:?}");
    assert_eq!(stderr.len(), 1, "{command:?}: {stderr:?}");
    for text in expected {
        assert!(stderr[0].contains(text), "{text:?} is not in {:?}", stderr[0]);
    }
    stderr[0].clone()
}

/// Runs it and checks that it waits, that one line has every text, and that it can be stopped.
async fn awaited(mut command: Command, expected: &[&str]) {
    let mut process = Process::spawn(&mut command);
    let line = process.line("says that it waits", |line| line.contains("waiting until").then(|| line.to_owned())).await;
    let line = line.unwrap_or_default();
    for text in expected {
        assert!(line.contains(text), "{text:?} is not in {line:?}");
    }
    process.signal(Signal::TERM);
    assert!(process.exit().await.success(), "{:?}", process.stderr());
}

fn with_queue(queue: &QueueDir, args: &[&str]) -> Command {
    let mut command = broadcaster::on(queue);
    command.args(args);
    command
}

fn path(queue: &QueueDir) -> String {
    queue.path().display().to_string()
}
