//! Requests that are no handshake, and everything that is refused: answered so that proxies take the answer for one,
//! and with bounds for clients that go on sending.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use server::config::Settings;
use socket2::SockRef;
use testkit::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::util::TestServer;

use crate::handshake::{HANDSHAKE, exchange, status_of};

/// What a form or an upload may bring.
const BODY: usize = 1024 * 1024;

/// Sends a head, and a megabyte after it although the answer is there: as a proxy does that passes on what its client
/// sends and reads the answer afterwards.
async fn send_all_then_read(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    if !head.ends_with("X: ") {
        within("the answer", stream.readable()).await.unwrap();
    }
    for block in vec![b'x'; BODY].chunks(16 * 1024) {
        within("the request is sent", stream.write_all(block))
            .await
            .unwrap_or_else(|error| panic!("{head}: the body: {error}"));
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    within("the answer", stream.read_to_end(&mut answer))
        .await
        .unwrap_or_else(|error| panic!("{head}: the answer: {error}"));
    String::from_utf8(answer).unwrap()
}

/// As `nc -N` does: the request is complete, and nothing more comes.
#[tokio::test]
async fn a_client_that_closes_its_side_after_the_request_reads_the_answer() {
    let server = TestServer::start();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
}

fn post(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n")
}

#[tokio::test]
async fn a_client_that_sends_a_whole_body_first_reads_the_answer() {
    let server = TestServer::start();
    let chunked = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n".to_owned();
    let page = HANDSHAKE.replace("Upgrade: WebSocket", "Upgrade: WebSocket\r\nOrigin: https://evil.example");
    for (head, status) in [
        (post("/"), "426"),
        (post("/upload?x=1"), "426"),
        (chunked, "426"),
        (post("/healthz"), "405"),
        (post("/").replace("Host: localhost\r\n", ""), "400"),
        (post("/").replace("Content-Length: ", "Content-Length: -"), "400"),
        (HANDSHAKE.replace("Version: 13", "Version: 8"), "400"),
        (HANDSHAKE.replace("Version: 13", "Version: 13\r\nContent-Length: 9"), "400"),
        (HANDSHAKE.replace("Version: 13", "Version: 13\r\nTransfer-Encoding: chunked"), "400"),
        (page, "403"),
        ("GET / HTTP/1.1\r\nX: ".to_owned(), "431"),
    ] {
        let answer = send_all_then_read(server.address, &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        assert!(answer.to_lowercase().contains("\r\nconnection: close"), "{head}: {answer}");
    }
}

#[tokio::test]
async fn of_a_full_server_too() {
    let full = TestServer::with(Settings { max_connections: Some(1), ..Settings::default() });
    let _client = full.connect().await;
    for (head, status) in [(post("/"), "426"), (HANDSHAKE.to_owned(), "503")] {
        let answer = send_all_then_read(full.address, &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    let narrow = TestServer::with(Settings { max_connections_per_address: Some(1), ..Settings::default() });
    let _client = narrow.connect().await;
    let answer = send_all_then_read(narrow.address, HANDSHAKE).await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(post("/").as_bytes()).await.unwrap();
    let (mut sent, block) = (0_usize, vec![b'x'; 1024 * 1024]);
    let cut_off = async {
        while let Ok(written) = stream.write(&block).await {
            sent += written;
        }
    };
    within("the body is cut off", cut_off).await;
    // What is read, and what both sockets hold.
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_and_one_that_never_comes_are_cut_off() {
    let server = TestServer::start();
    for pause in [None, Some(Duration::from_millis(100))] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(post("/").as_bytes()).await.unwrap();
        let answered = Instant::now();
        let mut answer = Vec::new();
        within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 426 "));
        // The server has sent its last byte, and closes when it has waited enough: then the kernel refuses what is
        // sent.
        let closed = async {
            loop {
                tokio::time::sleep(pause.unwrap_or(Duration::from_secs(2))).await;
                if stream.write_all(b"x").await.is_err() || SockRef::from(&stream).take_error().unwrap().is_some() {
                    break;
                }
            }
        };
        within("the connection is closed", closed).await;
        let took = answered.elapsed();
        assert!(took < Duration::from_secs(9), "{pause:?}: {took:?}");
    }
}

#[tokio::test]
async fn head_and_options_are_answered_as_http_says() {
    let server = TestServer::start();
    let request = |method: &str, target: &str| format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (method, target, status) in [
        ("GET", "/healthz", "200"),
        ("GET", "/healthz/", "200"),
        ("GET", "/healthz/?from=balancer", "200"),
        ("HEAD", "/healthz", "200"),
        ("HEAD", "/healthz/", "200"),
        ("HEAD", "/", "426"),
        ("GET", "/healthz/x", "426"),
        ("OPTIONS", "/", "204"),
        ("OPTIONS", "/healthz", "204"),
        ("OPTIONS", "*", "204"),
        ("PUT", "/healthz/", "405"),
        ("DELETE", "/", "426"),
    ] {
        let answer = exchange(server.address, &request(method, target)).await;
        let lower = answer.to_lowercase();
        let (head, body) = lower.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {target}: {answer}");
        let is_bare = method == "HEAD" || status == "204";
        assert_eq!(body.is_empty(), is_bare, "{method} {target}: {answer}");
        assert_eq!(head.contains("allow: get, head, options"), matches!(status, "204" | "405"), "{head}");
        // RFC 9110, sections 7.8 and 15.5.22.
        assert_eq!(head.contains("\r\nupgrade: websocket"), status == "426", "{head}");
        assert_eq!(head.contains("\r\nconnection: close, upgrade"), status == "426", "{head}");
    }
    // What HAProxy's `option httpchk` sends.
    let check = exchange(server.address, "OPTIONS / HTTP/1.0\r\n\r\n").await;
    assert!(check.starts_with("HTTP/1.") && check[8..].starts_with(" 204 "), "{check}");
}

#[tokio::test]
async fn a_name_of_websocket_with_a_version_is_another_protocol() {
    // RFC 9110, section 7.8, allows a version after the name. RFC 6455 has none: its value is `websocket`.
    let server = TestServer::start();
    let answer = exchange(server.address, &HANDSHAKE.replace("Upgrade: WebSocket", "Upgrade: websocket/13")).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

/// The handshake with headers of a number and length, and whether it was accepted or what it was answered.
async fn with_headers(server: &TestServer, count: usize, length: usize) -> String {
    let mut lines = String::new();
    for number in 0..count {
        lines += &format!("X-{number:04}: {}\r\n", "y".repeat(length));
    }
    let request = HANDSHAKE.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
    status_of(server, &request).await
}

#[tokio::test]
async fn what_proxies_pass_on_of_headers_is_taken() {
    let server = TestServer::start();
    for (count, length, status) in [
        // As many and as large as nginx passes on: 4 buffers of 8 KiB.
        (4, 7900, "101"),
        (1, 30_000, "101"),
        (300, 80, "101"),
        (500, 10, "101"),
        (600, 10, "431"),
        (4, 8200, "431"),
    ] {
        let answer = with_headers(&server, count, length).await;
        assert_eq!(answer, format!("HTTP/1.1 {status}"), "{count} headers of {length} bytes");
    }
}

#[tokio::test]
async fn plain_requests_have_the_same_limits() {
    let server = TestServer::start();
    for (count, length) in [(4, 7900), (500, 10)] {
        let lines: String = (0..count).map(|number| format!("X-{number}: {}\r\n", "y".repeat(length))).collect();
        let answer =
            exchange(server.address, &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{count} headers of {length} bytes: {answer}");
    }
}
