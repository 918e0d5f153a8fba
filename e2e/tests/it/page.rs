//! The page of `examples` in a real browser: what users see, click, type and hear.

use std::path::Path;

use testkit::{Broadcaster, QueueDir, Signal};

use crate::harness::{Browser, Page, PhpServer, broadcaster, queue_dir};

const DESKTOP: (u32, u32) = (1280, 880);
const PHONE: (u32, u32) = (320, 700);

#[tokio::test]
async fn a_click_calls_the_api_and_its_event_arrives() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;

    page.click("#create").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.created'").await;
    let payload = page.text("#events li pre").await;
    assert!(payload.starts_with("{\n  \"id\": 1,\n  \"customer\": "), "pretty-printed: {payload}");
    page.wait_for("document.querySelector('#latency').innerText.endsWith('ms')").await;

    for (button, event) in [
        ("#update", "order.updated"),
        ("#delete", "order.deleted"),
        ("#notify", "notification"),
        ("#broadcast", "maintenance.planned"),
        ("#form button", "stock.changed"),
    ] {
        if button == "#form button" {
            page.click("#own summary").await;
        }
        page.click(button).await;
        page.wait_for(&format!("document.querySelector('#events li .name')?.innerText === '{event}'")).await;
    }
    assert_eq!(page.text("#received").await, "6");
    assert_eq!(page.evaluate("document.querySelectorAll('#events .took').length").await, 6);
    assert_eq!(page.evaluate("document.querySelector('#delete').disabled").await, true);
    assert_eq!(page.text("#problem").await, "");
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn the_filter_shows_what_matches_by_name_or_payload() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    for button in ["#create", "#notify", "#broadcast"] {
        page.click(button).await;
    }
    page.wait_for("document.querySelectorAll('#events li').length === 3").await;

    page.click("#filter").await;
    page.type_text("planned").await;
    page.wait_for("document.querySelector('#shown').innerText === '1 of 3 shown'").await;
    page.evaluate("document.querySelector('#filter').select()").await;
    page.type_text("ЗАКАЗ").await;
    page.wait_for("[...document.querySelectorAll('#events li:not([hidden]) .name')].map((name) => name.innerText).join() === 'notification'").await;
}

#[tokio::test]
async fn everything_works_by_keyboard() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;

    // The first stop is the first button.
    page.press("Tab").await;
    assert_eq!(page.evaluate("document.activeElement.id").await, "create");
    page.press("Enter").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.created'").await;

    // Deleting the last order disables the button that has the focus, which must not lose it.
    page.press("Tab").await;
    page.press("Tab").await;
    assert_eq!(page.evaluate("document.activeElement.id").await, "delete");
    page.press("Enter").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.deleted'").await;
    assert_eq!(page.evaluate("document.activeElement.id").await, "create");

    let mut stops = Vec::new();
    for _ in 0..12 {
        page.press("Tab").await;
        stops.push(page.evaluate("document.activeElement.id || document.activeElement.localName").await);
    }
    for stop in ["notify", "broadcast", "summary", "address", "disconnect", "filter", "clear"] {
        assert!(stops.iter().any(|id| id == stop), "{stop} is not reached: {stops:?}");
    }
}

#[tokio::test]
async fn a_screen_reader_gets_names_states_and_arrivals() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    page.click("#create").await;
    page.wait_for("document.querySelector('#announcement').innerText === '1 new event, last: order.created'").await;

    let accessible = page.accessible().await;
    for (role, name) in &accessible {
        let needs_name = ["button", "textbox", "searchbox", "region", "list"].contains(&role.as_str());
        assert!(!needs_name || !name.is_empty(), "a {role} has no name: {accessible:?}");
    }
    for (role, name) in [
        ("heading", "Events, live"),
        ("region", "Call the API"),
        ("button", "Create an order"),
        ("button", "Change order 1"),
        ("textbox", "Address"),
        ("searchbox", "Filter by name or payload"),
        ("list", "Events"),
    ] {
        let is_found = accessible.iter().any(|(its_role, its_name)| its_role == role && its_name == name);
        assert!(is_found, "no {role} is called {name}: {accessible:?}");
    }
    for live in ["status", "alert"] {
        assert!(accessible.iter().any(|(role, _)| role == live), "no {live} region: {accessible:?}");
    }
}

#[tokio::test]
async fn it_connects_again_when_the_broadcaster_is_back() {
    let mut shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    let address = shown.broadcaster.address().to_string();

    shown.broadcaster.signal(Signal::TERM);
    shown.broadcaster.exit().await;
    page.wait_for("document.querySelector('#state').dataset.state === 'closed'").await;
    page.wait_for("/Closed with 1001|No connection/.test(document.querySelector('#hint').innerText)").await;

    let mut command = broadcaster::command(["--listen", &address, "--queue"]);
    let _restarted = broadcaster::spawn(command.arg(shown.queue.path())).await;
    page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
    page.click("#create").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.created'").await;

    page.click("#disconnect").await;
    page.wait_for("document.querySelector('#state').innerText === 'not connected'").await;
    page.click("#connect").await;
    page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
}

#[tokio::test]
async fn a_list_of_orders_that_comes_late_hides_no_newer_order() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    page.evaluate(
        "window.list = new Promise((resolve) => {
             const now = window.fetch;
             window.fetch = async (...request) => {
                 const answer = await now(...request);
                 if (request.length === 1) await new Promise((goOn) => window.late = () => { goOn(); resolve(); });
                 return answer;
             };
         }), void loadOrders()",
    )
    .await;
    page.wait_for("window.late").await;
    page.click("#create").await;
    page.wait_for("!document.querySelector('#update').disabled").await;

    page.evaluate("late(), list.then(() => new Promise((drawn) => setTimeout(drawn)))").await;
    assert_eq!(page.evaluate("orderIds").await, serde_json::json!([1]));
    assert_eq!(page.evaluate("document.querySelector('#update').disabled").await, false);
}

#[tokio::test]
async fn refusals_of_the_api_are_shown() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    page.click("#own summary").await;
    page.evaluate("document.querySelector('#payload').value = '{ not JSON'").await;
    page.click("#form button").await;
    page.wait_for("document.querySelector('#problem').innerText.startsWith('The payload is not JSON')").await;

    page.click("#create").await;
    page.wait_for("!document.querySelector('#update').disabled").await;
    page.evaluate("fetch('api/orders/1', { method: 'DELETE' }).then(() => orderIds.push(1))").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.deleted'").await;
    page.evaluate("orderIds.push(1), showOrder()").await;
    page.click("#update").await;
    page.wait_for("document.querySelector('#problem').innerText.includes('there is no order 1')").await;
}

#[tokio::test]
async fn it_downloads_nothing_and_fits_a_phone() {
    let shown = Shown::start(PHONE).await;
    let mut page = shown.page;
    page.click("#create").await;
    page.wait_for("document.querySelector('#events li')").await;

    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, PHONE.0);
    let elsewhere = "performance.getEntriesByType('resource').map(({ name }) => name)
        .filter((name) => !name.startsWith('data:') && new URL(name).host !== location.host)";
    assert_eq!(page.evaluate(elsewhere).await, serde_json::json!([]));
    for scheme in ["light", "dark"] {
        page.prefer(scheme).await;
        let low = page.evaluate(LOW_CONTRAST).await;
        assert_eq!(low, serde_json::json!([]), "{scheme}");
    }
}

/// Pictures for the documentation, kept in `target/tmp/pictures`; `make pictures` copies them to `docs/images`.
#[tokio::test]
async fn pictures_are_taken() {
    let shown = Shown::start(DESKTOP).await;
    let mut page = shown.page;
    page.evaluate("Math.random = () => 0.345").await;
    for (count, button) in
        ["#create", "#update", "#notify", "#create", "#delete", "#create", "#broadcast", "#notify", "#create"]
            .iter()
            .enumerate()
    {
        page.click(button).await;
        page.wait_for(&format!("document.querySelectorAll('#events li').length === {}", count + 1)).await;
    }
    for (name, scheme, size) in
        [("page-light", "light", DESKTOP), ("page-dark", "dark", DESKTOP), ("page-phone", "light", (390, 844))]
    {
        page.resize(size).await;
        page.prefer(scheme).await;
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)").await;
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures").join(format!("{name}.png"));
        page.picture(&path).await;
        assert!(path.metadata().unwrap().len() > 10_000, "{} shows something", path.display());
    }
}

/// Texts whose contrast to what they stand on is lower than 4.5:1 (WCAG 2, level AA).
const LOW_CONTRAST: &str = r"(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([...rgb]) => rgb.slice(0, 3).map((value) => value / 255)
        .map((value) => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [.2126, .7152, .0722][index], 0);
    const low = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue;
        if (!element.checkVisibility() || element.closest(':disabled') || element.closest('.unseen')) continue;
        const grounds = [];
        for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
        const [ground, text] = [rgb(grounds), rgb([...grounds, getComputedStyle(element).color])].map(luminance);
        const contrast = (Math.max(ground, text) + .05) / (Math.min(ground, text) + .05);
        if (contrast < 4.5) low.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
    }
    return low;
})()";

/// Everything that stands behind the page, and the page.
struct Shown {
    page: Page,
    broadcaster: Broadcaster,
    queue: QueueDir,
    _server: PhpServer,
    _browser: Browser,
}

impl Shown {
    /// Starts it all, and returns when the page is connected.
    async fn start(size: (u32, u32)) -> Shown {
        let queue = queue_dir();
        let broadcaster = broadcaster::start(&queue).await;
        let server = PhpServer::start("demo_endpoint.php", &queue, broadcaster.address().port()).await;
        let browser = Browser::start().await;
        let mut page = browser.open(&format!("http://{}/", server.address()), size).await;
        page.prefer("light").await;
        page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
        Shown { page, broadcaster, queue, _server: server, _browser: browser }
    }
}
