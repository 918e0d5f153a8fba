//! Who is on a channel: told to clients of the Pusher protocol and to native ones.

use serde_json::{Value, json};
use server::config::Settings;
use server::token::{NewToken, Secret, create};

use super::{Pusher, data_of, server, server_with};

/// A presence message: which, and what it says.
fn told(message: &Value) -> (String, Value) {
    assert_eq!(message["channel"], "presence-a", "{message}");
    (message["event"].as_str().unwrap().to_owned(), data_of(message))
}

#[tokio::test]
async fn a_user_is_told_of_with_the_first_connection_and_the_last() {
    let server = server();
    let mut one = Pusher::connect(&server).await;
    let there = one.enter("presence-a", "1").await;
    assert_eq!(there, json!({ "ids": ["1"], "hash": { "1": { "name": "1" } }, "count": 1 }));
    let mut tab = Pusher::connect(&server).await;
    assert_eq!(tab.enter("presence-a", "1").await["count"], 1);
    let mut other = Pusher::connect(&server).await;
    assert_eq!(other.enter("presence-a", "2").await["count"], 2);
    for client in [&mut one, &mut tab] {
        let (event, data) = told(&client.client.json().await);
        assert_eq!(event, "pusher_internal:member_added");
        assert_eq!(data, json!({ "user_id": "2", "user_info": { "name": "2" } }));
    }
    other.expect_nothing().await;
    drop(tab);
    one.send("pusher:unsubscribe", json!({ "channel": "presence-a" })).await;
    let (event, data) = told(&other.client.json().await);
    assert_eq!((event.as_str(), data), ("pusher_internal:member_removed", json!({ "user_id": "1" })));
    one.expect_nothing().await;
    other.expect_nothing().await;
}

#[tokio::test]
async fn a_channel_has_as_many_members_as_can_be_told_in_one_message() {
    let server = server_with("", Settings { max_outbox_bytes: Some(60), ..Settings::default() });
    let mut first = Pusher::connect(&server).await;
    first.enter("presence-a", "1").await;
    let mut second = Pusher::connect(&server).await;
    second.enter("presence-a", "2").await;
    let mut third = Pusher::connect(&server).await;
    let channel_data = json!({ "user_id": "3", "user_info": { "name": "3" } }).to_string();
    let auth = third.auth(&format!("presence-a:{channel_data}"));
    let asked = json!({ "channel": "presence-a", "auth": auth, "channel_data": channel_data });
    let answer = third.ask("pusher:subscribe", asked.clone()).await;
    assert_eq!(answer["event"], "pusher:subscription_error", "{answer}");
    assert!(data_of(&answer)["error"].as_str().unwrap().contains("max_outbox_bytes"));
    drop(second);
    first.client.json().await;
    first.client.json().await;
    assert_eq!(third.ask("pusher:subscribe", asked).await["event"], "pusher_internal:subscription_succeeded");
}

#[tokio::test]
async fn a_user_with_the_number_of_a_database_is_one() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let channel_data = r#"{"user_id":7}"#;
    let auth = client.auth(&format!("presence-a:{channel_data}"));
    let asked = json!({ "channel": "presence-a", "auth": auth, "channel_data": channel_data });
    let there = data_of(&client.ask("pusher:subscribe", asked).await);
    assert_eq!(there, json!({ "presence": { "ids": ["7"], "hash": { "7": null }, "count": 1 } }));
}

#[tokio::test]
async fn native_clients_are_members_and_are_told() {
    const TOKEN_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    let settings = Settings { token_secret: Some(vec![Secret::new(TOKEN_SECRET)]), ..Settings::default() };
    let server = server_with("", settings);
    let new = NewToken {
        user: Some("9".to_owned()),
        allow: vec!["presence-a".to_owned()],
        info: Some(r#"{"name":"N"}"#.to_owned()),
        ttl: std::time::Duration::from_secs(600),
        ..NewToken::default()
    };
    let token = create(&Secret::new(TOKEN_SECRET), &new, std::time::SystemTime::now()).unwrap();
    let mut pusher = Pusher::connect(&server).await;
    pusher.enter("presence-a", "1").await;
    let (mut native, _) = server.native(&format!("?everybody=0&token={token}")).await;
    assert_eq!(native.ask(json!({ "type": "presence", "channel": "presence-a", "ref": 1 })).await["code"], 103);
    native.ask(json!({ "type": "subscribe", "channel": "presence-a" })).await;
    let (event, data) = told(&pusher.client.json().await);
    assert_eq!(
        (event.as_str(), &data),
        ("pusher_internal:member_added", &json!({ "user_id": "9", "user_info": { "name": "N" } }))
    );
    let members = native.ask(json!({ "type": "presence", "channel": "presence-a", "ref": 1 })).await;
    let expected = json!([{ "user": "1", "info": { "name": "1" } }, { "user": "9", "info": { "name": "N" } }]);
    assert_eq!(members, json!({ "type": "members", "ref": 1, "channel": "presence-a", "members": expected }));
    let mut third = Pusher::connect(&server).await;
    assert_eq!(third.enter("presence-a", "3").await["count"], 3);
    let joined = json!({ "type": "joined", "channel": "presence-a", "user": "3", "info": { "name": "3" } });
    assert_eq!(native.json().await, joined);
    drop(third);
    assert_eq!(native.json().await, json!({ "type": "left", "channel": "presence-a", "user": "3" }));
    drop(native);
    let events: Vec<String> = vec![
        told(&pusher.client.json().await).0,
        told(&pusher.client.json().await).0,
        told(&pusher.client.json().await).0,
    ];
    assert_eq!(
        events,
        ["pusher_internal:member_added", "pusher_internal:member_removed", "pusher_internal:member_removed"]
    );
}
