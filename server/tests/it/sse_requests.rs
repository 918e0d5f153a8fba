//! Requests for server-sent events: who may have a stream, what a page may read, and who is to come back later.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use server::config::Settings;
use server::origin::Rule;
use server::token::Secret;
use testkit::{Client, EventStream};

use crate::handshake::exchange;
use crate::rights::signing::{OTHER_SECRET, SECRET, hs256};
use crate::sse::stream;
use crate::util::TestServer;

const ASKING: &str = "Host: localhost:8080\r\nAccept: text/event-stream\r\n";

fn claims(more: &serde_json::Value) -> String {
    let mut claims = json!({ "exp": SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600 });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims.to_string()
}

fn token(more: &serde_json::Value) -> String {
    hs256(SECRET, &claims(more))
}

/// A server with a key, where `public...` needs no right.
fn server(rules: &[&str], anonymous: bool) -> TestServer {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    TestServer::with(Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(vec!["public*".parse().unwrap()]),
        allowed_origins: Some(rules),
        anonymous: Some(anonymous),
        ..Settings::default()
    })
}

async fn status(server: &TestServer, target: &str, lines: &str) -> u16 {
    EventStream::open(server.address, target, lines).await.status()
}

#[tokio::test]
async fn who_may_have_a_stream() {
    let good = token(&json!({ "sub": "42", "channels": ["private-user.42"], "allow": ["orders", "everybody"] }));
    let poor = token(&json!({ "sub": "42" }));
    let wrong = hs256(OTHER_SECRET, &claims(&json!({ "allow": ["*"] })));
    let ended = hs256(SECRET, &json!({ "exp": 1, "allow": ["*"] }).to_string());
    let for_one = token(&json!({ "channel": "orders" }));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let server = server(&["same-host"], true);
    for (target, lines, expected) in [
        // Without a token.
        ("/?channel=public.a", String::new(), 200),
        ("/?channel=orders", String::new(), 401),
        ("/?channel=public.a&channel=private-user.42", String::new(), 401),
        ("/", String::new(), 401),
        ("/?everybody=1&channel=public.a", String::new(), 401),
        // With one.
        ("/", bearer(&good), 200),
        ("/?channel=orders", bearer(&good), 200),
        ("/?everybody=1", bearer(&good), 200),
        ("/?channel=private-user.43", bearer(&good), 403),
        ("/?channel=%23server-to-user-42", bearer(&good), 403),
        ("/?channel=orders", bearer(&poor), 403),
        ("/", bearer(&poor), 403),
        ("/?everybody=1&channel=public.a", bearer(&poor), 403),
        ("/?channel=public.a", bearer(&poor), 200),
        // With one that is none, also where none is needed.
        ("/?channel=public.a", bearer(&wrong), 401),
        ("/?channel=public.a", bearer(&ended), 401),
        ("/?channel=orders", bearer(&for_one), 401),
        ("/?channel=public.a", bearer(""), 401),
    ] {
        assert_eq!(status(&server, target, &lines).await, expected, "{target} {lines}");
        if let Some(token) = lines.strip_prefix("Authorization: Bearer ").map(str::trim_end) {
            let separator = if target.contains('?') { '&' } else { '?' };
            let in_url = format!("{target}{separator}token={token}");
            assert_eq!(status(&server, &in_url, "").await, expected, "{in_url}");
            assert_eq!(status(&server, &in_url, &lines).await, 400, "two tokens");
        }
    }
    let refused = EventStream::open(server.address, "/?channel=orders", "").await;
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let (mut client, _) = stream(&server, &format!("/?token={good}")).await;
    server.publish(&[], 1);
    server.publish(&["private-user.43"], 2);
    server.publish(&["private-user.42"], 3);
    assert_eq!(client.payload().await, json!(3), "nothing that it may not read, or did not ask for");
}

#[tokio::test]
async fn cookies_count_for_pages_of_the_same_origin_and_for_those_that_the_list_names() {
    let cookie = format!("Cookie: fastapi_ws_token={}\r\n", token(&json!({ "allow": ["private-a"] })));
    let same_host = "Origin: http://localhost:9000\r\n";
    for (rules, origin, expected) in [
        // A page of the same origin sends none.
        (&["same-host"][..], "", 200),
        (&["*"], "", 200),
        (&["same-host"], "Sec-Fetch-Site: same-origin\r\n", 200),
        // Nor does one of any origin that does not want to read the answer.
        (&["same-host"], "Sec-Fetch-Site: cross-site\r\n", 401),
        (&["*"], "Sec-Fetch-Site: same-site\r\n", 401),
        (&["same-host"], same_host, 200),
        (&["https://listed.example"], "Origin: https://listed.example\r\n", 200),
        (&["same-host"], "Origin: https://evil.example\r\n", 403),
        (&["https://listed.example"], same_host, 403),
        (&["*"], "Origin: https://evil.example\r\n", 401),
        (&["*"], same_host, 401),
        (&["null"], "Origin: null\r\n", 401),
    ] {
        let server = server(rules, false);
        let lines = format!("{origin}{cookie}");
        assert_eq!(status(&server, "/?channel=private-a", &lines).await, expected, "{rules:?} {origin}");
        assert_eq!(status(&server, "/?channel=private-a", origin).await, if expected == 403 { 403 } else { 401 });
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_what_it_may_have() {
    let server = server(&["same-host", "https://listed.example"], true);
    let read = |client: &EventStream| {
        let header = |name| client.header(name).map(str::to_owned);
        (header("access-control-allow-origin"), header("access-control-allow-credentials"), header("vary"))
    };
    let text = |text: &str| Some(text.to_owned());
    for (target, status) in [("/?channel=public.a", 200), ("/?channel=orders", 401), ("/?channel=*", 400)] {
        let lines = "Origin: https://listed.example\r\n";
        let client = EventStream::open(server.address, target, lines).await;
        assert_eq!(client.status(), status);
        assert_eq!(read(&client), (text("https://listed.example"), text("true"), text("Origin")), "{target}");
    }
    let client = EventStream::open(server.address, "/?channel=public.a", "Origin: https://evil.example\r\n").await;
    assert_eq!((client.status(), read(&client)), (403, (None, None, text("Origin"))));
    let client = EventStream::open(server.address, "/?channel=public.a", "").await;
    assert_eq!((client.status(), read(&client)), (200, (None, None, text("Origin"))));
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let server = server(&["https://listed.example"], true);
    let ask = async |origin: &str| {
        let request = format!(
            "OPTIONS /any/path HTTP/1.1\r\nHost: localhost\r\n{origin}Access-Control-Request-Method: GET\r\n\
             Access-Control-Request-Headers: authorization,last-event-id\r\n\r\n"
        );
        exchange(server.address, request).await.to_lowercase()
    };
    let answer = ask("Origin: https://listed.example\r\n").await;
    assert!(answer.starts_with("http/1.1 204 "), "{answer}");
    for line in [
        "access-control-allow-origin: https://listed.example",
        "access-control-allow-credentials: true",
        "access-control-allow-methods: get, head",
        "access-control-allow-headers: authorization, last-event-id, cache-control",
        "access-control-max-age: 7200",
        "vary: origin",
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
    }
    for origin in ["Origin: https://evil.example\r\n", ""] {
        let answer = ask(origin).await;
        assert!(answer.starts_with("http/1.1 204 ") && !answer.contains("access-control"), "{answer}");
    }
}

#[tokio::test]
async fn only_who_lists_the_type_gets_a_stream() {
    let server = TestServer::start();
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n", "200 "),
        ("GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json, Text/Event-Stream;q=0.5\r\n", "200 "),
        ("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept: text/event-stream\r\n", "200 "),
        // HTTP/1.0, which nginx speaks unless it is told otherwise.
        ("GET / HTTP/1.0\r\nHost: x\r\nAccept: text/event-stream\r\n", "200 "),
        ("GET / HTTP/1.0\r\nAccept: text/event-stream\r\n", "200 "),
        ("GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n", "426 "),
        ("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream;q=0, */*\r\n", "426 "),
        ("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-streams\r\n", "426 "),
        ("GET / HTTP/1.1\r\nHost: x\r\n", "426 "),
        ("POST / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Length: 0\r\n", "426 "),
    ] {
        let client = EventStream::request(server.address, &format!("{request}\r\n")).await;
        let head = client.head.to_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {}", status.to_lowercase())), "{request}: {head}");
    }
    let mut old = EventStream::request(server.address, "GET / HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n").await;
    old.event().await;
    server.publish(&[], 1);
    assert_eq!(old.payload().await, json!(1));
    // Only the head is asked for, of what would be answered.
    let head = exchange(server.address, format!("HEAD /?channel=a HTTP/1.1\r\n{ASKING}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncontent-type: text/event-stream\r\n"), "{head}");
    let head = exchange(server.address, format!("HEAD /?channel=private-a HTTP/1.1\r\n{ASKING}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && head.ends_with("\r\n\r\n"), "{head}");
    // Who wants a WebSocket and lists the type gets a WebSocket.
    let handshake = testkit::HANDSHAKE.replace("Host: localhost\r\n", ASKING);
    assert!(EventStream::request(server.address, &handshake).await.head.starts_with("HTTP/1.1 101 "));
}

/// Reads a stream that has one block alone, which says when to come back.
async fn comes_back_later(server: &TestServer, target: &str) {
    let mut client = EventStream::open(server.address, target, "").await;
    assert_eq!((client.status(), client.header("content-type")), (200, Some("text/event-stream")));
    let block = client.block().await.expect("a block");
    assert!(block.retry.is_some_and(|retry| (5000..=15_000).contains(&retry)), "{block:?}");
    assert_eq!((block.id, block.data), (None, None));
    while let Some(block) = client.block().await {
        assert!(block.comment.is_some() && block.data.is_none(), "{block:?}");
    }
}

#[tokio::test]
async fn who_finds_no_room_comes_back_later() {
    let full = TestServer::with(Settings { max_connections: Some(1), ..Settings::default() });
    let (client, _) = stream(&full, "/").await;
    comes_back_later(&full, "/").await;
    comes_back_later(&full, "/?channel=a").await;
    assert_eq!(EventStream::open(full.address, "/?channel=private-a", "").await.status(), 403, "permanently");
    drop(client);
    // Its room is free again, for any kind of client.
    let request = format!("ws://{}/", full.address);
    while tokio_tungstenite::connect_async(&request).await.is_err() {}

    let full = TestServer::with(Settings { max_connections_per_address: Some(1), ..Settings::default() });
    let socket = Client::connect(full.address, "/").await;
    comes_back_later(&full, "/").await;
    drop(socket);
    while EventStream::open(full.address, "/", "").await.block().await.expect("a block").id.is_none() {}
}

#[tokio::test]
async fn who_finds_no_room_for_its_channels_comes_back_later() {
    for bounds in [
        Settings { max_channels: Some(1), ..Settings::default() },
        Settings { max_subscriptions: Some(1), ..Settings::default() },
    ] {
        let server = TestServer::with(Settings { hub_threads: Some(2), ..bounds });
        let (client, _) = stream(&server, "/?channel=a").await;
        comes_back_later(&server, "/?channel=b").await;
        comes_back_later(&server, "/?channel=b&channel=c&named=1").await;
        let (mut other, _) = stream(&server, "/").await;
        drop(client);
        while EventStream::open(server.address, "/?channel=b", "").await.block().await.expect("a block").id.is_none() {}
        server.publish(&[], 1);
        assert_eq!(other.payload().await, json!(1));
    }
    let few = TestServer::with(Settings { max_channels_per_client: Some(2), ..Settings::default() });
    assert_eq!(status(&few, "/?channel=a&channel=b", "").await, 200);
    assert_eq!(status(&few, "/?channel=a&channel=b&channel=c", "").await, 400);
}
