//! Clients of the Pusher protocol, byte by byte: what their libraries send and get. That the libraries themselves
//! understand it, `e2e` tests.

mod client_events;
mod events;
mod handshake;
mod presence;
mod signin;
mod subscribing;

use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::{Value, json};
use server::config::Settings;
use testkit::Client;

use crate::util::TestServer;

const KEY: &str = "app-key";
const SECRET: &str = "app-secret";

/// A server with an application, where everything is public that may be.
fn server() -> TestServer {
    server_with("", Settings::default())
}

/// The same with options of the application, and settings.
fn server_with(options: &str, settings: Settings) -> TestServer {
    let app = format!("id=app-id key={KEY} secret=older secret={SECRET} {options}");
    let own = Settings {
        app: Some(vec![app.parse().unwrap()]),
        public_channels: Some(vec!["*".parse().unwrap()]),
        ..Settings::default()
    };
    TestServer::with(settings.or(own))
}

/// A client and its socket id.
pub(crate) struct Pusher {
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl Pusher {
    pub(crate) async fn connect(server: &TestServer) -> Pusher {
        let mut client =
            Client::connect(server.address, &format!("/app/{KEY}?protocol=7&client=js&version=8.4.0")).await;
        let first = client.json().await;
        assert_eq!(first["event"], "pusher:connection_established", "{first}");
        let data = data_of(&first);
        assert!(data["activity_timeout"].as_u64().is_some_and(|seconds| seconds > 0), "{data}");
        Pusher { client, id: data["socket_id"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn send(&mut self, event: &str, data: Value) {
        self.client.send_text(&json!({ "event": event, "data": data }).to_string()).await;
    }

    /// Sends a message and returns what comes next.
    pub(crate) async fn ask(&mut self, event: &str, data: Value) -> Value {
        self.send(event, data).await;
        self.client.json().await
    }

    /// What the application's server answers for a channel.
    fn auth(&self, channel: &str) -> String {
        sign(&format!("{}:{channel}", self.id))
    }

    /// Subscribes a private or public channel.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> Value {
        let auth = self.auth(channel);
        self.ask("pusher:subscribe", json!({ "channel": channel, "auth": auth })).await
    }

    /// Subscribes a presence channel as a user. Returns who is there.
    pub(crate) async fn enter(&mut self, channel: &str, user: &str) -> Value {
        let channel_data = json!({ "user_id": user, "user_info": { "name": user } }).to_string();
        let auth = self.auth(&format!("{channel}:{channel_data}"));
        let asked = json!({ "channel": channel, "auth": auth, "channel_data": channel_data });
        let answer = self.ask("pusher:subscribe", asked).await;
        assert_eq!(answer["event"], "pusher_internal:subscription_succeeded", "{answer}");
        data_of(&answer)["presence"].clone()
    }

    /// Returns when everything that was sent to it before has come, and nothing else may have.
    pub(crate) async fn expect_nothing(&mut self) {
        let answer = self.ask("pusher:ping", json!({})).await;
        assert_eq!(answer["event"], "pusher:pong", "{answer}");
    }
}

/// What the application's server makes of a text.
pub(crate) fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{KEY}:{}", HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref()))
}

/// `data`, which is a string that holds JSON.
pub(crate) fn data_of(message: &Value) -> Value {
    let data = message["data"].as_str().unwrap_or_else(|| panic!("data is no string in {message}"));
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"))
}
