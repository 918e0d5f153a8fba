//! Webhooks: the application's server is told which channels have subscribers, whatever these speak.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::config::Settings;
use testkit::{EventStream, Reply, WebServer, eventually, within};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::util::TestServer;

/// A web server, and a broadcaster whose webhook it is.
async fn told_server() -> (WebServer, TestServer) {
    let web = WebServer::start(|_| Reply::Status(200)).await;
    let settings = with_webhooks(&[&web]);
    (web, TestServer::with(settings))
}

fn with_webhooks(servers: &[&WebServer]) -> Settings {
    let urls: String = servers.iter().map(|web| format!(" webhook=http://{}/pusher", web.address())).collect();
    Settings {
        app: Some(vec![format!("id=1 key=app-key secret=s3cret{urls}").parse().unwrap()]),
        public_channels: Some(vec!["*".parse().unwrap()]),
        hub_threads: Some(2),
        ..Settings::default()
    }
}

/// Name and channel of all events.
fn told(web: &WebServer) -> Vec<(String, String)> {
    let events = |body: &str| serde_json::from_str::<Value>(body).unwrap()["events"].as_array().unwrap().clone();
    let all = web.requests().iter().flat_map(|request| events(&request.body)).collect::<Vec<_>>();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter().map(|event| (text(&event["name"]), text(&event["channel"]))).collect()
}

#[tokio::test]
async fn names_of_headers_are_written_as_pusher_writes_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = format!("id=1 key=app-key secret=s webhook=http://{}/", listener.local_addr().unwrap());
    let public = Some(vec!["*".parse().unwrap()]);
    let settings = Settings { app: Some(vec![app.parse().unwrap()]), public_channels: public, ..Settings::default() };
    let server = TestServer::with(settings);
    let _client = server.native("?channel=a").await;
    let (mut stream, _) = within("the webhook connects", listener.accept()).await.unwrap();
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        let mut piece = [0; 1024];
        let length = within("the request comes", stream.read(&mut piece)).await.unwrap();
        assert!(length > 0, "the end of {head:?}");
        head.push_str(str::from_utf8(&piece[..length]).unwrap());
    }
    assert!(head.contains("\r\nX-Pusher-Key: app-key\r\n") && head.contains("\r\nX-Pusher-Signature: "), "{head}");
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
}

fn event(name: &str, channel: &str) -> (String, String) {
    (name.to_owned(), channel.to_owned())
}

#[tokio::test]
async fn a_channel_is_occupied_by_its_first_subscriber_and_vacated_by_its_last_one() {
    let (web, server) = told_server().await;
    // Two threads, two encodings: it is one channel.
    let (mut first, _) = server.native("?channel=a").await;
    eventually("it is occupied", || told(&web) == [event("channel_occupied", "a")]).await;
    let (second, _) = server.native("?channel=a").await;
    let stream = EventStream::open(server.address, "/?channel=a", "").await;
    assert_eq!(stream.status(), 200);
    let answer = first.ask(json!({"type": "subscribe", "channel": "b"})).await;
    assert_eq!(answer["type"], "subscribed");
    eventually("the other is occupied", || told(&web).len() == 2).await;
    drop((second, stream));
    while server.observer.status().await.subscriptions > 2 {
        tokio::task::yield_now().await;
    }
    // Back at once: the channel was never away.
    for command in ["unsubscribe", "subscribe"] {
        let answer = first.ask(json!({"type": command, "channel": "a"})).await;
        assert_eq!(answer["type"], format!("{command}d"));
    }
    let answer = first.ask(json!({"type": "unsubscribe", "channel": "b"})).await;
    assert_eq!(answer["type"], "unsubscribed");
    eventually("it is vacated", || told(&web).len() == 3).await;
    let expected = [event("channel_occupied", "a"), event("channel_occupied", "b"), event("channel_vacated", "b")];
    assert_eq!(told(&web), expected);
}

#[tokio::test]
async fn a_server_that_stops_tells_that_its_channels_are_vacated() {
    let (web, mut server) = told_server().await;
    let (mut client, _) = server.native("?channel=a&channel=b").await;
    server.request_stop();
    assert_eq!(client.close_code().await, 1001);
    server.stopped().await;
    let mut told = told(&web);
    told.sort();
    let expected = ["channel_occupied", "channel_vacated"].map(|name| ["a", "b"].map(|channel| event(name, channel)));
    assert_eq!(told, expected.concat());
}

#[tokio::test]
async fn a_webhook_that_hangs_holds_up_no_other_no_client_and_not_the_stop() {
    let (hanging, good) = (WebServer::start(|_| Reply::Never).await, WebServer::start(|_| Reply::Status(200)).await);
    let settings = Settings { shutdown_grace_secs: Some(0.2), ..with_webhooks(&[&hanging, &good]) };
    let mut server = TestServer::with(settings);
    let (mut client, _) = server.native("?channel=a").await;
    eventually("it hangs", || hanging.requests().len() == 1).await;
    for number in 0..3 {
        let channel = number.to_string();
        let answer = client.ask(json!({"type": "subscribe", "channel": channel})).await;
        assert_eq!(answer["type"], "subscribed");
        server.publish(&[&channel], number);
        assert_eq!(client.payload().await, channel);
        eventually("the other is told", || told(&good).contains(&event("channel_occupied", &channel))).await;
    }
    server.request_stop();
    assert_eq!(client.close_code().await, 1001);
    let asked = Instant::now();
    server.stopped().await;
    // Less than the time for which an answer is waited for otherwise.
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(hanging.requests().len(), 1);
    assert!(told(&good).contains(&event("channel_vacated", "a")));
}
