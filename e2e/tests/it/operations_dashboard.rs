//! `examples/operations_dashboard`: what several producers publish is on the display, for the operations group alone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use hyper::StatusCode;
use serde_json::json;
use testkit::{Process, Signal};

use crate::harness::{ExampleSite, Native, broadcaster, fits, ran};

const SCRIPT: &str = "operations_dashboard.php";
const IS_LIVE: &str = "document.querySelector('#state').innerText === 'live'";

/// Whether the list has an item that begins so.
fn has(list: &str, text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#{list} li')].some((item) => item.innerText.replace(/\\s+/g, ' ').startsWith('{text}'))"
    )
}

#[tokio::test]
async fn the_display_shows_what_php_a_shell_and_the_site_publish() {
    let mut site = ExampleSite::start(SCRIPT, "*").await;
    ran(&mut site.in_a_shell(SCRIPT, &["alert", "db1", "the disk is full"])).await;
    let mut page = site.open("127.0.0.1").await;
    page.click("[data-user=olga]").await;
    page.wait_for(IS_LIVE).await;
    // The state of before.
    page.wait_for(&has("alerts", "db1 the disk is full")).await;

    ran(&mut site.in_a_shell(SCRIPT, &["alert", "shop", "errors in 2 of 100 requests"])).await;
    page.wait_for(&has("alerts", "shop errors in 2")).await;
    ran(&mut site.in_a_shell(SCRIPT, &["close", "db1"])).await;
    page.wait_for(&format!("!{}", has("alerts", "db1"))).await;
    page.click("#alerts button").await;
    page.wait_for(&has("alerts", "No alerts")).await;

    ran(&mut site.in_a_shell(SCRIPT, &["figures"])).await;
    page.wait_for("/^\\d+ %$/.test(document.querySelector('#disk').innerText)").await;
    page.click("#job").await;
    page.wait_for(&has("jobs", "nightly report took")).await;
    let deployment = r#"{"service":"shop","version":"1.4.2"}"#;
    site.publish(&["deployment.finished", deployment, "--channel", "private-operations"]).await;
    page.wait_for(&has("deployments", "shop 1.4.2 finished")).await;
    // What the display does not know changes nothing.
    site.publish(&["of.a.newer.producer", "7", "--channel", "private-operations"]).await;

    page.wait_for("document.querySelector('#ready').innerText === 'ready'").await;
    page.wait_for("document.querySelector('#clients').innerText === '1'").await;
    fits(&mut page).await;
    for scheme in ["light", "dark"] {
        page.prefer(scheme).await;
        assert_eq!(page.low_contrast().await, json!([]), "{scheme}");
    }

    let mut ann = site.open("localhost").await;
    ann.click("[data-user=ann]").await;
    ann.wait_for("document.querySelector('#problem').innerText === 'ann is not in the operations group'").await;
    assert_eq!(ann.evaluate("document.querySelector('#in').hidden").await, true);

    // A break of the broadcaster hides no alert.
    site.stop_broadcaster(Signal::TERM).await;
    page.wait_for("document.querySelector('#ready').innerText === 'the broadcaster does not answer'").await;
    ran(&mut site.in_a_shell(SCRIPT, &["alert", "db2", "no replica"])).await;
    site.start_broadcaster(&[]).await;
    page.wait_for(&has("alerts", "db2 no replica")).await;
    assert_eq!((page.text("#problem").await, page.text("#gap").await), (String::new(), String::new()));
    assert_eq!([page.problems(), ann.problems()].concat(), [""; 0]);
}

#[tokio::test]
async fn alerts_are_high_and_figures_are_low_and_end() {
    let mut site = ExampleSite::start(SCRIPT, "*").await;
    site.stop_broadcaster(Signal::TERM).await;
    ran(&mut site.in_a_shell(SCRIPT, &["figures"])).await;
    ran(&mut site.in_a_shell(SCRIPT, &["alert", "db1", "the disk is full"])).await;
    let mut command = broadcaster::command(["queue", "dump", "--queue"]);
    let mut dump = Process::spawn(command.arg(site.queue.path()));
    assert!(dump.exit().await.success(), "{:?}", dump.stderr());
    let [figures, alert] = &dump.stdout()[..] else { panic!("two events: {:?}", dump.stdout()) };
    assert!(figures.contains(".low.") && figures.contains("\"expires_at\""), "{figures}");
    assert!(alert.contains(".high.") && !alert.contains("\"expires_at\""), "{alert}");
}

#[tokio::test]
async fn a_text_that_cannot_be_stored_costs_nothing_that_is() {
    let site = ExampleSite::start(SCRIPT, "*").await;
    ran(&mut site.in_a_shell(SCRIPT, &["alert", "db1", "the disk is full"])).await;
    let mut command = site.in_a_shell(SCRIPT, &["alert", "db2"]);
    let mut alert = Process::spawn(command.arg(OsStr::from_bytes(b"no UTF-8: \xff")));
    assert!(!alert.exit().await.success());
    let (_, told) = site.log_in("omar").await.get("operations").await;
    assert_eq!(told["alerts"], json!([{ "on": "db1", "text": "the disk is full" }]));
}

#[tokio::test]
async fn only_the_operations_group_gets_a_token_and_the_state() {
    let mut site = ExampleSite::start(SCRIPT, "*").await;
    let mut ann = site.log_in("ann").await;
    for path in ["token", "operations", "broadcaster"] {
        let (status, answer) = ann.get(path).await;
        assert_eq!((status, &answer["error"]), (StatusCode::FORBIDDEN, &json!("ann is not in the operations group")));
    }
    for (path, body) in [("jobs", json!({ "name": "x" })), ("alerts/close", json!({ "on": "db1" }))] {
        assert_eq!(ann.post(path, body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let url = format!("ws://{}/", site.broadcaster.address());
    assert_eq!(Native::connect(&url, None).await.subscribe("private-operations").await, "error 101");

    let mut omar = site.log_in("omar").await;
    let (status, told) = omar.get("broadcaster").await;
    assert_eq!((status, &told["ready"], &told["waiting"]), (StatusCode::OK, &json!(true), &json!(0)), "{told}");
    assert_eq!(told.as_object().unwrap().len(), 5, "no more than the page shows: {told}");
    site.stop_broadcaster(Signal::TERM).await;
    assert_eq!(omar.get("broadcaster").await.0, StatusCode::BAD_GATEWAY);
}
