//! Clients that come back get what they have missed, or are told that they may have missed something.

use queue::{NewEvent, Priority, Uid, Writer};
use serde_json::{Value, json};
use server::config::Settings;
use server::token::Secret;
use server::{Audience, Publication};
use testkit::{Client, EventStream, QueueDir};
use tokio_tungstenite::tungstenite::Message;

use crate::channels::seq_of;
use crate::rights::signing::{SECRET, hs256};
use crate::util::{TestServer, names};

pub(crate) fn id_of(message: &Value) -> String {
    message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}")).to_owned()
}

/// The payloads of the next events.
async fn payloads(client: &mut Client, count: usize) -> Vec<Value> {
    let mut payloads = Vec::new();
    for _ in 0..count {
        let mut message = client.json().await;
        assert!(message["event"].is_string(), "{message}");
        payloads.push(message["payload"].take());
    }
    payloads
}

/// The payloads of the events in an answer.
fn missed(answer: &Value) -> Vec<Value> {
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("no events in {answer}"));
    events.iter().map(|event| event["payload"].clone()).collect()
}

/// Checks that nothing but what comes live comes next.
async fn nothing_more(server: &TestServer, client: &mut Client, channel: &[&str]) {
    server.publish(channel, "\"live\"");
    assert_eq!(client.json().await["payload"], "live");
}

#[tokio::test]
async fn who_comes_back_by_url_gets_what_was_missed_behind_the_first_message() {
    let server = TestServer::start();
    let (client, first) = server.by_url("?channel=a&channel=b").await;
    drop(client);
    server.publish(&["a"], 1);
    server.publish(&["c"], 2);
    server.publish(&["c", "b", "a"], 3);
    server.publish(&[], 4);
    let query = format!("?channel=a&channel=b&after={}", id_of(&first));
    for (mut client, welcome) in [server.by_url(&query).await, server.native(&query).await] {
        assert_eq!((&welcome["recovered"], &welcome["id"]), (&json!(true), &first["id"]));
        let mut got = Vec::new();
        for _ in 0..3 {
            let message = client.json().await;
            got.push((message["payload"].clone(), message["channel"].clone(), seq_of(&message)));
        }
        assert_eq!(got, [(json!(1), json!("a"), 1), (json!(3), json!("b"), 3), (json!(4), Value::Null, 4)]);
        client.send(Message::Close(None)).await;
    }
    let (mut client, welcome) = server.by_url(&query.replace("-0", "-3")).await;
    assert_eq!((&welcome["recovered"], seq_of(&welcome)), (&json!(true), 3));
    assert_eq!(payloads(&mut client, 1).await, [4]);
    nothing_more(&server, &mut client, &["a"]).await;
}

#[tokio::test]
async fn who_comes_back_natively_gets_the_same() {
    let server = TestServer::start();
    let (client, first) = server.native("?channel=a&everybody=0").await;
    drop(client);
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    server.publish(&["a"], 3);
    let (mut client, welcome) = server.native(&format!("?channel=a&everybody=0&after={}", id_of(&first))).await;
    assert_eq!((&welcome["recovered"], &welcome["id"]), (&json!(true), &first["id"]));
    assert_eq!(payloads(&mut client, 2).await, [1, 3]);
    nothing_more(&server, &mut client, &["a"]).await;
}

#[tokio::test]
async fn a_stream_goes_on_after_its_last_id() {
    let server = TestServer::start();
    let mut client = EventStream::open(server.address, "/?channel=a", "").await;
    let first = client.event().await.id.unwrap();
    drop(client);
    server.publish(&["a"], 1);
    server.publish(&["b"], 2);
    server.publish(&[], 3);
    let mut clients = Vec::new();
    for named in [false, true] {
        let target = format!("/?channel=a&everybody=1&named={}&after=gone", u8::from(named));
        let mut client = EventStream::open(server.address, &target, &format!("Last-Event-ID: {first}\r\n")).await;
        let block = client.event().await;
        assert_eq!((block.id.as_ref(), block.event, block.data), (Some(&first), None, None));
        assert!(block.retry.is_some());
        for payload in [1, 3] {
            let block = client.event().await;
            assert_eq!(block.event.as_deref(), named.then_some("test"));
            assert_eq!((&block.json()["payload"], block.json()["id"].as_str()), (&json!(payload), block.id.as_deref()));
        }
        clients.push(client);
    }
    server.publish(&["a"], 4);
    for mut client in clients {
        assert_eq!(client.payload().await, 4);
    }
}

#[tokio::test]
async fn the_answer_to_a_command_has_what_was_missed() {
    let server = TestServer::start();
    let (mut client, first) = server.native("?everybody=0").await;
    for (channels, payload) in [(&["a"][..], 1), (&["b"], 2), (&["b", "a"], 3), (&["c"], 4)] {
        server.publish(channels, payload);
    }
    let ask = json!({ "type": "subscribe", "channels": ["a", "b"], "after": first["id"], "ref": 7 });
    let answer = client.ask(ask).await;
    assert_eq!(
        (&answer["type"], &answer["recovered"], &answer["ref"]),
        (&json!("subscribed"), &json!(true), &json!(7))
    );
    assert_eq!((missed(&answer), seq_of(&answer)), (vec![json!(1), json!(2), json!(3)], 4));
    assert_eq!(answer["events"][2]["channel"], "b");
    assert_eq!(seq_of(&answer["events"][2]), 3);
    nothing_more(&server, &mut client, &["a"]).await;
    let answer = client.ask(json!({ "type": "subscribe", "channel": "c", "after": answer["id"] })).await;
    assert_eq!((missed(&answer), &answer["recovered"]), (vec![], &json!(true)));
}

#[tokio::test]
async fn what_a_client_had_by_another_channel_is_left_out() {
    let server = TestServer::start();
    let (mut client, first) = server.native("?channel=a&everybody=0").await;
    server.publish(&["a", "b"], 1);
    server.publish(&["b"], 2);
    assert_eq!(payloads(&mut client, 1).await, [1]);
    let ask = json!({ "type": "subscribe", "channel": "b", "after": first["id"] });
    let answer = client.ask(ask.clone()).await;
    assert_eq!(missed(&answer), [2]);
    server.publish(&["b"], 3);
    assert_eq!(payloads(&mut client, 1).await, [3]);
    let answer = client.ask(ask).await;
    assert_eq!((missed(&answer), &answer["recovered"]), (vec![], &json!(true)), "all of it was sent here before");
}

#[tokio::test]
async fn channels_are_asked_for_with_positions_of_their_own() {
    let server = TestServer::start();
    let (client, first) = server.native("?everybody=0").await;
    server.publish(&["a"], 1);
    server.publish(&["b"], 2);
    server.publish(&["a", "b"], 3);
    drop(client);
    let (mut client, _) = server.native("?everybody=0").await;
    let after = |seq: u64| id_of(&first).replace("-0", &format!("-{seq}"));
    let answer = client.ask(json!({ "type": "subscribe", "channel": "a", "after": after(1) })).await;
    assert_eq!(missed(&answer), [3]);
    let answer = client.ask(json!({ "type": "subscribe", "channel": "b", "after": after(0) })).await;
    assert_eq!(missed(&answer), [2], "3 came by a");
}

#[tokio::test]
async fn a_position_that_nobody_knows_is_a_gap_with_the_new_position() {
    let server = TestServer::start();
    server.publish(&["a"], 1);
    let (mut client, first) = server.native("?channel=a").await;
    let known = id_of(&first);
    let foreign = format!("{:016x}-1", u64::from_str_radix(&known[..16], 16).unwrap() ^ 1);
    for after in ["x", "1700000000000-0-0a1b2c3d", &foreign, &known.replace("-1", "-2"), "t.1", "t.99999999999999"] {
        for (_, welcome) in [
            server.by_url(&format!("?channel=a&after={after}")).await,
            server.native(&format!("?channel=a&after={after}")).await,
        ] {
            assert_eq!((&welcome["recovered"], id_of(&welcome)), (&json!(false), known.clone()), "{after}");
        }
        let answer = client.ask(json!({ "type": "subscribe", "channel": "b", "after": after })).await;
        assert_eq!((&answer["recovered"], id_of(&answer)), (&json!(false), known.clone()), "{after}");
        assert_eq!(answer.get("events"), None);
    }
    let (_, welcome) = server.by_url(&format!("?channel=a&after={known}")).await;
    assert_eq!(welcome["recovered"], true, "nothing was missed");
}

#[tokio::test]
async fn a_moment_brings_what_was_published_since() {
    let server = TestServer::start();
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let begin = now();
    let after_a_moment = |moment: u128| while now() <= moment + 25 {};
    after_a_moment(begin);
    server.publish(&["a"], 1);
    let between = now() + 1;
    after_a_moment(between);
    server.publish(&["a"], 2);
    let (mut client, welcome) = server.by_url(&format!("?channel=a&after=t.{between}")).await;
    assert_eq!((&welcome["recovered"], seq_of(&welcome)), (&json!(true), 1), "{welcome}");
    assert_eq!(payloads(&mut client, 1).await, [2]);
    let (mut client, welcome) = server.by_url(&format!("?channel=a&after=t.{}", begin + 1)).await;
    assert_eq!((&welcome["recovered"], seq_of(&welcome)), (&json!(true), 0), "{welcome}");
    assert_eq!(payloads(&mut client, 2).await, [1, 2]);
}

#[tokio::test]
async fn what_is_beyond_the_bounds_is_a_gap_for_those_who_need_it() {
    let rule = "few history_events=2".parse().unwrap();
    let server = TestServer::with(Settings {
        history_events: Some(5),
        channel: Some(vec![rule]),
        recover_limit: Some(6),
        ..Settings::default()
    });
    let (mut client, first) = server.native("?everybody=0").await;
    for number in 0..5 {
        server.publish(&["a"], number);
        server.publish(&["few"], number);
    }
    let mut recovered = async |channels: &[&str], after: u64| {
        let after = id_of(&first).replace("-0", &format!("-{after}"));
        let answer = client.ask(json!({ "type": "subscribe", "channels": channels, "after": after })).await;
        client.ask(json!({ "type": "unsubscribe", "channels": channels })).await;
        let recovered = answer["recovered"].as_bool().unwrap();
        recovered.then(|| missed(&answer).len())
    };
    assert_eq!(recovered(&["a"], 0).await, Some(5));
    assert_eq!(recovered(&["few"], 0).await, None);
    assert_eq!(recovered(&["few"], 5).await, None);
    assert_eq!(recovered(&["few"], 6).await, Some(2));
    assert_eq!(recovered(&["a", "few"], 6).await, Some(4));
    assert_eq!(recovered(&["a", "few"], 0).await, None);
    server.publish(&["a"], 5);
    assert_eq!(recovered(&["a"], 0).await, None);
    assert_eq!(recovered(&["other"], 0).await, Some(0));
}

#[tokio::test]
async fn without_history_only_who_has_missed_nothing_is_recovered() {
    let server = TestServer::with(Settings { history_events: Some(0), ..Settings::default() });
    let (mut client, first) = server.native("?channel=a").await;
    let answer = client.ask(json!({ "type": "subscribe", "channel": "b", "after": first["id"] })).await;
    assert_eq!((&answer["recovered"], missed(&answer)), (&json!(true), vec![]));
    server.publish(&["c"], 1);
    let answer = client.ask(json!({ "type": "subscribe", "channel": "d", "after": first["id"] })).await;
    assert_eq!((&answer["recovered"], seq_of(&answer)), (&json!(false), 1));
    assert!(!server.queue.path().join("history").exists());
}

#[tokio::test]
async fn the_client_that_an_event_is_not_for_does_not_get_it_later() {
    let server = TestServer::start();
    let (mut client, first) = server.native("?everybody=0").await;
    let own = first["client"].as_str().unwrap().to_owned();
    server.publish_except(Some(&own), &["a"], 1);
    server.publish(&["a"], 2);
    let ask = json!({ "type": "subscribe", "channel": "a", "after": first["id"] });
    assert_eq!(missed(&client.ask(ask.clone()).await), [2]);
    let (mut other, _) = server.native("?everybody=0").await;
    assert_eq!(missed(&other.ask(ask).await), [1, 2]);
}

#[tokio::test]
async fn who_names_no_position_is_told_nothing_of_the_past() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?everybody=0").await;
    server.publish(&["a"], 1);
    for ask in
        [json!({ "type": "subscribe", "channel": "a" }), json!({ "type": "subscribe", "channel": "a", "after": null })]
    {
        let answer = client.ask(ask).await;
        assert_eq!((&answer["type"], seq_of(&answer)), (&json!("subscribed"), 1));
        assert!(answer.get("recovered").is_none() && answer.get("events").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn what_has_expired_is_not_sent_again() {
    let server = TestServer::start();
    let (_, first) = server.native("").await;
    let (channels, now) = (names(&["a"]), std::time::SystemTime::now());
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for (payload, expires_at) in [("1", Some(now - 1.0)), ("2", Some(now + 100.0)), ("3", None)] {
        let event = Publication::to_everybody("\"test\"", payload, 7);
        server.hub.publish(&Publication { audience: Audience::Channels(&channels), expires_at, ..event });
    }
    let (mut client, welcome) = server.by_url(&format!("?channel=a&after={}", id_of(&first))).await;
    assert_eq!(welcome["recovered"], true);
    assert_eq!(payloads(&mut client, 2).await, [2, 3]);
}

#[tokio::test]
async fn what_a_client_does_not_get_is_not_counted() {
    let server = TestServer::with(Settings { recover_limit: Some(2), ..Settings::default() });
    let (mut client, first) = server.native("?channel=b&everybody=0").await;
    let own = first["client"].as_str().unwrap().to_owned();
    for number in 0..3 {
        let (channels, expired) = (names(&["a"]), Some(1.0));
        let event = Publication::to_everybody("\"test\"", "0", 7);
        server.hub.publish(&Publication { audience: Audience::Channels(&channels), expires_at: expired, ..event });
        server.publish_except(Some(&own), &["a"], 10 + number);
        server.publish(&["a", "b"], 20 + number);
    }
    server.publish(&["a"], 1);
    server.publish(&["a"], 2);
    assert_eq!(payloads(&mut client, 3).await, [20, 21, 22]);
    let ask = json!({ "type": "subscribe", "channel": "a", "after": first["id"] });
    let answer = client.ask(ask.clone()).await;
    assert_eq!((&answer["recovered"], missed(&answer)), (&json!(true), vec![json!(1), json!(2)]));
    let (mut other, _) = server.native("?everybody=0").await;
    assert_eq!(other.ask(ask).await["recovered"], false, "it would get eight");
}

#[tokio::test]
async fn what_a_client_may_not_read_is_not_sent_again() {
    let server = TestServer::with(Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(vec!["public.*".parse().unwrap()]),
        ..Settings::default()
    });
    let token =
        |allow: Value| hs256(SECRET, &json!({ "exp": 4_000_000_000_u64, "sub": "7", "allow": allow }).to_string());
    let (all, less) = (token(json!(["private-a", "everybody"])), token(json!([])));
    let (_, first) = server.native(&format!("?channel=private-a&channel=public.b&token={all}")).await;
    server.publish(&["private-a"], 1);
    server.publish(&[], 2);
    server.publish(&["private-a", "public.b"], 3);
    let (mut client, welcome) = server.native(&format!("?channel=public.b&token={less}&after={}", id_of(&first))).await;
    assert_eq!(welcome["recovered"], true);
    let message = client.json().await;
    assert_eq!((&message["payload"], &message["channel"]), (&json!(3), &json!("public.b")));
    let refused = client.ask(json!({ "type": "subscribe", "channel": "private-a", "after": first["id"] })).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!(103)), "{refused}");
}

#[tokio::test]
async fn numbers_go_on_after_a_restart_and_who_was_away_misses_nothing() {
    let server = TestServer::start();
    let (mut client, first) = server.by_url("?channel=a").await;
    let queue = |queue: &QueueDir, payload: u32| {
        let (channels, payload_json) = (names(&["a"]), payload.to_string());
        let event = NewEvent {
            uid: Uid::new(),
            name_json: br#""test""#,
            payload_json: payload_json.as_bytes(),
            channels: Some(&channels),
            ttl: None,
            key: None,
            except: None,
        };
        Writer::new(queue.path()).enqueue_events(&[event], Priority::Normal).unwrap();
    };
    queue(&server.queue, 1);
    assert_eq!(payloads(&mut client, 1).await, [1]);
    server.publish(&["a"], 2);
    assert_eq!(payloads(&mut client, 1).await, [2]);
    drop(client);
    let directory = server.stopped().await;
    queue(&directory, 3);
    let server = TestServer::on(directory);
    let (mut client, welcome) = server.by_url(&format!("?channel=a&after={}", id_of(&first))).await;
    assert_eq!(welcome["recovered"], true, "{welcome}");
    assert_eq!(payloads(&mut client, 3).await, [1, 2, 3]);
    nothing_more(&server, &mut client, &["a"]).await;
}
