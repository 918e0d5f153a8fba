//! Server-sent events in a browser and behind proxies, by the configurations of `docs/operations.md`: only addresses
//! are others.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{Broadcaster, EventStream, QueueDir, eventually, within};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::docs;
use crate::harness::{Browser, BrowserKind, Nginx, Page, Proxy, broadcaster, in_each_browser, queue_dir};

/// What the page keeps of each of its streams. It begins one anew, by its last id, when the browser gives up.
const PAGE: &str = "<script>
    window.streams = [];
    function follow(url, options) {
        const kept = { payloads: [], ids: [], gaps: 0, errors: 0, closed: 0, last: '' };
        const keep = ({ data, lastEventId }) => {
            kept.payloads.push(JSON.parse(data).payload);
            kept.ids.push(lastEventId);
            kept.last = lastEventId;
        };
        function open() {
            const last = kept.last && (url.includes('?') ? '&' : '?') + 'last_event_id=' + kept.last;
            const source = kept.source = new EventSource(url + last, options);
            source.onmessage = keep;
            source.addEventListener('test', keep);
            source.addEventListener('fastapi:heartbeat', ({ lastEventId }) => { kept.last = lastEventId; });
            source.addEventListener('gap', ({ data }) => { kept.gaps += JSON.parse(data).recovered === false ? 1 : 100; });
            source.onerror = () => {
                kept.errors += 1;
                if (source.readyState !== EventSource.CLOSED) return;
                kept.closed += 1;
                setTimeout(open, 1000);
            };
        }
        open();
        window.streams.push(kept);
    }
</script>";

/// The documented nginx, which also serves the page.
async fn nginx(broadcaster: SocketAddr) -> Nginx {
    let documented = docs::code("nginx").into_iter().find(|code| code.contains("@events_later")).unwrap();
    Nginx::start_with(|address| {
        let page = PAGE.replace('\n', " ").replace('$', "");
        let page = format!("location = /page {{ default_type text/html; return 200 \"{page}\"; }}");
        documented
            .replace("server {", &format!("server {{ listen {address}; {page}"))
            .replace("127.0.0.1:8081", &broadcaster.to_string())
    })
    .await
}

async fn start_on(queue: &QueueDir, address: &str) -> Broadcaster {
    let mut command = broadcaster::command(["--listen", address, "--ping-interval-secs", "1", "--queue"]);
    broadcaster::spawn(command.arg(queue.path())).await
}

/// Waits until all streams of the page have got these payloads, and nothing else.
async fn all_have(page: &mut Page, payloads: &Value) {
    page.wait_for(&format!(
        "window.streams.every(({{ payloads }}) => JSON.stringify(payloads) === JSON.stringify({payloads}))"
    ))
    .await;
}

in_each_browser!(
    a_page_comes_back_by_itself_after_a_restart_and_misses_nothing,
    a_quiet_page_comes_back_with_the_id_of_the_last_heartbeat,
);

async fn a_page_comes_back_by_itself_after_a_restart_and_misses_nothing(browser_kind: BrowserKind) {
    let queue = queue_dir();
    let mut first = start_on(&queue, "127.0.0.1:0").await;
    let address = first.address();
    let nginx = nginx(address).await;
    let browser = Browser::of(browser_kind).await;
    let mut page = browser.open(&format!("http://{}/page", nginx.address()), (800, 600)).await;
    // Through the proxy, and directly, which is another origin.
    for follow in [
        "follow('/events')".to_owned(),
        "follow('/events?channel=a&named=1')".to_owned(),
        format!("follow('http://{address}/any/path')"),
        format!("follow('http://{address}/?channel=a&named=1', {{ withCredentials: true }})"),
    ] {
        page.evaluate(&follow).await;
    }
    page.wait_for("window.streams.every(({ source }) => source.readyState === EventSource.OPEN)").await;
    queue.enqueue("1");
    all_have(&mut page, &json!([1])).await;
    let ids = page.evaluate("new Set(window.streams.map(({ ids }) => ids[0])).size").await;
    assert_eq!(ids, 1, "one event has one id");

    first.stop();
    // Each has tried to come back at least once while nobody was there, and will try again.
    page.wait_for("window.streams.every(({ errors }) => errors >= 2)").await;
    // Firefox gives a stream of another origin up if nobody is there, and so the page has to begin it anew.
    let by_itself = if browser_kind == BrowserKind::Firefox { 2 } else { 4 };
    let closed = page.evaluate(&format!("window.streams.slice(0, {by_itself}).map(({{ closed }}) => closed)")).await;
    assert_eq!(closed, json!(vec![0; by_itself]));
    queue.enqueue("2");
    let _second = start_on(&queue, &address.to_string()).await;
    all_have(&mut page, &json!([1, 2])).await;
    queue.enqueue("3");
    all_have(&mut page, &json!([1, 2, 3])).await;
    let gaps = page.evaluate("window.streams.map(({ gaps }) => gaps)").await;
    assert_eq!(gaps, json!([0, 0, 0, 0]));
    assert_eq!(page.problems(), [""; 0]);
}

async fn a_quiet_page_comes_back_with_the_id_of_the_last_heartbeat(browser: BrowserKind) {
    let queue = queue_dir();
    let mut first = start_on(&queue, "127.0.0.1:0").await;
    let nginx = nginx(first.address()).await;
    let browser = Browser::of(browser).await;
    let mut page = browser.open(&format!("http://{}/page", nginx.address()), (800, 600)).await;
    page.evaluate("follow('/events?channel=quiet&everybody=0')").await;
    page.wait_for("window.streams[0].source.readyState === EventSource.OPEN").await;
    let address = first.address();
    let head = async || {
        let mut client = EventStream::open(address, "/", "").await;
        client.event().await.id.unwrap()
    };
    let before = head().await;
    queue.enqueue("1");
    let after = eventually_other(&before, head).await;
    // Until the page has had a heartbeat since: no client waits longer for one than between two of another, but for a
    // tenth. This one gets its first block, and three heartbeats.
    let mut beside = EventStream::open(address, "/?channel=quiet", "").await;
    for _ in 0..4 {
        assert_eq!(beside.block().await.and_then(|block| block.id), Some(after.clone()));
    }
    first.stop();
    // In the place of the broadcaster, one that looks at what the browser sends.
    let listener = TcpListener::bind(address).await.unwrap();
    let asked = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        String::from_utf8(request).unwrap().to_lowercase()
    };
    let asked = within("the browser comes back", asked).await;
    assert!(asked.contains(&format!("\r\nlast-event-id: {after}\r\n")), "{asked}");
}

/// Asks until there is another value than before.
async fn eventually_other(before: &str, ask: impl AsyncFn() -> String) -> String {
    within("another id", async {
        loop {
            let now = ask().await;
            if now != before {
                return now;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn the_documented_caddy_passes_on_each_event_and_answers_for_a_broadcaster_that_does_not_run() {
    let queue = queue_dir();
    let mut first = start_on(&queue, "127.0.0.1:0").await;
    let address = first.address();
    let documented = docs::code("caddyfile").into_iter().find(|code| code.contains("handle_errors")).unwrap();
    let caddy = Proxy::caddy(|own| {
        documented.replace("example.com {", &format!("http://{own} {{")).replace("127.0.0.1:8081", &address.to_string())
    })
    .await;
    through_a_proxy(caddy.address(), &queue, &mut first).await;
}

#[tokio::test]
async fn the_documented_nginx_passes_on_each_event_and_answers_for_a_broadcaster_that_does_not_run() {
    let queue = queue_dir();
    let mut first = start_on(&queue, "127.0.0.1:0").await;
    let nginx = nginx(first.address()).await;
    through_a_proxy(nginx.address(), &queue, &mut first).await;
}

async fn through_a_proxy(proxy: SocketAddr, queue: &QueueDir, first: &mut Broadcaster) {
    let address = first.address();
    for (target, kind) in [("/events", None), ("/events?channel=a&named=1", Some("test"))] {
        let mut client = open(proxy, target).await;
        assert_eq!(client.status(), 200, "{}", client.head);
        assert!(client.event().await.retry.is_some());
        // One by one: none waits for another.
        for number in 0..3 {
            queue.enqueue(number);
            let block = client.event().await;
            assert_eq!((block.event.as_deref(), &block.json()["payload"]), (kind, &json!(number)));
        }
    }
    // What is not allowed stays so: the answer is the broadcaster's.
    assert_eq!(open(proxy, "/events?channel=private-a").await.status(), 403);
    first.stop();
    eventually("it has stopped", || std::net::TcpStream::connect(address).is_err()).await;
    let mut away = open(proxy, "/events").await;
    assert_eq!((away.status(), away.header("content-type")), (200, Some("text/event-stream")), "{}", away.head);
    assert_eq!(away.header("cache-control"), Some("no-store"));
    let block = away.block().await.expect("a block");
    assert!(block.retry.is_some_and(|retry| (3000..10_000).contains(&retry)), "{block:?}");
    assert_eq!(away.block().await, None);
}

/// Asks as a client of HTTP/1.0, whose answer is not in chunks.
async fn open(proxy: SocketAddr, target: &str) -> EventStream {
    let request = format!("GET {target} HTTP/1.0\r\nHost: {proxy}\r\nAccept: text/event-stream\r\n\r\n");
    EventStream::request(proxy, &request).await
}
