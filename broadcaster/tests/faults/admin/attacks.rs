//! Pages, programs of other users and other machines that try the admin listener.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::json;
use testkit::{QueueDir, until};

use crate::support::admin::{Admin, TOKEN};
use crate::support::{connect, read_to_end};

const ACTIONS: [&str; 4] = ["/publish", "/disconnect", "/unsubscribe", "/channels"];
const READ: [&str; 6] = ["/metrics", "/live", "/ready", "/status", "/status.json", "/status/events"];

#[test]
fn a_page_that_gives_its_own_name_this_address_is_refused_everything() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &["--admin-hosts", "ws1.internal"]);
    let authorization = format!("Bearer {TOKEN}");
    let port = admin.0.port();
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "localhost.evil.example".to_owned()] {
        for (method, path) in READ.map(|path| ("GET", path)).into_iter().chain(ACTIONS.map(|path| ("POST", path))) {
            let headers = [("Host", host.as_str()), ("Authorization", &authorization)];
            let answer = admin.request(method, path, &headers, "{}");
            assert_eq!(answer.status, 403, "{host} {path}: {answer:?}");
            assert!(answer.error().contains("admin_hosts"), "{answer:?}");
        }
    }
    for host in
        ["localhost".to_owned(), format!("127.0.0.1:{port}"), format!("[::1]:{port}"), "WS1.internal".to_owned()]
    {
        assert_eq!(admin.request("GET", "/live", &[("Host", &host)], "").status, 200, "{host}");
    }
    // The whole address in the first line counts too, as RFC 9112 says.
    let absolute = |target: &str, host: &str| {
        admin.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).status
    };
    assert_eq!(absolute("http://evil.example/live", "localhost"), 403);
    assert_eq!(absolute("http://localhost/live", "evil.example"), 403);
    assert_eq!(absolute("http://localhost/live", "localhost"), 200);
    assert_eq!(admin.send(b"GET /live HTTP/1.1\r\n\r\n").status, 400);
    assert_eq!(admin.send(b"GET /live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").status, 400);
    broadcaster.stop();
}

#[test]
fn what_a_page_of_another_site_posts_is_refused_even_with_the_token() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let authorization = format!("Bearer {TOKEN}");
    // As a form of text/plain sends JSON, and as fetch() without CORS does.
    let form = [
        ("Origin", "https://evil.example"),
        ("Content-Type", "text/plain"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Authorization", &authorization),
    ];
    let event = json!({ "event": "test", "payload": 1 }).to_string();
    for headers in [&form[..], &form[..2], &form[2..], &[("Origin", "null"), form[4]], &form[..1]] {
        let answer = admin.request("POST", "/publish", headers, &event);
        assert_eq!(answer.status, 403, "{headers:?}: {answer:?}");
        assert!(answer.error().contains("another origin"), "{answer:?}");
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    // What a browser asks before it sends other headers.
    let preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Headers", "authorization")];
    let answer = admin.request("OPTIONS", "/publish", &preflight, "");
    assert!(answer.status == 403 && !answer.head.contains("access-control"), "{answer:?}");
    // A script or a picture of another site.
    let picture = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")];
    assert_eq!(admin.request("GET", "/status.json", &picture, "").status, 403);
    assert_eq!(queue.waiting(), 0);
    broadcaster.stop();
}

#[test]
fn actions_need_the_token_and_say_so() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    for path in ACTIONS {
        let answer = admin.request("POST", path, &[], "{}");
        assert!(answer.status == 401 && answer.error().contains("Authorization: Bearer TOKEN"), "{answer:?}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        for wrong in ["Bearer a-token-of-these-test", "Bearer a-token-of-these-testss", "Basic a-token-of-these-tests"]
        {
            let answer = admin.request("POST", path, &[("Authorization", wrong)], "{}");
            assert_eq!(answer.status, 401, "{wrong}: {answer:?}");
        }
        // Never by a cookie, nor by the address.
        let elsewhere = format!("{path}?token={TOKEN}");
        assert_eq!(admin.request("POST", &elsewhere, &[("Cookie", &format!("admin_token={TOKEN}"))], "{}").status, 401);
    }
    broadcaster.stop();
    let (mut broadcaster, admin) = Admin::start_with(&queue.path(), "127.0.0.1:0", None, &[]);
    for path in ACTIONS {
        let answer = admin.request("POST", path, &[("Authorization", "Bearer ")], "{}");
        assert!(answer.status == 403 && answer.error().contains("set admin_token"), "{answer:?}");
    }
    assert_eq!(admin.get("/status.json").status, 200);
    assert_eq!(queue.waiting(), 0);
    broadcaster.stop();
}

#[test]
fn each_of_several_tokens_counts() {
    let queue = QueueDir::new();
    let tokens = format!("the-new-token-of-operators,{TOKEN}");
    let (mut broadcaster, admin) = Admin::start_with(&queue.path(), "127.0.0.1:0", Some(&tokens), &[]);
    for token in ["the-new-token-of-operators", TOKEN] {
        let answer = admin.request("POST", "/channels", &[("Authorization", &format!("Bearer {token}"))], "");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    broadcaster.stop();
}

#[test]
fn beyond_the_loopback_reading_needs_the_token_too() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start_with(&queue.path(), "0.0.0.0:0", Some(TOKEN), &[]);
    for path in ["/metrics", "/status.json", "/status/events", "/nothing"] {
        let answer = admin.get(path);
        assert!(answer.status == 401 && answer.error().contains("Bearer TOKEN"), "{path}: {answer:?}");
    }
    for path in ["/live", "/ready", "/status"] {
        assert_eq!(admin.get(path).status, 200, "{path}");
    }
    let authorization = format!("Bearer {TOKEN}");
    assert_eq!(admin.request("GET", "/status.json", &[("Authorization", &authorization)], "").status, 200);
    broadcaster.stop();
}

#[test]
fn who_sends_nothing_more_than_a_beginning_keeps_nobody_out() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..200 {
        let mut stream = connect(admin.0).unwrap();
        // Half of them send the beginning of a head.
        if number % 2 == 0 {
            stream.write_all(b"GET /live HTTP/1.1\r\nHost: local").unwrap();
        }
        slow.push(stream);
        if number % 10 == 0 {
            assert_eq!(admin.get("/live").status, 200, "after {number}");
        }
    }
    let sockets = fs_sockets(&broadcaster);
    assert!(sockets < 64 + 40, "{sockets} descriptors");
    broadcaster.stop();
}

#[test]
fn a_request_that_is_being_answered_is_not_broken_off_by_others_that_connect() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let body = json!({ "event": "test", "payload": 1 }).to_string();
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = connect(admin.0).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // It says so when the handler reads the body.
    let mut going_on = [0; 25];
    stream.read_exact(&mut going_on).unwrap();
    assert!(going_on.starts_with(b"HTTP/1.1 100 "));
    // All at once: none of them is old.
    let others: Vec<TcpStream> = (0..200).map(|_| connect(admin.0).unwrap()).collect();
    assert_eq!(admin.get("/live").status, 200);
    stream.write_all(body.as_bytes()).unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(others);
    broadcaster.stop();
}

fn fs_sockets(broadcaster: &testkit::Broadcaster) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", broadcaster.pid())).unwrap().count()
}

#[test]
fn a_body_that_never_comes_or_is_too_large_is_cut_off() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &["--max-event-bytes", "10000"]);
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let answer = admin.send(format!("{}{}", head("/publish", 200_000), "x".repeat(200_000)).as_bytes());
    assert!(answer.status == 413 && answer.error().contains("more than 75536 bytes"), "{answer:?}");
    let large = json!({ "event": "test", "payload": "x".repeat(20_000) });
    let answer = admin.post("/publish", &large);
    assert!(answer.status == 413 && answer.error().contains("limit of 10000 bytes"), "{answer:?}");
    let answer = admin.send(format!("{}{}", head("/disconnect", 100_000), "x".repeat(100_000)).as_bytes());
    assert_eq!(answer.status, 413, "{answer:?}");
    // Many that never send theirs.
    let mut slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect(admin.0).unwrap();
            stream.write_all(head("/publish", 1000).as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(admin.get("/live").status, 200);
    // Those that are still there are told after a while.
    let told = String::from_utf8(read_to_end(slow.last_mut().unwrap())).unwrap();
    assert!(told.contains(" 408 ") && told.contains("has not come in time"), "{told}");
    assert_eq!(queue.waiting(), 0);
    broadcaster.stop();
}

#[test]
fn heads_that_are_too_long_are_refused() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let long = format!("GET /live HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(admin.send(long.as_bytes()).status, 431);
    let many = format!("GET /live HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1000));
    assert_eq!(admin.send(many.as_bytes()).status, 431);
    assert_eq!(admin.send(b"\x16\x03\x01 no HTTP\r\n\r\n").status, 400);
    assert_eq!(admin.get("/live").status, 200);
    broadcaster.stop();
}

#[test]
fn who_does_not_read_a_stream_does_not_keep_the_server_from_stopping() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let mut stream = connect(admin.0).unwrap();
    stream.write_all(b"GET /status/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    broadcaster.stop();
    until("the stream has ended", || match stream.read(&mut [0; 65536]) {
        Ok(0) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    });
}
