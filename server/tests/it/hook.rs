//! The hook that decides who may connect: real servers that answer well, badly, late or not at all.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::RouteRule;
use server::config::Settings;
use server::token::Secret;
use testkit::{Client, EventStream, eventually, free_address, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::handshake::HANDSHAKE;
use crate::rights::signing::{SECRET, hs256};
use crate::rights::{Answer, SAME_HOST, ask, closed, good};
use crate::util::TestServer;

const COOKIE: &str = "Cookie: PHPSESSID=abc\r\n";

/// A hook that answers each request with what a function makes of its head.
struct Hook {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    /// The most questions that it had at the same time.
    most: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Hook {
    async fn start<F: Future<Output = Vec<u8>> + Send>(answer: impl Fn(String) -> F + Send + Sync + 'static) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, most) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (kept, highest, now) = (heads.clone(), most.clone(), Arc::new(AtomicUsize::new(0)));
        let answer = Arc::new(answer);
        let running = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (kept, highest, now, answer) = (kept.clone(), highest.clone(), now.clone(), answer.clone());
                tokio::spawn(async move {
                    highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
                    let head = String::from_utf8_lossy(&head).into_owned();
                    kept.lock().unwrap().push(head.clone());
                    let answer = answer(head).await;
                    // Whoever has read the answer may ask the next question at once.
                    now.fetch_sub(1, Ordering::SeqCst);
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Hook { address, heads, most, running }
    }

    /// One that answers everybody the same.
    async fn always(status: &str, body: &str) -> Hook {
        let answer = response(status, body);
        Hook::start(move |_| std::future::ready(answer.clone())).await
    }

    fn settings(&self) -> Settings {
        with_hook(&format!("http://{}/ws-auth", self.address))
    }

    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.heads.lock().unwrap().last().unwrap().to_lowercase()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn with_hook(url: &str) -> Settings {
    Settings {
        auth_hook: Some(Secret::new(url.as_bytes())),
        public_channels: Some(vec!["public.*".parse().unwrap()]),
        ..Settings::default()
    }
}

fn routes(rules: &[&str]) -> Option<Vec<RouteRule>> {
    Some(rules.iter().map(|rule| rule.parse().unwrap()).collect())
}

/// What a request for server-sent events is answered: the status and all that comes until the end.
async fn stream(address: SocketAddr, target: &str, lines: &str) -> (u16, String) {
    let stream = EventStream::open(address, target, lines).await;
    (stream.status(), String::from_utf8(within("the end", stream.rest()).await).unwrap())
}

#[tokio::test]
async fn the_hook_decides_by_the_cookies_of_the_client_what_it_gets() {
    let body = r#"{"user":"42","channels":["private-user.42"],"allow":["private-x.*"],"info":{},"expires_in":60}"#;
    let hook = Hook::always("200 OK", body).await;
    let server = TestServer::with(hook.settings());
    let request = format!("ws://{}/chat?channel=public.a&channel=private-x.1", server.address);
    let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(request).unwrap();
    let origin = format!("http://{}", server.address);
    request.headers_mut().insert("origin", origin.parse().unwrap());
    request.headers_mut().insert("cookie", "PHPSESSID=abc".parse().unwrap());
    let mut client = Client::open(request).await;
    let welcome = client.json().await;
    assert_eq!(welcome["channels"], serde_json::json!(["public.a", "private-x.1", "private-user.42"]));
    let asked = hook.last();
    for line in [
        "get /ws-auth http/1.1",
        "cookie: phpsessid=abc",
        "fastapi-ws-path: /chat",
        "fastapi-ws-query: channel=public.a&channel=private-x.1",
        "fastapi-ws-address: 127.0.0.1",
        "x-forwarded-for: 127.0.0.1",
        "connection: close",
        "accept: application/json",
    ] {
        assert!(asked.contains(&format!("{line}\r\n")), "{line} is not in {asked}");
    }
    assert!(!asked.contains("sec-websocket") && !asked.contains("upgrade"), "{asked}");
    server.publish(&["private-user.42"], 7);
    assert_eq!(client.payload().await, "7");
    // A native client may subscribe what the hook allows, and nothing else.
    let (mut native, welcome) = server.native("").await;
    assert_eq!(welcome["channels"], serde_json::json!(["private-user.42"]));
    let answer = native.ask(serde_json::json!({"type": "subscribe", "channel": "private-x.2"})).await;
    assert_eq!(answer["type"], "subscribed");
    let answer = native.ask(serde_json::json!({"type": "subscribe", "channel": "private-y"})).await;
    assert_eq!(answer["code"], 103);
    // It was asked once for each connection, and not for what came over it.
    assert_eq!(hook.asked(), 2);
}

#[tokio::test]
async fn cookies_reach_the_hook_only_from_pages_that_are_named() {
    let hook = Hook::always("200 OK", r#"{"channels":["a"]}"#).await;
    let origins = |rules: &[&str]| Some(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    let server = TestServer::with(Settings { allowed_origins: origins(&["*", "same-host"]), ..hook.settings() });
    let basic = "Authorization: Basic eDp5\r\n";
    let evil = "Origin: https://evil.example\r\n";
    for (lines, has_cookie) in [
        (format!("{SAME_HOST}{COOKIE}{basic}"), true),
        (format!("{evil}{COOKIE}{basic}"), false),
        (format!("{COOKIE}{basic}"), false),
    ] {
        assert_eq!(ask(server.address, "/", &lines).await, Answer::Open, "{lines}");
        let asked = hook.last();
        assert_eq!((asked.contains("cookie:"), asked.contains("basic")), (has_cookie, has_cookie), "{asked}");
        // A page can set this one only by itself.
        assert_eq!(
            ask(server.address, "/", &format!("{lines}Authorization: Bearer x\r\n").replace(basic, "")).await,
            Answer::Open
        );
        assert!(hook.last().contains("bearer x"));
    }
    // A stream of the page's own server has no origin; one that is there must be named.
    for (lines, has_cookie) in [(COOKIE.to_owned(), true), (format!("{evil}{COOKIE}"), false)] {
        let stream = EventStream::open(server.address, "/", &lines).await;
        assert_eq!((stream.status(), hook.last().contains("cookie:")), (200, has_cookie), "{lines}");
    }
}

#[tokio::test]
async fn what_the_hook_refuses_is_told_as_what_a_token_lacks() {
    for (status, code, reason) in
        [("401 Unauthorized", 4401, "not authenticated"), ("403 Forbidden", 4403, "not allowed")]
    {
        let hook = Hook::always(status, r#"{"user":"42","channels":["a"]}"#).await;
        let server = TestServer::with(hook.settings());
        let number: u16 = status[..3].parse().unwrap();
        assert_eq!(ask(server.address, "/", SAME_HOST).await, closed(code, reason));
        let Answer::Status(told, _) = ask(server.address, "/", "").await else { panic!("let in") };
        assert_eq!(told, number);
        let (told, body) = stream(server.address, "/", "").await;
        assert_eq!((told, body.trim()), (number, reason));
    }
}

/// Nobody is let in, and everybody is told to come back in the way of its protocol.
async fn all_are_told_to_come_back(address: SocketAddr, why: &str) {
    assert_eq!(
        ask(address, "/?channel=public.a", SAME_HOST).await,
        closed(1013, "login cannot be checked now"),
        "{why}"
    );
    assert_eq!(ask(address, "/?channel=public.a", "").await, Answer::Status(503, None), "{why}");
    let (status, body) = stream(address, "/?channel=public.a", "").await;
    assert_eq!(status, 200, "{why}");
    let pause: u32 = body.strip_prefix("retry: ").expect(why).trim().parse().unwrap();
    assert!((5_000..=15_000).contains(&pause), "{why}: {body:?}");
}

#[tokio::test]
async fn nobody_is_let_in_without_an_answer_that_is_understood() {
    let good = r#"{"user":"42","channels":["public.a"]}"#;
    let large = format!(r#"{{"user":"42","x":"{}"}}"#, "x".repeat(64 * 1024));
    let chunk = "4000\r\n".to_owned() + &"x".repeat(0x4000) + "\r\n";
    for (what, answer) in [
        ("nothing", Vec::new()),
        ("garbage", b"\x16\x03\x01 garbage\r\n\r\n".to_vec()),
        ("half an answer", response("200 OK", good)[..70].to_vec()),
        ("no JSON", response("200 OK", "<br>Warning")),
        ("null", response("200 OK", "null")),
        ("nothing in it", response("200 OK", "")),
        ("a wrong type", response("200 OK", r#"{"user":"42","channels":"public.a"}"#)),
        ("too much", response("200 OK", &large)),
        (
            "too much in parts",
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(5)).into_bytes(),
        ),
        ("too large a head", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n{{}}", "x".repeat(300_000)).into_bytes()),
        ("an error", response("500 Internal Server Error", good)),
        ("a redirect", b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("another success", response("204 No Content", "")),
    ] {
        let hook = Hook::start(move |_| std::future::ready(answer.clone())).await;
        let server = TestServer::with(hook.settings());
        all_are_told_to_come_back(server.address, what).await;
        assert_eq!(hook.asked(), 3, "{what}");
    }
    let server = TestServer::with(with_hook(&format!("http://{}/", free_address())));
    all_are_told_to_come_back(server.address, "nobody listens").await;
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let server = TestServer::with(with_hook(&format!("fastcgi://{}?script=/x.php", path.display())));
    all_are_told_to_come_back(server.address, "there is no socket").await;
    // Something answers there that speaks another protocol, or leaves.
    let listener = UnixListener::bind(&path).unwrap();
    let running = tokio::spawn(async move {
        for answer in [&b"HTTP/1.1 200 OK\r\n\r\n{}"[..], b"", b"\x01\x06\0\x01\0\x06\0\0\r\n"].into_iter().cycle() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(answer).await;
        }
    });
    all_are_told_to_come_back(server.address, "no FastCGI").await;
    running.abort();
}

#[tokio::test]
async fn a_slow_hook_is_waited_for_only_so_long() {
    let hook = Hook::start(|_| std::future::pending()).await;
    let settings = Settings { auth_hook_timeout_secs: Some(0.2), ..hook.settings() };
    let server = TestServer::with(settings);
    all_are_told_to_come_back(server.address, "no answer").await;
}

#[tokio::test]
async fn a_question_that_is_late_keeps_its_turn_until_the_hook_is_done_with_it() {
    let release = Arc::new(Notify::new());
    let released = release.clone();
    let hook = Hook::start(move |_| {
        let released = released.clone();
        async move {
            released.notified().await;
            response("200 OK", r#"{"channels":["a"]}"#)
        }
    })
    .await;
    let settings = Settings { auth_hook_timeout_secs: Some(0.2), auth_hook_concurrency: Some(1), ..hook.settings() };
    let server = TestServer::with(settings);
    let late = closed(1013, "login cannot be checked now");
    for _ in 0..3 {
        assert_eq!(ask(server.address, "/", SAME_HOST).await, late);
    }
    // The script of the first still runs, so no other has taken one more worker.
    assert_eq!((hook.asked(), hook.most.load(Ordering::SeqCst)), (1, 1));
    release.notify_one();
    let address = server.address;
    let answered = eventually("there is a turn again", || {
        hook.asked() == 2 || {
            tokio::spawn(async move { ask(address, "/", SAME_HOST).await });
            false
        }
    });
    answered.await;
    assert_eq!(hook.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_identity_of_the_hook_ends_when_it_says() {
    let hook = Hook::always("200 OK", r#"{"user":"42","channels":["a"],"expires_in":1}"#).await;
    let server = TestServer::with(hook.settings());
    let begun = Instant::now();
    let (mut client, _) = server.by_url("").await;
    assert_eq!(client.close_code().await, 4401);
    assert!(begun.elapsed() > Duration::from_millis(850), "{:?}", begun.elapsed());
    // A stream ends, and its browser comes back by itself.
    let (status, body) = stream(server.address, "/", "").await;
    assert!(status == 200 && body.contains("4401"), "{status} {body}");
}

#[tokio::test]
async fn a_token_wins_over_the_hook_unless_the_path_requires_it() {
    let hook = Hook::always("200 OK", r#"{"user":"7","channels":["private-hook"]}"#).await;
    let settings = Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        anonymous: Some(false),
        route: routes(&[
            "/open/* channel=public.news require=none",
            "/own/* require=token",
            "/php/* channel=public.php require=hook",
            "/closed channel=private-closed",
        ]),
        ..hook.settings()
    };
    let server = TestServer::with(settings);
    let bearer = format!("Authorization: Bearer {}\r\n", good());
    let forged = format!("Authorization: Bearer {}\r\n", hs256(b"another secret, of 32 bytes or so", "{}"));
    let unauthorized = || Answer::Status(401, Some("bearer".to_owned()));
    for (target, lines, expected, asks) in [
        ("/?channel=private-user.42", &*bearer, Answer::Open, false),
        ("/", "", Answer::Open, true),
        ("/", &forged, unauthorized(), false),
        ("/own/x", "", unauthorized(), false),
        ("/own/x?channel=private-user.42", &bearer, Answer::Open, false),
        ("/open/x", "", Answer::Open, false),
        ("/open/x", &forged, unauthorized(), false),
        ("/%6Fpen/x", "", Answer::Open, false),
        ("/open/x?channel=private-hook", "", unauthorized(), false),
        ("/php/x?channel=private-hook", &bearer, Answer::Open, true),
        ("/php/x", &forged, Answer::Open, true),
        ("/php/x?channel=private-user.42", &bearer, Answer::Status(403, None), true),
        // A path gives no right.
        ("/closed", "", Answer::Status(403, None), true),
        ("/closed", &bearer, Answer::Status(403, None), false),
    ] {
        let before = hook.asked();
        assert_eq!(ask(server.address, target, lines).await, expected, "{target} {lines}");
        assert_eq!(hook.asked() - before, usize::from(asks), "{target} {lines}");
    }
    let (_, welcome) = server.by_url("open/a").await;
    assert_eq!(welcome["channels"], serde_json::json!(["public.news"]));
    let (_, welcome) = server.by_url("php/a?channel=public.a").await;
    assert_eq!(welcome["channels"], serde_json::json!(["public.a", "public.php", "private-hook"]));
    let mut stream = EventStream::open(server.address, "/open/a", "").await;
    stream.block().await.unwrap();
    server.publish(&["public.news"], 5);
    assert_eq!(stream.payload().await, 5);
}

#[tokio::test]
async fn a_full_server_does_not_ask() {
    let hook = Hook::always("200 OK", r#"{"channels":["a"]}"#).await;
    let server = TestServer::with(Settings { max_connections: Some(1), ..hook.settings() });
    let (_client, _) = server.by_url("").await;
    assert_eq!(ask(server.address, "/", SAME_HOST).await, closed(1013, "server is full"));
    assert_eq!(ask(server.address, "/", "").await, Answer::Status(503, None));
    assert_eq!(stream(server.address, "/", "").await.0, 200);
    assert_eq!(hook.asked(), 1);
}

#[tokio::test]
async fn clients_of_a_trusted_proxy_are_told_apart() {
    let hook = Hook::always("200 OK", r#"{"channels":["a"]}"#).await;
    let settings = |trusted: &str| Settings {
        trusted_proxies: Some(vec![trusted.parse().unwrap()]),
        max_connections_per_address: Some(1),
        ..hook.settings()
    };
    let server = TestServer::with(settings("127.0.0.0/8"));
    let of = |client: &str| format!("X-Forwarded-For: 203.0.113.1, {client}\r\n");
    let first = EventStream::open(server.address, "/", &of("192.0.2.1")).await;
    assert!(hook.last().contains("fastapi-ws-address: 192.0.2.1\r\n"), "{}", hook.last());
    let second = EventStream::open(server.address, "/", &of("192.0.2.2")).await;
    assert_eq!((first.status(), second.status()), (200, 200));
    // One that has its connection already is not asked about.
    let before = hook.asked();
    assert_eq!(ask(server.address, "/", &of("192.0.2.1")).await, Answer::Status(429, None));
    assert_eq!(hook.asked(), before);
    drop(first);
    let address = server.address;
    within("its place is free again", async { while ask(address, "/", &of("192.0.2.1")).await != Answer::Open {} })
        .await;
    // Who is no such proxy is counted by its own address, whatever it says.
    let server = TestServer::with(settings("192.0.2.9"));
    let _first = EventStream::open(server.address, "/", &of("192.0.2.1")).await;
    assert!(hook.last().contains("fastapi-ws-address: 127.0.0.1\r\n"), "{}", hook.last());
    assert_eq!(ask(server.address, "/", &of("192.0.2.2")).await, Answer::Status(429, None));
}

/// Connects until it is let in, and returns how often it was told to come back.
async fn get_in(address: SocketAddr) -> usize {
    let mut told = 0;
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = HANDSHAKE.replace("\r\n\r\n", &format!("\r\n{SAME_HOST}{COOKIE}\r\n"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(6).any(|part| part == b"\"type\"") {
            if stream.read_buf(&mut answer).await.unwrap() == 0 {
                break;
            }
        }
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("a head") + 4;
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
        match &answer[end..] {
            // 1013
            [0x88, _, 0x03, 0xf5, ..] => {
                told += 1;
                // As clients do, which do not come back at once.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            [0x81, ..] => return told,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_at_once_get_in_by_eight_questions_at_a_time() {
    const CLIENTS: usize = 2_000;
    let hook = Hook::start(|_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        response("200 OK", r#"{"user":"42","channels":["public.a"]}"#)
    })
    .await;
    let settings =
        Settings { route: routes(&["/open require=none"]), max_connections: Some(5 * CLIENTS), ..hook.settings() };
    let server = Arc::new(TestServer::with(settings));
    let (mut connected, _) = server.by_url("open?channel=public.b").await;
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(get_in(server.address))).collect();
    let publisher = server.clone();
    let is_done = Arc::new(Notify::new());
    let done = is_done.clone();
    // One that is connected goes on receiving, each event before the next.
    let listening = tokio::spawn(async move {
        let (mut events, mut longest) = (0, Duration::ZERO);
        while timeout(Duration::from_millis(5), done.notified()).await.is_err() {
            let published = Instant::now();
            publisher.publish(&["public.b"], events);
            // On a slow machine there are heartbeats between the events.
            let mut message = connected.json().await;
            while message["type"] == "heartbeat" {
                message = connected.json().await;
            }
            assert_eq!(message["payload"], events);
            longest = longest.max(published.elapsed());
            events += 1;
        }
        (events, longest)
    });
    let mut told = 0;
    for client in clients {
        told += timeout(Duration::from_secs(120), client).await.expect("all get in").unwrap();
    }
    is_done.notify_one();
    let (events, longest) = listening.await.unwrap();
    assert_eq!(hook.most.load(Ordering::SeqCst), 8, "questions at a time");
    assert_eq!(hook.asked(), CLIENTS);
    assert!(events > 0 && longest < Duration::from_secs(2), "{events} events, {longest:?}");
    println!("{told} were told to come back; {events} events, the slowest took {longest:?}");
}

/// The number of a metric.
fn number(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("fastapi_ws_{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn what_the_hook_does_is_counted() {
    let hook = Hook::start(|head| async move {
        match head.to_ascii_lowercase() {
            head if head.contains("fastapi-ws-path: /in") => response("200 OK", r#"{"channels":["a"]}"#),
            head if head.contains("fastapi-ws-path: /out") => response("403 Forbidden", ""),
            head if head.contains("fastapi-ws-path: /slow") => std::future::pending().await,
            _ => response("500 Internal Server Error", ""),
        }
    })
    .await;
    let settings = Settings {
        auth_hook_timeout_secs: Some(0.2),
        auth_hook_concurrency: Some(1),
        auth_hook_queue: Some(0),
        ..hook.settings()
    };
    let server = TestServer::with(settings);
    assert_eq!(ask(server.address, "/in", "").await, Answer::Open);
    assert_eq!(ask(server.address, "/out", "").await, Answer::Status(403, None));
    assert_eq!(ask(server.address, "/error", "").await, Answer::Status(503, None));
    assert_eq!(ask(server.address, "/slow", "").await, Answer::Status(503, None));
    // The turn is still taken, and it is the only one.
    assert_eq!(ask(server.address, "/in", "").await, Answer::Status(503, None));
    let metrics = server.observer.metrics();
    for (name, expected) in [
        ("auth_hook_duration_seconds_count", 3),
        ("auth_failures_total{reason=\"hook_denied\"}", 1),
        ("auth_failures_total{reason=\"hook_failed\"}", 2),
        ("auth_failures_total{reason=\"hook_busy\"}", 1),
        ("auth_failures_total{reason=\"not_allowed\"}", 0),
        ("connections_refused_total{reason=\"hook\"}", 3),
    ] {
        assert_eq!(number(&metrics, name), expected, "{name}");
    }
    let status = server.observer.status().await.hook.unwrap();
    assert_eq!((status.asked, status.failed, status.waiting), (3, 3, 0));
}
