//! Mistakes with the Pusher protocol: the application's server signs with another secret, or somebody listens on the
//! path of its clients.

use serde_json::{Value, json};
use testkit::{Broadcaster, Finish as _, PusherRequest, QueueDir, until};
use tungstenite::Message;

use crate::support::{BINARY, Client, broadcaster_command, command};

const LINE: &str = "a Pusher client is refused because of its signature";

fn ask(client: &mut Client, event: &str, data: &Value) -> Value {
    client.send(Message::text(json!({ "event": event, "data": data }).to_string()));
    let Message::Text(answer) = client.next().unwrap() else { panic!("no answer") };
    serde_json::from_str(&answer).unwrap()
}

fn start(queue: &QueueDir) -> Broadcaster {
    let mut command = broadcaster_command(&queue.path());
    command.args(["--public-channels", "*", "--log-format", "json"]).env("FASTAPI_WS_APP", PusherRequest::APP);
    Broadcaster::spawn(command).listening()
}

#[test]
fn a_wrong_signature_is_explained_to_the_client_and_logged_a_line_a_second_at_most() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue);
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

#[test]
fn who_listens_on_the_path_of_pusher_clients_is_told_that_another_path_is_needed() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue);
    let told = "this path speaks the Pusher protocol, for Laravel Echo and pusher-js: another path of the server is \
                needed, such as ws://HOST/";
    for path in ["/app/app-key", "/app/app-key?protocol=7", "/app/other", "/ws/app/app-key?protocol=7"] {
        let url = format!("ws://{}{path}", broadcaster.address());
        for more in [&[][..], &["--channel", "a"]] {
            let output = command(BINARY).args(["listen", &url]).args(more).finish();
            let problem = String::from_utf8(output.stderr).unwrap();
            assert!(output.stdout.is_empty() && output.status.code() == Some(1), "{problem}");
            assert!(problem.contains(told), "{path}: {problem}");
        }
        let mut doctor = command(BINARY);
        doctor.args(["doctor", "--url", &url, "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php");
        let report = String::from_utf8(doctor.finish().stdout).unwrap();
        // It speaks the native protocol, which the server takes on every path.
        assert!(report.contains("ok   an event went from the directory to "), "{report}");
    }
    broadcaster.stop();
}
