//! A client of the subprotocol `fastapi.v1`.

use std::collections::VecDeque;

use serde_json::{Value, json};
use testkit::{Client, within};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

pub(crate) struct Native {
    client: Client,
    /// What the server calls it.
    pub(crate) id: String,
    /// What came while something else was waited for.
    others: VecDeque<Value>,
    commands: u32,
}

impl Native {
    /// Connects, and shows a token if there is one.
    pub(crate) async fn connect(url: &str, token: Option<&str>) -> Native {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "fastapi.v1".parse().unwrap());
        let mut client = Client::open(request).await;
        let welcome = client.json().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let id = welcome["client"].as_str().expect("an id").to_owned();
        let mut native = Native { client, id, others: VecDeque::new(), commands: 0 };
        if let Some(token) = token {
            let answer = native.ask(json!({ "type": "authenticate", "token": token })).await;
            assert_eq!(answer["type"], "authenticated", "{answer}");
        }
        native
    }

    /// Sends a command and returns its answer.
    pub(crate) async fn ask(&mut self, mut command: Value) -> Value {
        self.commands += 1;
        command["ref"] = json!(self.commands);
        self.client.send_text(&command.to_string()).await;
        self.message("an answer", |message| message["ref"] == command["ref"]).await
    }

    /// Subscribes, and returns the type of the answer, with its code if it is an error.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> String {
        let answer = self.ask(json!({ "type": "subscribe", "channels": [channel] })).await;
        let code = answer.get("code").map(|code| format!(" {code}")).unwrap_or_default();
        format!("{}{code}", answer["type"].as_str().expect("a type"))
    }

    /// The next event: its name, its channel and its payload.
    pub(crate) async fn event(&mut self) -> (String, Option<String>, Value) {
        let mut event = self.message("an event", |message| message.get("event").is_some()).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        assert!(event["id"].is_string() && event["timestamp"].is_u64(), "{event}");
        (text(&event["event"]).expect("a name"), text(&event["channel"]), event["payload"].take())
    }

    /// Waits for a message of a type.
    pub(crate) async fn told(&mut self, kind: &str) -> Value {
        self.message(kind, |message| message["type"] == kind).await
    }

    /// Reads to the end and returns the close code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        self.client.close_code().await
    }

    /// The first such message that was not returned yet. Others are kept.
    async fn message(&mut self, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.others.iter().position(&is_meant) {
            return self.others.remove(index).expect("it is there");
        }
        // Heartbeats come for ever.
        let reading = async {
            loop {
                let message = self.client.json().await;
                if is_meant(&message) {
                    return message;
                }
                self.others.push_back(message);
            }
        };
        within(what, reading).await
    }
}
