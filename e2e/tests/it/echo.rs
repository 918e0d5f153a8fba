//! Pages with Laravel Echo and pusher-js in browsers, on a site in PHP that signs for them and publishes through the
//! queue.

use testkit::{Broadcaster, QueueDir, Signal};

use crate::harness::{Browser, BrowserKind, Page, PhpServer, in_each_browser, pusher, queue_dir};

const SIZE: (u32, u32) = (390, 844);

in_each_browser!(
    events_come_for_everybody_and_for_members_alone,
    who_is_there_is_shown_as_users_come_and_go,
    a_whisper_comes_to_the_others,
    who_causes_an_event_is_left_out_with_to_others,
    notifications_and_what_is_for_a_user_come_to_all_of_his_tabs,
    pages_come_back_after_the_broadcaster_was_restarted,
);

struct Site {
    browser: Browser,
    server: PhpServer,
    broadcaster: Broadcaster,
    queue: QueueDir,
}

impl Site {
    async fn start(browser: BrowserKind) -> Site {
        let queue = queue_dir();
        let broadcaster = pusher::start(&queue).await;
        let app = [pusher::APP_KEY, pusher::APP_SECRET];
        let server = PhpServer::start_pusher_site(&queue, broadcaster.address().port(), app).await;
        Site { browser: Browser::of(browser).await, server, broadcaster, queue }
    }

    /// Opens a page of a user under a name of this machine: cookies of one name are not sent to another.
    async fn open(&self, host: &str, user: &str) -> Page {
        let mut page = self.browser.open(&format!("http://{host}:{}/", self.server.address().port()), SIZE).await;
        page.evaluate(&format!("start('{user}')")).await;
        page.wait_for("isConnected()").await;
        page
    }

    async fn ann(&self) -> Page {
        self.open("127.0.0.1", "ann").await
    }

    async fn ben(&self) -> Page {
        self.open("localhost", "ben").await
    }
}

/// Runs a statement of the page that subscribes, and waits until a channel is subscribed.
async fn subscribe(page: &mut Page, channel: &str, statement: &str) {
    page.evaluate(&format!("void {statement}")).await;
    page.wait_for(&format!("isSubscribed('{channel}')")).await;
}

/// Waits until the page got exactly this.
async fn got(page: &mut Page, all: &[&str]) {
    let all = serde_json::to_string(all).unwrap();
    page.wait_for(&format!("got.length >= {all}.length")).await;
    assert_eq!(page.evaluate("JSON.stringify(got)").await, all);
}

/// Publishes from the page through PHP and the queue.
async fn publish(page: &mut Page, arguments: &str) {
    assert_eq!(page.evaluate(&format!("publish({arguments})")).await, 200);
}

async fn events_come_for_everybody_and_for_members_alone(browser: BrowserKind) {
    let site = Site::start(browser).await;
    let (mut ann, mut ben) = (site.ann().await, site.ben().await);
    for page in [&mut ann, &mut ben] {
        subscribe(page, "news", "site.channel('news').listen('.told', notes('told'))").await;
    }
    let private =
        "site.private('user.ann').listen('.order', notes('order')).error(({ type }) => notes('refused')(type))";
    subscribe(&mut ann, "private-user.ann", private).await;
    // PHP refuses it.
    ben.evaluate(&format!("void {private}")).await;
    got(&mut ben, &[r#"refused "AuthError""#]).await;
    publish(&mut ben, "'private-user.ann', 'order', { id: 7, of: { name: 'é ☕' } }").await;
    publish(&mut ben, "'news', 'told', 'all'").await;
    got(&mut ann, &[r#"order {"id":7,"of":{"name":"é ☕"}}"#, r#"told "all""#]).await;
    got(&mut ben, &[r#"refused "AuthError""#, r#"told "all""#]).await;
    assert_eq!([ann.problems(), ben.problems()].concat(), [""; 0]);
}

/// Joins a room, and notes who comes and goes.
const JOIN: &str = "site.join('room').here((all) => notes('here')(all.map(({ name }) => name).sort()))
    .joining(({ name }) => notes('joining')(name)).leaving(({ name }) => notes('leaving')(name))
    .listen('.said', notes('said'))";

async fn who_is_there_is_shown_as_users_come_and_go(browser: BrowserKind) {
    let site = Site::start(browser).await;
    let (mut ann, mut ben, mut ben_again) = (site.ann().await, site.ben().await, site.ben().await);
    subscribe(&mut ann, "presence-room", JOIN).await;
    subscribe(&mut ben, "presence-room", JOIN).await;
    got(&mut ann, &[r#"here ["Ann"]"#, r#"joining "Ben""#]).await;
    subscribe(&mut ben_again, "presence-room", JOIN).await;
    got(&mut ben_again, &[r#"here ["Ann","Ben"]"#]).await;
    // One of two tabs leaves: nobody has gone.
    ben.evaluate("void site.leave('room')").await;
    ben.evaluate("void site.disconnect()").await;
    publish(&mut ann, "'presence-room', 'said', 1").await;
    got(&mut ben_again, &[r#"here ["Ann","Ben"]"#, "said 1"]).await;
    ben_again.evaluate("void site.leave('room')").await;
    got(&mut ann, &[r#"here ["Ann"]"#, r#"joining "Ben""#, "said 1", r#"leaving "Ben""#]).await;
    assert_eq!([ann.problems(), ben.problems(), ben_again.problems()].concat(), [""; 0]);
}

async fn a_whisper_comes_to_the_others(browser: BrowserKind) {
    let site = Site::start(browser).await;
    let (mut ann, mut ben) = (site.ann().await, site.ben().await);
    for page in [&mut ann, &mut ben] {
        let join = "site.private('chat').listenForWhisper('typing', notes('typing')).listen('.said', notes('said'))";
        subscribe(page, "private-chat", join).await;
    }
    ann.evaluate("void site.private('chat').whisper('typing', { name: 'Ann' })").await;
    got(&mut ben, &[r#"typing {"name":"Ann"}"#]).await;
    publish(&mut ann, "'private-chat', 'said', 1").await;
    got(&mut ann, &["said 1"]).await;
    got(&mut ben, &[r#"typing {"name":"Ann"}"#, "said 1"]).await;
    assert_eq!([ann.problems(), ben.problems()].concat(), [""; 0]);
}

async fn who_causes_an_event_is_left_out_with_to_others(browser: BrowserKind) {
    let site = Site::start(browser).await;
    let (mut ann, mut ben) = (site.ann().await, site.ben().await);
    for page in [&mut ann, &mut ben] {
        subscribe(page, "news", "site.channel('news').listen('.told', notes('told'))").await;
    }
    publish(&mut ann, "'news', 'told', 'others', { 'X-Socket-ID': site.socketId() }").await;
    publish(&mut ann, "'news', 'told', 'all'").await;
    got(&mut ann, &[r#"told "all""#]).await;
    got(&mut ben, &[r#"told "others""#, r#"told "all""#]).await;
    assert_eq!([ann.problems(), ben.problems()].concat(), [""; 0]);
}

async fn notifications_and_what_is_for_a_user_come_to_all_of_his_tabs(browser: BrowserKind) {
    let site = Site::start(browser).await;
    let (mut ann, mut ann_again, mut ben) = (site.ann().await, site.ann().await, site.ben().await);
    for page in [&mut ann, &mut ann_again, &mut ben] {
        let user = "site.connector.pusher.user.bind('notice', notes('notice'))";
        page.evaluate(&format!("site.connector.pusher.signin(), void {user}")).await;
        page.wait_for("site.connector.pusher.user.serverToUserChannel?.subscribed").await;
    }
    for page in [&mut ann, &mut ann_again] {
        subscribe(page, "private-user.ann", "site.private('user.ann').notification(notes('notification'))").await;
    }
    let event = r"Illuminate\\Notifications\\Events\\BroadcastNotificationCreated";
    publish(&mut ben, &format!("'private-user.ann', '{event}', {{ text: 'Paid' }}")).await;
    publish(&mut ben, "'#server-to-user-ann', 'notice', { text: 'Hello' }").await;
    publish(&mut ben, "'#server-to-user-ben', 'notice', 'end'").await;
    for page in [&mut ann, &mut ann_again] {
        got(page, &[r#"notification {"text":"Paid"}"#, r#"notice {"text":"Hello"}"#]).await;
    }
    got(&mut ben, &[r#"notice "end""#]).await;
    assert_eq!([ann.problems(), ann_again.problems(), ben.problems()].concat(), [""; 0]);
}

async fn pages_come_back_after_the_broadcaster_was_restarted(browser: BrowserKind) {
    let mut site = Site::start(browser).await;
    let (mut ann, mut ben) = (site.ann().await, site.ben().await);
    subscribe(&mut ann, "presence-room", JOIN).await;
    subscribe(&mut ben, "presence-room", JOIN).await;
    got(&mut ann, &[r#"here ["Ann"]"#, r#"joining "Ben""#]).await;
    let address = site.broadcaster.address().to_string();
    site.broadcaster.signal(Signal::TERM);
    site.broadcaster.exit().await;
    for page in [&mut ann, &mut ben] {
        page.wait_for("!isConnected()").await;
        page.evaluate("void (got.length = 0)").await;
    }
    site.broadcaster = pusher::start_on(&site.queue, &address).await;
    for page in [&mut ann, &mut ben] {
        page.wait_for("got.some((text) => text.startsWith('here'))").await;
    }
    for page in [&mut ann, &mut ben] {
        page.evaluate("void (got.length = 0)").await;
    }
    publish(&mut ann, "'presence-room', 'said', 1").await;
    for page in [&mut ann, &mut ben] {
        page.wait_for("got.includes('said 1')").await;
    }
    assert_eq!([ann.problems(), ben.problems()].concat(), [""; 0]);
}
