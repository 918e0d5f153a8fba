//! The HTTP API of the Pusher protocol, of broadcasters that are killed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use serde_json::{Value, json};
use testkit::{Broadcaster, PusherRequest, QueueDir};
use tungstenite::Message;

use crate::support::{Client, Random, broadcaster_command};

const APPLICATIONS: usize = 4;
const RUNS: usize = 6;

#[test]
fn what_was_answered_is_in_the_queue_or_was_delivered_when_the_broadcaster_is_killed() {
    let (mut random, mut all) = (Random::new(), 0);
    for run in 0..RUNS {
        let Outcome { answered, there } = publish_until(1 + random.below(60), |broadcaster| broadcaster.kill());
        all += answered.len();
        let lost: Vec<&Value> = answered.iter().filter(|payload| !there.contains(payload)).collect();
        assert!(lost.is_empty(), "run {run}: {} answered, {lost:?} are lost", answered.len());
    }
    // A single event can be delivered before its answer is.
    assert!(all > 0, "nothing was answered in any run");
}

#[test]
fn what_is_queued_is_answered_when_the_broadcaster_stops() {
    let (mut random, mut all) = (Random::new(), 0);
    for run in 0..RUNS {
        let Outcome { answered, there } = publish_until(1 + random.below(60), Broadcaster::stop);
        all += answered.len();
        let lost: Vec<&Value> = answered.iter().filter(|payload| !there.contains(payload)).collect();
        assert!(lost.is_empty(), "run {run}: {} answered, {lost:?} are lost", answered.len());
        let more: Vec<&Value> = there.iter().filter(|payload| !answered.contains(payload)).collect();
        assert!(more.is_empty(), "run {run}: {} answered, {more:?} are there as well", answered.len());
    }
    assert!(all > 0, "nothing was answered in any run");
}

/// Payloads of events.
struct Outcome {
    answered: Vec<Value>,
    /// What a client has, and what is in the queue.
    there: Vec<Value>,
}

/// Lets applications publish until a client has so many events and the broadcaster has come to its end.
fn publish_until(wanted: usize, end: impl FnOnce(&mut Broadcaster)) -> Outcome {
    let queue = QueueDir::new();
    let mut command = broadcaster_command(&queue.path());
    command.args(["--public-channels", "*"]).env("FASTAPI_WS_APP", PusherRequest::APP);
    let mut broadcaster = Broadcaster::spawn(command).listening();
    let address = broadcaster.address();
    let mut client = Client::at(address, "/?channel=a");
    let publishing: Vec<_> = (0..APPLICATIONS).map(|id| thread::spawn(move || publish(address, id))).collect();
    let mut there = Vec::new();
    while there.len() < wanted {
        there.extend(payload(&client.next().unwrap()));
    }
    end(&mut broadcaster);
    let answered: Vec<Value> = publishing.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    // What was written before is in the client's socket.
    while let Ok(message) = client.next() {
        there.extend(payload(&message));
    }
    for name in queue.entries().into_iter().filter(|name| !name.starts_with('.')) {
        let content = std::fs::read_to_string(queue.path().join(name)).unwrap();
        there.extend(content.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["payload"].clone()));
    }
    Outcome { answered, there }
}

/// Publishes until nobody listens. Returns what was accepted.
fn publish(address: SocketAddr, id: usize) -> Vec<Value> {
    let mut accepted = Vec::new();
    for number in 0.. {
        let payload = json!([id, number]);
        let event = |data: &Value| json!({ "name": "test", "data": data.to_string(), "channel": "a" });
        // Every second one in a batch.
        let request = if number % 2 == 0 {
            PusherRequest::post("/apps/3/events", event(&payload))
        } else {
            PusherRequest::post("/apps/3/batch_events", json!({ "batch": [event(&payload)] }))
        };
        match exchange(address, &request.to_bytes()) {
            Ok(answer) if answer.starts_with(b"HTTP/1.1 200 ") => accepted.push(payload),
            Ok(answer) if answer.is_empty() => {}
            Ok(answer) => panic!("{}", String::from_utf8_lossy(&answer)),
            Err(_) => break,
        }
    }
    accepted
}

fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn payload(message: &Message) -> Option<Value> {
    let Message::Text(text) = message else { return None };
    serde_json::from_str::<Value>(text).unwrap().get("payload").cloned()
}
