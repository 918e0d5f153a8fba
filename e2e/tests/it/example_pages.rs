//! The pages of the three examples of channels in a real browser.

use testkit::{Broadcaster, QueueDir};

use crate::harness::{Browser, Page, PhpServer, broadcaster, queue_dir};

const SIZE: (u32, u32) = (390, 844);

struct Shown {
    browser: Browser,
    server: PhpServer,
    _broadcaster: Broadcaster,
    _queue: QueueDir,
}

impl Shown {
    async fn start(script: &str, public: &str) -> Shown {
        let queue = queue_dir();
        let broadcaster = broadcaster::start_with_tokens(&queue, public).await;
        let server = PhpServer::start(script, &queue, broadcaster.address().port()).await;
        Shown { browser: Browser::start().await, server, _broadcaster: broadcaster, _queue: queue }
    }

    /// Opens the page under a name of this machine: cookies of one name are not sent to another.
    async fn open(&self, host: &str) -> Page {
        let mut page = self.browser.open(&format!("http://{host}:{}/", self.server.address().port()), SIZE).await;
        let width = page.evaluate("document.documentElement.scrollWidth").await;
        assert_eq!(width, SIZE.0);
        page
    }
}

#[tokio::test]
async fn the_order_dashboard_shows_a_customer_his_orders_and_the_shop_all() {
    let shown = Shown::start("order_dashboard.php", "*").await;
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
    let shown = Shown::start("chat_rooms.php", "room.*").await;
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

/// Sends a message, and returns when the page shows it.
async fn say(page: &mut Page, text: &str) {
    page.click("#text").await;
    page.type_text(text).await;
    page.click("#form button").await;
    page.wait_for(&format!("document.querySelector('#messages').innerText.includes('{text}')")).await;
}

#[tokio::test]
async fn the_live_counter_shows_everybody_each_visit() {
    let shown = Shown::start("live_counter.php", "*").await;
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
