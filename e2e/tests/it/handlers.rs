//! A PHP script that serves by itself, with `start()`: its handlers wait at the same time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::{Pid, kill_process, test_kill_process};
use serde_json::{Value, json};
use testkit::{Client, Signal, eventually, within};

use crate::harness::{Php, broadcaster, queue_dir, websocket_address};

const LOOPS: usize = 200;
const TIMERS: usize = 100;
const IDLE: usize = 200;
const ROUNDS: usize = 3;
/// What a server takes at least that answers one loop after the other: each sleeps for 100 ms before it does.
const ONE_AFTER_THE_OTHER: Duration = Duration::from_millis(100 * (LOOPS * ROUNDS) as u64);

#[tokio::test]
async fn loops_timers_and_idle_clients_are_served_at_the_same_time() {
    let queue = queue_dir();
    let mut server = Php::spawn("handlers.php", &queue, [""; 0]);
    let address = websocket_address(server.process()).await;
    let mut idle = crowd(address, "/", IDLE).await;
    let mut timers = crowd(address, "/timer", TIMERS).await;
    let mut loops = crowd(address, "/loop", LOOPS).await;

    // Every client sends again as soon as it was answered, whether the others were or not.
    let began = Instant::now();
    let conversations = loops.iter_mut().enumerate().map(|(number, client)| async move {
        for round in 0..ROUNDS {
            let message = format!("{number} in round {round}");
            client.send_text(&message).await;
            assert_eq!(client.json().await, json!({"event": "answer", "payload": message}));
        }
    });
    within("all answers", join_all(conversations)).await;
    let took = began.elapsed();
    assert!(took < ONE_AFTER_THE_OTHER / 4, "{took:?}");

    // Meanwhile the timers went on, and events reach everybody in between.
    Php::run("queue_backlog.php", &queue, ["1"]).await;
    let is_event = |message: &Value| message["event"] == "backlog";
    for client in &mut timers {
        let (mut ticks, mut events) = (0, 0);
        while ticks < 5 || events < 1 {
            let message = client.json().await;
            if is_event(&message) {
                events += 1;
            } else {
                assert_eq!(message, json!({"event": "tick", "payload": ticks}));
                ticks += 1;
            }
        }
    }
    for client in idle.iter_mut().chain(&mut loops) {
        assert!(is_event(&client.json().await));
    }

    let _stop = Client::connect(address, "/stop").await;
    let all = idle.iter_mut().chain(&mut timers).chain(&mut loops);
    assert!(join_all(all.map(Client::close_code)).await.iter().all(|code| *code == 1001));
    assert_eq!(server.output().await.last().unwrap(), "stopped");
}

#[tokio::test]
async fn a_child_of_a_handler_that_lives_on_holds_up_neither_clients_nor_a_standby() {
    let queue = queue_dir();
    let mut server = Php::spawn("handlers.php", &queue, [""; 0]);
    let address = websocket_address(server.process()).await;
    let mut clients = [Client::connect(address, "/").await, Client::connect(address, "/fork").await];
    assert_eq!(clients[1].json().await["event"], "forked");
    let forked = |line: &str| Pid::from_raw(line.strip_prefix("child ")?.parse().ok()?);
    let child = Orphan(server.process().line("its child lives", forked).await.expect("the handler forks"));
    let standby = broadcaster::standby(&queue).await;

    let _stop = Client::connect(address, "/stop").await;
    for client in &mut clients {
        assert_eq!(client.close_code().await, 1001);
    }
    eventually("the server has ended", || server.process().has_exited()).await;
    standby.started().await;
    assert!(test_kill_process(child.0).is_ok(), "the child lives on");
}

/// A process that outlives its parent, but not the test.
struct Orphan(Pid);

impl Drop for Orphan {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

async fn crowd(address: SocketAddr, path: &str, count: usize) -> Vec<Client> {
    join_all((0..count).map(|_| Client::connect(address, path))).await
}
