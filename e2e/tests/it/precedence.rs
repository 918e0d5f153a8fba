//! Where a setting comes from: a flag wins over the environment, that over the file, that over the default.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use testkit::QueueDir;

use crate::harness::{broadcaster, queue_dir};

// Every address of 127.0.0.0/8 is this machine, so the one that is listened on tells which setting won.
const FILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const ENVIRONMENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const FLAG: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

#[tokio::test]
async fn a_file_alone_is_enough() {
    let queue = queue_dir();
    assert_eq!(listens_on(&mut with_file(&queue, &format!("listen = '{FILE}:0'"))).await, FILE);
}

#[tokio::test]
async fn the_default_address_is_this_machine_only() {
    let queue = queue_dir();
    assert_eq!(listens_on(&mut with_file(&queue, "port = 0")).await, Ipv4Addr::LOCALHOST);
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let queue = queue_dir();
    let mut command = with_file(&queue, &format!("listen = '{FILE}:0'"));
    command.env("FASTAPI_WS_LISTEN", format!("{ENVIRONMENT}:0"));
    assert_eq!(listens_on(&mut command).await, ENVIRONMENT);
}

#[tokio::test]
async fn host_and_port_of_the_original_quick_start_win_over_the_file() {
    let queue = queue_dir();
    let mut command = with_file(&queue, &format!("listen = '{FILE}:0'"));
    command.env("WS_HOST", ENVIRONMENT.to_string()).env("WS_PORT", "0");
    assert_eq!(listens_on(&mut command).await, ENVIRONMENT);
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_and_the_file() {
    let queue = queue_dir();
    let mut command = with_file(&queue, &format!("listen = '{FILE}:0'"));
    command.env("FASTAPI_WS_LISTEN", format!("{ENVIRONMENT}:0")).arg(format!("--listen={FLAG}:0"));
    assert_eq!(listens_on(&mut command).await, FLAG);
}

#[tokio::test]
async fn flags_of_host_and_port_win_over_an_address_in_the_environment() {
    let queue = queue_dir();
    let mut command = with_file(&queue, "");
    command.env("FASTAPI_WS_LISTEN", format!("{ENVIRONMENT}:0")).args(["--host", &FLAG.to_string(), "--port", "0"]);
    assert_eq!(listens_on(&mut command).await, FLAG);
}

/// A command whose queue and further settings are in a file.
fn with_file(queue: &QueueDir, settings: &str) -> Command {
    let file = queue.path().with_file_name("broadcaster.toml");
    fs::write(&file, format!("queue = '{}'\n{settings}\n", queue.path().display())).unwrap();
    let mut command = broadcaster::command(["--config"]);
    command.arg(file);
    command
}

async fn listens_on(command: &mut Command) -> std::net::IpAddr {
    broadcaster::spawn(command).await.address().ip()
}
