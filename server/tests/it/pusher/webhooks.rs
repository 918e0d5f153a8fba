//! What webhooks are told of clients of this protocol.

use testkit::{Reply, WebServer, eventually};

use super::*;

/// The events of all requests.
fn told(web: &WebServer) -> Vec<Value> {
    let events = |body: &str| serde_json::from_str::<Value>(body).unwrap()["events"].as_array().unwrap().clone();
    web.requests().iter().flat_map(|request| events(&request.body)).collect()
}

#[tokio::test]
async fn webhooks_are_told_of_members_events_of_clients_and_cache_misses_in_order() {
    let web = WebServer::start(|_| Reply::Status(200)).await;
    let kinds = ["member_added", "member_removed", "client_event", "cache_miss"];
    let kinds = kinds.map(|kind| format!(" webhook_event={kind}")).concat();
    let options = format!("client_events=members webhook=http://{}{kinds}", web.address());
    let server = server_with(&options, Settings::default());
    let (mut one, mut again) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    one.enter("presence-a", "1").await;
    // The same user: he is there already, and stays until the last of them goes.
    again.enter("presence-a", "1").await;
    for data in [json!({ "a": 1 }), json!("text"), json!(r#"{"b":1}"#)] {
        let text = json!({ "event": "client-x", "channel": "presence-a", "data": data }).to_string();
        one.client.send_text(&text).await;
        again.client.json().await;
    }
    for _ in 0..2 {
        again.subscribe("cache-a").await;
        assert_eq!(again.client.json().await["event"], "pusher:cache_miss");
        again.send("pusher:unsubscribe", json!({ "channel": "cache-a" })).await;
    }
    for client in [&mut again, &mut one] {
        client.send("pusher:unsubscribe", json!({ "channel": "presence-a" })).await;
        client.expect_nothing().await;
    }
    eventually("all are told", || told(&web).len() == 7).await;
    let member = |name: &str| json!({ "name": name, "channel": "presence-a", "user_id": "1" });
    let event = |data: &str| {
        json!({
            "name": "client_event", "channel": "presence-a", "event": "client-x", "data": data,
            "socket_id": one.id, "user_id": "1",
        })
    };
    let miss = json!({ "name": "cache_miss", "channel": "cache-a" });
    let expected = [
        member("member_added"),
        event(r#"{"a":1}"#),
        event("text"),
        event(r#"{"b":1}"#),
        miss.clone(),
        miss,
        member("member_removed"),
    ];
    assert_eq!(told(&web), expected);
}
