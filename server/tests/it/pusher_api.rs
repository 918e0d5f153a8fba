//! The HTTP API of the Pusher protocol over sockets: who may ask, what is done, and what is in the queue when it is
//! answered.

use serde_json::{Value, json};
use server::config::Settings;
use server::token::Secret;
use testkit::{PusherRequest, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::handshake::exchange;
use crate::metrics::metric;
use crate::pusher::{Pusher, sign};
use crate::rights::signing::{SECRET, hs256};
use crate::util::TestServer;

const EVENTS: &str = "/apps/3/events";

fn settings() -> Settings {
    Settings {
        app: Some(vec![PusherRequest::APP.parse().unwrap()]),
        public_channels: Some(vec!["*".parse().unwrap()]),
        ..Settings::default()
    }
}

/// An answer: status, head in lower case, and body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert!(self.head.contains("\r\ncontent-type: application/json\r\n"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    fn refused(&self, status: u16, told: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("\r\ncontent-type: text/plain"), "{}", self.head);
        assert!(self.body.contains(told), "{}", self.body);
        assert!(!self.body.contains("app-secret"), "{}", self.body);
    }
}

async fn send(server: &TestServer, request: impl AsRef<[u8]>) -> Answer {
    let answer = exchange(server.address, request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Answer { status, head: format!("{}\r\n", head.to_lowercase()), body: body.to_owned() }
}

async fn ask(server: &TestServer, request: &PusherRequest) -> Answer {
    send(server, request.to_bytes()).await
}

fn event(channels: &[&str], data: &str) -> Value {
    json!({ "name": "test", "data": data, "channels": channels })
}

async fn post(server: &TestServer, body: impl ToString) -> Answer {
    ask(server, &PusherRequest::post(EVENTS, body)).await
}

#[tokio::test]
async fn an_event_reaches_the_clients_of_its_channels() {
    let server = TestServer::with(settings());
    let (mut client, welcome) = server.native("?channel=a&channel=b").await;
    let (mut other, _) = server.native("?channel=b").await;
    let answer = post(&server, event(&["a"], r#"{"x":  1.50}"#)).await;
    assert_eq!((answer.json(), answer.body.as_str()), (json!({}), "{}"));
    let message = client.text().await;
    assert!(message.contains(r#""event":"test","payload":{"x":  1.50}"#), "{message}");
    assert!(message.contains(r#""channel":"a""#), "{message}");
    // Not JSON, not to the one who names itself, and by the key for one channel.
    let body = json!({ "name": "n\"", "data": "ä {", "channel": "b", "socket_id": welcome["client"] });
    post(&server, body).await.json();
    let message = other.json().await;
    assert_eq!((&message["event"], &message["payload"]), (&json!("n\""), &json!("ä {")));
    post(&server, event(&["a", "b"], "\"end\"")).await.json();
    assert_eq!(client.json().await["payload"], "end", "its own event is not for it");
    assert_eq!(other.json().await["payload"], "end");
    assert_eq!(metric(&server, "api_requests_total{endpoint=\"/apps/ID/events\",status=\"200\"}"), Some(3.0));
}

#[tokio::test]
async fn a_batch_is_queued_as_a_whole() {
    let server = TestServer::with(settings());
    let (mut client, _) = server.native("?channel=a&channel=b").await;
    let of = |count: usize| {
        let event = |number: usize| json!({ "name": "test", "data": number.to_string(), "channel": if number % 2 == 0 { "a" } else { "b" } });
        json!({ "batch": (0..count).map(event).collect::<Vec<_>>() })
    };
    let batch = async |body: Value| ask(&server, &PusherRequest::post("/apps/3/batch_events", body)).await;
    assert_eq!(batch(of(10)).await.json(), json!({}));
    for number in 0..10 {
        assert_eq!(client.json().await["payload"], number);
    }
    batch(of(11)).await.refused(400, "at most 10");
    let mut wrong = of(3);
    wrong["batch"][2]["channel"] = json!("a b");
    batch(wrong).await.refused(400, r#"batch[2]: "a b" is no channel"#);
    let mut asking = of(2);
    asking["batch"][1]["info"] = json!("subscription_count,user_count");
    assert_eq!(batch(asking).await.json(), json!({ "batch": [{}, { "subscription_count": 1 }] }));
    assert_eq!(client.json().await["payload"], 0, "nothing of what was refused was sent");
}

#[tokio::test]
async fn what_is_not_signed_by_the_application_is_refused() {
    let server = TestServer::with(settings());
    let (mut client, _) = server.native("?channel=a").await;
    let good = PusherRequest::post(EVENTS, event(&["a"], "1"));
    let text = String::from_utf8(good.to_bytes()).unwrap();
    ask(&server, &good.clone().signed_by("app-key", "other")).await.refused(401, "signature is not valid");
    ask(&server, &good.clone().signed_by("other", "app-secret")).await.refused(401, "auth_key is not the key");
    ask(&server, &good.clone().later(-660)).await.refused(401, "seconds behind the clock");
    ask(&server, &good.clone().later(660)).await.refused(401, "seconds ahead of the clock");
    send(&server, text.replace(r#""data":"1""#, r#""data":"2""#)).await.refused(401, "body_md5 is not the MD5");
    send(&server, text.replace("POST /apps/3/events?", "POST /apps/3/batch_events?")).await.refused(401, "signature");
    send(&server, text.replace("auth_version=1.0", "auth_version=1.0&auth_key=app-key")).await.refused(400, "twice");
    send(&server, text.replace("&auth_version=1.0", "")).await.refused(401, "auth_version is missing");
    let (head, _) = text.split_once("?").unwrap();
    let unsigned = format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}");
    send(&server, unsigned).await.refused(401, "auth_key is missing");
    // Without a body there is nothing to hold back until it has come.
    let unsigned = format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(unsigned.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within("the answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    assert_eq!(metric(&server, "auth_failures_total{reason=\"not_authenticated\"}"), Some(9.0));
    assert!(metric(&server, "api_requests_total{endpoint=\"/apps/ID/events\",status=\"401\"}") > Some(6.0));
    post(&server, event(&["a"], "\"end\"")).await.json();
    assert_eq!(client.json().await["payload"], "end", "nothing else was sent");
}

#[tokio::test]
async fn each_of_several_secrets_signs() {
    let app = "id=3 key=app-key secret=new-secret secret=app-secret".parse().unwrap();
    let server = TestServer::with(Settings { app: Some(vec![app]), ..settings() });
    let good = PusherRequest::post(EVENTS, event(&["a"], "1"));
    ask(&server, &good).await.json();
    ask(&server, &good.signed_by("app-key", "new-secret")).await.json();
}

#[tokio::test]
async fn a_prefix_is_not_signed() {
    let server = TestServer::with(settings());
    let (mut client, _) = server.native("?channel=a").await;
    for prefix in ["/pusher", "/a/b", "/apps"] {
        let request = PusherRequest::post(EVENTS, event(&["a"], "1")).below(prefix);
        assert_eq!(ask(&server, &request).await.json(), json!({}), "{prefix}");
        assert_eq!(client.json().await["payload"], 1);
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_told() {
    let server = TestServer::with(settings());
    ask(&server, &PusherRequest::get("/apps/4/channels")).await.refused(404, "unknown app");
    ask(&server, &PusherRequest::get("/apps/3/nothing")).await.refused(404, "batch_events");
    let answer = ask(&server, &PusherRequest::get(EVENTS)).await;
    answer.refused(405, "use POST");
    assert!(answer.head.contains("\r\nallow: post\r\n"), "{}", answer.head);
    let answer =
        ask(&server, &PusherRequest::new("OPTIONS", "/apps/3/channels").header("Origin: http://localhost")).await;
    answer.refused(405, "use GET");
    assert!(!answer.head.contains("access-control"), "{}", answer.head);
    assert_eq!(metric(&server, "api_requests_total{endpoint=\"/apps/other\",status=\"404\"}"), Some(2.0));
    // What is not below /apps/ is as it was.
    assert_eq!(send(&server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 200);
    assert_eq!(send(&server, "GET /apps HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 426);
}

#[tokio::test]
async fn without_an_application_there_is_no_api() {
    let server = TestServer::start();
    let answer = ask(&server, &PusherRequest::post(EVENTS, event(&["a"], "1"))).await;
    assert_eq!(answer.status, 426, "{}", answer.body);
    assert_eq!(server.queue.names().iter().filter(|name| name.ends_with(".events")).count(), 0);
}

#[tokio::test]
async fn pages_and_other_hosts_are_refused() {
    let hosts = Some(vec!["localhost".parse().unwrap()]);
    let server = TestServer::with(Settings { allowed_hosts: hosts, ..settings() });
    let good = PusherRequest::post(EVENTS, event(&["a"], "1"));
    ask(&server, &good.clone().header("Origin: https://evil.example")).await.refused(403, "allowed_origins");
    let other = String::from_utf8(good.to_bytes()).unwrap().replace("Host: localhost", "Host: evil.example");
    send(&server, other).await.refused(421, "allowed_hosts");
    let answer = ask(&server, &good.header("Origin: http://localhost")).await;
    assert_eq!(answer.json(), json!({}));
    assert!(!answer.head.contains("access-control"), "{}", answer.head);
}

#[tokio::test]
async fn bodies_have_a_bound() {
    let server = TestServer::with(Settings { max_event_bytes: Some(100_000), ..settings() });
    let large = event(&["a"], &"x".repeat(10 * 1024 * 1024)).to_string();
    ask(&server, &PusherRequest::post(EVENTS, &large)).await.refused(413, "max_event_bytes");
    // Before anything of it has come.
    let request = PusherRequest::post(EVENTS, &large).to_bytes();
    let head = &request[..request.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4];
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    within("the answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // One that does not say how long it is.
    let chunked = |body: &str| {
        let head = String::from_utf8_lossy(&PusherRequest::post(EVENTS, body).to_bytes()).into_owned();
        let (head, _) = head.split_once("Content-Length").unwrap();
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    send(&server, chunked(&large)).await.refused(413, "max_event_bytes");
    send(&server, chunked(&event(&["a"], "1").to_string())).await.json();
    // What fits in a body may be too large for an entry.
    post(&server, event(&["a"], &"x".repeat(150_000))).await.refused(413, "100000");
    post(&server, event(&["a"], &"\"".repeat(45_000))).await.json();
    let names: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    post(&server, event(&names, "1")).await.json();
    post(&server, event(&[&names[..], &["one-more"]].concat(), "1")).await.refused(400, "at most 100");
    post(&server, event(&names, &"x".repeat(50_000))).await.refused(413, "times 100 channels");
}

#[tokio::test]
async fn bodies_that_say_nothing_clear_are_refused() {
    let server = TestServer::with(settings());
    for (body, told) in [
        ("{", "no JSON"),
        ("[]", "must be a JSON object"),
        (r#"{"name":1,"data":"","channel":"c"}"#, "name must be a string"),
        (r#"{"name":"pusher:x","data":"","channel":"c"}"#, "protocol's own"),
        (r#"{"name":"a","channel":"c"}"#, "data is missing"),
        (r#"{"name":"a","data":{"x":1},"channel":"c"}"#, "data must be a string"),
        (r#"{"name":"a","data":"","channel":"a:b"}"#, r#""a:b" is no channel"#),
        (r#"{"name":"a","data":"","channel":"c","socket_id":"x"}"#, "socket_id"),
    ] {
        post(&server, body).await.refused(400, told);
    }
    ask(&server, &PusherRequest::new("POST", EVENTS)).await.refused(400, "no JSON");
    assert!(server.queue.entries().is_empty(), "{:?}", server.queue.entries());
    assert_eq!(metric(&server, "api_requests_total{endpoint=\"/apps/ID/events\",status=\"400\"}"), Some(9.0));
}

#[tokio::test]
async fn channels_are_listed_with_their_subscriptions() {
    let server = TestServer::with(settings());
    let (_first, _) = server.native("?channel=a&channel=cache-a&channel=a:b").await;
    let (_second, _) = server.by_url("?channel=a").await;
    let get = async |path: &str, parameters: &[(&str, &str)]| {
        let request = parameters.iter().fold(PusherRequest::get(path), |it, (name, value)| it.with(name, value));
        ask(&server, &request).await
    };
    let all = get("/apps/3/channels", &[]).await;
    assert_eq!(all.json(), json!({ "channels": { "a": {}, "cache-a": {} } }));
    let some = get("/apps/3/channels", &[("filter_by_prefix", "cache-"), ("info", "subscription_count")]).await;
    assert_eq!(some.json(), json!({ "channels": { "cache-a": { "subscription_count": 1 } } }));
    let none = get("/apps/3/channels", &[("filter_by_prefix", "presence-"), ("info", "user_count")]).await;
    assert_eq!(none.json(), json!({ "channels": {} }));
    get("/apps/3/channels", &[("info", "user_count")]).await.refused(400, "filter_by_prefix");
    get("/apps/3/channels", &[("info", "cache")]).await.refused(400, "cache");
    get("/apps/3/channels", &[("info", "other")]).await.refused(400, "info is a list");

    let one = get("/apps/3/channels/a", &[("info", "subscription_count")]).await;
    assert_eq!(one.json(), json!({ "occupied": true, "subscription_count": 2 }));
    let cached = get("/apps/3/channels/cache-a", &[("info", "cache")]).await;
    assert_eq!(cached.json(), json!({ "occupied": true, "cache": null }));
    assert_eq!(get("/apps/3/channels/c", &[]).await.json(), json!({ "occupied": false }), "not one that begins so");
    let presence = get("/apps/3/channels/presence-a", &[("info", "user_count,subscription_count")]).await;
    assert_eq!(presence.json(), json!({ "occupied": false, "user_count": 0, "subscription_count": 0 }));
    get("/apps/3/channels/a", &[("info", "user_count")]).await.refused(400, "presence");
    get("/apps/3/channels/a", &[("info", "cache")]).await.refused(400, "cache channels");
    get("/apps/3/channels/a%20b", &[]).await.refused(400, "is no channel");

    assert_eq!(get("/apps/3/channels/presence-a/users", &[]).await.json(), json!({ "users": [] }));
    get("/apps/3/channels/a/users", &[]).await.refused(400, "presence");
    assert_eq!(get("/apps/3/connections", &[]).await.json(), json!({ "connections": 2 }));
    let body = json!({ "name": "x", "data": "1", "channels": ["a", "none"], "info": "subscription_count" });
    let answer = post(&server, body).await.json();
    assert_eq!(
        answer,
        json!({ "channels": { "a": { "subscription_count": 2 }, "none": { "subscription_count": 0 } } })
    );
}

#[tokio::test]
async fn clients_of_the_protocol_are_counted_and_get_events() {
    let server = TestServer::with(settings());
    let mut one = Pusher::connect(&server).await;
    let (mut tab, mut other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    one.enter("presence-a", "1").await;
    tab.enter("presence-a", "1").await;
    other.enter("presence-a", "2").await;
    for client in [&mut one, &mut tab] {
        assert_eq!(client.client.json().await["event"], "pusher_internal:member_added");
    }
    let get = async |path: &str, info: &str| {
        let request = PusherRequest::get(path).with("filter_by_prefix", "presence-").with("info", info);
        ask(&server, &request).await.json()
    };
    let counted = json!({ "channels": { "presence-a": { "user_count": 2 } } });
    assert_eq!(get("/apps/3/channels", "user_count").await, counted);
    let channel = get("/apps/3/channels/presence-a", "user_count,subscription_count").await;
    assert_eq!(channel, json!({ "occupied": true, "user_count": 2, "subscription_count": 3 }));
    let users = get("/apps/3/channels/presence-a/users", "").await;
    assert_eq!(users, json!({ "users": [{ "id": "1" }, { "id": "2" }] }));
    let body = json!({ "name": "x", "data": r#"{"a": 1}"#, "channel": "presence-a", "socket_id": one.id, "info": "user_count" });
    assert_eq!(post(&server, body).await.json(), counted);
    let message = json!({ "event": "x", "channel": "presence-a", "data": r#"{"a": 1}"# });
    assert_eq!((tab.client.json().await, other.client.json().await), (message.clone(), message));
    one.expect_nothing().await;
}

#[tokio::test]
async fn a_signed_in_user_gets_events_and_is_disconnected() {
    let server = TestServer::with(settings());
    let mut client = Pusher::connect(&server).await;
    let user_data = r#"{"id":"7"}"#;
    let auth = sign(&format!("{}::user::{user_data}", client.id));
    client.ask("pusher:signin", json!({ "auth": auth, "user_data": user_data })).await;
    client.ask("pusher:subscribe", json!({ "channel": "#server-to-user-7", "auth": "" })).await;
    post(&server, event(&["#server-to-user-7"], "1")).await.json();
    assert_eq!(client.client.json().await["data"], "1");
    let terminate = PusherRequest::post("/apps/3/users/7/terminate_connections", "{}");
    assert_eq!(ask(&server, &terminate).await.json(), json!({}));
    assert_eq!(client.client.close_code().await, 4009);
}

#[tokio::test]
async fn the_last_event_of_a_cache_channel_is_shown() {
    let server = TestServer::with(settings());
    let mut client = Pusher::connect(&server).await;
    client.subscribe("cache-a").await;
    assert_eq!(client.client.json().await["event"], "pusher:cache_miss");
    // Of each length of a frame's head, among them one whose length looks like the beginning of an object.
    let around = r#"{"event":"test","channel":"cache-a","data":"{\"x\":\"\"}"}"#.len();
    for length in [1, 200, 0x7b22 - around, 70_000] {
        let data = json!({ "x": "x".repeat(length) }).to_string();
        post(&server, event(&["cache-a"], &data)).await.json();
        assert_eq!(client.client.json().await["data"], data);
        let shown = ask(&server, &PusherRequest::get("/apps/3/channels/cache-a").with("info", "cache")).await;
        assert_eq!(shown.json(), json!({ "occupied": true, "cache": { "data": data } }));
    }
}

#[tokio::test]
async fn parameters_may_be_arrays() {
    let server = TestServer::with(settings());
    let (_client, _) = server.native("?channel=a").await;
    // Signed with one value, and sent as PHP writes an array.
    let request = PusherRequest::get("/apps/3/channels/a").with("info", "subscription_count,subscription_count");
    let text = String::from_utf8(request.to_bytes()).unwrap();
    let array = text.replace(
        "info=subscription_count,subscription_count",
        "info%5B0%5D=subscription_count&info%5B1%5D=subscription_count",
    );
    assert_eq!(send(&server, array).await.json(), json!({ "occupied": true, "subscription_count": 1 }));
}

#[tokio::test]
async fn without_a_queue_nothing_is_accepted() {
    let server = TestServer::with(settings());
    std::fs::remove_dir_all(server.queue.path()).unwrap();
    post(&server, event(&["a"], "1")).await.refused(503, "is missing");
    assert!(!server.queue.path().exists());
    let without = TestServer::without_queue(settings());
    let answer = post(&without, event(&["a"], "1")).await;
    answer.refused(503, "no queue");
    assert!(answer.head.contains("\r\nretry-after: "), "{}", answer.head);
}

#[tokio::test]
async fn connections_of_a_user_are_terminated() {
    let secret = Some(vec![Secret::new(SECRET)]);
    let server = TestServer::with(Settings { token_secret: secret, ..settings() });
    let connect = async |user: &str| {
        let token = hs256(SECRET, &json!({ "sub": user, "exp": 99_999_999_999_u64 }).to_string());
        server.native(&format!("?channel=a&token={token}")).await.0
    };
    let (mut first, mut second, mut other) = (connect("a b").await, connect("a b").await, connect("4").await);
    // As pusher-http-php signs it, and as it sends it.
    let signed = PusherRequest::post("/apps/3/users/a b/terminate_connections", "{}");
    let sent = String::from_utf8(signed.to_bytes()).unwrap().replacen("a b", "a%20b", 1);
    assert_eq!(send(&server, sent).await.json(), json!({}));
    assert_eq!((first.close_code().await, second.close_code().await), (4403, 4403));
    let nobody = PusherRequest::new("POST", "/apps/3/users/nobody/terminate_connections");
    assert_eq!(ask(&server, &nobody).await.json(), json!({}));
    let changed = PusherRequest::post("/apps/3/users/4/terminate_connections", "{}").to_bytes();
    let changed = String::from_utf8(changed).unwrap().replace("{}", "[]");
    send(&server, changed).await.refused(401, "body_md5");
    post(&server, event(&["a"], "1")).await.json();
    assert_eq!(other.json().await["payload"], 1);
}

#[tokio::test]
async fn a_full_server_answers_its_application() {
    let server = TestServer::with(Settings { max_connections: Some(1), ..settings() });
    let (mut client, _) = server.native("?channel=a").await;
    post(&server, event(&["a"], "1")).await.json();
    assert_eq!(client.json().await["payload"], 1);
}
