//! The admin listener and a browser on the same machine: the status page works there, and pages of others get nothing.

use std::net::SocketAddr;

use testkit::{Broadcaster, Client, QueueDir, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Browser, BrowserKind, broadcaster, get, in_each_browser, queue_dir};

const SIZE: (u32, u32) = (1280, 880);
const TOKEN: &str = "a-token-of-these-tests";

in_each_browser!(
    a_page_of_another_origin_reads_nothing_and_changes_nothing,
    a_page_that_gives_its_own_name_this_address_gets_nothing,
    the_status_page_shows_the_numbers_of_the_server,
);

/// A broadcaster with an admin listener, and where that is.
async fn start(queue: &QueueDir) -> (Broadcaster, SocketAddr) {
    start_on(queue, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

async fn start_on(queue: &QueueDir, address: SocketAddr) -> (Broadcaster, SocketAddr) {
    let mut command = broadcaster::on(queue);
    command.args(["--admin-listen", &address.to_string()]).env("FASTAPI_WS_ADMIN_TOKEN", TOKEN);
    let mut broadcaster = broadcaster::spawn(&mut command).await;
    let address = |line: &str| {
        let (_, rest) = line.split_once(r#""message":"admin listener","address":""#)?;
        rest.split('"').next()?.parse().ok()
    };
    let admin = broadcaster.line("the admin listener", address).await.expect("it says where it listens");
    (broadcaster, admin)
}

/// Serves an empty page, of an origin of its own.
async fn other_site() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A browser opens connections on which it asks nothing for a long time.
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let page = "<!doctype html><title>another site</title><iframe name=frame></iframe>";
                let length = page.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n");
                let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{page}").as_bytes()).await;
            });
        }
    });
    (address, serving)
}

/// How many requests to an endpoint were answered with a status.
async fn counted(admin: SocketAddr, endpoint: &str, status: u16) -> u64 {
    let (_, metrics) = get(admin, "/metrics").await;
    let is_it = |line: &&str| {
        line.starts_with("fastapi_ws_api_requests_total{")
            && line.contains(&format!("endpoint=\"{endpoint}\""))
            && line.contains(&format!("status=\"{status}\""))
    };
    metrics.lines().find(is_it).map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn a_page_of_another_origin_reads_nothing_and_changes_nothing(kind: BrowserKind) {
    let queue = queue_dir();
    let (broadcaster, admin) = start(&queue).await;
    let mut client = Client::connect(broadcaster.address(), "/").await;
    let (site, _serving) = other_site().await;
    let browser = Browser::of(kind).await;
    // The browser calls one of them another site, and the other one only another origin.
    for host in ["localhost", "127.0.0.1"] {
        let mut page = browser.open(&format!("http://{host}:{}/", site.port()), SIZE).await;
        let mut outcome = async |script: &str| {
            let script = script.replace("ADMIN", &format!("http://{admin}")).replace("TOKEN", TOKEN);
            page.evaluate(&format!("({script}).then((answer) => answer, () => 'refused')")).await
        };
        for path in ["/metrics", "/status", "/status.json", "/live", "/status/events"] {
            let read = outcome(&format!("fetch('ADMIN{path}').then((answer) => answer.text())")).await;
            assert_eq!(read, "refused", "{host} {path}");
        }
        let stream = "new Promise((resolve, reject) => {
            const source = new EventSource('ADMIN/status/events');
            source.onmessage = ({ data }) => resolve(data);
            source.onerror = reject;
        })";
        assert_eq!(outcome(stream).await, "refused", "{host}");
        let with_token = "fetch('ADMIN/publish', { method: 'POST', headers: { Authorization: 'Bearer TOKEN' },
            body: '{\"event\":\"test\",\"payload\":1}' })";
        assert_eq!(outcome(with_token).await, "refused", "{host}");
        let refused = counted(admin, "/publish", 403).await;
        // What needs no question before, so the request comes. The page does not even learn that it was answered.
        let simple =
            "fetch('ADMIN/publish', { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' },
            body: '{\"event\":\"test\",\"payload\":1}' }).then(({ type }) => type)";
        assert_eq!(outcome(simple).await, "refused", "{host}");
        // A form whose body is JSON.
        let form = "(async () => {
            const form = document.body.appendChild(document.createElement('form'));
            Object.assign(form, { method: 'POST', action: 'ADMIN/publish', enctype: 'text/plain', target: 'frame' });
            form.innerHTML = `<input name='{\"event\":\"test\",\"payload\":\"' value='\"}'>`;
            form.submit();
            return 'sent';
        })()";
        assert_eq!(outcome(form).await, "sent", "{host}");
        let are_refused = async { while counted(admin, "/publish", 403).await < refused + 2 {} };
        within("both are refused", are_refused).await;
    }
    assert_eq!(counted(admin, "/publish", 200).await, 0);
    queue.enqueue("\"the end\"");
    assert_eq!(client.payload().await, "\"the end\"", "no event of a page came before");
}

async fn a_page_that_gives_its_own_name_this_address_gets_nothing(kind: BrowserKind) {
    let queue = queue_dir();
    let (site, serving) = other_site().await;
    let browser = Browser::of(kind).await;
    // Browsers take each name below localhost for this machine. As after a change in DNS, another program answers there
    // than the one that the page came from, and its origin stays.
    let mut page = browser.open(&format!("http://evil.localhost:{}/", site.port()), SIZE).await;
    serving.abort();
    assert!(serving.await.is_err_and(|error| error.is_cancelled()));
    let (_broadcaster, admin) = start_on(&queue, site).await;
    assert_eq!(admin, site);
    let read = "fetch('/status.json').then(async (answer) => answer.status + await answer.text())";
    let told = page.evaluate(read).await;
    let told = told.as_str().unwrap();
    assert!(told.starts_with("403") && told.contains("admin_hosts"), "{told}");
    let write = format!(
        "fetch('/publish', {{ method: 'POST', headers: {{ Authorization: 'Bearer {TOKEN}' }},
            body: '{{\"event\":\"test\",\"payload\":1}}' }}).then((answer) => answer.status)"
    );
    assert_eq!(page.evaluate(&write).await, 403);
    assert_eq!(queue.waiting(), 0);
}

async fn the_status_page_shows_the_numbers_of_the_server(kind: BrowserKind) {
    let queue = queue_dir();
    let (broadcaster, admin) = start(&queue).await;
    let _client = Client::connect(broadcaster.address(), "/").await;
    let browser = Browser::of(kind).await;
    let mut page = browser.open(&format!("http://localhost:{}/status", admin.port()), SIZE).await;
    let shows = format!("document.body.innerText.includes('{}')", queue.path().to_str().unwrap());
    page.wait_for(&shows).await;
    // Nothing of it is beside its policy.
    assert_eq!(page.problems(), [""; 0]);
}
