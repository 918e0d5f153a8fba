//! Clients that say who they are, and events for one user.

use serde_json::json;
use server::Who;

use super::{Pusher, server, sign};

fn signed(client: &Pusher, user_data: &str) -> serde_json::Value {
    json!({ "auth": sign(&format!("{}::user::{user_data}", client.id)), "user_data": user_data })
}

#[tokio::test]
async fn events_for_a_user_reach_who_has_signed_in() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let user_data = r#"{"id":"7","user_info":{"name":"A"}}"#;
    let asked = signed(&client, user_data);
    let answer = client.ask("pusher:signin", asked).await;
    assert_eq!(answer["event"], "pusher:signin_success", "{answer}");
    assert_eq!(super::data_of(&answer)["user_data"], user_data);
    // pusher-js asks for it with an empty auth.
    let own = json!({ "channel": "#server-to-user-7", "auth": "" });
    assert_eq!(client.ask("pusher:subscribe", own).await["event"], "pusher_internal:subscription_succeeded");
    let other = json!({ "channel": "#server-to-user-8", "auth": "" });
    assert_eq!(client.ask("pusher:subscribe", other).await["event"], "pusher:subscription_error");
    server.publish(&["#server-to-user-7"], 1);
    server.publish(&["#server-to-user-8"], 2);
    assert_eq!(client.client.json().await["channel"], "#server-to-user-7");
    client.expect_nothing().await;
    // A presence channel takes the user from there.
    let there = client.subscribe("presence-a").await;
    assert_eq!(super::data_of(&there)["presence"]["hash"], json!({ "7": { "name": "A" } }));
}

#[tokio::test]
async fn a_forged_signin_is_refused() {
    let server = server();
    let (mut client, other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    let of_other = signed(&other, r#"{"id":"7"}"#);
    let mut changed = signed(&client, r#"{"id":"7"}"#);
    changed["user_data"] = json!(r#"{"id":"8"}"#);
    let nobody = signed(&client, "{}");
    for asked in [of_other, changed, nobody] {
        let answer = client.ask("pusher:signin", asked).await;
        assert_eq!((&answer["event"], &answer["data"]["code"]), (&json!("pusher:error"), &json!(4009)), "{answer}");
    }
    let own = json!({ "channel": "#server-to-user-7", "auth": "" });
    assert_eq!(client.ask("pusher:subscribe", own).await["event"], "pusher:subscription_error");
}

#[tokio::test]
async fn who_has_signed_in_stays_that_user_and_can_be_disconnected() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let asked = signed(&client, r#"{"id":"7"}"#);
    client.ask("pusher:signin", asked).await;
    let asked = signed(&client, r#"{"id":"8"}"#);
    assert_eq!(client.ask("pusher:signin", asked).await["data"]["code"], 4009);
    assert_eq!(server.hub.disconnect(Who::User("7".into())).await.unwrap(), 1);
    assert_eq!(client.client.close_code().await, 4009);
}
