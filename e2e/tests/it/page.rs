//! The page of `examples` in a real browser: what users see, click, type and hear.

use std::path::Path;

use testkit::{Broadcaster, QueueDir, Signal};

use crate::harness::secret::token_that_ends;
use crate::harness::{Browser, BrowserKind, Page, PhpServer, broadcaster, in_each_browser, queue_dir};

const DESKTOP: (u32, u32) = (1280, 880);
const PHONE: (u32, u32) = (320, 700);
/// All people of the view of channels are connected, and subscribed to what they may read at once.
const CONNECTED: &str = "[...document.querySelectorAll('#people section')].map((card) => card.innerText)
    .filter((text) => text.includes('connected') && text.includes('reads room.lobby')).length === 3
    && document.querySelector('#people').innerText.includes('reads private-user.ann')
    && document.querySelector('#people').innerText.includes('reads private-user.ben')";

in_each_browser!(
    a_click_calls_the_api_and_its_event_arrives,
    everything_works_by_keyboard,
    it_connects_again_when_the_broadcaster_is_back,
    pictures_are_taken,
);

async fn a_click_calls_the_api_and_its_event_arrives(browser: BrowserKind) {
    let shown = Shown::start_in(browser, DESKTOP).await;
    let mut page = shown.page;

    page.click("#create").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.created'").await;
    let payload = page.text("#events li pre").await;
    assert!(payload.starts_with("{\n  \"id\": 1,\n  \"customer\": "), "pretty-printed: {payload}");
    page.wait_for("document.querySelector('#push').innerText.endsWith('ms')").await;

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

async fn everything_works_by_keyboard(browser: BrowserKind) {
    let shown = Shown::start_in(browser, DESKTOP).await;
    let mut page = shown.page;

    // The first stops are the two views and the first button.
    for stop in ["#everybody", "#channels", "create"] {
        page.press("Tab").await;
        let focused = page.evaluate("document.activeElement.hash ?? document.activeElement.id").await;
        assert_eq!(focused, stop);
    }
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

async fn it_connects_again_when_the_broadcaster_is_back(browser: BrowserKind) {
    let mut shown = Shown::start_in(browser, DESKTOP).await;
    let mut page = shown.page;
    let address = shown.broadcaster.address().to_string();

    shown.broadcaster.signal(Signal::TERM);
    shown.broadcaster.exit().await;
    page.wait_for("document.querySelector('#state').dataset.state === 'closed'").await;
    page.wait_for("/Closed with 1001|No connection/.test(document.querySelector('#hint').innerText)").await;

    // What is queued meanwhile comes later.
    page.click("#create").await;
    let mut command = broadcaster::command(["--listen", &address, "--queue"]);
    let mut restarted = broadcaster::spawn(command.arg(shown.queue.path())).await;
    page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'order.created'").await;
    assert!(page.text("#recovery").await.contains("Nothing was missed"));
    assert_eq!(page.evaluate("document.querySelector('#update').disabled").await, false);

    page.click("#disconnect").await;
    page.wait_for("document.querySelector('#state').innerText === 'not connected'").await;
    page.click("#notify").await;
    page.wait_for("pending.length === 1").await;
    page.click("#connect").await;
    page.wait_for("document.querySelector('#events li .name')?.innerText === 'notification'").await;
    assert_eq!((page.text("#gaps").await, page.text("#received").await), ("0".into(), "2".into()));

    // A broadcaster that keeps nothing begins anew, and what it has sent meanwhile is gone.
    page.click("#disconnect").await;
    page.click("#broadcast").await;
    page.wait_for(
        "document.querySelector('#away').innerText === 'Queued, this page is not connected: maintenance.planned.'",
    )
    .await;
    shown.queue.is_drained().await;
    restarted.signal(Signal::TERM);
    restarted.exit().await;
    let mut command = broadcaster::command(["--listen", &address, "--history-events", "0", "--queue"]);
    let _without_history = broadcaster::spawn(command.arg(shown.queue.path())).await;
    page.click("#connect").await;
    page.wait_for("document.querySelector('#gaps').innerText === '1'").await;
    page.wait_for(
        "document.querySelector('#away').innerText.startsWith('Connected again, not sent again: maintenance.planned.')",
    )
    .await;
    assert!(page.text("#recovery").await.contains("Events may be missing"));
    take(&mut page, browser, "page-gap").await;
    assert_eq!(page.problems(), [""; 0]);
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
        assert_eq!(page.low_contrast().await, serde_json::json!([]), "{scheme}");
    }
}

/// What a person of the second view has received: event and channel of each, newest first.
fn arrivals(person: &str) -> String {
    format!(
        "[...document.querySelectorAll('#person-{person}')].map((title) => title.closest('section'))
            .flatMap((card) => [...card.querySelectorAll('.arrivals .name')])
            .map((name) => `${{name.innerText}} ${{name.nextElementSibling.innerText}}`).join(', ')"
    )
}

/// A button of a person.
fn button(person: &str, name: &str) -> String {
    format!("section:has(#person-{person}) .{name}")
}

#[tokio::test]
async fn each_user_sees_his_own_orders_beside_the_room_and_what_is_for_everybody() {
    let mut shown = Shown::start(DESKTOP).await;
    shown.show_channels().await;
    let page = &mut shown.page;

    page.click(&button("ann", "order")).await;
    page.wait_for(&format!("{} === 'stock.changed everybody, order.created private-user.ann'", arrivals("ann"))).await;
    page.click(&button("ben", "order")).await;
    let of_ben = "stock.changed everybody, order.created private-user.ben, stock.changed everybody";
    page.wait_for(&format!("{} === '{of_ben}'", arrivals("ben"))).await;
    page.wait_for(&format!("{} === 'stock.changed everybody, stock.changed everybody'", arrivals("visitor"))).await;

    // Who greets is left out.
    page.click(&button("ann", "hello")).await;
    for person in ["ben", "visitor"] {
        page.wait_for(&format!("{}.startsWith('chat.message room.lobby, ')", arrivals(person))).await;
    }
    page.click("#everyone").await;
    for person in ["ann", "ben", "visitor"] {
        page.wait_for(&format!("{}.startsWith('notification everybody, ')", arrivals(person))).await;
    }
    let of_ann =
        "notification everybody, stock.changed everybody, stock.changed everybody, order.created private-user.ann";
    assert_eq!(page.evaluate(&arrivals("ann")).await, of_ann);

    for (person, code) in [("ann", 103), ("ben", 103), ("visitor", 101)] {
        page.click(&button(person, "peek")).await;
        let refused = format!("document.querySelector('section:has(#person-{person}) .refused')?.innerText");
        page.wait_for(&format!("{refused}?.startsWith('error {code}: ')")).await;
    }
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn who_logs_out_receives_nothing_until_he_logs_in_again() {
    let mut shown = Shown::start(DESKTOP).await;
    shown.show_channels().await;
    let page = &mut shown.page;
    let state = "document.querySelector('section:has(#person-ann) .state').innerText";
    page.click(&button("ann", "session")).await;
    page.wait_for(&format!("{state} === 'logged out'")).await;
    assert_eq!(page.evaluate("fetch('one/api/token').then(({ status }) => status)").await, 401);
    page.click(&button("ben", "order")).await;
    page.wait_for(&format!("{}.includes('private-user.ben')", arrivals("ben"))).await;
    assert_eq!(page.evaluate(&arrivals("ann")).await, "");

    page.click(&button("ann", "session")).await;
    page.wait_for(&format!("{state} === 'connected'")).await;
    page.click(&button("ann", "order")).await;
    page.wait_for(&format!("{}.includes('order.created private-user.ann')", arrivals("ann"))).await;
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn the_view_of_channels_says_after_a_break_whether_something_was_missed() {
    let mut shown = Shown::start(DESKTOP).await;
    shown.show_channels().await;
    let address = shown.broadcaster.address().to_string();
    let notes = "[...document.querySelectorAll('section:has(#person-ann) .note')].map((note) => note.innerText)";
    for (args, told) in [
        (&[][..], "nothing was missed: room.lobby, private-user.ann"),
        (&["--history-events", "0"], "some messages were missed: room.lobby, private-user.ann"),
    ] {
        shown.broadcaster.signal(Signal::TERM);
        shown.broadcaster.exit().await;
        let state = "document.querySelector('section:has(#person-ann) .state').innerText";
        shown.page.wait_for(&format!("{state} !== 'connected'")).await;
        let order = "fetch('one/api/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ item: 'Tea' }) }).then(({ status }) => status)";
        assert_eq!(shown.page.evaluate(order).await, 201);
        shown.broadcaster = broadcaster::start_with_tokens_on(&shown.queue, "*", &address, args).await;
        let has_told = format!("{notes}.some((note) => note.startsWith('{told}'))");
        shown.page.wait_for(&has_told).await;
        shown.page.wait_for(&format!("{state} === 'connected'")).await;
        shown.page.wait_for(&format!("{}.includes('order.created private-user.ann')", arrivals("ann"))).await;
    }
    assert_eq!(shown.page.problems(), [""; 0]);
}

#[tokio::test]
async fn the_client_of_the_examples_renews_its_token_and_comes_back_with_a_new_one() {
    let mut shown = Shown::start(DESKTOP).await;
    shown.show_channels().await;
    let page = &mut shown.page;
    for can_renew in [true, false] {
        // Clocks may differ by 30 seconds: it counts for eight more, and the server says at once that it ends.
        let ends = token_that_ends(-22, "ann", "private-user.ann").await;
        page.evaluate(&format!(
            "(async () => {{
                 window.asked = 0, window.states = [], window.came = [], window.failed = [];
                 const {{ FastapiClient }} = await loadClient();
                 window.client = new FastapiClient(await websocketUrl(), {{
                     token: async () => {{
                         asked += 1;
                         if (asked === 1) return '{ends}';
                         if (asked === 2 && !{can_renew}) throw new Error('PHP does not answer');
                         return (await (await fetch('one/api/token')).json()).token;
                     }},
                 }});
                 client.on('event', ({{ channel }}) => came.push(channel));
                 client.on('state', ({{ state, reason }}) => states.push(`${{state}} ${{reason}}`.trim()));
                 client.on('error', ({{ message }}) => failed.push(message));
             }})()"
        ))
        .await;
        page.wait_for("asked > 1").await;
        if can_renew {
            // One that cannot renew ends after it: then the time of the first token is over.
            let other = token_that_ends(-22, "ann", "private-user.ann").await;
            let closed = "new Promise((closed) => { const socket = new WebSocket(document.querySelector('#address').value + '?token=TOKEN');
                socket.onclose = ({ code }) => closed(code); })";
            assert_eq!(page.evaluate(&closed.replace("TOKEN", &other)).await, 4401);
            assert_eq!(page.evaluate("states.join()").await, "connecting,connected");
            assert_eq!(page.evaluate("failed.join()").await, "");
        } else {
            page.wait_for("states.join() === 'connecting,connected,waiting token expired,connecting,connected'").await;
            assert_eq!(page.evaluate("failed.join()").await, "PHP does not answer");
        }
        page.click(&button("ann", "order")).await;
        page.wait_for("came.includes('private-user.ann')").await;
        page.evaluate("client.close()").await;
    }
    assert_eq!(page.problems(), [""; 0]);
}

#[tokio::test]
async fn the_view_of_channels_is_for_keyboards_screen_readers_and_phones_too() {
    let mut shown = Shown::start(PHONE).await;
    let page = &mut shown.page;
    page.press("Tab").await;
    page.press("Tab").await;
    page.press("Enter").await;
    page.wait_for(CONNECTED).await;
    let mut stops = Vec::new();
    for _ in 0..10 {
        page.press("Tab").await;
        stops.push(page.evaluate("document.activeElement.innerText").await);
    }
    let of_a_user = ["Order tea", "Greet room", "Log out"];
    let expected =
        [&["Tell everybody"][..], &of_a_user, &["Ask for Ben's orders"], &of_a_user, &["Ask for Ann's orders"]];
    assert_eq!(stops[..9], expected.concat());
    page.evaluate("document.querySelector('section:has(#person-ann) .order').focus()").await;
    page.press("Enter").await;
    page.wait_for(&format!("{}.includes('private-user.ann')", arrivals("ann"))).await;
    page.click(&button("visitor", "peek")).await;
    page.wait_for("document.querySelector('.refused')").await;

    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, PHONE.0);
    for scheme in ["light", "dark"] {
        page.prefer(scheme).await;
        assert_eq!(page.low_contrast().await, serde_json::json!([]), "{scheme}");
    }
    let accessible = page.accessible().await;
    for (role, name) in
        [("region", "Ann"), ("region", "A visitor"), ("log", "What Ben received"), ("navigation", "Views")]
    {
        let is_found = accessible.iter().any(|(its_role, its_name)| its_role == role && its_name == name);
        assert!(is_found, "no {role} is called {name}: {accessible:?}");
    }
}

/// Pictures for the documentation, kept in `target/tmp/pictures`; `make pictures` copies them to `docs/images`. Those
/// in Firefox are only looked at.
async fn pictures_are_taken(browser: BrowserKind) {
    let mut shown = Shown::start_in(browser, DESKTOP).await;
    let page = &mut shown.page;
    page.evaluate("Math.random = () => 0.345").await;
    for (count, button) in
        ["#create", "#update", "#notify", "#create", "#delete", "#create", "#broadcast", "#notify", "#create"]
            .iter()
            .enumerate()
    {
        page.click(button).await;
        page.wait_for(&format!("document.querySelectorAll('#events li').length === {}", count + 1)).await;
    }
    page.wait_for("document.querySelector('#clients').innerText === '1'").await;
    for (name, scheme, size) in
        [("page-light", "light", DESKTOP), ("page-dark", "dark", DESKTOP), ("page-phone", "light", (390, 844))]
    {
        page.resize(size).await;
        page.prefer(scheme).await;
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)").await;
        take(page, browser, name).await;
    }

    page.resize(DESKTOP).await;
    page.prefer("light").await;
    shown.show_channels().await;
    let page = &mut shown.page;
    for (person, name, event) in
        [("ann", "order", "order.created"), ("ben", "order", "order.created"), ("ben", "hello", "")]
    {
        page.click(&button(person, name)).await;
        page.wait_for(&format!("{}.includes('{event}')", arrivals(person))).await;
    }
    page.wait_for(&format!("{}.includes('chat.message')", arrivals("visitor"))).await;
    page.click(&button("ben", "peek")).await;
    page.wait_for("document.querySelector('section:has(#person-ben) .refused')").await;
    for (name, scheme, size) in [
        ("page-channels-light", "light", DESKTOP),
        ("page-channels-dark", "dark", DESKTOP),
        ("page-channels-phone", "light", (390, 844)),
    ] {
        page.resize(size).await;
        page.prefer(scheme).await;
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)").await;
        take(page, browser, name).await;
    }
}

async fn take(page: &mut Page, browser: BrowserKind, name: &str) {
    let folder = match browser {
        BrowserKind::Chromium => "pictures",
        BrowserKind::Firefox => "pictures-in-firefox",
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder).join(format!("{name}.png"));
    page.picture(&path).await;
    assert!(path.metadata().unwrap().len() > 10_000, "{} shows something", path.display());
}

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
        Shown::start_in(BrowserKind::Chromium, size).await
    }

    async fn start_in(browser: BrowserKind, size: (u32, u32)) -> Shown {
        let queue = queue_dir();
        let for_operators = ["--admin-listen", "127.0.0.1:0"];
        let mut broadcaster = broadcaster::start_with_tokens_on(&queue, "*", "127.0.0.1:0", &for_operators).await;
        let admin = broadcaster::admin_address(&mut broadcaster).await.to_string();
        let port = broadcaster.address().port();
        let server = PhpServer::start_with("demo_endpoint.php", &queue, port, &[("ADMIN_ADDRESS", &admin)]).await;
        let browser = Browser::of(browser).await;
        let mut page = browser.open(&format!("http://{}/", server.address()), size).await;
        page.prefer("light").await;
        page.wait_for("document.querySelector('#state').innerText === 'connected'").await;
        Shown { page, broadcaster, queue, _server: server, _browser: browser }
    }

    /// Goes to the view of channels, and returns when all of its people are connected.
    async fn show_channels(&mut self) {
        self.page.click("nav a[href='#channels']").await;
        self.page.wait_for(CONNECTED).await;
    }
}
