//! What clients send while the disk of the history log does not answer.

use testkit::{Client, QueueDir, within};
use tokio::sync::oneshot;

use super::*;
use crate::Server;
use crate::config::Settings;
use crate::hub::relay::MAX_WAITING_BYTES;
use crate::publication::Seq;

/// The text of an event with this payload.
fn event(payload: &str) -> String {
    format!(r#"{{"event":"e","payload":"{payload}"}}"#)
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "no task of this test takes that lock")]
async fn who_relays_while_the_disk_does_not_answer_holds_up_no_thread_of_the_hub() {
    let queue = QueueDir::new();
    let settings = Settings {
        queue: Some(queue.path()),
        port: Some(0),
        hub_threads: Some(1),
        relay_client_events: Some(true),
        max_messages_per_sec: Some(0),
        max_bytes_per_sec: Some(0),
        ..Settings::default()
    };
    let server = Server::bind(settings.resolve().expect("settings"), |_| crate::NoApplication).expect("a server");
    let (address, hub) = (server.local_addr(), server.hub().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let [mut good, mut greedy] = [Client::connect(address, "/").await, Client::connect(address, "/").await];
    let mut native = Client::native(address, "/").await;
    assert_eq!(native.json().await["type"], "welcome");

    // Who appends to a log whose disk does not answer has this lock.
    let log = hub.lock_log();
    good.send_text(&event("good")).await;
    let text = event(&"x".repeat(60_000));
    for sent in 0..=MAX_WAITING_BYTES / 60_000 {
        greedy.send_text(&text).await;
        // The thread of the hub answers all the time.
        if sent % 10 == 0 {
            assert_eq!(native.ask(serde_json::json!({ "type": "ping" })).await["type"], "pong");
        }
    }
    assert_eq!(greedy.close_code().await, 4429);
    assert!(hub.shared.relay.bytes() > MAX_WAITING_BYTES / 2);
    drop(log);

    assert_eq!(good.json().await["payload"], "good");
    within("everything is published", async {
        while hub.shared.relay.bytes() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(stop);
    within("the server stops", running).await.expect("it does not panic").expect("it ends well");
}

#[test]
fn what_was_sent_before_the_end_is_published() {
    let hub = Hub::new([], &Settings::default().resolve().expect("defaults").limits).expect("a hub");
    let relay = |payload| hub.relay(SessionId(1), Event::parse(event(payload).as_bytes()).expect("an event"));
    ["1", "2", "3"].into_iter().for_each(relay);
    hub.end_relay();
    relay("4");
    hub.run_relay();
    assert_eq!(hub.head(), Seq(3));
}
