//! What a Pusher client and the log are told when the application's server has signed with another secret.

use serde_json::{Value, json};
use testkit::{Broadcaster, PusherRequest, QueueDir, until};
use tungstenite::Message;

use crate::support::{Client, broadcaster_command};

const LINE: &str = "a Pusher client is refused because of its signature";

fn ask(client: &mut Client, event: &str, data: &Value) -> Value {
    client.send(Message::text(json!({ "event": event, "data": data }).to_string()));
    let Message::Text(answer) = client.next().unwrap() else { panic!("no answer") };
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_wrong_signature_is_explained_to_the_client_and_logged_a_line_a_second_at_most() {
    let queue = QueueDir::new();
    let mut command = broadcaster_command(&queue.path());
    command.args(["--public-channels", "*", "--log-format", "json"]).env("FASTAPI_WS_APP", PusherRequest::APP);
    let mut broadcaster = Broadcaster::spawn(command).listening();
    let mut client = Client::at(broadcaster.address(), "/app/app-key?protocol=7");
    client.next().unwrap();
    let began = std::time::Instant::now();
    for _ in 0..10 {
        let asked = json!({ "channel": "private-a", "auth": format!("app-key:{}", "0".repeat(64)) });
        let answer = ask(&mut client, "pusher:subscribe", &asked);
        let told = answer["data"].as_str().unwrap();
        assert!(told.contains("channel (is the secret of the application's server the one of [[app]]?)"), "{told}");
        let answer = ask(&mut client, "pusher:signin", &json!({ "auth": "app-kee:00", "user_data": "{}" }));
        assert_eq!(answer["data"]["message"], "auth names another key than that of the app");
    }
    until("it is logged", || !broadcaster.log_lines(LINE).is_empty());
    let lines = broadcaster.log_lines(LINE);
    assert!(lines.len() as u64 <= 1 + began.elapsed().as_secs(), "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let text = line.to_string();
    assert!(text.contains(r#""session":"#) && text.contains("one of [[app]]?"), "{text}");
    assert!(!text.contains("app-secret") && !text.contains("00000000"), "{text}");
    broadcaster.stop();
}
