//! `examples/laravel-echo`: a Laravel application whose pages use Echo, with the driver of packages/laravel.

use testkit::{Process, Signal, temporary_directory};

use crate::harness::{Browser, Page, example_script, fits};

const PHONE: (u32, u32) = (390, 844);
const ORDERS: &str = "[...document.querySelectorAll('#orders li')].map((item) => item.innerText).join()";

#[tokio::test]
async fn an_order_that_one_page_pays_is_on_the_other_pages_of_its_customer_alone() {
    let temporary = temporary_directory();
    let mut process = Process::spawn(&mut example_script("laravel-echo/run", temporary.path()));
    let url = |line: &str| line.trim().strip_prefix("Open  ").map(str::to_owned);
    let url = process.line("it prints the page's address", url).await.expect("it starts");

    let browser = Browser::start().await;
    let mut ann = log_in(&browser, &url, "ann").await;
    let mut ben = log_in(&browser, &url.replace("127.0.0.1", "localhost"), "ben").await;
    // Somebody who is logged in already, with another page.
    let mut other = browser.open(&url, PHONE).await;
    is_subscribed(&mut other).await;
    other.evaluate("window.events = 0, echo.private('orders.ann').listen('OrderPaid', () => events++), 0").await;
    ann.evaluate("window.events = 0, echo.private('orders.ann').listen('OrderPaid', () => events++), 0").await;

    ann.click("#pay").await;
    for page in [&mut ann, &mut other] {
        page.wait_for(&format!("{ORDERS} === '1. Tea, paid'")).await;
    }
    // toOthers(): the page that has paid shows it from the answer, and gets no event.
    other.click("#pay").await;
    ann.wait_for(&format!("{ORDERS} === '2. Tea, paid,1. Tea, paid'")).await;
    assert_eq!((ann.evaluate("events").await, other.evaluate("events").await), (1.into(), 1.into()));

    // Ben sees his own, and Laravel signs nothing else for him.
    ben.click("#pay").await;
    ben.wait_for(&format!("{ORDERS} === '1. Tea, paid'")).await;
    ben.evaluate("echo.private('orders.ann').error(({ status }) => { window.refused = status; }), 0").await;
    ben.wait_for("window.refused === 403").await;
    for (channel, credentials, status) in [
        ("private-orders.ben", "same-origin", 200),
        ("private-orders.ben", "omit", 403),
        ("private-orders.ann", "same-origin", 403),
    ] {
        let signed = format!(
            "fetch('/broadcasting/auth', {{ method: 'POST', credentials: '{credentials}',
                 body: new URLSearchParams({{ channel_name: '{channel}', socket_id: '1.1' }}) }}).then(({{ status }}) => status)"
        );
        assert_eq!(ben.evaluate(&signed).await, status, "{channel}, {credentials}");
    }
    // Without the token that pages of other sites do not have.
    let forged = "fetch('/orders/paid', { method: 'POST' }).then(({ status }) => status)";
    assert_eq!(ben.evaluate(forged).await, 419);

    // After a break the page fetches what it has missed: pusher-js does not get it.
    ben.evaluate("echo.disconnect(), 0").await;
    let paid = "fetch('/orders/paid', { method: 'POST', headers: { Accept: 'application/json',
        'X-CSRF-TOKEN': document.querySelector('[name=csrf-token]').content } }).then(({ status }) => status)";
    assert_eq!(ben.evaluate(paid).await, 200);
    ben.evaluate("echo.connector.pusher.connect(), 0").await;
    ben.wait_for(&format!("{ORDERS} === '2. Tea, paid,1. Tea, paid'")).await;

    ben.click("#logout").await;
    ben.wait_for("document.querySelector('[value=ben]')").await;
    for page in [&mut ann, &mut ben, &mut other] {
        assert_eq!(page.problems(), [""; 0]);
    }
    process.signal(Signal::INT);
    assert_eq!(process.exit().await.code(), Some(0), "{:?}", process.stderr());
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0, "it leaves nothing");
}

/// Opens the page, logs in, and returns when Echo has its channel.
async fn log_in(browser: &Browser, url: &str, user: &str) -> Page {
    let mut page = browser.open(url, PHONE).await;
    fits(&mut page).await;
    page.click(&format!("[value={user}]")).await;
    page.wait_for(&format!("document.querySelector('#whose')?.innerText === 'Paid orders of {user}'")).await;
    is_subscribed(&mut page).await;
    page
}

async fn is_subscribed(page: &mut Page) {
    page.wait_for("document.querySelector('#state')?.innerText === 'live'").await;
    page.wait_for("Object.values(echo.connector.channels)[0]?.subscription.subscribed").await;
    fits(page).await;
}
