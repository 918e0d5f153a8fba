//! What subscriptions are bounded by, and what clients see of it that ask for more.

use serde_json::{Value, json};
use server::config::Settings;
use testkit::{Client, within};
use tokio_tungstenite::tungstenite::Message;

use crate::commands::{error_code, expect};
use crate::util::TestServer;

fn subscribe(channels: &[&str]) -> Value {
    json!({ "type": "subscribe", "channels": channels, "ref": channels })
}

fn unsubscribe(channels: &[&str]) -> Value {
    json!({ "type": "unsubscribe", "channels": channels })
}

/// Commands are not read more slowly than they are sent.
fn without_budget() -> Settings {
    Settings { max_messages_per_sec: Some(0), ..Settings::default() }
}

/// The code of the error that answers a command, or 0.
async fn code(client: &mut Client, mut command: Value) -> u64 {
    command["ref"] = json!("r");
    let answer = client.ask(command).await;
    if answer["type"] == "error" { error_code(&answer, &json!("r")) } else { 0 }
}

#[tokio::test]
async fn a_client_has_only_so_many_channels() {
    let server = TestServer::with(Settings { max_channels_per_client: Some(3), ..Settings::default() });
    let (mut client, _) = server.native("?channel=a&channel=b").await;
    assert_eq!(code(&mut client, subscribe(&["c", "d"])).await, 106);
    assert_eq!(code(&mut client, subscribe(&["a", "b", "c"])).await, 0, "two of them it has already");
    assert_eq!(code(&mut client, subscribe(&["d"])).await, 106);
    assert_eq!(code(&mut client, subscribe(&["a", "b", "c", "d"])).await, 106);
    assert_eq!(code(&mut client, unsubscribe(&["b", "x"])).await, 0);
    assert_eq!(code(&mut client, subscribe(&["d"])).await, 0);
    server.publish(&["b"], 1);
    server.publish(&["d"], 2);
    // The events for everybody take no room.
    server.publish(&[], 3);
    expect(&mut client, 2).await;
    expect(&mut client, 3).await;
    let request = format!("ws://{}/?channel=a&channel=b&channel=c&channel=d", server.address);
    let refused = within("an answer", tokio_tungstenite::connect_async(request)).await.unwrap_err();
    assert!(refused.to_string().contains("400"), "{refused}");
}

#[tokio::test]
async fn there_are_only_so_many_channels_and_room_comes_back() {
    for hub_threads in [1, 2] {
        let bounds = Settings { max_channels: Some(3), hub_threads: Some(hub_threads), ..Settings::default() };
        let server = TestServer::with(bounds);
        let (mut first, _) = server.native("?channel=a&channel=b").await;
        let (mut second, _) = server.native("?channel=a").await;
        assert_eq!(code(&mut second, subscribe(&["c", "d"])).await, 106, "all or none");
        assert_eq!(code(&mut second, subscribe(&["b", "c"])).await, 0, "one that is there takes no room");
        assert_eq!(code(&mut first, subscribe(&["d"])).await, 106);
        // Two have it, and both have to leave.
        assert_eq!(code(&mut second, unsubscribe(&["b"])).await, 0);
        assert_eq!(code(&mut first, subscribe(&["d"])).await, 106);
        assert_eq!(code(&mut first, unsubscribe(&["b"])).await, 0);
        assert_eq!(code(&mut first, subscribe(&["d"])).await, 0);
        // A client by URL is told why, and to come later.
        let mut refused = Client::connect(server.address, "/?channel=a&channel=e").await;
        assert_eq!(error_code(&refused.json().await, &Value::Null), 106);
        assert_eq!(refused.close_code().await, 1013);
        let mut refused = Client::native(server.address, "/?channel=e").await;
        assert_eq!(error_code(&refused.json().await, &Value::Null), 106);
        assert_eq!(refused.close_code().await, 1013);
        // Who leaves without a word leaves its room as well: `c` was its alone.
        drop(second);
        while code(&mut first, subscribe(&["e"])).await == 106 {}
        server.publish(&["e"], 1);
        expect(&mut first, 1).await;
    }
}

#[tokio::test]
async fn all_clients_together_have_only_so_many_subscriptions() {
    let bounds = Settings { max_subscriptions: Some(4), hub_threads: Some(2), ..Settings::default() };
    let server = TestServer::with(bounds);
    let (mut first, _) = server.native("?channel=a&channel=b").await;
    let (second, _) = server.by_url("?channel=a").await;
    assert_eq!(code(&mut first, subscribe(&["c", "d"])).await, 106);
    assert_eq!(code(&mut first, subscribe(&["a", "b"])).await, 0, "it has them already");
    assert_eq!(code(&mut first, subscribe(&["c"])).await, 0);
    assert_eq!(code(&mut first, subscribe(&["d"])).await, 106);
    let mut refused = Client::connect(server.address, "/?channel=a").await;
    assert_eq!(error_code(&refused.json().await, &Value::Null), 106);
    assert_eq!(refused.close_code().await, 1013);
    // Who names none takes no room.
    let (mut third, _) = server.native("").await;
    let mut plain = server.connect().await;
    assert_eq!(code(&mut third, subscribe(&["a"])).await, 106);
    // Room that was asked for in vain is not taken.
    assert_eq!(code(&mut first, unsubscribe(&["c", "c", "x"])).await, 0);
    assert_eq!(code(&mut third, subscribe(&["a"])).await, 0);
    assert_eq!(code(&mut first, subscribe(&["d"])).await, 106);
    drop(second);
    while code(&mut first, subscribe(&["d"])).await == 106 {}
    server.publish(&["d", "a"], 1);
    server.publish(&[], 2);
    for client in [&mut first, &mut third] {
        expect(client, 1).await;
        expect(client, 2).await;
    }
    assert_eq!(plain.payload().await, "2");
}

#[tokio::test]
async fn a_command_with_ten_thousand_names_is_refused_and_takes_no_room() {
    let settings = Settings { max_message_bytes: Some(1 << 20), max_channels: Some(2), ..without_budget() };
    let server = TestServer::with(settings);
    let (mut client, _) = server.native("?channel=a").await;
    for (count, expected) in [(129, 106), (10_000, 106), (10_001, 107), (60_000, 107)] {
        let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        for kind in ["subscribe", "unsubscribe"] {
            let command = json!({ "type": kind, "channels": names });
            assert_eq!(code(&mut client, command).await, expected, "{count} {kind}");
        }
    }
    assert_eq!(code(&mut client, subscribe(&["b"])).await, 0);
    server.publish(&["b", "7"], 1);
    expect(&mut client, 1).await;
}

#[tokio::test]
async fn a_client_may_subscribe_all_of_its_channels_one_by_one() {
    let server = TestServer::with(without_budget());
    let (mut client, _) = server.native("").await;
    // As after a reconnect: all at once, without waiting for answers, and a ping after each.
    for number in 0..128 {
        client.send_text(&json!({ "type": "subscribe", "channel": number.to_string() }).to_string()).await;
        client.send_text(r#"{"type":"ping"}"#).await;
    }
    for number in 0..128 {
        assert_eq!(client.json().await["channels"], json!([number.to_string()]));
        assert_eq!(client.json().await["type"], "pong");
    }
    server.publish(&["127"], 1);
    expect(&mut client, 1).await;
}

#[tokio::test]
async fn commands_without_end_end_the_connection_and_hold_up_nobody() {
    let server = TestServer::with(without_budget());
    let (mut other, _) = server.native("?channel=a").await;
    let commands: [&dyn Fn(usize) -> String; 5] = [
        &|number| subscribe(&[&number.to_string()]).to_string(),
        &|number| if number % 2 == 0 { subscribe(&["x"]) } else { unsubscribe(&["x"]) }.to_string(),
        &|_| r#"{"type":"ping"}"#.to_owned(),
        &|_| r#"{"type":"authenticate","token":"x"}"#.to_owned(),
        &|_| "no command".to_owned(),
    ];
    for (index, command) in commands.into_iter().enumerate() {
        let (mut client, _) = server.native("").await;
        for number in 0..1000 {
            if client.try_send_text(&command(number)).await.is_err() {
                break;
            }
        }
        let mut answers = 0;
        let code = loop {
            match client.next().await {
                Some(Ok(Message::Text(_))) => answers += 1,
                Some(Ok(Message::Close(Some(frame)))) => break u16::from(frame.code),
                Some(Ok(_)) => {}
                other => panic!("{other:?} after {answers} answers to flood {index}"),
            }
        };
        assert_eq!(code, 4429, "flood {index}");
        assert!((256..300).contains(&answers), "{answers} answers to flood {index}");
        server.publish(&["a"], index);
        expect(&mut other, index).await;
    }
}

#[tokio::test]
async fn many_clients_with_all_the_channels_that_they_may_have_stay_within_the_bounds() {
    const CLIENTS: usize = 40;
    let bounds = Settings { max_subscriptions: Some(1000), max_channels: Some(900), ..without_budget() };
    let server = TestServer::with(bounds);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (mut client, _) = server.native("").await;
        // Half of the names are of this client alone.
        let name = |index: usize| if index < 64 { format!("{number}.{index}") } else { index.to_string() };
        let names: Vec<String> = (0..128).map(name).collect();
        let is_in = code(&mut client, json!({ "type": "subscribe", "channels": names })).await == 0;
        clients.push((client, is_in));
    }
    let admitted = clients.iter().filter(|(_, is_in)| *is_in).count();
    assert_eq!(admitted, 7, "1000 / 128");
    server.publish(&["100"], 1);
    server.publish(&[], 2);
    for (client, is_in) in &mut clients {
        if *is_in {
            expect(client, 1).await;
        }
        expect(client, 2).await;
    }
    // All leave at once, and all of the room is there again.
    drop(clients);
    let mut kept = Vec::new();
    for number in 0..7 {
        let (mut client, _) = server.native("").await;
        let names: Vec<String> = (0..128).map(|index| format!("{number}.{index}")).collect();
        let command = json!({ "type": "subscribe", "channels": names });
        // Until the server has noticed that they are gone.
        while code(&mut client, command.clone()).await == 106 {
            client = server.native("").await.0;
        }
        kept.push(client);
    }
    assert_eq!(kept.len(), 7);
}
