//! What operators ask of the hub: ending connections and subscriptions, and the list of channels.

use std::collections::{BTreeSet, VecDeque};

use futures_util::future::join_all;
use serde_json::{Value, json};
use server::config::Settings;
use server::token::Secret;
use server::{ChannelPage, NotDone, Who};
use testkit::{Client, EventStream, within};

use crate::commands::expect;
use crate::rights::signing::{SECRET, hs256};
use crate::util::{TestServer, names};

/// Any time that this century ends with.
const LATE: u64 = 4_000_000_000;

/// A server on several threads.
fn server() -> TestServer {
    TestServer::with(Settings { hub_threads: Some(3), max_channels_per_client: Some(1000), ..open() })
}

/// Tokens count, and every channel but the private ones is public.
fn open() -> Settings {
    Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(vec!["*".parse().unwrap()]),
        ..Settings::default()
    }
}

/// What the query of a URL gives a user.
fn query_of(user: &str, channels: &[&str]) -> String {
    let token = hs256(SECRET, &json!({ "sub": user, "exp": LATE }).to_string());
    let channels: String = channels.iter().map(|channel| format!("&channel={channel}")).collect();
    format!("?token={token}{channels}")
}

async fn user(server: &TestServer, user: &str, channels: &[&str]) -> (Client, Value) {
    server.native(&query_of(user, channels)).await
}

async fn listed(server: &TestServer, prefix: &str, after: &str, limit: usize) -> Vec<(String, u64)> {
    let page = ChannelPage { prefix: prefix.to_owned(), after: after.to_owned(), limit };
    let channels = within("the channels are listed", server.hub.channels(page)).await.unwrap();
    channels.into_iter().map(|(name, count)| (name.to_string(), count)).collect()
}

#[tokio::test]
async fn all_connections_of_a_user_are_closed_after_what_was_sent_before_and_no_others() {
    let server = server();
    let mut closed = Vec::new();
    for _ in 0..5 {
        closed.push(user(&server, "42", &["a"]).await.0);
    }
    let (mut other, _) = user(&server, "4", &["a"]).await;
    let mut plain = server.connect().await;
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    assert_eq!(server.hub.disconnect(Who::User("42".into())).await, Ok(5));
    for client in &mut closed {
        expect(client, 1).await;
        assert_eq!(client.close_code().await, 4403);
    }
    server.publish(&["a"], 3);
    expect(&mut other, 1).await;
    assert_eq!(plain.payload().await, "2");
    assert_eq!(server.hub.disconnect(Who::User("42".into())).await, Ok(0));
    assert_eq!(server.hub.disconnect(Who::User("".into())).await, Ok(0), "who has no token is no user");
}

#[tokio::test]
async fn one_client_is_closed_by_its_id() {
    let server = server();
    let (mut client, welcome) = user(&server, "42", &["a"]).await;
    let (mut other, _) = user(&server, "42", &["a"]).await;
    let id = welcome["client"].as_str().unwrap();
    let who = server.hub.client(id).unwrap();
    assert_eq!(server.hub.disconnect(who.clone()).await, Ok(1));
    assert_eq!(client.close_code().await, 4403);
    assert_eq!(server.hub.disconnect(who).await, Ok(0));
    let of_another_server = server.hub.client("7.1").unwrap();
    assert_eq!(server.hub.disconnect(of_another_server).await, Ok(0));
    assert!(server.hub.client("7").is_err() && server.hub.client("").is_err());
    server.publish(&["a"], 1);
    expect(&mut other, 1).await;
}

#[tokio::test]
async fn a_stream_of_server_sent_events_ends_as_well() {
    let server = server();
    let target = format!("/{}", query_of("42", &["a"]));
    let mut stream = EventStream::open(server.address, &target, "").await;
    assert!(stream.block().await.is_some());
    assert_eq!(server.hub.disconnect(Who::User("42".into())).await, Ok(1));
    let rest = String::from_utf8(stream.rest().await).unwrap();
    assert!(!rest.contains("data:"), "{rest:?}");
}

#[tokio::test]
async fn subscriptions_are_ended_after_what_was_published_before_and_the_client_is_told() {
    let server = server();
    let (mut client, _) = user(&server, "42", &["a", "b"]).await;
    let (mut other, _) = user(&server, "4", &["a", "b"]).await;
    server.publish(&["a"], 1);
    let ended = server.hub.unsubscribe(Who::User("42".into()), names(&["a", "nobody-has-it"])).await;
    assert_eq!(ended, Ok(1));
    server.publish(&["a"], 2);
    server.publish(&["b"], 3);
    expect(&mut client, 1).await;
    assert_eq!(client.json().await, json!({ "type": "unsubscribed", "channels": ["a"], "code": 103 }));
    expect(&mut client, 3).await;
    for number in 1..=3 {
        expect(&mut other, number).await;
    }
    assert_eq!(server.hub.unsubscribe(Who::User("42".into()), names(&["a"])).await, Ok(0));
    assert_eq!(listed(&server, "", "", 10).await, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}

#[tokio::test]
async fn channels_are_listed_by_name_with_the_subscribers_of_all_threads_and_kinds() {
    let server = server();
    let mut clients = Vec::new();
    for user_number in 0..4 {
        clients.push(user(&server, &user_number.to_string(), &["b.1", "a", "b.2"]).await.0);
    }
    let stream = EventStream::open(server.address, "/?channel=a&channel=b.3", "").await;
    clients.push(server.by_url("?channel=a").await.0);
    let _plain = server.connect().await;
    let all = [("a", 6), ("b.1", 4), ("b.2", 4), ("b.3", 1)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(listed(&server, "", "", 10).await, all);
    assert_eq!(listed(&server, "", "", 2).await, all[..2]);
    assert_eq!(listed(&server, "", "b.1", 2).await, all[2..]);
    assert_eq!(listed(&server, "b.", "", 2).await, all[1..3]);
    assert_eq!(listed(&server, "b.", "b.3", 2).await, []);
    assert_eq!(listed(&server, "", "", 0).await, []);
    drop((clients, stream));
}

#[tokio::test]
async fn pages_have_all_channels_of_clients_that_have_many() {
    let server = server();
    let mut clients = Vec::new();
    let mut expected = Vec::new();
    for number in 0..8 {
        let names: Vec<String> = (0..700).map(|channel| format!("c.{number}.{channel:03}")).collect();
        let (mut client, _) = user(&server, &number.to_string(), &[]).await;
        let answer = client.ask(json!({ "type": "subscribe", "channels": names })).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        clients.push(client);
        expected.extend(names.into_iter().map(|name| (name, 1)));
    }
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = listed(&server, "", &after, 999).await;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        all.extend(page);
    }
    assert_eq!(all, expected);
}

/// Subscribes a client to many channels, whose names begin with a text.
async fn subscribe_many(client: &mut Client, beginning: &str) -> BTreeSet<(String, u64)> {
    let names: Vec<String> = (0..900).map(|channel| format!("{beginning}.{channel:03}")).collect();
    let answer = client.ask(json!({ "type": "subscribe", "channels": names })).await;
    assert_eq!(answer["type"], "subscribed", "{answer}");
    names.into_iter().map(|name| (name, 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_all_channels_of_those_who_stay_while_others_leave() {
    let server = TestServer::with(Settings { hub_threads: Some(1), max_channels_per_client: Some(1000), ..open() });
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(user(&server, &number.to_string(), &[]).await.0);
    }
    // Who leaves first is looked at first, and its channels are the last ones: so where its part of the list ends says
    // nothing of the others.
    let mut channels = VecDeque::new();
    for (number, client) in clients.iter_mut().enumerate().rev() {
        channels.push_front(subscribe_many(client, &number.to_string()).await);
    }
    let all: BTreeSet<_> = channels.iter().flatten().cloned().collect();
    for client in clients {
        let leaving = channels.pop_front().unwrap();
        let (page, ()) = tokio::join!(listed(&server, "", "", 20_000), async { drop(client) });
        assert!(page.is_sorted_by(|one, next| one.0 < next.0), "in the order of the names, none twice");
        let page: BTreeSet<_> = page.into_iter().collect();
        assert!(page.is_subset(&all), "each with its one subscriber");
        let missing: Vec<_> = channels.iter().flatten().filter(|channel| !page.contains(channel)).collect();
        assert_eq!(missing, Vec::<&(String, u64)>::new());
        let prefix = &leaving.first().unwrap().0[..2];
        within("it is gone", async { while !listed(&server, prefix, "", 1).await.is_empty() {} }).await;
    }
}

#[tokio::test]
async fn more_than_a_thread_takes_of_operators_at_a_time_is_not_done_and_clients_notice_nothing() {
    /// `MAX_TASKS` of a thread of the hub.
    const TASKS: usize = 256;
    let server = TestServer::with(Settings { hub_threads: Some(1), ..Settings::default() });
    let mut client = server.connect().await;
    // All are asked before the first is waited for, and a thread rests between two.
    let page = || ChannelPage { limit: 10, ..ChannelPage::default() };
    let asked = join_all((0..20 * TASKS).map(|_| server.hub.channels(page())));
    let (answers, payload) = within("all are answered", async {
        tokio::join!(asked, async {
            server.queue.enqueue(1);
            client.payload().await
        })
    })
    .await;
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(done >= TASKS, "{done}");
    assert!(done < answers.len(), "some were too much");
    assert!(answers[..TASKS].iter().all(Result::is_ok), "what came first was taken");
    assert!(answers.contains(&Err(NotDone)));
    assert_eq!(payload, "1");
    assert_eq!(server.hub.channels(page()).await, Ok(Vec::new()), "there is room again");
    assert_eq!(server.hub.disconnect(Who::User("42".into())).await, Ok(0));
}
