//! Pages that come back after the broadcaster was started again, or after the network was away, on all transports: they
//! have everything once and in order, and are told of no gap.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use queue::{NewEvent, Priority, Uid, Writer};
use serde_json::{Value, json};
use testkit::{
    Broadcaster, EventStream, INTERVAL, QueueDir, Signal, TIMEOUT, eventually, eventually_for, has_root, skipped,
};

use crate::docs;
use crate::harness::{Browser, BrowserKind, Line, Page, PhpServer, broadcaster, in_each_browser, post_json, queue_dir};

/// What a page keeps of each of its clients: of packages/client by one transport, or the browser's own `EventSource`
/// with the code of `docs/protocol.md` around it.
const FOLLOW: &str = "(async () => {
    const { FastapiClient } = await import('/fastapi-client/fastapi-client.js');
    window.followed = [];
    window.follow = (url, transport, options) => {
        const kept = { transport, payloads: [], gaps: 0, state: '', waited: 0 };
        const keep = ({ payload }) => kept.payloads.push(payload);
        if (transport === 'EventSource') {
            class Kept extends EventSource {
                constructor(...given) {
                    super(...given);
                    this.addEventListener('open', () => { kept.state = 'connected'; });
                    this.addEventListener('error', () => { kept.state = 'waiting'; kept.waited += 1; });
                }
            }
            followStream(Kept)(url, keep, () => { kept.gaps += 1; });
        } else {
            const client = new FastapiClient(url, { transports: [transport], minPause: 50, maxPause: 500, ...options });
            client.everybody(keep);
            client.subscribe('quiet', keep);
            client.on('state', ({ state }) => { kept.state = state; kept.waited += Number(state === 'waiting'); });
            client.on('gap', ({ channels }) => { kept.gaps += channels.length; });
        }
        followed.push(kept);
    };
})()";

/// Heartbeats, so that tests wait for none.
const OFTEN: &[&str] = &["--ping-interval-secs", "1"];

struct Scene {
    page: Page,
    line: Line,
    broadcaster: Broadcaster,
    address: SocketAddr,
    flags: &'static [&'static str],
    queue: QueueDir,
    _server: PhpServer,
    _browser: Browser,
}

impl Scene {
    /// A page that follows by all transports, connected by a line of its own.
    async fn start(browser: BrowserKind, flags: &'static [&'static str]) -> Scene {
        let queue = queue_dir();
        let broadcaster = start_on(&queue, "127.0.0.1:0", flags).await;
        let address = broadcaster.address();
        let line = Line::to(address).await;
        let server = PhpServer::start("demo_endpoint.php", &queue, line.address().port()).await;
        let browser = Browser::of(browser).await;
        // A document without a policy that forbids connections.
        let page = browser.open(&format!("http://{}/config.json", server.address()), (800, 600)).await;
        let mut scene = Scene { page, line, broadcaster, address, flags, queue, _server: server, _browser: browser };
        let host = scene.line.address();
        scene.follow(host).await;
        scene
    }

    /// Follows by all transports.
    async fn follow(&mut self, host: SocketAddr) {
        let stream = docs::code("js").into_iter().find(|code| code.contains("function followStream")).unwrap();
        let stream = stream.replace("export ", "");
        self.page
            .evaluate(&format!("window.followStream = (EventSource) => {{ {stream} return followStream; }}, 1"))
            .await;
        self.page.evaluate(FOLLOW).await;
        for follow in [
            format!("follow('ws://{host}/', 'websocket')"),
            format!("follow('http://{host}/', 'sse')"),
            format!("follow('http://{host}/?channel=quiet', 'EventSource')"),
        ] {
            self.page.evaluate(&follow).await;
        }
        self.connected().await;
    }

    async fn connected(&mut self) {
        self.page.wait_for("followed.every(({ state }) => state === 'connected')").await;
    }

    /// Starts the broadcaster again on its address.
    async fn start_again(&mut self) {
        self.broadcaster = start_on(&self.queue, &self.address.to_string(), self.flags).await;
    }

    /// Waits until all have these payloads, in this order, and nothing else.
    async fn all_have(&mut self, payloads: &[usize]) {
        let payloads = json!(payloads);
        self.page
            .wait_for(&format!(
                "followed.every(({{ payloads }}) => JSON.stringify(payloads) === JSON.stringify({payloads}))"
            ))
            .await;
    }

    /// Checks that nothing was missed.
    async fn end(mut self) {
        assert_eq!(self.page.evaluate("followed.map(({ gaps }) => gaps)").await, json!([0, 0, 0]));
        assert_eq!(self.page.problems(), [""; 0]);
    }
}

async fn start_on(queue: &QueueDir, address: &str, flags: &[&str]) -> Broadcaster {
    let mut command = broadcaster::command(["--listen", address, "--queue"]);
    broadcaster::spawn(command.arg(queue.path()).args(flags)).await
}

in_each_browser!(
    a_page_misses_nothing_while_the_broadcaster_is_started_again_and_while_the_network_is_away,
    a_page_misses_nothing_while_the_network_is_down,
    a_channel_that_was_quiet_for_longer_than_events_are_kept_resumes,
    #[ignore = "takes minutes; cargo test -p e2e quiet_for_minutes -- --ignored"]
    a_channel_that_was_quiet_for_minutes_resumes,
    the_client_of_the_readme_loses_no_event_in_twenty_restarts,
);

async fn a_page_misses_nothing_while_the_broadcaster_is_started_again_and_while_the_network_is_away(
    browser: BrowserKind,
) {
    let mut scene = Scene::start(browser, OFTEN).await;
    scene.queue.enqueue(1);
    scene.all_have(&[1]).await;

    for (signal, number) in [(Signal::TERM, 2), (Signal::KILL, 3)] {
        scene.broadcaster.signal(signal);
        scene.broadcaster.exit().await;
        scene.page.wait_for("followed.every(({ state }) => state !== 'connected')").await;
        scene.queue.enqueue(number);
        scene.start_again().await;
        scene.all_have(&(1..=number).collect::<Vec<_>>()).await;
        scene.connected().await;
    }

    scene.line.cut();
    scene.page.wait_for("followed.every(({ state }) => state !== 'connected')").await;
    scene.queue.enqueue(4);
    scene.queue.is_drained().await;
    scene.line.mend();
    scene.all_have(&[1, 2, 3, 4]).await;
    scene.connected().await;

    // packages/client notices silence; EventSource is told when the network is back.
    scene.page.evaluate("followed.forEach((kept) => { kept.waited = 0; })").await;
    scene.line.fall_silent();
    scene.queue.enqueue(5);
    scene.queue.is_drained().await;
    scene.page.wait_for("followed.slice(0, 2).every(({ waited }) => waited > 0)").await;
    scene.line.mend();
    scene.queue.enqueue(6);
    scene.all_have(&[1, 2, 3, 4, 5, 6]).await;
    scene.end().await;
}

async fn a_page_misses_nothing_while_the_network_is_down(browser: BrowserKind) {
    if !has_root("to have a network of its own") {
        return;
    }
    // A network belongs to a thread and to the processes that it starts.
    let own = std::thread::spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            return skipped(&format!("this machine allows no network of its own: {error}"));
        }
        set_network("up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(misses_nothing_while_the_network_is_down(browser));
    });
    own.join().unwrap();
}

async fn misses_nothing_while_the_network_is_down(browser: BrowserKind) {
    let mut scene = Scene::start(browser, OFTEN).await;
    // Without the line: its own connections would not notice what those of a browser notice.
    scene.follow(scene.address).await;
    scene.queue.enqueue(1);
    scene.all_have(&[1]).await;
    scene.page.evaluate("followed.forEach((kept) => { kept.waited = 0; })").await;
    set_network("down");
    scene.queue.enqueue(2);
    scene.queue.is_drained().await;
    // The page cannot be asked now. A client that has given its connection up waits for the answer to its FIN.
    // Chromium asks every 45 s whether the other side is there.
    eventually_for(Duration::from_secs(240), "a client gives up", || {
        let sockets = fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        sockets.lines().any(|line| line.split_ascii_whitespace().nth(3) == Some("04"))
    })
    .await;
    set_network("up");
    scene.queue.enqueue(3);
    scene.all_have(&[1, 2, 3]).await;
    assert_ne!(scene.page.evaluate("followed.reduce((sum, { waited }) => sum + waited, 0)").await, 0);
    scene.end().await;
}

/// Sets the one interface of this thread's network.
fn set_network(state: &str) {
    let status = Command::new("ip").args(["link", "set", "lo", state]).status().expect("ip runs");
    assert!(status.success(), "lo is not {state}");
}

async fn a_channel_that_was_quiet_for_longer_than_events_are_kept_resumes(browser: BrowserKind) {
    let flags = &["--ping-interval-secs", "1", "--history-ttl-secs", "1", "--history-meta-secs", "1"];
    resumes_after_quiet(Scene::start(browser, flags).await, TIMEOUT).await;
}

/// With heartbeats as often as they are by default.
async fn a_channel_that_was_quiet_for_minutes_resumes(browser: BrowserKind) {
    let flags = &["--history-ttl-secs", "180", "--history-meta-secs", "180"];
    resumes_after_quiet(Scene::start(browser, flags).await, 10 * TIMEOUT).await;
}

/// Lets a channel be quiet while others are not, until an event is not kept any more, which takes `most`.
async fn resumes_after_quiet(mut scene: Scene, most: Duration) {
    scene.queue.enqueue(1);
    scene.all_have(&[1]).await;
    let old = EventStream::open(scene.address, "/?channel=quiet", "").await.event().await.id.unwrap();
    enqueue_for_another_channel(&scene.queue);
    // Until who had stayed where the page was at its last event would be told of a gap.
    let forgotten = async {
        loop {
            let mut late = EventStream::open(scene.address, &format!("/?channel=quiet&after={old}"), "").await;
            if late.event().await.event.as_deref() == Some("gap") {
                break;
            }
            tokio::time::sleep(10 * INTERVAL).await;
        }
    };
    tokio::time::timeout(most, forgotten).await.expect("the first event is forgotten in time");
    // And until the page has had a heartbeat since: no client waits longer for one than between two of another, but for
    // a tenth. This one gets its first block, and three heartbeats.
    let mut beside = EventStream::open(scene.address, "/?channel=quiet", "").await;
    for _ in 0..4 {
        assert_ne!(beside.block().await.expect("a heartbeat").id.as_ref(), Some(&old));
    }
    scene.broadcaster.signal(Signal::TERM);
    scene.broadcaster.exit().await;
    scene.page.wait_for("followed.every(({ state }) => state !== 'connected')").await;
    scene.start_again().await;
    scene.connected().await;
    scene.queue.enqueue(2);
    scene.all_have(&[1, 2]).await;
    scene.end().await;
}

fn enqueue_for_another_channel(queue: &QueueDir) {
    let channels = ["another".parse().unwrap()];
    let event = NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: b"0",
        channels: Some(&channels),
        ttl: None,
        key: None,
        except: None,
    };
    Writer::new(queue.path()).enqueue_events(&[event], Priority::Normal).unwrap();
}

async fn the_client_of_the_readme_loses_no_event_in_twenty_restarts(browser: BrowserKind) {
    let queue = queue_dir();
    let mut broadcaster = start_on(&queue, "127.0.0.1:0", OFTEN).await;
    let address = broadcaster.address();
    let server = PhpServer::start("guest_book.php", &queue, address.port()).await;
    let browser = Browser::of(browser).await;
    let mut page = browser.open(&format!("http://{}/config.json", server.address()), (800, 600)).await;
    let code = docs::code("js").into_iter().find(|code| code.contains("client.everybody(")).unwrap();
    let import = "import { FastapiClient } from './fastapi-client/src/fastapi-client.js';";
    assert!(code.starts_with(import), "{code}");
    let code = code
        .replace(import, "const { FastapiClient } = await import('/fastapi-client/fastapi-client.js');")
        .replace("wss://example.com/ws", &format!("ws://{address}/"));
    // Kept beside the page, because `gap` loads it anew.
    let code = format!(
        "(async () => {{ window.came = []; console.log = (event, payload) => came.push(payload);
             {code}
             window.client = client; client.on('gap', () => came.push('gap')); }})()"
    );
    page.evaluate(&code).await;
    page.wait_for("client.state === 'connected'").await;
    let mut queued = 0;
    let mut enqueue = || {
        queued += 1;
        queue.enqueue(queued);
        queued
    };
    for round in 0..20 {
        enqueue();
        broadcaster.signal(if round % 2 == 0 { Signal::TERM } else { Signal::KILL });
        broadcaster.exit().await;
        enqueue();
        page.wait_for("client.state !== 'connected'").await;
        broadcaster = start_on(&queue, &address.to_string(), OFTEN).await;
        // Who looks at the page does not wait for the next attempt.
        page.evaluate("void dispatchEvent(new Event('online'))").await;
        let last = enqueue();
        page.wait_for(&format!("came.includes('gap') || came.at(-1) === {last}")).await;
    }
    let all: Vec<usize> = (1..=60).collect();
    assert_eq!(page.evaluate("came").await, json!(all));
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn what_is_published_between_rendering_and_connection_is_shown() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let line = Line::to(broadcaster.address()).await;
    let server = PhpServer::start("guest_book.php", &queue, line.address().port()).await;
    let sign = async |text: &str| {
        let (status, answer) = post_json(server.address(), "/api/entries", &json!({ "text": text }).to_string()).await;
        assert_eq!(status, 201, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["queued"], true);
    };
    sign("before the page").await;
    queue.is_drained().await;
    // The page is rendered, and cannot connect.
    line.cut();
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("http://{}/", server.address()), (390, 844)).await;
    page.wait_for("document.querySelector('#state').innerText === 'no connection'").await;
    let entries = "[...document.querySelectorAll('#entries li')].map((entry) => entry.innerText)";
    assert_eq!(page.evaluate(entries).await, json!(["before the page"]));
    sign("</script> between <b>both</b>").await;
    queue.is_drained().await;
    let published = || queue.waiting() == 0;
    eventually("it is published", published).await;
    // The page does not ask for its data again, so it has the entry from the event.
    page.evaluate("const asked = window.fetch; window.calls = 0; window.fetch = (...given) => { calls += 1; return asked(...given); }, 1").await;
    line.mend();
    page.wait_for("document.querySelectorAll('#entries li').length === 2").await;
    assert_eq!(page.evaluate(entries).await, json!(["</script> between <b>both</b>", "before the page"]));
    sign("live").await;
    page.wait_for("document.querySelectorAll('#entries li').length === 3").await;
    assert_eq!(page.evaluate("calls").await, 0);
    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, 390);
    assert_eq!(page.problems(), [""; 0]);
}
