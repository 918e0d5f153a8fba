//! TLS in front, by the configurations of `docs/operations.md`: only addresses, paths and the certificate are others.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use testkit::{Broadcaster, Certificate, Process};

use crate::docs;
use crate::harness::{Browser, Fpm, Nginx, Php, broadcaster, built, queue_dir};

#[tokio::test]
async fn events_arrive_through_nginx_with_tls_as_documented() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start(&queue, "queue_events.php").await;
    let certificate = Certificate::new();
    let nginx = documented_nginx(&broadcaster, &fpm, &certificate).await;
    let url = format!("wss://localhost:{}/ws", nginx.address().port());

    // A client that checks the certificate.
    let mut command = broadcaster::command(["listen", &url, "--count", "3"]);
    let mut listener = Process::spawn(command.env("SSL_CERT_FILE", certificate.path("cert.pem")));
    let mut queued = 0;
    // It does not say when it is connected, so events are queued until it has received.
    let status = loop {
        if listener.has_exited() {
            break listener.exit().await;
        }
        Php::run("queue_backlog.php", &queue, ["1"]).await;
        queued += 1;
        assert!(queued < 1000, "nothing arrived: {:?}", listener.stderr());
    };
    assert!(status.success(), "{:?}", listener.stderr());
    assert!(listener.stdout()[0].starts_with(r#"{"event":"backlog","payload":0,"timestamp":"#));

    let mut doctor = broadcaster::command(["doctor", "--url", &url, "--queue"]);
    doctor.arg(queue.path()).env("SSL_CERT_FILE", certificate.path("cert.pem"));
    let said = output(&mut doctor).await;
    assert!(said.iter().any(|line| line.contains("went from the directory to wss://localhost")), "{said:?}");

    // Without the certificate's authority there is no connection.
    for way in [&[][..], &["--sse"]] {
        let mut command = broadcaster::command(["listen", &url, "--count", "1"]);
        let mut distrusting = Process::spawn(command.args(way));
        assert!(!distrusting.exit().await.success());
        let said = distrusting.stderr().join("\n");
        // Where the system trusts nobody at all, it says that.
        assert!(said.contains("SSL_CERT_FILE") || said.contains("no native root"), "{said}");
    }
}

/// A page of the same host may connect, one of another host may not; both through the documented proxy.
#[tokio::test]
async fn pages_connect_through_tls_by_their_origin() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start(&queue, "queue_events.php").await;
    let certificate = Certificate::new();
    let nginx = documented_nginx(&broadcaster, &fpm, &certificate).await;
    let browser = Browser::trusting_all().await;
    // The page is what php-fpm answers, a few lines of text. The names of this machine are one host.
    let of_host = |host| format!("https://{host}:{}/api?producer=page&first=0&count=1", nginx.address().port());
    let other = "data:text/html,a page of nobody".to_owned();
    for (page, outcome) in [(of_host("localhost"), "open"), (of_host("127.0.0.1"), "open"), (other, "closed")] {
        let mut opened = browser.open(&page, (800, 600)).await;
        let connect = format!(
            "new Promise((resolve) => {{
                const socket = new WebSocket('wss://localhost:{}/ws');
                socket.onopen = () => resolve('open');
                socket.onerror = () => resolve('closed');
            }})",
            nginx.address().port()
        );
        assert_eq!(opened.evaluate(&connect).await, outcome, "{page}");
    }
}

/// A browser opens six connections to a host for HTTP/1.1, and one for all streams of HTTP/2.
#[tokio::test]
async fn more_streams_than_connections_arrive_through_nginx_with_http_2() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let certificate = Certificate::new();
    let documented = docs::code("nginx").into_iter().find(|code| code.contains("@events_later")).unwrap();
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let nginx = Nginx::start_with(|address| {
        let tls = format!(
            "server {{ listen {address} ssl http2; ssl_certificate {}; ssl_certificate_key {};
                 location = /page {{ default_type text/html; return 200 ''; }}",
            cert.display(),
            key.display()
        );
        documented.replace("server {", &tls).replace("127.0.0.1:8081", &broadcaster.address().to_string())
    })
    .await;
    let browser = Browser::trusting_all().await;
    let mut page = browser.open(&format!("https://localhost:{}/page", nginx.address().port()), (800, 600)).await;
    page.evaluate(
        "window.received = [];
         window.sources = Array.from({ length: 20 }, (_, index) => {
             const source = new EventSource(`/events?channel=${index}`);
             source.onmessage = ({ data }) => window.received.push(JSON.parse(data).payload);
             return source;
         }); 20",
    )
    .await;
    page.wait_for("window.sources.every(({ readyState }) => readyState === EventSource.OPEN)").await;
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(page.evaluate(protocol).await, "h2");
    // A program may have HTTP/1.1, which the proxy sends with chunks.
    let url = format!("https://localhost:{}/events", nginx.address().port());
    let mut command = broadcaster::command(["listen", &url, "--channel", "a", "--sse", "--count", "1"]);
    let mut listener = Process::spawn(command.env("SSL_CERT_FILE", certificate.path("cert.pem")));
    let subscribed = |line: &str| line.ends_with("subscribed to a").then_some(());
    listener.line("it is subscribed", subscribed).await.expect("it connects");
    queue.enqueue(7);
    assert!(listener.exit().await.success(), "{:?}", listener.stderr());
    assert!(listener.stdout()[0].contains(r#""payload":7,"#), "{:?}", listener.stdout());
    page.wait_for("window.received.length === 20 && window.received.every((payload) => payload === 7)").await;
}

#[tokio::test]
async fn nginx_accepts_the_documented_question_to_the_application() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start(&queue, "queue_events.php").await;
    let documented = docs::code("nginx").into_iter().find(|code| code.contains("auth_request")).unwrap();
    Nginx::start_with(|address| format!("server {{ listen {address}; {} }}", adapted(&documented, &broadcaster, &fpm)))
        .await;
}

#[tokio::test]
async fn events_arrive_through_caddy_with_tls_as_documented() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let certificate = Certificate::new();
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap();
    let (certificate_path, key_path) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let documented = docs::code("caddyfile").remove(0);
    let caddyfile = documented
        .replace("example.com {", &format!("https://localhost:{} {{\n    tls CERTIFICATE KEY", address.port()))
        .replace("CERTIFICATE", certificate_path.to_str().unwrap())
        .replace("KEY", key_path.to_str().unwrap())
        .replace("127.0.0.1:8081", &broadcaster.address().to_string());
    assert!(caddyfile.contains("https://localhost"), "{caddyfile}");
    // Port 80, where it would answer with redirects, belongs to others.
    let options = "{\n    admin off\n    auto_https disable_redirects\n}\n";
    fs::write(certificate.path("Caddyfile"), format!("{options}{caddyfile}")).unwrap();
    let mut command = Process::command(built::server_program("caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(certificate.path("Caddyfile"));
    let mut caddy = Process::spawn(command.env("HOME", certificate.directory()));
    let serves = |line: &str| line.contains("serving initial configuration").then_some(());
    caddy.line("it serves", serves).await.expect("caddy starts");

    let url = format!("wss://localhost:{}/ws", address.port());
    let mut doctor = broadcaster::command(["doctor", "--url", &url, "--queue"]);
    output(doctor.arg(queue.path()).env("SSL_CERT_FILE", certificate_path)).await;
}

async fn documented_nginx(broadcaster: &Broadcaster, fpm: &Fpm, certificate: &Certificate) -> Nginx {
    let documented = docs::code("nginx").into_iter().find(|code| code.contains("listen 443 ssl")).unwrap();
    Nginx::start_with(|address| {
        let files = "/etc/letsencrypt/live/example.com";
        adapted(&documented, broadcaster, fpm)
            .replace("listen 443 ssl", &format!("listen {address} ssl"))
            .replace(&format!("{files}/fullchain.pem"), certificate.path("cert.pem").to_str().unwrap())
            .replace(&format!("{files}/privkey.pem"), certificate.path("key.pem").to_str().unwrap())
    })
    .await
}

/// The documented configuration with the addresses of this test.
fn adapted(documented: &str, broadcaster: &Broadcaster, fpm: &Fpm) -> String {
    let mut adapted = String::new();
    for line in documented.lines() {
        let directive = line.split_whitespace().next().unwrap_or_default();
        match directive {
            "fastcgi_param" | "include" => {}
            "fastcgi_pass" => adapted += &fpm.nginx_directives(),
            _ => adapted += line,
        }
        adapted.push('\n');
    }
    adapted.replace("127.0.0.1:8081", &broadcaster.address().to_string())
}

async fn output(command: &mut Command) -> Vec<String> {
    let mut process = Process::spawn(command.env("PHP", Path::new(env!("CARGO_MANIFEST_DIR")).join("nowhere")));
    let status = process.exit().await;
    assert!(status.success(), "{status}: {:?} {:?}", process.stdout(), process.stderr());
    process.stdout()
}
