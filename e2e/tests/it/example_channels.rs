//! Channels and rights with real parts: PHP's sessions make the tokens, `EventQueue` publishes, and each client receives what
//! it may read. The scripts are those of `examples`.

use std::net::SocketAddr;

use hyper::StatusCode;
use serde_json::{Value, json};
use testkit::{Broadcaster, Client, QueueDir, within};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, http};

use crate::harness::secret::token_that_ends;
use crate::harness::{Collector, Fpm, Native, Nginx, PhpServer, Session, broadcaster, queue_dir};

/// A script of `examples` with a broadcaster beside it.
struct Example {
    _queue: QueueDir,
    broadcaster: Broadcaster,
    server: PhpServer,
}

impl Example {
    /// Starts one; `public` are the channels that need no token.
    async fn start(script: &str, public: &str) -> Example {
        let queue = queue_dir();
        let broadcaster = broadcaster::start_with_tokens(&queue, public).await;
        let server = PhpServer::start(script, &queue, broadcaster.address().port()).await;
        Example { _queue: queue, broadcaster, server }
    }

    async fn log_in(&self, user: &str) -> Session {
        Session::log_in(self.server.address(), "/", user).await
    }

    /// A client without a login.
    async fn anonymous(&self) -> Native {
        Native::connect(&self.url("/"), None).await
    }

    /// The client of a page in which this user is logged in.
    async fn client_of(&self, session: &mut Session) -> Native {
        Native::connect(&self.url("/"), Some(&session.token().await)).await
    }

    fn url(&self, target: &str) -> String {
        format!("ws://{}{target}", self.broadcaster.address())
    }
}

fn order(id: u32, user: &str, item: &str, state: &str) -> Value {
    json!({ "id": id, "user": user, "item": item, "state": state })
}

#[tokio::test]
async fn a_customer_gets_his_own_orders_and_nobody_else_s_under_php_s_own_server() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start_with_tokens(&queue, "*").await;
    let server = PhpServer::start("order_dashboard.php", &queue, broadcaster.address().port()).await;
    each_gets_his_own_orders(server.address(), broadcaster.address(), "/").await;
}

#[tokio::test]
async fn a_customer_gets_his_own_orders_and_nobody_else_s_under_php_fpm_behind_nginx() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start_with_tokens(&queue, "*").await;
    let fpm = Fpm::start(&queue, "../../examples/order_dashboard.php").await;
    let nginx = Nginx::start(&broadcaster, &fpm).await;
    each_gets_his_own_orders(nginx.address(), nginx.address(), "/ws").await;
}

async fn each_gets_his_own_orders(api: SocketAddr, websocket: SocketAddr, path: &str) {
    let url = format!("ws://{websocket}{path}");
    let mut ann = Session::log_in(api, "/", "ann").await;
    let mut ben = Session::log_in(api, "/", "ben").await;
    let mut shop = Session::log_in(api, "/", "shop").await;
    let mut ann_s = Native::connect(&url, Some(&ann.token().await)).await;
    let mut shop_s = Native::connect(&url, Some(&shop.token().await)).await;
    // Ben's page names its token in the URL, and knows no commands.
    let mut ben_s = Client::open(format!("{url}?token={}", ben.token().await)).await;
    let welcome = ben_s.json().await;
    assert_eq!((&welcome["type"], &welcome["channels"]), (&json!("welcome"), &json!(["private-user.ben"])));
    // A client of before channels. It accepts no key but `event`, `payload` and `timestamp`.
    let mut plain = Collector::connect(websocket, path).await;

    ann.posted("orders", json!({ "item": "Tea" })).await;
    ben.posted("orders", json!({ "item": "Pot" })).await;
    shop.posted("orders/1/next", json!({})).await;
    let (status, answer) = ben.post("orders/1/next", json!({})).await;
    assert_eq!((status, &answer["error"]), (StatusCode::FORBIDDEN, &json!("only the shop may do this")));
    shop.posted("orders/2/next", json!({})).await;

    let of_ann = Some("private-user.ann".to_owned());
    for (name, channel, payload) in [
        ("order.created", of_ann.clone(), order(1, "ann", "Tea", "ordered")),
        ("stock.changed", None, json!({ "left": 99 })),
        ("stock.changed", None, json!({ "left": 98 })),
        ("order.changed", of_ann, order(1, "ann", "Tea", "packed")),
    ] {
        assert_eq!(ann_s.event().await, (name.to_owned(), channel, payload));
    }
    for (name, payload) in [
        ("stock.changed", json!({ "left": 99 })),
        ("order.created", order(2, "ben", "Pot", "ordered")),
        ("stock.changed", json!({ "left": 98 })),
        ("order.changed", order(2, "ben", "Pot", "packed")),
    ] {
        let event = ben_s.json().await;
        assert_eq!((&event["event"], &event["payload"]), (&json!(name), &payload));
        let channel = if name == "stock.changed" { Value::Null } else { json!("private-user.ben") };
        assert_eq!(event["channel"], channel, "{event}");
    }
    let mut ids = Vec::new();
    while ids.len() < 4 {
        let (name, channel, payload) = shop_s.event().await;
        if name != "stock.changed" {
            assert_eq!(channel.as_deref(), Some("private-orders"), "{name}");
            ids.push(payload["id"].as_u64().unwrap());
        }
    }
    assert_eq!(ids, [1, 2, 1, 2], "the shop gets all, each once");
    let messages = plain.messages(2).await;
    let received: Vec<(&str, &str)> =
        messages.iter().map(|message| (message.event.as_str(), message.payload.as_str())).collect();
    assert_eq!(received, [("stock.changed", r#"{"left":99}"#), ("stock.changed", r#"{"left":98}"#)]);

    // The order of all events is one: what comes after these has been told to everybody, and nothing came between.
    ann.posted("orders", json!({ "item": "Cup" })).await;
    let (name, _, payload) = ann_s.event().await;
    assert_eq!((name.as_str(), &payload["item"]), ("order.created", &json!("Cup")));
    let event = ben_s.json().await;
    assert_eq!((&event["event"], &event["payload"]), (&json!("stock.changed"), &json!({ "left": 97 })));
    assert_eq!(plain.messages(1).await[0].payload, r#"{"left":97}"#);
}

#[tokio::test]
async fn a_token_of_another_user_opens_nothing() {
    let example = Example::start("order_dashboard.php", "*").await;
    let (mut ann, mut ben) = (example.log_in("ann").await, example.log_in("ben").await);
    let (ann_s, ben_s) = (ann.token().await, ben.token().await);

    let mut client = example.client_of(&mut ben).await;
    for (channel, answer) in [
        ("private-user.ann", "error 103"),
        ("private-user.Ben", "error 103"),
        ("private-user.ben.", "error 103"),
        ("private-user.be", "error 103"),
        ("private-orders", "error 103"),
        ("private-user.ben", "subscribed"),
    ] {
        assert_eq!(client.subscribe(channel).await, answer, "{channel}");
    }
    let answer = client.ask(json!({ "type": "authenticate", "token": ann_s })).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(103)), "{answer}");
    assert_eq!(client.subscribe("private-user.ann").await, "error 103", "ben is still ben");
    assert_eq!(example.anonymous().await.subscribe("private-user.ann").await, "error 101");

    let forged = format!("{}x", ann_s);
    for (target, token, status, code) in [
        ("/?channel=private-user.ann", Some(&ben_s), 403, 4403),
        ("/?channel=private-user.ann", None, 401, 4401),
        ("/?channel=private-user.ann", Some(&forged), 401, 4401),
        ("/?channel=private-user.ann&channel=private-user.ben", Some(&ben_s), 403, 4403),
    ] {
        let url = example.url(target);
        assert_eq!(refused(bearing(&url, token)).await, status, "{target}");
        // Pages are told nothing of a refused handshake. So what comes from one is accepted, and closed with a code.
        let mut of_page = bearing(&url, token);
        let origin = format!("http://{}", example.broadcaster.address());
        of_page.headers_mut().insert("Origin", origin.parse().unwrap());
        assert_eq!(Client::open(of_page).await.close_code().await, code, "{target}");
    }

    // A cookie counts for pages of the same host.
    for (origin, status) in [(example.broadcaster.address().to_string(), None), ("example.com".to_owned(), Some(403))] {
        let mut request = bearing(&example.url("/?channel=private-user.ann"), None);
        request.headers_mut().insert("Origin", format!("http://{origin}").parse().unwrap());
        request.headers_mut().insert("Cookie", format!("a=b; fastapi_ws_token={ann_s}").parse().unwrap());
        match status {
            None => assert_eq!(Client::open(request).await.json().await["type"], "welcome"),
            Some(status) => assert_eq!(refused(request).await, status),
        }
    }

    ann.posted("orders", json!({ "item": "Tea" })).await;
    let (name, _, _) = client.event().await;
    assert_eq!(name, "stock.changed", "it is the first that ben gets");
}

#[tokio::test]
async fn a_token_is_no_longer_made_after_the_logout_and_no_longer_taken_after_its_end() {
    let example = Example::start("order_dashboard.php", "*").await;
    let mut ann = example.log_in("ann").await;
    let before = ann.token().await;
    ann.post("logout", json!({})).await;
    let (status, answer) = ann.get("token").await;
    assert_eq!((status, &answer["error"]), (StatusCode::UNAUTHORIZED, &json!("log in first")));
    assert_eq!(ann.get("orders").await.0, StatusCode::UNAUTHORIZED);
    // It was made before, and counts for its two minutes. The guide says so.
    Native::connect(&example.url("/"), Some(&before)).await;

    let channel = "private-user.ann";
    let past = token_that_ends(-60, "ann", channel).await;
    assert_eq!(refused(bearing(&example.url("/"), Some(&past))).await, 401);
    let mut client = example.anonymous().await;
    let answer = client.ask(json!({ "type": "authenticate", "token": past })).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(109)), "{answer}");

    // Clocks may differ by 30 seconds: this one counts for eight more.
    let ends = token_that_ends(-22, "ann", channel).await;
    let mut native = Native::connect(&example.url("/"), Some(&ends)).await;
    let mut by_url = Client::open(bearing(&example.url(&format!("/?channel={channel}")), Some(&ends))).await;
    native.told("expiring").await;
    assert_eq!((native.close_code().await, by_url.close_code().await), (4401, 4401));
}

#[tokio::test]
async fn a_client_that_shows_a_new_token_in_time_stays() {
    let example = Example::start("order_dashboard.php", "*").await;
    let mut ann = example.log_in("ann").await;
    let ends = token_that_ends(-22, "ann", "private-user.ann").await;
    let mut client = Native::connect(&example.url("/"), Some(&ends)).await;
    // It has the old token as well, and no new one: when it is gone, the time of the old one is over.
    let mut other = Native::connect(&example.url("/"), Some(&ends)).await;
    client.told("expiring").await;
    let answer = client.ask(json!({ "type": "authenticate", "token": ann.token().await })).await;
    assert_eq!((&answer["type"], &answer["user"]), (&json!("authenticated"), &json!("ann")), "{answer}");
    assert_eq!(other.close_code().await, 4401);
    ann.posted("orders", json!({ "item": "Tea" })).await;
    assert_eq!(client.event().await.0, "order.created");
}

#[tokio::test]
async fn chat_rooms_are_for_all_or_for_members() {
    let example = Example::start("chat_rooms.php", "room.*").await;
    let (mut ann, mut ben) = (example.log_in("ann").await, example.log_in("ben").await);
    let (mut ann_s, mut ben_s) = (example.client_of(&mut ann).await, example.client_of(&mut ben).await);
    let mut guest = example.anonymous().await;
    for client in [&mut ann_s, &mut ben_s, &mut guest] {
        assert_eq!(client.subscribe("room.lobby").await, "subscribed");
    }
    assert_eq!(ann_s.subscribe("private-room.staff").await, "subscribed");
    assert_eq!(ben_s.subscribe("private-room.staff").await, "error 103");
    assert_eq!(guest.subscribe("private-room.staff").await, "error 101");

    // The connection that sends is left out, and the same message is sent once, however often it is posted.
    let message = json!({ "id": "m1", "text": "Hello", "client": ann_s.id });
    for _ in 0..2 {
        ann.posted("rooms/lobby/messages", message.clone()).await;
    }
    ann.posted("rooms/staff/messages", json!({ "id": "m2", "text": "Only us", "client": null })).await;
    let hello = json!({ "id": "m1", "room": "lobby", "user": "ann", "text": "Hello" });
    for client in [&mut ben_s, &mut guest] {
        assert_eq!(client.event().await, ("chat.message".to_owned(), Some("room.lobby".to_owned()), hello.clone()));
    }
    let (_, channel, payload) = ann_s.event().await;
    assert_eq!((channel.as_deref(), &payload["text"]), (Some("private-room.staff"), &json!("Only us")));
    assert_eq!(ann.get("rooms/lobby/messages").await.1["messages"], json!([hello]));

    // Who is no member can do nothing by HTTP either. An invitation reaches who is invited, and the new token allows it.
    let (status, _) = ben.post("rooms/staff/messages", json!({ "id": "m3", "text": "Me too" })).await;
    assert_eq!((status, ben.get("rooms/staff/messages").await.0), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
    ann.posted("rooms/staff/members", json!({ "user": "ben" })).await;
    let (name, channel, payload) = ben_s.event().await;
    assert_eq!((name.as_str(), channel.as_deref()), ("room.invited", Some("private-user.ben")));
    assert_eq!(payload, json!({ "room": "staff", "by": "ann" }));
    let answer = ben_s.ask(json!({ "type": "authenticate", "token": ben.token().await })).await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
    assert_eq!(ben_s.subscribe("private-room.staff").await, "subscribed");
    ben.posted("rooms/staff/messages", json!({ "id": "m4", "text": "Thanks" })).await;
    for client in [&mut ann_s, &mut ben_s] {
        assert_eq!(client.event().await.2["text"], "Thanks");
    }

    // A token that allows less ends what it does not cover.
    let less = token_that_ends(600, "ben", "private-user.ben").await;
    ben_s.ask(json!({ "type": "authenticate", "token": less })).await;
    let ended = ben_s.told("unsubscribed").await;
    assert_eq!((&ended["channels"], &ended["code"]), (&json!(["private-room.staff"]), &json!(103)));
    ann.posted("rooms/staff/messages", json!({ "id": "m5", "text": "He is gone" })).await;
    ann.posted("rooms/lobby/messages", json!({ "id": "m6", "text": "All" })).await;
    assert_eq!(ben_s.event().await.2["text"], "All");
}

#[tokio::test]
async fn a_live_counter_reaches_everybody_with_and_without_channels() {
    let queue = queue_dir();
    // Without any setting of channels or tokens.
    let broadcaster = broadcaster::start(&queue).await;
    let server = PhpServer::start("live_counter.php", &queue, broadcaster.address().port()).await;
    let url = format!("ws://{}/", broadcaster.address());
    let mut plain = Collector::of(&broadcaster).await;
    let mut native = Native::connect(&url, None).await;
    let mut quiet = Client::open(format!("{url}?channel=room.lobby&everybody=0")).await;
    assert_eq!(quiet.json().await["type"], "welcome");

    let mut visitor = Session::new(server.address(), "/");
    for visits in 1..=3 {
        assert_eq!(visitor.posted("visits", json!({})).await["visits"], visits);
    }
    for visits in 1..=3 {
        assert_eq!(plain.messages(1).await[0].payload, format!(r#"{{"visits":{visits}}}"#));
        assert_eq!(native.event().await, ("visits.counted".to_owned(), None, json!({ "visits": visits })));
    }
    assert_eq!(visitor.get("visits").await, (StatusCode::OK, json!({ "visits": 3 })));
    broadcaster_publishes(&queue, "room.lobby").await;
    assert_eq!(quiet.json().await["event"], "last", "it has asked for no others");
    // Without a key nothing is private: nobody could have the right to it.
    assert_eq!(native.subscribe("private-user.1").await, "error 103");
    assert_eq!(refused(bearing(&format!("{url}?channel=private-user.1"), None)).await, 403);
}

async fn broadcaster_publishes(queue: &QueueDir, channel: &str) {
    let mut command = broadcaster::command(["publish", "last", "--channel", channel, "--queue"]);
    let mut publish = testkit::Process::spawn(command.arg(queue.path()));
    assert!(publish.exit().await.success(), "{:?}", publish.stderr());
}

/// A handshake with a token in its header.
fn bearing(url: &str, token: Option<&String>) -> Request {
    let mut request = url.into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// The status that a handshake is refused with.
async fn refused(request: http::Request<()>) -> u16 {
    match within("the handshake is answered", tokio_tungstenite::connect_async(request)).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
