//! The status page of the admin listener in real browsers, with a real broadcaster: what operators see when clients
//! come, events are queued and something fails.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use testkit::{Broadcaster, QueueDir, Signal};

use crate::harness::{
    Browser, BrowserKind, Collector, Native, Page, TokenGate, broadcaster, in_each_browser, queue_dir,
};

const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 780);
const LIVE: &str = "document.querySelector('#link').innerText === 'live'";

in_each_browser!(
    figures_change_when_clients_come_and_events_are_queued,
    it_says_what_is_wrong_and_what_to_do,
    it_says_that_its_figures_are_old_and_goes_on_when_the_broadcaster_is_back,
    it_asks_for_the_token_where_one_is_needed,
    pictures_are_taken,
);

async fn figures_change_when_clients_come_and_events_are_queued(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    page.wait_for(&verdict("Ready, and nothing to do")).await;
    assert_eq!(page.text("#clients .value").await, "0");
    assert_eq!(page.text("#latency .value").await, "–");

    let mut client = Collector::of(&shown.broadcaster).await;
    let _other = Native::connect(&format!("ws://{}/", shown.broadcaster.address()), None).await;
    page.wait_for("document.querySelector('#clients .value').innerText === '2'").await;
    page.wait_for(&format!("{} === '1'", detail("Clients", "WebSocket, plain"))).await;
    page.wait_for(&format!("{} === '1'", detail("Clients", "WebSocket, with commands"))).await;
    for number in 0..20 {
        shown.queue.enqueue(number);
    }
    client.messages(20).await;
    page.wait_for(&format!("{} === '20'", detail("Queue", "Events sent"))).await;
    page.wait_for(&format!("Number({}) >= 20", detail("Messages", "Sent"))).await;
    // The charts have it, for the eye and for a screen reader.
    page.wait_for("document.querySelector('#latency .value').innerText.endsWith('s')").await;
    page.wait_for("document.querySelector('#messages .plot path:not(.area)').getAttribute('d').includes('L')").await;
    page.wait_for("document.querySelector('#clients svg').ariaLabel.startsWith('Clients, last five minutes: now 2')")
        .await;

    let requested = page
        .evaluate(
            "performance.getEntriesByType('resource').map(({ name }) => name)
                 .filter((name) => !name.startsWith('data:')).map((name) => name.replace(location.origin, ''))",
        )
        .await;
    for requested in requested.as_array().unwrap() {
        assert!(["/status.json", "/status/events"].contains(&requested.as_str().unwrap()), "{requested}");
    }
    assert_eq!(page.problems(), [""; 0]);
}

async fn it_says_what_is_wrong_and_what_to_do(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    testkit::make_old(&shown.queue.write("half.json", "{"), std::time::Duration::from_secs(60));
    page.wait_for(&verdict("Ready, and one thing to look at")).await;
    page.wait_for("document.querySelector('#problems').innerText.includes('failed list')").await;
    page.wait_for("document.querySelector('#errors').innerText.includes('entry is no event')").await;

    let (path, away) = (shown.queue.path(), shown.queue.root().join("away"));
    std::fs::rename(&path, &away).unwrap();
    page.wait_for(&verdict("Not ready")).await;
    page.wait_for("document.querySelector('#problems').innerText.includes('queue directory cannot be read')").await;
    assert_eq!(page.text("#said").await, "Not ready");
    assert_eq!(page.evaluate("document.title").await, "Not ready – fastapi-broadcaster");
    std::fs::rename(&away, &path).unwrap();
    page.wait_for(&verdict("Ready, and one thing to look at")).await;
    assert_eq!(page.problems(), [""; 0]);
}

async fn it_says_that_its_figures_are_old_and_goes_on_when_the_broadcaster_is_back(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let (page, admin) = (&mut shown.page, shown.admin.to_string());
    page.wait_for(&verdict("Ready, and nothing to do")).await;

    shown.broadcaster.signal(Signal::TERM);
    shown.broadcaster.exit().await;
    page.wait_for("/^connection lost, figures are \\d+ s old$/.test(document.querySelector('#link').innerText)").await;
    assert_eq!(page.text("#verdict-title").await, "Connection lost");
    assert_eq!(page.text("#said").await, "Connection lost");

    let _again = broadcaster::start_with(&shown.queue, &["--admin-listen", &admin]).await;
    page.wait_for(LIVE).await;
    page.wait_for(&verdict("Ready, and nothing to do")).await;
    assert_eq!(page.problems(), [""; 0]);
}

async fn it_asks_for_the_token_where_one_is_needed(browser: BrowserKind) {
    let queue = queue_dir();
    let mut broadcaster = broadcaster::start_with(&queue, &["--admin-listen", "127.0.0.1:0"]).await;
    let gate = TokenGate::start(broadcaster::admin_address(&mut broadcaster).await, "the token of operators").await;
    let browser = Browser::of(browser).await;
    let mut page = browser.open(&format!("http://{}/status", gate.address()), DESKTOP).await;

    page.wait_for("document.querySelector('#link').innerText === 'waiting for the token'").await;
    assert_eq!(page.evaluate("document.activeElement.id").await, "token");
    assert_eq!(page.evaluate("document.querySelector('#charts').checkVisibility()").await, false);
    page.type_text("another").await;
    page.press("Enter").await;
    page.wait_for("document.querySelector('#login-problem').innerText.includes('does not accept')").await;

    page.type_text("the token of operators").await;
    page.press("Enter").await;
    page.wait_for(LIVE).await;
    page.wait_for(&verdict("Ready, and nothing to do")).await;
    // The stream itself, and not only the first figures.
    page.wait_for("samples.length > 2 && isStream").await;
    assert_eq!(page.evaluate("sessionStorage.getItem('token')").await, "the token of operators");
    assert_eq!(page.evaluate("Object.keys(localStorage).length + document.cookie.length").await, 0);

    page.click("#forget").await;
    assert_eq!(page.evaluate("document.querySelector('#charts').checkVisibility()").await, false);
    page.wait_for("document.querySelector('#link').innerText === 'waiting for the token'").await;
    assert_eq!(page.evaluate("sessionStorage.length").await, 0);
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn it_is_for_keyboards_screen_readers_and_phones_too() {
    let mut shown = Shown::start(BrowserKind::Chromium, PHONE).await;
    let page = &mut shown.page;
    page.wait_for(&verdict("Ready, and nothing to do")).await;
    let mut stops = Vec::new();
    for _ in 0..2 {
        page.press("Tab").await;
        stops.push(page.evaluate("document.activeElement.innerText").await);
        page.press("Enter").await;
        page.wait_for("document.querySelector('details').open").await;
    }
    // What scrolls sideways is a stop too.
    let table = page.evaluate("document.activeElement.ariaLabel").await;
    assert_eq!((&stops[0], table), (&json!("The charts as a table"), json!("The charts as a table")));

    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, PHONE.0);
    for scheme in ["light", "dark"] {
        page.prefer(scheme).await;
        assert_eq!(page.low_contrast().await, json!([]), "{scheme}");
    }
    let accessible = page.accessible().await;
    for (role, name) in [
        ("heading", "Ready, and nothing to do"),
        ("region", "Last five minutes"),
        ("table", "Queue"),
        ("rowheader", "Events that wait"),
        ("list", "Last warnings and errors"),
    ] {
        let is_found = accessible.iter().any(|(its_role, its_name)| its_role == role && its_name == name);
        assert!(is_found, "no {role} is called {name}: {accessible:?}");
    }
    for (role, name) in &accessible {
        let needs_name = ["image", "img", "table", "region"].contains(&role.as_str());
        assert!(!needs_name || !name.is_empty(), "a {role} has no name: {accessible:?}");
    }
    assert!(accessible.iter().any(|(role, _)| role == "status"), "no live region: {accessible:?}");
}

/// Five minutes of a busy day, told to the page in a moment.
const BUSY: &str = r"(async () => {
    const status = await (await fetch('status.json')).json();
    const told = show, counts = status.publish_to_send_seconds.bounds.map(() => 0).concat(0);
    show = () => {};
    const wave = (second, length, size) => size * Math.sin(second / length);
    let sent = 48_211_901, cpu = 9211;
    for (let second = 0; second <= 300; second += 1) {
        const messages = Math.round(4200 + wave(second, 31, 1500) + wave(second, 3.7, 250) + (second % 97 < 6 ? 6000 : 0));
        sent += messages;
        cpu += .12 + messages / 40_000;
        [0, .3, .38, .2, .08, .03, .009, .001].forEach((share, index) => { counts[index] += Math.round(messages * share); });
        told({
            ...status, now_ms: status.now_ms + second * 1000, started_at_ms: status.now_ms - 274_000_000,
            connections: { plain: 211, url: 64, native: Math.round(845 + wave(second, 60, 40)), sse: 90 },
            connections_accepted: 183_211, connections_refused: { origin: 41, rights: 7 }, disconnects: 181_994, slow_disconnects: 12,
            subscriptions: 5123, channels: 3310, messages_sent: sent, message_bytes_sent: sent * 418, messages_received: 91_233,
            queue: { ...status.queue, path: '/var/lib/fastapi-broadcaster/queue', sent: 1_240_551, expired: 12, duplicate: 3 },
            publish_to_send_seconds: { ...status.publish_to_send_seconds, counts: [...counts] },
            history: { ...status.history, events: 41_230, bytes: 22_300_000, oldest_seconds: 299.6, recovered: 8122, not_recovered: 31 },
            process: { ...status.process, cpu_seconds: cpu, resident_bytes: 91_200_000, open_fds: 1247 },
        });
    }
    arrived = Infinity;
    drawLink();
})()";

/// Pictures for the documentation, kept in `target/tmp/pictures`; `make pictures` copies `status-light` to
/// `docs/images`. The others are only looked at.
async fn pictures_are_taken(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    page.evaluate(BUSY).await;
    let folder = if browser == BrowserKind::Chromium { "pictures" } else { "pictures-in-firefox" };
    for (name, scheme, size) in
        [("status-light", "light", (1280, 1000)), ("status-dark", "dark", DESKTOP), ("status-phone", "light", PHONE)]
    {
        page.resize(size).await;
        page.prefer(scheme).await;
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder).join(format!("{name}.png"));
        page.picture(&path).await;
        assert!(path.metadata().unwrap().len() > 10_000, "{} shows something", path.display());
    }
    assert_eq!(page.problems(), [""; 0]);
}

/// The page's first sentence is this.
fn verdict(text: &str) -> String {
    format!("document.querySelector('#verdict-title').innerText === '{text}'")
}

/// The value of a row of a table, as an expression.
fn detail(table: &str, row: &str) -> String {
    format!(
        "[...document.querySelectorAll('#tables .card')].filter((card) => card.querySelector('h3').innerText === '{table}')
             .flatMap((card) => [...card.querySelectorAll('tr')]).find((row) => row.cells[0].innerText === '{row}')?.cells[1].innerText"
    )
}

struct Shown {
    page: Page,
    broadcaster: Broadcaster,
    admin: SocketAddr,
    queue: QueueDir,
    _browser: Browser,
}

impl Shown {
    /// Starts it all, and returns when the page is live.
    async fn start(browser: BrowserKind, size: (u32, u32)) -> Shown {
        let queue = queue_dir();
        let mut broadcaster = broadcaster::start_with(&queue, &["--admin-listen", "127.0.0.1:0"]).await;
        let admin = broadcaster::admin_address(&mut broadcaster).await;
        let browser = Browser::of(browser).await;
        let mut page = browser.open(&format!("http://{admin}/status"), size).await;
        page.wait_for(LIVE).await;
        Shown { page, broadcaster, admin, queue, _browser: browser }
    }
}
