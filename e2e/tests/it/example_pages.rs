//! The pages of the three examples of channels in a real browser.

use serde_json::json;
use testkit::Signal;

use crate::harness::{ExampleSite, Page};

#[tokio::test]
async fn the_order_dashboard_shows_a_customer_his_orders_and_the_shop_all() {
    let shown = ExampleSite::start("order_dashboard.php", "*").await;
    let (mut ann, mut shop) = (shown.open("127.0.0.1").await, shown.open("localhost").await);
    for (page, user) in [(&mut ann, "ann"), (&mut shop, "shop")] {
        page.wait_for("document.querySelector('#state').innerText === 'nobody is logged in'").await;
        page.click(&format!("[data-user={user}]")).await;
        page.wait_for("!document.querySelector('#in').hidden").await;
    }
    ann.click("#form button").await;
    shop.wait_for("document.querySelector('#orders').innerText.includes('1. Tea for ann')").await;
    shop.click("#orders button").await;
    ann.wait_for("document.querySelector('#orders').innerText.includes('packed')").await;
    for page in [&mut ann, &mut shop] {
        assert_eq!(page.text("#left").await, "99");
    }

    // The next user of this browser sees nothing of it.
    ann.click("#logout").await;
    ann.wait_for("document.querySelector('#state').innerText === 'logged out'").await;
    ann.click("[data-user=ben]").await;
    ann.wait_for("document.querySelector('#whose').innerText === 'Orders of ben'").await;
    assert_eq!(ann.text("#orders").await, "");
    assert_eq!([ann.problems(), shop.problems()].concat(), [""; 0]);
}

#[tokio::test]
async fn a_chat_room_of_members_opens_for_who_is_invited() {
    let shown = ExampleSite::start("chat_rooms.php", "room.*").await;
    let (mut ann, mut ben) = (shown.open("127.0.0.1").await, shown.open("localhost").await);
    for (page, user) in [(&mut ann, "ann"), (&mut ben, "ben")] {
        page.wait_for("!document.querySelector('#out').hidden").await;
        page.evaluate(&format!("document.querySelector('#name').value = '{user}'")).await;
        page.click("#login button").await;
        page.wait_for("document.querySelector('#room').value === 'lobby'").await;
    }
    let rooms = "[...document.querySelectorAll('#room option')].map((option) => option.value).join()";
    assert_eq!(
        (ann.evaluate(rooms).await, ben.evaluate(rooms).await),
        ("lobby,garden,staff".into(), "lobby,garden".into())
    );
    say(&mut ann, "Hello").await;
    ben.wait_for("document.querySelector('#messages').innerText.includes('Hello')").await;
    assert_eq!(ann.evaluate("document.querySelectorAll('#messages li').length").await, 1, "its own message once");

    ann.evaluate("document.querySelector('#room').value = 'staff', document.querySelector('#room').dispatchEvent(new Event('change'))").await;
    say(&mut ann, "Only us").await;
    ann.evaluate("document.querySelector('#guest').value = 'ben'").await;
    ann.click("#inviting button").await;
    ben.wait_for("document.querySelector('#room').value === 'staff'").await;
    // It was said before the invitation, and is read from the list.
    ben.wait_for("document.querySelector('#messages').innerText.includes('Only us')").await;
    say(&mut ben, "Thanks").await;
    ann.wait_for("document.querySelector('#messages').innerText.includes('Thanks')").await;
    assert_eq!([ann.problems(), ben.problems()].concat(), [""; 0]);
}

/// Lets the page count its requests whose path ends so.
async fn count_requests(page: &mut Page, ending: &str) {
    page.evaluate(&format!(
        "(() => {{ const asked = window.fetch; window.requests = 0;
             window.fetch = (...given) => {{ requests += String(given[0]).endsWith('{ending}'); return asked(...given); }}; }})()"
    ))
    .await;
}

const IS_WAITING: &str = "document.querySelector('#state').dataset.state === 'waiting'";
const IS_LIVE: &str = "document.querySelector('#state').innerText === 'live'";

#[tokio::test]
async fn the_order_dashboard_shows_what_was_published_while_the_broadcaster_was_down() {
    let mut shown = ExampleSite::start("order_dashboard.php", "*").await;
    let (mut ann, mut shop) = (shown.log_in("ann").await, shown.log_in("shop").await);
    let mut page = shown.open("127.0.0.1").await;
    page.click("[data-user=ann]").await;
    page.wait_for(IS_LIVE).await;
    ann.posted("orders", json!({ "item": "Tea" })).await;
    page.wait_for("document.querySelector('#orders').innerText.includes('1. Tea')").await;

    // The page does not ask for the list again, so it has the changes from events.
    count_requests(&mut page, "orders").await;
    for (signal, item, number) in [(Signal::TERM, "Pot", 2), (Signal::KILL, "Cup", 3)] {
        shown.stop_broadcaster(signal).await;
        page.wait_for(IS_WAITING).await;
        ann.posted("orders", json!({ "item": item })).await;
        shop.posted(&format!("orders/{}/next", number - 1), json!({})).await;
        shown.start_broadcaster(&[]).await;
        page.wait_for(&format!("document.querySelectorAll('#orders li').length === {number}")).await;
        page.wait_for("document.querySelectorAll('#orders b')[1].innerText === 'packed'").await;
        let left = format!("document.querySelector('#left').innerText === '{}'", 100 - number);
        page.wait_for(&left).await;
        page.wait_for(IS_LIVE).await;
    }
    assert_eq!((page.evaluate("requests").await, page.text("#gap").await), (json!(0), String::new()));

    // One that keeps nothing cannot send it again. The page says so, and asks for the list.
    shown.stop_broadcaster(Signal::TERM).await;
    page.wait_for(IS_WAITING).await;
    ann.posted("orders", json!({ "item": "Cake" })).await;
    shown.start_broadcaster(&["--history-events", "0"]).await;
    page.wait_for(
        "document.querySelector('#gap').innerText.endsWith('Some messages were missed. The list was loaded again.')",
    )
    .await;
    assert!(page.text("#orders").await.starts_with("4. Cake"));
    assert_eq!(page.text("#problem").await, "");
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn a_chat_room_shows_what_was_said_while_the_broadcaster_was_down() {
    let mut shown = ExampleSite::start("chat_rooms.php", "room.*").await;
    let mut ben = shown.log_in("ben").await;
    let mut page = shown.open("127.0.0.1").await;
    page.click("#login button").await;
    page.wait_for(IS_LIVE).await;
    ben.posted("rooms/lobby/messages", json!({ "id": "m1", "text": "Before" })).await;
    page.wait_for("document.querySelector('#messages').innerText.includes('Before')").await;

    count_requests(&mut page, "messages").await;
    shown.stop_broadcaster(Signal::TERM).await;
    page.wait_for(IS_WAITING).await;
    ben.posted("rooms/lobby/messages", json!({ "id": "m2", "text": "Meanwhile" })).await;
    shown.start_broadcaster(&[]).await;
    page.wait_for("document.querySelector('#messages').innerText.includes('Meanwhile')").await;
    page.wait_for(IS_LIVE).await;
    assert_eq!((page.evaluate("requests").await, page.text("#gap").await), (json!(0), String::new()));

    shown.stop_broadcaster(Signal::TERM).await;
    page.wait_for(IS_WAITING).await;
    ben.posted("rooms/lobby/messages", json!({ "id": "m3", "text": "Later" })).await;
    shown.start_broadcaster(&["--history-events", "0"]).await;
    page.wait_for(
        "document.querySelector('#gap').innerText.endsWith('Some messages were missed. The list was loaded again.')",
    )
    .await;
    let said = "[...document.querySelectorAll('#messages span')].map((said) => said.innerText)";
    assert_eq!(page.evaluate(said).await, json!(["Before", "Meanwhile", "Later"]));
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn what_is_published_between_the_list_and_the_connection_is_shown() {
    let shown = ExampleSite::start("order_dashboard.php", "*").await;
    let mut ann = shown.log_in("ann").await;
    ann.posted("orders", json!({ "item": "Tea" })).await;
    shown.queue.is_drained().await;
    let mut page = shown.open("127.0.0.1").await;
    page.wait_for("document.querySelector('#state').innerText === 'nobody is logged in'").await;
    count_requests(&mut page, "orders").await;
    // The page has its list, and cannot connect.
    shown.line.cut();
    page.click("[data-user=ann]").await;
    page.wait_for(IS_WAITING).await;
    assert_eq!(page.evaluate("document.querySelectorAll('#orders li').length").await, 1);
    ann.posted("orders", json!({ "item": "Pot" })).await;
    shown.queue.is_drained().await;
    shown.line.mend();
    page.wait_for("document.querySelectorAll('#orders li').length === 2").await;
    page.wait_for("document.querySelector('#left').innerText === '98'").await;
    page.wait_for(IS_LIVE).await;
    // One list: the rest came as events.
    assert_eq!((page.evaluate("requests").await, page.text("#gap").await), (json!(1), String::new()));
    assert_eq!(page.problems(), [""; 0]);
}

/// Sends a message, and returns when the page shows it.
async fn say(page: &mut Page, text: &str) {
    page.click("#text").await;
    page.type_text(text).await;
    page.click("#form button").await;
    page.wait_for(&format!("document.querySelector('#messages').innerText.includes('{text}')")).await;
}

#[tokio::test]
async fn the_live_counter_shows_everybody_each_visit() {
    let shown = ExampleSite::start("live_counter.php", "*").await;
    let (mut one, mut other) = (shown.open("127.0.0.1").await, shown.open("localhost").await);
    for page in [&mut one, &mut other] {
        page.wait_for("document.querySelector('#visits').innerText === '0'").await;
    }
    one.click("#visit").await;
    for page in [&mut one, &mut other] {
        page.wait_for("document.querySelector('#visits').innerText === '1'").await;
    }
    assert_eq!([one.problems(), other.problems()].concat(), [""; 0]);
}
