//! `/live` and `/ready` while something is broken, and while the broadcaster stops.

use std::fs;

use rustix::process::Signal;
use testkit::redis::RedisServer;
use testkit::{Broadcaster, QueueDir, until};

use crate::support::admin::{Admin, Answer};
use crate::support::{GRACE, broadcaster_command, shake_hands};

/// Waits for a 503 with a line that has a text.
fn await_not_ready(admin: Admin, text: &str) -> Answer {
    until(text, || Some(admin.get("/ready")).filter(|answer| answer.status == 503 && answer.body.contains(text)))
}

fn await_ready(admin: Admin) {
    until("it is ready again", || admin.get("/ready").status == 200);
}

#[test]
fn it_is_not_ready_while_the_queue_cannot_be_read() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    await_ready(admin);
    fs::remove_dir_all(queue.path()).unwrap();
    let answer = await_not_ready(admin, "the queue directory cannot be read");
    assert_eq!(answer.body.lines().count(), 1, "{answer:?}");
    assert_eq!(admin.get("/live").status, 200);
    let status = admin.get("/status.json").json();
    assert_eq!(status["ready"], false, "{status}");
    assert!(status["problems"][0]["what"].as_str().unwrap().contains("cannot be read"), "{status}");
    assert_eq!(status["problems"][0]["fix"], "run: fastapi-broadcaster doctor", "{status}");
    queue.enqueue(1);
    await_ready(admin);
    broadcaster.stop();
}

#[test]
fn it_is_not_ready_while_redis_is_away() {
    let queue = QueueDir::new();
    let mut redis = RedisServer::start();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &["--broker-url", &redis.url()]);
    await_ready(admin);
    redis.kill();
    await_not_ready(admin, "Redis cannot be read");
    let status =
        until("the page tells it", || Some(admin.get("/status.json").json()).filter(|status| status["ready"] == false));
    assert!(status["problems"][0]["fix"].as_str().unwrap().contains("The log says what failed"), "{status}");
    redis.start_again();
    await_ready(admin);
    broadcaster.stop();
}

#[test]
fn it_says_that_it_stops_until_the_last_client_has_left() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[GRACE, "60"]);
    // It does not answer the close frame, so the stop waits for it.
    let client = shake_hands(broadcaster.address());
    broadcaster.signal(Signal::TERM);
    await_not_ready(admin, "the server is stopping");
    assert_eq!(admin.get("/live").status, 200);
    drop(client);
    assert!(broadcaster.await_exit().success());
}

#[test]
fn beyond_the_loopback_it_starts_only_with_a_token() {
    let queue = QueueDir::new();
    let mut command = broadcaster_command(&queue.path());
    command.args(["--admin-listen", "0.0.0.0:0"]);
    let mut broadcaster = Broadcaster::spawn(command);
    assert_eq!(broadcaster.await_exit().code(), Some(64));
    let error = broadcaster.stderr().join("\n");
    assert!(error.contains("admin_listen = 0.0.0.0:0: other machines can reach this address"), "{error}");
    assert!(error.contains("admin_token_file"), "{error}");
}
