//! Webhooks over TLS, with certificates that are trusted and that are not.

use testkit::{Broadcaster, Certificate, Client, QueueDir, Reply, WebServer, eventually};

use crate::support::{BINARY, command};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_over_tls_if_its_certificate_is_trusted() {
    let (known, unknown) = (Certificate::new(), Certificate::new());
    let known_web = WebServer::start_tls(&known, |_| Reply::Status(200)).await;
    let unknown_web = WebServer::start_tls(&unknown, |_| Reply::Status(200)).await;
    let queue = QueueDir::new();
    let mut command = command(BINARY);
    command.arg("--queue").arg(queue.path()).args(["--listen", "127.0.0.1:0", "--public-channels", "*"]);
    command.env("SSL_CERT_FILE", known.path("cert.pem"));
    let [first, second] = [known_web.address().port(), unknown_web.address().port()];
    let app =
        format!("id=1 key=k secret=s webhook=https://localhost:{first}/geheim webhook=https://127.0.0.1:{second}/");
    command.env("FASTAPI_WS_APP", app);
    let mut broadcaster = Broadcaster::spawn(command).started().await;
    let client = Client::connect(broadcaster.address(), "/?channel=a").await;
    let told = eventually("it is told", || known_web.requests().pop()).await;
    assert!(told.head.starts_with("POST /geheim ") && told.body.contains(r#""channel":"a""#), "{told:?}");
    let lines = eventually("the other is not", || {
        let lines = broadcaster.log_lines("a webhook has not taken events");
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert!(lines[0].contains("webhook=2") && lines[0].contains("certificate"), "{lines:?}");
    assert!(unknown_web.requests().is_empty() && broadcaster.log_lines("geheim").is_empty());
    drop(client);
    tokio::task::spawn_blocking(move || broadcaster.stop()).await.unwrap();
}
