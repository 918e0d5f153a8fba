//! The one port: plain HTTP, handshakes good and bad, limits before a session exists.

use std::net::SocketAddr;

use server::config::Settings;
use testkit::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::util::TestServer;

pub(crate) const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn plain_http_is_answered_on_the_same_port() {
    let server = TestServer::start();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
    let health = exchange(server.address, &get("/healthz")).await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    let other = exchange(server.address, &get("/chat")).await;
    assert!(other.starts_with("HTTP/1.1 426 ") && other.contains("upgrade: websocket"), "{other}");
    let post =
        exchange(server.address, b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi").await;
    assert!(post.starts_with("HTTP/1.1 405 ") && post.ends_with("use GET /healthz\n"), "{post}");
}

#[tokio::test]
async fn the_accept_key_is_that_of_the_standard() {
    // RFC 6455, section 1.3.
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // In two pieces, the second with a frame after it: an unmasked one, so that the answer ends with a close.
    stream.write_all(&HANDSHAKE.as_bytes()[..50]).await.unwrap();
    stream.write_all(&[&HANDSHAKE.as_bytes()[50..], b"\x81\x00"].concat()).await.unwrap();
    let mut answer = Vec::new();
    within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    assert!(answer.ends_with("\u{3}\u{fffd}protocol error"), "{answer:?}");
}

#[tokio::test]
async fn bad_handshakes_are_refused_with_the_reason() {
    let server = TestServer::start();
    for (from, to) in [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Connection: keep-alive, Upgrade", "Connection: close"),
        ("GET ", "POST "),
    ] {
        let answer = exchange(server.address, HANDSHAKE.replace(from, to)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{to}: {answer}");
        assert!(answer.split("\r\n\r\n").nth(1).unwrap().len() > 5, "{to}: {answer}");
    }
}

#[tokio::test]
async fn a_request_must_name_one_valid_host() {
    // RFC 9112, section 3.2, for handshakes and for everything else.
    let server = TestServer::start();
    let plain = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for hosts in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nX: y\r\nhost: evil.example\r\n",
        "Host: a b\r\n",
        "Host: localhost, evil.example\r\n",
        "Host: user@localhost\r\n",
        "Host: http://localhost\r\n",
        "Host: localhost/\r\n",
        "Host: localhost:port\r\n",
        "Host: localhost:99999\r\n",
        "Host: localhost:80:80\r\n",
        "Host: [::1\r\n",
        "Host: [localhost]\r\n",
        "Host: ::1\r\n",
        "Host: [::1]x\r\n",
        "Host: b\u{fc}cher.example\r\n",
        "Host: a%zz\r\n",
    ] {
        for request in [plain, HANDSHAKE] {
            let answer = exchange(server.address, request.replace("Host: localhost\r\n", hosts)).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
            assert!(answer.to_lowercase().split("\r\n\r\n").nth(1).unwrap().contains("host"), "{hosts:?}: {answer}");
        }
    }
    for host in
        ["", "LOCALHOST", "localhost:", "localhost:80", "my_service", "127.0.0.1", "[::1]:80", "a%20b", "example.com."]
    {
        let answer = exchange(server.address, plain.replace("localhost", host)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host:?}: {answer}");
    }
    // HTTP/1.0 knows no such header, and simple health checks speak it.
    let old = exchange(server.address, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 ") || old.starts_with("HTTP/1.1 200 "), "{old}");
    let two = exchange(server.address, b"GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").await;
    assert!(two.starts_with("HTTP/1.1 400 "), "{two}");
    // The host of an absolute target is the one that counts (RFC 9112, section 3.2.2).
    let absolute = exchange(server.address, b"GET http://u@a/healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(absolute.starts_with("HTTP/1.1 400 "), "{absolute}");
}

#[tokio::test]
async fn headers_that_may_stand_once_are_refused_when_there_are_two() {
    let server = TestServer::start();
    for line in ["Origin: http://localhost", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    {
        let twice = HANDSHAKE.replace("\r\n\r\n", &format!("\r\n{line}\r\n{line}\r\n\r\n"));
        let answer = exchange(server.address, twice).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("more than one"), "{line}: {answer}");
    }
}

/// Waits until the server takes another client: one has left.
async fn another_client_may_connect(server: &TestServer) {
    let connecting =
        async { while tokio_tungstenite::connect_async(format!("ws://{}/", server.address)).await.is_err() {} };
    within("another client may connect", connecting).await;
}

/// Sends a handshake and returns the status line's beginning.
pub(crate) async fn status_of(server: &TestServer, handshake: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within("the answer", stream.read_exact(&mut answer)).await.unwrap();
    String::from_utf8(answer.into()).unwrap()
}

#[tokio::test]
async fn lists_and_repeated_lines_mean_the_same_as_one_value() {
    // RFC 9110, sections 5.3, 7.6.1 and 7.8.
    let server = TestServer::start();
    let with = |lines: &str| HANDSHAKE.replace("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n", lines);
    for lines in [
        "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nX: y\r\nConnection: close-not\r\nUpgrade: websocket\r\n",
        "Connection: keep-alive,\tUPGRADE ,\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket,\r\n",
    ] {
        assert_eq!(status_of(&server, &with(lines)).await, "HTTP/1.1 101", "{lines:?}");
    }
    for lines in [
        "Connection: keep-alive\r\nConnection: close\r\nUpgrade: websocket\r\n",
        "Connection: Upgraded\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\n",
    ] {
        assert_eq!(status_of(&server, &with(lines)).await, "HTTP/1.1 400", "{lines:?}");
    }
    for lines in ["Connection: Upgrade\r\nUpgrade: websockets\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n"] {
        assert_eq!(status_of(&server, &with(lines)).await, "HTTP/1.1 426", "{lines:?}");
    }
}

#[tokio::test]
async fn an_origin_that_is_none_passes_as_no_host() {
    let server = TestServer::start();
    let from = |host: &str, origin: &str| {
        HANDSHAKE.replace("Host: localhost\r\n", &format!("Host: {host}\r\nOrigin: {origin}\r\n"))
    };
    for (host, origin, status) in [
        ("x", "http://x:80@evil", "403"),
        ("x", "http://x:80@evil.example:80", "403"),
        ("x", "http://x@x", "403"),
        ("evil", "http://x@evil", "403"),
        ("", "http://", "403"),
        ("", "http://:80", "403"),
        ("x", "http://x http://x", "403"),
        ("x", "http://x/", "403"),
        ("x", "http://x?", "403"),
        ("x", "http://x#", "403"),
        ("x", "http://x\\evil", "403"),
        ("x", "://x", "403"),
        ("x", "x", "403"),
        ("x", "", "403"),
        ("null", "null", "403"),
        ("x", "http://x:80:80", "403"),
        ("x", "http://x:port", "403"),
        ("[::1]", "http://[::1", "403"),
        ("x", "http://x", "101"),
        ("X", "https://x:8443", "101"),
        ("[::1]:1", "http://[::1]:2", "101"),
    ] {
        let answer = status_of(&server, &from(host, origin)).await;
        assert_eq!(answer, format!("HTTP/1.1 {status}"), "{host:?} {origin:?}");
    }
    // Of an absolute target the host counts.
    let absolute = from("x", "http://x").replace("GET /chat", "GET http://y/chat");
    assert_eq!(status_of(&server, &absolute).await, "HTTP/1.1 403");
    let absolute = from("x", "http://y").replace("GET /chat", "GET http://y/chat");
    assert_eq!(status_of(&server, &absolute).await, "HTTP/1.1 101");
}

#[tokio::test]
async fn requests_that_are_no_http_or_too_large_are_refused() {
    let server = TestServer::start();
    let garbage = exchange(server.address, b"\x16\x03\x01\x02\x00 TLS\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    let many = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(1000));
    assert!(exchange(server.address, many).await.starts_with("HTTP/1.1 431 "));
    let long = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(40_000));
    assert!(exchange(server.address, long).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let server = TestServer::with(Settings { handshake_timeout_secs: Some(0.05), ..Settings::default() });
    assert_eq!(exchange(server.address, b"GET / HTTP/1.1\r\nHost: slow").await, "");
}

#[tokio::test]
async fn a_client_too_many_gets_the_reason_and_a_plain_request_is_answered() {
    let server = TestServer::with(Settings { max_connections: Some(2), ..Settings::default() });
    let first = server.connect().await;
    let _second = server.connect().await;
    let refused = exchange(server.address, HANDSHAKE).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: "), "{refused}");
    for (path, status) in [("/healthz", "200"), ("/chat", "426")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = exchange(server.address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    drop(first);
    another_client_may_connect(&server).await;
}

#[tokio::test]
async fn pages_of_other_hosts_may_not_connect() {
    let server = TestServer::start();
    let from =
        |origin: &str| HANDSHAKE.replace("Upgrade: WebSocket", &format!("Upgrade: WebSocket\r\nOrigin: {origin}"));
    let refused = exchange(server.address, from("https://evil.example")).await;
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("allowed_origins"), "{refused}");
    assert_eq!(status_of(&server, &from("http://localhost:8080")).await, "HTTP/1.1 101");
}

#[tokio::test]
async fn an_address_has_only_so_many_connections() {
    let server = TestServer::with(Settings { max_connections_per_address: Some(2), ..Settings::default() });
    let first = server.connect().await;
    let _second = server.connect().await;
    let refused = exchange(server.address, HANDSHAKE).await;
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("\r\nretry-after: "), "{refused}");
    // The limit is one of clients: a health check of that address is none.
    let health = exchange(server.address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    drop(first);
    another_client_may_connect(&server).await;
}
