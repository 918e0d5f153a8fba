//! Reloads under load: no client leaves, no event is lost.

use std::time::Duration;

use testkit::{Client, within};

use super::Stage;
use crate::support::may_open;

/// Clients, unless `RELOAD_CLIENTS` says how many.
const CLIENTS: usize = 1000;
/// Reloads, and events that are queued before each, which are on their way meanwhile.
const ROUNDS: usize = 20;
const EVENTS_OF_ROUND: usize = 25;
/// How long all of it may take.
const TIME: Duration = Duration::from_secs(120);

/// Files that follow each other: limits, rights and rules go up and down, and some have a mistake.
const FILES: [&[(&str, &str)]; 5] = [
    &[("max_connections", "1"), ("allowed_origins", "['https://a.example']"), ("history_events", "1")],
    &[("max_connections", "'wrong'")],
    &[("max_connections", "5000"), ("public_channels", "['other.*']"), ("max_messages_per_sec", "7")],
    &[("max_connections", "5000"), ("log_level", "'loud'")],
    &[
        ("max_connections", "4000"),
        ("log_level", "'info'"),
        ("public_channels", "['*']"),
        ("history_events", "50"),
        ("channel", "[{ pattern = 'a', history_events = 3 }]"),
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_leaves_and_no_event_is_lost() {
    let count = std::env::var("RELOAD_CLIENTS").map_or(CLIENTS, |count| count.parse().expect("a number"));
    if !may_open(count as u64 + 100) {
        return;
    }
    let mut stage = Stage::new();
    stage.start(&[("max_connections", "5000")]);
    let address = stage.address();
    let mut clients = Vec::new();
    for number in 0..count {
        // Half of them have a channel as well, so that they get events in the other way.
        let target = if number % 2 == 0 { "/" } else { "/?channel=a&everybody=1" };
        let mut client = Client::connect(address, target).await;
        if number % 2 == 1 {
            client.text().await;
        }
        clients.push(tokio::spawn(async move {
            for expected in 0..ROUNDS * EVENTS_OF_ROUND {
                assert_eq!(client.payload().await, expected.to_string());
            }
            client
        }));
    }
    let mut stage = tokio::task::spawn_blocking(move || reload(stage)).await.unwrap();
    let all = async {
        let mut there = Vec::new();
        for client in clients {
            there.push(client.await.unwrap());
        }
        there
    };
    let mut clients = tokio::time::timeout(TIME, all).await.expect("everybody gets everything");
    stage.queue.enqueue("\"last\"");
    for client in &mut clients {
        assert_eq!(within("the last one", client.payload()).await, "\"last\"");
    }
    drop(clients);
    stage.broadcaster().stop();
}

/// Reloads again and again.
fn reload(mut stage: Stage) -> Stage {
    for round in 0..ROUNDS {
        let first = round * EVENTS_OF_ROUND;
        (first..first + EVENTS_OF_ROUND).for_each(|number| drop(stage.queue.enqueue(number)));
        let file = FILES[round % FILES.len()];
        if file.iter().any(|(_, value)| ["'wrong'", "'loud'"].contains(value)) {
            file.iter().for_each(|(key, value)| stage.set(key, value));
            stage.refuses();
        } else {
            stage.reload(file);
        }
    }
    stage
}
