//! `examples/phone_offline`: a phone that was away shows what it has missed, in order and once, and says so.

use serde_json::json;

use crate::harness::{ExampleSite, Page, Session};

const IS_LIVE: &str = "document.querySelector('#state').innerText === 'live'";
const REPORTS: &str = "[...document.querySelectorAll('#reports li')].map((item) => item.value)";

/// The page of Ann, connected, and Ann in another browser.
async fn start(args: &[&str]) -> (ExampleSite, Page, Session) {
    let site = ExampleSite::start_with("phone_offline.php", "*", args).await;
    let ann = site.log_in("ann").await;
    let mut page = site.open("127.0.0.1").await;
    page.click("[data-user=ann]").await;
    page.wait_for(IS_LIVE).await;
    (site, page, ann)
}

/// Lets the courier report, and returns when nothing waits for the broadcaster any more.
async fn report(site: &ExampleSite, session: &mut Session, count: u32) {
    for _ in 0..count {
        session.posted("reports", json!({})).await;
    }
    site.queue.is_drained().await;
}

/// Cuts the line of the page, and returns when the page knows.
async fn sleep(site: &ExampleSite, page: &mut Page) {
    site.line.cut();
    page.wait_for("document.querySelector('#state').dataset.state === 'waiting'").await;
}

/// Mends it, and tells the page, as a phone does that has a network again.
async fn wake(site: &ExampleSite, page: &mut Page) {
    site.line.mend();
    page.evaluate("window.dispatchEvent(new Event('online'))").await;
    page.wait_for(IS_LIVE).await;
}

#[tokio::test]
async fn a_phone_that_slept_shows_what_it_missed_in_order_and_says_how_much() {
    let (site, mut page, mut ann) = start(&[]).await;
    nobody_else_sees_the_parcel_and_the_button_takes_the_page_offline(&site, &mut page).await;
    report(&site, &mut ann, 1).await;
    page.wait_for(&format!("{REPORTS}.join() === '3,2,1'")).await;
    // From here on it does not fetch the state: what it shows came as events, and handlers are called once for each.
    page.evaluate("window.fetch = (path) => Promise.reject(new Error(`asked for ${path}`))").await;

    sleep(&site, &mut page).await;
    report(&site, &mut ann, 3).await;
    wake(&site, &mut page).await;
    page.wait_for("document.querySelector('#gap').innerText.endsWith(': 3 events came while you were away.')").await;
    assert_eq!(page.evaluate(&format!("{REPORTS}.join()")).await, "6,5,4,3,2,1");

    // Where nothing ends the connection, the page knows of the break only when it looks.
    site.line.fall_silent();
    report(&site, &mut ann, 1).await;
    wake(&site, &mut page).await;
    page.wait_for("document.querySelector('#gap').innerText.endsWith(': 1 event came while you were away.')").await;
    assert_eq!(page.evaluate(&format!("{REPORTS}.join()")).await, "7,6,5,4,3,2,1");
    assert_eq!(page.text("#latest").await, "The parcel was picked up");
    // What comes now is not counted.
    let before = page.text("#gap").await;
    page.evaluate("window.fetch = fetched").await;
    report(&site, &mut ann, 1).await;
    page.wait_for("document.querySelector('#latest').innerText === 'The parcel is in the van'").await;
    assert_eq!((page.text("#gap").await, page.text("#problem").await), (before, String::new()));
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn a_phone_that_was_away_for_too_long_is_told_and_fetches_the_state() {
    let (site, mut page, mut ann) = start(&["--history-events", "2"]).await;
    report(&site, &mut ann, 1).await;
    page.wait_for(&format!("{REPORTS}.join() === '1'")).await;
    sleep(&site, &mut page).await;
    report(&site, &mut ann, 3).await;
    wake(&site, &mut page).await;
    page.wait_for(
        "document.querySelector('#gap').innerText
             .endsWith('You were away for too long to get each event. The state was loaded again.')",
    )
    .await;
    assert_eq!(page.evaluate(&format!("{REPORTS}.join()")).await, "4,3,2,1");
    // It goes on from there.
    report(&site, &mut ann, 1).await;
    page.wait_for(&format!("{REPORTS}.join() === '5,4,3,2,1'")).await;
    assert_eq!(page.problems(), [""; 0]);
}

async fn nobody_else_sees_the_parcel_and_the_button_takes_the_page_offline(site: &ExampleSite, page: &mut Page) {
    let mut ben = site.open("localhost").await;
    ben.click("[data-user=ben]").await;
    ben.wait_for(IS_LIVE).await;

    page.click("#offline").await;
    page.wait_for("document.querySelector('#state').innerText === 'offline'").await;
    page.evaluate(
        "window.reported = 0, window.fetched = fetch, window.fetch = (...given) => fetched(...given)
        .then((answer) => { reported++; return answer; })",
    )
    .await;
    for reported in 1..=2 {
        page.click("#report").await;
        page.wait_for(&format!("reported === {reported}")).await;
    }
    site.queue.is_drained().await;
    assert_eq!(page.evaluate(&format!("{REPORTS}.length")).await, 0);
    page.click("#offline").await;
    page.wait_for("document.querySelector('#gap').innerText.endsWith(': 2 events came while you were away.')").await;
    assert_eq!(page.evaluate(&format!("{REPORTS}.join()")).await, "2,1");

    // Ben gets his own, and nothing came before it.
    ben.click("#report").await;
    ben.wait_for(&format!("{REPORTS}.length > 0")).await;
    assert_eq!((ben.text("#latest").await.as_str(), ben.text("#gap").await.as_str()), ("The parcel was picked up", ""));
    assert_eq!(ben.evaluate(&format!("{REPORTS}.join()")).await, "1");
    ben.click("#logout").await;
    ben.wait_for("document.querySelector('#state').innerText === 'logged out'").await;
    assert_eq!(ben.problems(), [""; 0]);
}
