//! What clients of channels receive: by URL, natively, and beside them those that name no channels.

use queue::{NewEvent, Priority, Uid, Writer};
use serde_json::{Value, json};
use server::config::Settings;
use server::frames::encode_text;
use testkit::{Client, HANDSHAKE, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::util::{TestServer, names};

/// The number of a publication in the id of a message.
pub(crate) fn seq_of(message: &Value) -> u64 {
    let id = message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}"));
    id.split_once('-').and_then(|(_, seq)| seq.parse().ok()).unwrap_or_else(|| panic!("{id}"))
}

/// The payload and the channel of the next message, which must be an event.
async fn event(client: &mut Client) -> (Value, Value) {
    let mut message = client.json().await;
    assert_eq!(message["event"], "test", "{message}");
    (message["payload"].take(), message["channel"].take())
}

#[tokio::test]
async fn the_first_message_tells_who_the_client_is_and_what_it_has() {
    let server = TestServer::with(Settings { ping_interval_secs: Some(12.5), ..Settings::default() });
    server.publish(&["a"], 1);
    let query = "?channel=orders&channel=a.b&channel=orders";
    let mut clients = Vec::new();
    for (client, welcome) in [
        server.by_url(query).await,
        server.native(query).await,
        server.native("").await,
        server.by_url("?everybody=1").await,
    ] {
        let channels = if clients.len() < 2 { json!(["orders", "a.b"]) } else { json!([]) };
        assert_eq!(welcome["version"], 1);
        assert_eq!(welcome["ping_interval"], 12.5);
        assert_eq!(welcome["channels"], channels, "{welcome}");
        assert_eq!(seq_of(&welcome), 1, "what was published before is not for it");
        let id = welcome["client"].as_str().unwrap().to_owned();
        let (of_server, of_session) = id.split_once('.').unwrap();
        assert!(of_server.parse::<u64>().unwrap() < 1 << 63);
        of_session.parse::<u64>().unwrap();
        assert_eq!(welcome.as_object().unwrap().len(), 6, "{welcome}");
        clients.push((client, id));
    }
    let servers = clients.iter().map(|(_, id)| id.split_once('.').unwrap().0);
    assert!(servers.clone().all(|server| Some(server) == servers.clone().next()));
    assert!(clients.iter().all(|(_, id)| clients.iter().filter(|(_, other)| other == id).count() == 1));
}

#[tokio::test]
async fn events_have_an_id_and_the_channel_that_brought_them() {
    let server = TestServer::start();
    for (mut client, welcome) in [server.by_url("?channel=a").await, server.native("?channel=a").await] {
        let (epoch, last) = (welcome["id"].as_str().unwrap().split_once('-').unwrap().0, seq_of(&welcome));
        server.publish(&["a"], r#"{"a\/b":1.0}"#);
        server.publish(&[], "2");
        let id = |more| format!("{epoch}-{}", last + more);
        assert_eq!(
            client.text().await,
            format!(r#"{{"event":"test","payload":{{"a\/b":1.0}},"timestamp":7,"id":"{}","channel":"a"}}"#, id(1))
        );
        assert_eq!(client.text().await, format!(r#"{{"event":"test","payload":2,"timestamp":7,"id":"{}"}}"#, id(2)));
    }
}

#[tokio::test]
async fn an_event_of_several_channels_comes_once_named_by_the_first_that_the_client_has() {
    let server = TestServer::start();
    let mut clients = [
        (server.by_url("?channel=c&channel=a").await.0, ["a", "c", "c"]),
        (server.native("?channel=c&channel=b").await.0, ["b", "b", "c"]),
        (server.native("?channel=c").await.0, ["c", "c", "c"]),
    ];
    for _ in 0..2 {
        // In one turn of the hub and in several.
        server.publish(&["a", "b", "c"], 1);
        server.publish(&["x", "b", "c", "a"], 2);
        server.publish(&["c", "b", "a"], 3);
        for (client, [first, second, third]) in &mut clients {
            assert_eq!(event(client).await, (json!(1), json!(first)));
            // Who has a and not b gets it by c, which stands before a.
            assert_eq!(event(client).await, (json!(2), json!(second)));
            assert_eq!(event(client).await, (json!(3), json!(third)));
        }
    }
}

#[tokio::test]
async fn events_for_everybody_come_unless_they_are_not_wanted() {
    let server = TestServer::start();
    for (everybody, gets) in [("", true), ("&everybody=1", true), ("&everybody=0", false)] {
        let query = format!("?channel=a{everybody}");
        for (mut client, _) in [server.by_url(&query).await, server.native(&query).await] {
            server.publish(&[], 1);
            server.publish(&["a"], 2);
            if gets {
                assert_eq!(event(&mut client).await, (json!(1), Value::Null), "{query}");
            }
            assert_eq!(event(&mut client).await, (json!(2), json!("a")), "{query}");
        }
    }
    let (mut client, welcome) = server.by_url("?everybody=1").await;
    assert_eq!(welcome["channels"], json!([]));
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    assert_eq!(event(&mut client).await, (json!(2), Value::Null));
}

#[tokio::test]
async fn the_client_that_is_excepted_does_not_get_an_event() {
    for hub_threads in [1, 3] {
        let server = TestServer::with(Settings { hub_threads: Some(hub_threads), ..Settings::default() });
        let (mut first, welcome) = server.native("?channel=a&channel=b").await;
        let (mut second, _) = server.by_url("?channel=a").await;
        let (id, mut plain) = (welcome["client"].as_str().unwrap(), server.connect().await);
        server.publish_except(Some(id), &["a", "b"], 1);
        server.publish_except(Some(id), &[], 2);
        server.publish(&["b", "a"], 3);
        assert_eq!(event(&mut first).await, (json!(3), json!("b")));
        assert_eq!(event(&mut second).await, (json!(1), json!("a")));
        assert_eq!(event(&mut second).await, (json!(2), Value::Null));
        assert_eq!(event(&mut second).await, (json!(3), json!("a")));
        assert_eq!(plain.payload().await, "2");
    }
}

#[tokio::test]
async fn the_id_of_a_client_of_an_earlier_start_excepts_nobody() {
    let earlier = TestServer::start();
    let (client, welcome) = earlier.native("?channel=a").await;
    let before = welcome["client"].as_str().unwrap().to_owned();
    drop(client);
    let server = TestServer::on(earlier.stopped().await);
    let (mut client, welcome) = server.native("?channel=a").await;
    let now = welcome["client"].as_str().unwrap();
    // The sessions have the same number: only the number of the server tells them apart.
    let ((of_earlier, number), (of_server, same)) = (before.split_once('.').unwrap(), now.split_once('.').unwrap());
    assert_eq!(number, same);
    assert_ne!(of_earlier, of_server);
    let others = [format!("{of_server}.{number}0"), format!(".{number}"), number.to_owned(), format!("{now}.1")];
    for (payload, except) in others.iter().map(String::as_str).chain([&*before, "", "x"]).enumerate() {
        server.publish_except(Some(except), &["a"], payload);
        assert_eq!(event(&mut client).await, (json!(payload), json!("a")), "{except}");
    }
}

#[tokio::test]
async fn plain_clients_receive_what_they_received_before_byte_for_byte() {
    let server = TestServer::start();
    let (mut subscriber, _) = server.native("?channel=a").await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the head", plain.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && !head.contains("sec-websocket-protocol"), "{head}");
    let mut expected = Vec::new();
    let filler = "x".repeat(300);
    for number in 0..500 {
        server.publish(&["a"], format!(r#"["secret",{number}]"#));
        server.publish(&["b", "a"], format!(r#""secret {filler}""#));
        server.publish(&[], format!(r#"["\/{filler}",{number}]"#));
        let text = format!(r#"{{"event":"test","payload":["\/{filler}",{number}],"timestamp":7}}"#);
        expected.extend(encode_text(&text));
    }
    let mut received = vec![0; expected.len()];
    within("all arrives", plain.read_exact(&mut received)).await.unwrap();
    assert!(received == expected);
    for number in 0..500 {
        assert_eq!(event(&mut subscriber).await, (json!(["secret", number]), json!("a")));
        event(&mut subscriber).await;
        assert_eq!(event(&mut subscriber).await.0[1], number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_channels_of_a_client_have_one_order_that_is_the_same_for_all() {
    const EVENTS: usize = 300;
    let server = TestServer::with(Settings { hub_threads: Some(3), ..Settings::default() });
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(server.by_url("?channel=a&channel=b&channel=c").await.0);
    }
    let publish = |channels: &'static [&'static str]| {
        let hub = server.hub.clone();
        std::thread::spawn(move || {
            let names = names(channels);
            for number in 0..EVENTS {
                let payload = number.to_string();
                let audience = server::Audience::Channels(&names);
                let event = server::Publication::to_everybody("\"test\"", &payload, 7);
                hub.publish(&server::Publication { audience, ..event });
            }
        })
    };
    let threads = [publish(&["a"]), publish(&["b", "a"]), publish(&["c"])];
    let mut first = Vec::new();
    for _ in 0..3 * EVENTS {
        let message = clients[0].json().await;
        assert_eq!(seq_of(&message), first.len() as u64 + 1);
        first.push(message);
    }
    for client in &mut clients[1..] {
        for message in &first {
            assert_eq!(client.json().await, *message);
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[tokio::test]
async fn names_that_look_alike_are_different_channels() {
    const NAMES: [&str; 20] = [
        "orders",
        "Orders",
        "ORDERS",
        "order",
        "orders.",
        "orders.1",
        ".orders",
        "orders/",
        "/orders",
        "orders//1",
        "orders/1",
        "orders/./1",
        "orders/../1",
        "orders,1",
        "orders;1",
        "orders:1",
        "orders@",
        "orders=1",
        "orders-1",
        "orders_1",
    ];
    let server = TestServer::start();
    let mut clients = Vec::new();
    for (index, name) in NAMES.iter().enumerate() {
        // As it is, and with every character encoded.
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (by_url, welcome) = server.by_url(&format!("?everybody=0&channel={encoded}")).await;
        assert_eq!(welcome["channels"], json!([name]));
        let (mut native, _) = server.native("?everybody=0").await;
        let answer = native.ask(json!({ "type": "subscribe", "channel": name })).await;
        assert_eq!(answer["channels"], json!([name]));
        clients.push((index, by_url, native));
    }
    for (index, name) in NAMES.iter().enumerate() {
        server.publish(&[name], index);
    }
    server.publish(&NAMES, "\"all\"");
    for (index, mut by_url, mut native) in clients {
        for client in [&mut by_url, &mut native] {
            assert_eq!(event(client).await, (json!(index), json!(NAMES[index])));
            assert_eq!(event(client).await, (json!("all"), json!(NAMES[index])));
        }
    }
}

#[tokio::test]
async fn what_is_no_name_is_refused_and_never_mended() {
    let server = TestServer::start();
    let (mut native, _) = server.native("").await;
    for (name, encoded) in [
        ("a b", "a%20b"),
        ("", ""),
        ("a*", "a*"),
        ("*", "*"),
        ("a\0", "a%00"),
        ("a\n", "a%0a"),
        ("a&channel=b", "a%26channel%3Db"),
        ("a%2Fb", "a%252Fb"),
        ("é", "%C3%A9"),
        ("\u{212a}elvin", "%E2%84%AAelvin"),
        ("#a", "%23a"),
        ("a?b", "a%3Fb"),
        ("a\\b", "a%5Cb"),
    ] {
        let error = native.ask(json!({ "type": "subscribe", "channels": ["b", name], "ref": name })).await;
        assert_eq!((&error["code"], &error["ref"]), (&json!(107), &json!(name)), "{error}");
        let request = format!("ws://{}/?channel=b&channel={encoded}", server.address);
        let refused = within("an answer", tokio_tungstenite::connect_async(request)).await.unwrap_err();
        assert!(refused.to_string().contains("400"), "{name}: {refused}");
    }
    // None of the commands has subscribed the other name.
    server.publish(&["b"], 1);
    server.publish(&[], 2);
    assert_eq!(event(&mut native).await, (json!(2), Value::Null));
}

#[tokio::test]
async fn events_of_the_queue_reach_their_channels_and_their_entries_are_acked() {
    let server = TestServer::start();
    let (mut orders, welcome) = server.native("?channel=orders&everybody=0").await;
    let (mut news, _) = server.by_url("?channel=news").await;
    let mut plain = server.connect().await;
    let writer = Writer::new(server.queue.path());
    let (both, orders_only) = (names(&["news", "orders"]), names(&["orders"]));
    let event = |payload, channels, except| NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: payload,
        channels,
        ttl: Some(3600),
        key: None,
        except,
    };
    let (nobody, id) = (names(&["nobody"]), welcome["client"].as_str());
    let events = [
        event(b"1", Some(&both[..]), None),
        event(b"2", Some(&orders_only), None),
        event(b"3", Some(&nobody), None),
        event(b"4", None, None),
        event(b"5", Some(&both), id),
        event(b"6", Some(&both), None),
    ];
    writer.enqueue_events(&events, Priority::Normal).unwrap();
    for (payload, channel) in [(1, "orders"), (2, "orders"), (6, "orders")] {
        assert_eq!(self::event(&mut orders).await, (json!(payload), json!(channel)));
    }
    for (payload, channel) in [(1, Some("news")), (4, None), (5, Some("news")), (6, Some("news"))] {
        assert_eq!(self::event(&mut news).await, (json!(payload), json!(channel)));
    }
    let text = plain.text().await;
    assert!(text.starts_with(r#"{"event":"test","payload":4,"timestamp":"#) && !text.contains("id"), "{text}");
    server.queue.is_drained().await;
}

#[tokio::test]
async fn what_clients_relay_is_for_everybody_and_never_for_a_channel() {
    let server = TestServer::with(Settings { relay_client_events: Some(true), ..Settings::default() });
    let (mut by_url, _) = server.by_url("?channel=a").await;
    let (mut native, _) = server.native("?channel=a").await;
    let (mut only_a, _) = server.native("?channel=a&everybody=0").await;
    let mut plain = server.connect().await;
    by_url.send_text(r#"{"event":"test","payload":1,"channel":"a","channels":["a"],"id":"x","except":"y"}"#).await;
    for client in [&mut by_url, &mut native] {
        assert_eq!(event(client).await, (json!(1), Value::Null));
    }
    native.send_text(r#"{"event":"test","payload":2,"channels":["a"]}"#).await;
    for client in [&mut by_url, &mut native] {
        assert_eq!(event(client).await, (json!(2), Value::Null));
    }
    assert_eq!((plain.payload().await, plain.payload().await), ("1".to_owned(), "2".to_owned()));
    // An object with a type is a command of a native client, whatever else it has.
    native.send_text(r#"{"type":"ping","event":"test","payload":3}"#).await;
    assert_eq!(native.json().await["type"], "pong");
    // Of any other client it is what it would be without.
    by_url.send_text(r#"{"type":"ping","event":"test","payload":4}"#).await;
    assert_eq!(plain.payload().await, "4");
    server.publish(&["a"], 5);
    assert_eq!(event(&mut only_a).await, (json!(5), json!("a")));
}

#[tokio::test]
async fn what_clients_by_url_send_is_ignored() {
    let server = TestServer::start();
    let (mut client, _) = server.by_url("?channel=a").await;
    for text in [r#"{"type":"subscribe","channel":"b"}"#, r#"{"type":"unsubscribe","channel":"a"}"#, "{broken"] {
        client.send_text(text).await;
    }
    client.send(tokio_tungstenite::tungstenite::Message::binary(vec![0, 255])).await;
    // The answer to a ping shows that all of it was read.
    client.send(tokio_tungstenite::tungstenite::Message::Ping(Default::default())).await;
    assert!(client.next().await.unwrap().unwrap().is_pong());
    server.publish(&["b"], 1);
    server.publish(&["a"], 2);
    assert_eq!(event(&mut client).await, (json!(2), json!("a")));
}
