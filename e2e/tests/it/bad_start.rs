//! What the broadcaster cannot start with: one line that names it and says what to do, and an exit code to act on.

use std::net::TcpListener;
use std::process::Command;

use crate::harness::{Broadcaster, NOBODY, Process, QueueDir, is_root};

/// Bad arguments, configuration or queue directory.
const USAGE: i32 = 64;
/// Anything else.
const FAILURE: i32 = 1;

#[tokio::test]
async fn a_missing_queue_directory() {
    refused(Broadcaster::command(["--queue", "/nowhere/queue"]), USAGE, &["/nowhere/queue", "does not exist"]).await;
}

#[tokio::test]
async fn no_queue_directory_at_all() {
    refused(Broadcaster::command([""; 0]), USAGE, &["--queue"]).await;
}

#[tokio::test]
async fn a_file_instead_of_the_queue_directory() {
    refused(Broadcaster::command(["--queue", "/etc/hostname"]), USAGE, &["/etc/hostname", "not a directory"]).await;
}

#[tokio::test]
async fn a_queue_directory_that_every_user_can_write_to() {
    let queue = QueueDir::new();
    queue.set_mode(0o777);
    refused(with_queue(&queue, &[]), USAGE, &[&path(&queue), "chmod"]).await;
}

#[tokio::test]
async fn a_queue_directory_that_the_user_cannot_read() {
    let queue = QueueDir::new();
    queue.set_mode(0o000);
    // Root reads everything, so somebody else has to try.
    let command = if is_root() {
        let copy = queue.path().with_file_name("broadcaster");
        Broadcaster::command_as(NOBODY, copy, ["--listen", "127.0.0.1:0", "--queue", &path(&queue)])
    } else {
        with_queue(&queue, &[])
    };
    refused(command, USAGE, &[&path(&queue), "ermission"]).await;
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let queue = QueueDir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = Broadcaster::command(["--listen", &address, "--queue"]);
    command.arg(queue.path());
    refused(command, FAILURE, &[&address, "in use"]).await;
}

#[tokio::test]
async fn bad_values_of_flags_are_named() {
    let queue = QueueDir::new();
    for (flag, told) in [
        ("--listen=8081", "listen"),
        ("--entry-grace-secs=soon", "--entry-grace-secs"),
        ("--entry-grace-secs=-1", "entry_grace_secs"),
        ("--log-bytes=1", "log_bytes"),
        ("--port=70000", "--port"),
        ("--log-format=xml", "--log-format"),
    ] {
        let mut command = Broadcaster::command(["--queue"]);
        command.arg(queue.path()).arg(flag);
        refused(command, USAGE, &[told]).await;
    }
}

#[tokio::test]
async fn a_bad_value_in_the_environment_is_named() {
    let queue = QueueDir::new();
    let mut command = Broadcaster::command(["--queue"]);
    command.arg(queue.path()).env("WS_PORT", "many");
    refused(command, USAGE, &["many", "port"]).await;
}

#[tokio::test]
async fn an_unknown_flag_is_named() {
    refused(Broadcaster::command(["--qeueue", "/tmp"]), USAGE, &["--qeueue", "--help"]).await;
}

#[tokio::test]
async fn bad_configuration_files_are_named_with_the_key() {
    let queue = QueueDir::new();
    let file = queue.path().with_file_name("broadcaster.toml");
    let file_name = file.display().to_string();
    for (content, told) in [
        ("listne = '127.0.0.1:0'", [&file_name[..], "listne"]),
        ("entry_grace_secs = 'soon'", [&file_name, "entry_grace_secs"]),
        ("max_connections = 0", ["max_connections", "at least 1"]),
        ("listen = ", [&file_name, "line 1"]),
    ] {
        std::fs::write(&file, content).unwrap();
        refused(with_queue(&queue, &["--config", &file_name]), USAGE, &told).await;
    }
    std::fs::remove_file(&file).unwrap();
    refused(with_queue(&queue, &["--config", &file_name]), USAGE, &[&file_name]).await;
}

/// Runs it and checks that it says everything told on one line of standard error, nothing else, and exits with the code.
async fn refused(mut command: Command, code: i32, told: &[&str]) {
    let mut process = Process::spawn(&mut command);
    let status = process.exit().await;
    let (stdout, stderr) = (process.stdout(), process.stderr());
    assert_eq!(status.code(), Some(code), "{command:?}: {stderr:?}");
    assert_eq!(stdout, Vec::<String>::new(), "{command:?}");
    assert_eq!(stderr.len(), 1, "{command:?}: {stderr:?}");
    for text in told {
        assert!(stderr[0].contains(text), "{text:?} is not in {:?}", stderr[0]);
    }
}

fn with_queue(queue: &QueueDir, args: &[&str]) -> Command {
    let mut command = Broadcaster::command(["--listen", "127.0.0.1:0", "--queue"]);
    command.arg(queue.path()).args(args);
    command
}

fn path(queue: &QueueDir) -> String {
    queue.path().display().to_string()
}
