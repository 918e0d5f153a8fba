//! What one turn of a thread does for many clients of the Pusher protocol.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::NoApplication;
use crate::config::Settings;
use crate::hub::shard::ShardThread;
use crate::hub::shard::stepping::{connect, message};
use crate::protocol::{ClientKind, Opening, Wants};
use crate::publication::{Audience, Publication};
use crate::rights::PusherApp;

const CHANNEL: &str = "presence-a";

/// A user with one connection.
struct User {
    stream: UnixStream,
    socket_id: String,
}

impl User {
    fn connect(shard: &mut ShardThread<NoApplication>) -> User {
        let wants = Wants { kind: ClientKind::Pusher, identity: None, after: None };
        let (stream, joining) = connect(Opening::WebSocket { received: Vec::new(), wants }).expect("a socket");
        shard.let_join(joining);
        // It joins, and is written to.
        (0..2).for_each(|_| shard.step().expect("a turn"));
        let mut user = User { stream, socket_id: String::new() };
        let told = user.read();
        let id = told.split(r#"socket_id\":\""#).nth(1).and_then(|rest| rest.split('\\').next());
        user.socket_id = id.expect("an id").to_owned();
        user
    }

    fn send(&mut self, event: &str, data: &serde_json::Value) {
        let text = json!({ "event": event, "data": data }).to_string();
        self.stream.write_all(&message(&text)).expect("the socket takes it");
    }

    fn join(&mut self, app: &PusherApp, user: usize) {
        let data = format!(r#"{{"user_id":"{user}"}}"#);
        let signature = app.sign(format!("{}:{CHANNEL}:{data}", self.socket_id).as_bytes());
        let auth = format!("key:{signature}");
        self.send("pusher:subscribe", &json!({ "channel": CHANNEL, "auth": auth, "channel_data": data }));
    }

    fn leave(&mut self) {
        self.send("pusher:unsubscribe", &json!({ "channel": CHANNEL }));
    }

    /// All that has come, headers of frames left as they are.
    fn read(&mut self) -> String {
        let (mut all, mut bytes) = (String::new(), [0; 4096]);
        while let Ok(read @ 1..) = self.stream.read(&mut bytes) {
            all += &String::from_utf8_lossy(&bytes[..read]);
        }
        all
    }
}

#[test]
fn users_who_leave_in_one_turn_are_told_of_together_and_not_to_each_other() {
    let app: PusherApp = "id=1 key=key secret=secret".parse().expect("an application");
    let public_channels = Some(vec!["*".parse().expect("a pattern")]);
    let settings = Settings { app: Some(vec![app.clone()]), public_channels, ..Settings::default() };
    let config = settings.resolve().expect("settings");
    let (mut shards, hub) = ShardThread::prepare(1, &config.limits, &config.rights, |_| NoApplication).expect("a hub");
    let mut shard = shards.pop().expect("one thread");
    let mut users: Vec<User> = (0..5).map(|_| User::connect(&mut shard)).collect();
    for (number, user) in users.iter_mut().enumerate() {
        user.join(&app, number);
        shard.step().expect("a turn");
    }
    for (number, user) in users.iter_mut().enumerate() {
        let told = user.read();
        assert!(told.contains("subscription_succeeded"), "{told}");
        assert_eq!(told.matches("member_added").count(), 4 - number, "{told}");
    }

    let channels = [CHANNEL.parse().expect("a name")];
    let audience = Audience::Channels(&channels);
    hub.publish(&Publication { audience, ..Publication::to_everybody("\"before\"", "1", 7) });
    users[1..].iter_mut().for_each(User::leave);
    shard.step().expect("a turn");
    let count = |told: &str, event: &str| told.matches(event).count();
    let told: Vec<String> = users.iter_mut().map(User::read).collect();
    let removed: Vec<usize> = told.iter().map(|told| count(told, "member_removed")).collect();
    assert_eq!(removed, [4, 0, 0, 0, 0]);
    assert!(told.iter().all(|told| count(told, "before") == 1), "what was published comes before: {told:?}");
}
