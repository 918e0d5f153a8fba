//! Clients go on at another machine after the id that they have.

use serde_json::{Value, json};
use testkit::redis::RedisServer;
use testkit::{EventStream, FaultyProxy};

use super::{client_of, node, payloads, queue};
use crate::history::id_of;

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_one_machine_goes_on_at_another() {
    let redis = RedisServer::start();
    let (first, second) = (node(&redis.url()), node(&redis.url()));
    let (mut client, _) = first.by_url("?channel=a").await;
    let (mut witness, _) = second.by_url("?channel=a").await;
    queue(&first, &["a"], 1);
    queue(&second, &[], 2);
    let (mut got, id) = payloads(&mut client, 1).await;
    drop(client);
    queue(&first, &["a"], 3);
    assert_eq!(payloads(&mut witness, 3).await.0.len(), 3);
    let (mut client, welcome) = second.native(&format!("?channel=a&after={id}")).await;
    assert_eq!((&welcome["recovered"], &welcome["id"]), (&json!(true), &json!(id)));
    got.extend(payloads(&mut client, 2).await.0);
    got.sort_by_key(|payload| payload.as_i64());
    assert_eq!(got, [1, 2, 3]);

    let mut stream = EventStream::open(first.address, "/?channel=a", &format!("Last-Event-ID: {id}\r\n")).await;
    assert_eq!(stream.block().await.unwrap().id.as_deref(), Some(id.as_str()));
    let answer = client.ask(json!({"type": "subscribe", "channel": "b", "after": id})).await;
    assert_eq!(answer["recovered"], true, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_starts_has_what_the_stream_has() {
    let redis = RedisServer::start();
    let first = node(&redis.url());
    let (mut client, welcome) = first.by_url("?channel=a").await;
    for number in 0..100 {
        queue(&first, &["a"], number);
    }
    let (got, last) = payloads(&mut client, 100).await;
    let second = node(&redis.url());
    let (mut client, again) = second.native(&format!("?channel=a&after={}", id_of(&welcome))).await;
    assert_eq!(again["recovered"], true, "{again}");
    assert_eq!(payloads(&mut client, 100).await, (got, last.clone()));
    let (_, at_the_end) = second.native(&format!("?channel=a&after={last}")).await;
    assert_eq!((&at_the_end["recovered"], &at_the_end["id"]), (&json!(true), &json!(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_is_known_on_every_machine() {
    let redis = RedisServer::start();
    let first = node(&redis.url());
    let (mut client, _) = first.by_url("?channel=a").await;
    let moment = |back: u128| {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        format!("t.{}", now - back)
    };
    queue(&first, &["a"], 1);
    payloads(&mut client, 1).await;
    let before = moment(0);
    queue(&first, &["a"], 2);
    payloads(&mut client, 1).await;
    let second = node(&redis.url());
    // The stream begins later than that.
    let (_, welcome) = second.native(&format!("?channel=a&after={}", moment(3_600_000))).await;
    assert_eq!(welcome["recovered"], false);
    // Not known either: the stream is younger than the clocks of machines may differ.
    let (_, welcome) = second.native(&format!("?channel=a&after={before}")).await;
    assert_eq!(welcome["recovered"], false);
    // By clocks that are 3 s ahead it is.
    let later = moment(0).replace("t.", "").parse::<u64>().unwrap() + 4_900;
    let (_, welcome) = second.native(&format!("?channel=a&after=t.{later}")).await;
    assert_eq!(welcome["recovered"], true, "{welcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_ahead_of_a_machine_waits_for_it() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url()), node(&redis.url_through(proxy.addr())));
    let (mut client, _) = first.by_url("?channel=a").await;
    let (mut behind, _) = second.native("").await;
    proxy.stall();
    queue(&first, &["a"], 1);
    let (_, id) = payloads(&mut client, 1).await;
    queue(&first, &["a"], 2);
    payloads(&mut client, 1).await;
    let join = tokio::spawn({
        let (address, id) = (second.address, id.clone());
        async move { client_of(address, &format!("?channel=a&after={id}")).await }
    });
    behind.send_text(&json!({"type": "subscribe", "channel": "a", "after": id, "ref": 1}).to_string()).await;
    behind.send_text(r#"{"type":"ping","ref":2}"#).await;
    // Both wait. The second of them does not answer what came behind its command either.
    let other = second.native("").await;
    drop(other);
    assert!(!join.is_finished());
    proxy.mend();
    let (mut joined, welcome) = join.await.unwrap();
    assert_eq!((&welcome["recovered"], &welcome["id"]), (&json!(true), &json!(id)), "{welcome}");
    assert_eq!(payloads(&mut joined, 1).await.0, [2]);
    let answer = behind.json().await;
    assert_eq!(
        (&answer["type"], &answer["ref"], &answer["recovered"]),
        (&json!("subscribed"), &json!(1), &json!(true))
    );
    // The second event is in the answer, or comes behind it, before or after the next answer.
    let mut events: Vec<Value> = answer["events"].as_array().into_iter().flatten().cloned().collect();
    let mut is_answered = false;
    while !is_answered || events.is_empty() {
        let message = behind.json().await;
        match message["type"].as_str() {
            Some(kind) => is_answered |= kind == "pong" && message["ref"] == 2,
            None => events.push(message),
        }
    }
    assert_eq!(events.iter().map(|event| &event["payload"]).collect::<Vec<_>>(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_what_is_not_in_the_stream_is_told_so_at_once() {
    let redis = RedisServer::start();
    let node = node(&redis.url());
    for id in ["9999999999999-0-0000000a", "1-0-0000000a", "00000000000000ab-12"] {
        let (mut client, welcome) = node.native(&format!("?channel=a&after={id}")).await;
        assert_eq!(welcome["recovered"], false, "{id}");
        let answer = client.ask(json!({"type": "subscribe", "channel": "b", "after": id})).await;
        assert_eq!((&answer["type"], &answer["recovered"]), (&json!("subscribed"), &json!(false)), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_wait_for_too_long_is_told_to_come_back() {
    let redis = RedisServer::start();
    let node = node(&redis.url());
    let (mut behind, _) = node.native("").await;
    redis.pause();
    let ahead = "9999999999999-0-0000000a";
    behind.send_text(&json!({"type": "subscribe", "channel": "a", "after": ahead}).to_string()).await;
    // At the same time: who does not answer a close frame is dropped.
    let joining = async {
        let mut client = testkit::Client::native(node.address, &format!("/?after={ahead}")).await;
        client.close_code().await
    };
    let streaming = async {
        let mut stream = EventStream::open(node.address, &format!("/?after={ahead}"), "").await;
        stream.block().await.unwrap()
    };
    let (of_asking, of_joining, block) = tokio::join!(behind.close_code(), joining, streaming);
    assert_eq!((of_asking, of_joining), (1013, 1013));
    assert!(block.retry.is_some() && block.id.is_none(), "{block:?}");
    redis.resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_at_a_server_without_other_clients_waits_no_longer() {
    let redis = RedisServer::start();
    let settings = server::config::Settings { hub_threads: Some(1), ..super::of_broker(&redis.url()) };
    let node = crate::util::TestServer::with(settings);
    // It has read the stream.
    drop(node.native("").await);
    redis.pause();
    let begin = std::time::Instant::now();
    let mut client = testkit::Client::native(node.address, "/?after=9999999999999-0-0000000a").await;
    assert_eq!(client.close_code().await, 1013);
    // 5 seconds; they were 15.
    assert!(begin.elapsed() < std::time::Duration::from_secs(12), "{:?}", begin.elapsed());
    redis.resume();
}
