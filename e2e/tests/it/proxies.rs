//! Real proxies between clients and the broadcaster: what they make of its answers, and what they ask it.
//!
//! Apache's and HAProxy's configurations are those of `docs/operations.md` but for addresses and TLS, which `tls.rs`
//! has.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hyper::StatusCode;
use testkit::{Broadcaster, QueueDir, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::docs;
use crate::harness::{Collector, Nginx, Php, Proxy, broadcaster, get, queue_dir};

/// What forms and uploads bring; as much as nginx takes by default.
const BODY: usize = 1024 * 1024;

#[tokio::test]
async fn nginx_takes_answers_for_answers() {
    let queue = queue_dir();
    let (one, other) = (broadcaster::start(&queue).await, broadcaster::start(&queue_dir()).await);
    // A group, from which nginx takes each that fails.
    let nginx = Nginx::start_with(|address| {
        format!(
            "upstream broadcasters {{ server {}; server {} backup; }}
             server {{
                 listen {address};
                 location / {{
                     proxy_pass http://broadcasters;
                     proxy_http_version 1.1;
                     proxy_set_header Upgrade $http_upgrade;
                     proxy_set_header Connection upgrade;
                     proxy_set_header Host $http_host;
                 }}
             }}",
            one.address(),
            other.address()
        )
    })
    .await;
    stands_in_front(nginx.address(), &queue, 3).await;
}

#[tokio::test]
async fn caddy_takes_answers_for_answers() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let caddy = Proxy::caddy(|address| {
        format!(
            "http://{address} {{\n reverse_proxy {} {{\n health_uri /healthz/\n health_interval 100ms\n }}\n}}\n",
            broadcaster.address()
        )
    })
    .await;
    stands_in_front(caddy.address(), &queue, 3).await;
}

#[tokio::test]
async fn haproxy_takes_answers_for_answers_as_documented() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let Some(haproxy) = Proxy::haproxy(|address| documented_haproxy(address, &broadcaster)).await else { return };
    health_checks_of(&haproxy, "L7OK,200").await;
    // A buffer of HAProxy's takes less than 16 KiB of headers.
    stands_in_front(haproxy.address(), &queue, 1).await;
}

#[tokio::test]
async fn haproxys_plain_check_finds_the_server_up() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let plain = |address| {
        let documented = documented_haproxy(address, &broadcaster);
        documented.replace("option httpchk GET /healthz", "option httpchk").replace("inter 5s", "inter 100ms")
    };
    let Some(haproxy) = Proxy::haproxy(plain).await else { return };
    health_checks_of(&haproxy, "L7OK,204").await;
    let (status, _) = get(haproxy.address(), "/ws").await;
    assert_eq!(status, StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn apache_takes_answers_for_answers_as_documented() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let documented = docs::code("apache").remove(0);
    let host = |address: SocketAddr| {
        let lines = documented.lines().filter(|line| !line.trim_start().starts_with("SSL"));
        let plain: String = lines.map(|line| format!("{line}\n")).collect();
        plain.replace("*:443", &address.to_string()).replace("127.0.0.1:8081", &broadcaster.address().to_string())
    };
    let Some(apache) = Proxy::apache(host).await else { return };
    stands_in_front(apache.address(), &queue, 3).await;
}

fn documented_haproxy(address: SocketAddr, broadcaster: &Broadcaster) -> String {
    let documented = docs::code("haproxy").remove(0);
    let ours = documented
        .replace("bind :443 ssl crt /etc/haproxy/example.com.pem", &format!("bind {address}"))
        .replace("127.0.0.1:8081", &broadcaster.address().to_string());
    assert!(!ours.contains("bind :443") && !ours.contains("server broadcaster 127.0.0.1:8081 "), "{ours}");
    ours
}

/// What every proxy must do with the broadcaster behind it: pass answers on, and a WebSocket with large headers.
async fn stands_in_front(proxy: SocketAddr, queue: &QueueDir, large_headers: usize) {
    let body = "x".repeat(BODY);
    for _ in 0..5 {
        for method in ["POST", "PUT"] {
            let answer = upload(proxy, method, &body).await;
            assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        }
    }
    // The server is still the one that is asked.
    let mut handshake = format!("ws://{proxy}/ws").into_client_request().unwrap();
    let headers = handshake.headers_mut();
    headers.insert("Origin", format!("http://{proxy}").parse().unwrap());
    for number in 0..large_headers {
        let name = format!("X-Large-{number}").parse::<hyper::header::HeaderName>().unwrap();
        headers.insert(name, "y".repeat(7900).parse().unwrap());
    }
    let mut client = Collector::open(handshake).await;
    Php::run("queue_backlog.php", queue, ["3"]).await;
    let payloads: Vec<String> = client.messages(3).await.into_iter().map(|message| message.payload).collect();
    assert_eq!(payloads, ["0", "1", "2"]);
}

/// Sends a body and returns the answer, which may come before the body's end: the proxy may take no more of it then.
async fn upload(proxy: SocketAddr, method: &str, body: &str) -> String {
    let head = format!("{method} /ws HTTP/1.1\r\nHost: {proxy}\r\nContent-Length: {}\r\n\r\n", body.len());
    let exchange = async {
        let (mut reader, mut writer) = TcpStream::connect(proxy).await.unwrap().into_split();
        let sending = async {
            writer.write_all(head.as_bytes()).await?;
            writer.write_all(body.as_bytes()).await
        };
        // The proxy may keep the connection open, so the end of the answer's head is its end here.
        let reading = async {
            let mut answer = Vec::new();
            while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
                match reader.read_buf(&mut answer).await {
                    Ok(1..) => {}
                    ended => panic!("{ended:?} after {:?}", String::from_utf8_lossy(&answer)),
                }
            }
            String::from_utf8_lossy(&answer).into_owned()
        };
        tokio::join!(sending, reading).1
    };
    within("the answer to an upload", exchange).await
}

/// Waits for HAProxy to have checked its server with this result.
async fn health_checks_of(haproxy: &Proxy, result: &str) {
    let stats = haproxy.path("stats");
    eventually(&format!("the check says {result}"), || {
        let checks = ask(&stats, "show stat");
        let server = checks.lines().find(|line| line.starts_with("broadcaster,broadcaster,"))?;
        assert!(!server.contains(",DOWN,"), "{server}");
        server.contains(result).then_some(())
    })
    .await;
}

/// Asks a program on its socket.
fn ask(socket: &Path, command: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = UnixStream::connect(socket) {
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}
