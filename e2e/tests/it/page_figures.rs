//! The figures of the page of `make run`, and what it says of events that find it without a connection; all of it as
//! `examples/run` starts it.

use crate::harness::{Browser, BrowserKind, Demo, Page, built, in_each_browser};

const DESKTOP: (u32, u32) = (1280, 880);
const PHONE: (u32, u32) = (390, 844);

in_each_browser!(
    an_event_that_finds_the_page_without_a_connection_is_followed,
    request_and_push_are_shown_apart,
    a_second_window_is_one_client_more,
);

async fn an_event_that_finds_the_page_without_a_connection_is_followed(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    assert_eq!(page.text("#away").await, "");
    page.click("#disconnect").await;
    page.click("#create").await;
    page.wait_for(&away("Queued, this page is not connected: order.created.")).await;
    page.click("#create").await;
    page.click("#notify").await;
    page.wait_for(&away("Queued, this page is not connected: 2 × order.created, notification.")).await;
    assert_eq!(page.text("#received").await, "0");

    page.click("#connect").await;
    page.wait_for(&away("Connected again, sent again by resume: 2 × order.created, notification.")).await;
    page.wait_for("[...document.querySelectorAll('#events .took')].map((took) => took.innerText).join() === 'sent again,sent again,sent again'").await;
    // The time without a connection is not that of a push.
    assert_eq!(page.text("#push").await, "–");

    page.click("#notify").await;
    page.wait_for(&away("")).await;
    assert_eq!(page.problems(), [""; 0]);
}

async fn request_and_push_are_shown_apart(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    // An answer that takes long is no part of the push, and the other way round.
    page.evaluate(
        "window.now = fetch, window.fetch = async (...request) => {
            const answer = await now(...request);
            if (request[1]?.method === 'POST') await new Promise((later) => setTimeout(later, 700));
            return answer;
        }, 0",
    )
    .await;
    page.click("#create").await;
    page.wait_for("parseFloat(document.querySelector('#request').innerText) >= 700").await;
    page.wait_for("/^(< )?[\\d.]+ ms$/.test(document.querySelector('#push').innerText)").await;
    let push = page.evaluate("pushTimes").await;
    assert!((0.0..700.0).contains(&push[0].as_f64().unwrap()), "{push}");
    assert_eq!(push.as_array().unwrap().len(), 1);
    let took = page.text("#events .took").await;
    assert_eq!(took, format!("push {}", page.text("#push").await));
    for (figure, name) in [("request", "HTTP request, click to PHP's answer"), ("push", "push, queued to arrival here")]
    {
        let title = format!("document.querySelector('#{figure}').closest('div').querySelector('dt').innerText");
        assert_eq!(page.evaluate(&title).await, name);
        assert!(page.text(&format!("#{figure}-median")).await.starts_with("median of 1: "));
    }

    // Elsewhere the clocks differ, and then there is no such time.
    page.evaluate(
        "window.fetch = async (...request) => {
            const answer = await now(...request);
            const queued = Number(answer.headers.get('X-Queued-At')) + 5000;
            return new Response(await answer.text(), { status: answer.status, headers: { 'X-Queued-At': queued } });
        }, 0",
    )
    .await;
    page.click("#notify").await;
    page.wait_for("!document.querySelector('#no-push').hidden").await;
    page.wait_for("document.querySelector('#events .took').innerText === 'from this page'").await;
    assert_eq!(page.evaluate("pushTimes.length").await, 1);
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn an_event_from_before_the_first_connection_is_said_to_be_missed() {
    let demo = Demo::start().await;
    let browser = Browser::start().await;
    // Port 9 is nobody's.
    let mut page = browser.open(&format!("http://{}/?ws=ws://127.0.0.1:9/", demo.address()), DESKTOP).await;
    page.wait_for("document.querySelector('#state').innerText === 'disconnected'").await;
    page.click("#create").await;
    page.wait_for(&away("Queued, this page is not connected: order.created.")).await;
    page.evaluate(
        "fetch('config.json').then((answer) => answer.json())
            .then(({ websocketUrl }) => { document.querySelector('#address').value = websocketUrl; })",
    )
    .await;
    // While it tries the other address, the button is disabled.
    page.wait_for(
        "(document.querySelector('#connect').click(), document.querySelector('#state').innerText === 'connected')",
    )
    .await;
    let missed = "Queued before this page was connected for the first time, so not shown: order.created.";
    page.wait_for(&away(missed)).await;
}

#[tokio::test]
async fn the_chart_has_a_scale_that_holds_its_bars() {
    let mut shown = Shown::start(BrowserKind::Chromium, DESKTOP).await;
    let page = &mut shown.page;
    page.click("#create").await;
    page.wait_for("pushTimes.length === 1").await;
    for (times, top, middle, name) in [
        ("[0.3, 0.4]", "0.5", "0.25", "Push times of the last 2: shortest 0.3 ms, longest 0.4 ms, newest 0.4 ms"),
        ("[4, 1, 2]", "5", "2.5", "Push times of the last 3: shortest 1.0 ms, longest 4.0 ms, newest 2.0 ms"),
        ("[0.05]", "0.1", "0.05", "Push times of the last 1: shortest < 0.1 ms, longest < 0.1 ms, newest < 0.1 ms"),
        ("[120]", "200", "100", "Push times of the last 1: shortest 120 ms, longest 120 ms, newest 120 ms"),
    ] {
        page.evaluate(&format!("pushTimes.splice(0, 50, ...{times}), showBars()")).await;
        assert_eq!([page.text("#scale-top").await, page.text("#scale-middle").await], [top, middle], "{times}");
        let heights = "[...document.querySelectorAll('#bars rect')].map((bar) => bar.height.baseVal.value * Number(document.querySelector('#scale-top').innerText) / 20)";
        let differs = format!("{heights}.some((height, index) => Math.abs(height - {times}[index]) > .01)");
        assert_eq!(page.evaluate(&differs).await, false, "{times}");
        assert!(page.accessible().await.contains(&("image".to_owned(), name.to_owned())), "{name}");
    }
    assert_eq!(page.text(".chart figcaption").await, "push in ms, the last 24 of this page");
    assert_eq!(page.text(".ages").await, "oldest\nnewest");
}

async fn a_second_window_is_one_client_more(browser: BrowserKind) {
    let mut shown = Shown::start(browser, DESKTOP).await;
    let page = &mut shown.page;
    page.wait_for("document.querySelector('#clients').innerText === '1'").await;
    // What the link opens is kept, to look at it and to close it.
    page.evaluate("window.begun = open, window.open = (...how) => { window.other = begun(...how); return other; }, 0")
        .await;
    page.click("#second").await;
    page.wait_for("document.querySelector('#clients').innerText === '2'").await;
    assert_eq!(page.evaluate("other.location.href === location.href").await, true);
    page.click("#create").await;
    page.wait_for("other.document.querySelector('#events .times')?.innerText.startsWith('from elsewhere')").await;

    page.evaluate("other.close()").await;
    page.wait_for("document.querySelector('#clients').innerText === '1'").await;
    let asked = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/clients.json')).map(({ startTime }) => startTime)";
    let pauses = format!("{asked}.every((time, index, all) => index === 0 || time - all[index - 1] >= 1990)");
    assert_eq!(page.evaluate(&pauses).await, true);
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn a_browser_that_opens_no_window_follows_the_link() {
    let mut shown = Shown::start(BrowserKind::Chromium, DESKTOP).await;
    let page = &mut shown.page;
    page.wait_for("document.querySelector('#clients').innerText === '1'").await;
    page.evaluate("window.open = () => null, 0").await;
    page.click("#second").await;
    // The new tab is in front, so this page asks no more by itself.
    let count =
        "void setInterval(async () => { window.told = (await (await fetch('clients.json')).json()).clients; }, 100)";
    page.evaluate(count).await;
    page.wait_for("window.told === 2").await;
}

#[tokio::test]
async fn the_newest_event_is_seen_on_a_phone_without_scrolling() {
    let mut shown = Shown::start(BrowserKind::Chromium, PHONE).await;
    let page = &mut shown.page;
    page.click("#disconnect").await;
    page.click("#broadcast").await;
    page.wait_for("document.querySelector('#away').innerText !== ''").await;
    page.click("#connect").await;
    page.wait_for("document.querySelectorAll('#events li').length === 1").await;
    page.evaluate("scrollTo(0, 0)").await;
    for (count, button) in ["#create", "#update", "#notify", "#broadcast", "#delete", "#create"].iter().enumerate() {
        page.evaluate(&format!("document.querySelector('{button}').click()")).await;
        page.wait_for(&format!("document.querySelectorAll('#events li').length === {}", count + 2)).await;
        // All of it, and nothing lies above it.
        let is_seen =
            "(() => { const event = document.querySelector('#events li'), box = event.getBoundingClientRect();
            const at = (y) => event.contains(document.elementFromPoint(box.x + box.width / 2, y));
            return [scrollY, innerHeight, at(box.top + 2), at(box.bottom - 2), box.bottom <= innerHeight]; })()";
        assert_eq!(page.evaluate(is_seen).await, serde_json::json!([0, 844, true, true, true]), "after {button}");
    }
    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, PHONE.0);
    // The list has an end on a phone, so that what is below can be reached; keys scroll it.
    let has_an_end = "document.querySelector('#events').clientHeight < innerHeight && document.querySelector('#events').tabIndex === 0";
    assert_eq!(page.evaluate(has_an_end).await, true);
}

#[tokio::test]
async fn a_page_that_is_opened_as_a_file_says_what_to_do() {
    let browser = Browser::start().await;
    let file = built::repository().join("examples/websocket_client_test.html");
    let mut page = browser.open(&format!("file://{}", file.display()), DESKTOP).await;
    page.wait_for("document.querySelector('#problem').innerText.includes('make run')").await;
    assert_eq!(page.text("#state").await, "not connected");
    assert_eq!(page.problems(), [""; 0]);
}

/// A condition: what the page says of events that found it without a connection.
fn away(text: &str) -> String {
    format!("document.querySelector('#away').innerText === '{text}'")
}

/// What `make run` starts, and its page.
struct Shown {
    page: Page,
    _demo: Demo,
    _browser: Browser,
}

impl Shown {
    /// Starts it all, and returns when the page is connected.
    async fn start(browser: BrowserKind, size: (u32, u32)) -> Shown {
        let demo = Demo::start().await;
        let browser = Browser::of(browser).await;
        let mut page = browser.open(&format!("http://{}/", demo.address()), size).await;
        page.prefer("light").await;
        page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
        Shown { page, _demo: demo, _browser: browser }
    }
}
