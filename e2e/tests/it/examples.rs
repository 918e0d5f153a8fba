//! The scripts of `examples`, run as their heads say.

use std::net::SocketAddr;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Client, Process, Signal};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Collector, Fpm, Nginx, Php, PhpServer, broadcaster, example, get, post_json, queue_dir, request, websocket_address,
};

#[tokio::test]
async fn the_queue_example_shows_every_feature_and_its_events_arrive() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;

    let printed = run_example("event_queue_example.php", &[queue.path().to_str().unwrap()]).await;

    assert_eq!(printed.last().unwrap(), "Done.");
    assert!(!printed.iter().any(|line| line.contains("queued?!")), "{printed:?}");
    let messages = client.messages_until(|message| message.event == "from.elsewhere").await;
    let mut names: Vec<&str> = messages.iter().map(|message| message.event.as_str()).collect();
    names.dedup();
    let expected = [
        "order.created",
        "payload.kinds",
        "named",
        "heartbeat",
        "paid",
        "counted",
        "accepted.again",
        "large",
        "durable",
        "from.elsewhere",
    ];
    assert_eq!(names, expected);
    assert_eq!(messages[0].payload, r#"{"id":7,"total":19.9}"#);
    assert_eq!(messages.iter().filter(|message| message.event == "counted").count(), 100);
}

#[tokio::test]
async fn the_queue_example_removes_the_directory_of_its_own() {
    let printed = run_example("event_queue_example.php", &[]).await;

    let order = printed.iter().find(|line| line.contains("100 events in order")).unwrap();
    assert!(order.ends_with("true"), "{order}");
    let removed = printed.iter().find_map(|line| line.trim().strip_prefix("removed ")).unwrap().trim();
    assert!(!std::path::Path::new(removed).exists(), "{removed} is still there");
}

#[tokio::test]
async fn the_api_announces_every_change_under_php_s_own_server() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;
    let server = PhpServer::start("api_with_websocket_queue.php", &queue, 0).await;
    changes_are_announced(server.address(), &mut client).await;
    errors_say_what_is_wrong(server.address()).await;
}

#[tokio::test]
async fn the_api_announces_every_change_under_php_fpm() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;
    let fpm = Fpm::start(&queue, "../../examples/api_with_websocket_queue.php").await;
    let nginx = Nginx::start(&broadcaster, &fpm).await;
    changes_are_announced(nginx.address(), &mut client).await;
    errors_say_what_is_wrong(nginx.address()).await;
}

#[tokio::test]
async fn a_change_stands_and_a_notification_fails_when_nothing_can_be_queued() {
    let queue = queue_dir();
    let server = PhpServer::start("api_with_websocket_queue.php", &queue, 0).await;
    std::fs::remove_dir(queue.path()).unwrap();
    std::fs::write(queue.path(), "a file, no directory").unwrap();

    let (status, answer) = post_json(server.address(), "/api/orders", r#"{"customer":"Zoë","total":1}"#).await;
    assert_eq!((status, parsed(&answer)["queued"].clone()), (StatusCode::CREATED, json!(false)));
    let (status, answer) = post_json(server.address(), "/api/notifications", r#"{"text":"Hello"}"#).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.contains("the event was not queued"), "{answer}");
    assert_eq!(parsed(&get(server.address(), "/api/orders").await.1)["orders"][0]["id"], 1);
}

#[tokio::test]
async fn the_server_example_listens_on_its_usual_port_where_a_variable_of_kubernetes_has_the_name() {
    let queue = queue_dir();
    let mut command = example("event_queue_websocket_server.php");
    // No machine has that address, so nothing is listened on.
    command.env("WS_HOST", "192.0.2.1").env("WS_PORT", "tcp://10.0.0.1:80").env("EVENT_QUEUE_PATH", queue.path());
    let mut server = Process::spawn(&mut command);
    assert_eq!(server.exit().await.code(), Some(1));
    assert_eq!(server.stderr(), ["Failed to bind WebSocket to 192.0.2.1:8081"]);
}

#[tokio::test]
async fn the_server_example_answers_on_every_route_and_tells_queued_events() {
    let queue = queue_dir();
    let mut command = example("event_queue_websocket_server.php");
    command
        .env("WS_HOST", "127.0.0.1")
        .env("WS_PORT", "0")
        .env("WS_TOKEN", "open sesame")
        .env("EVENT_QUEUE_PATH", queue.path());
    let mut server = Process::spawn(&mut command);
    let address = websocket_address(&mut server).await;

    let mut root = Client::connect(address, "/").await;
    assert_eq!(root.json().await["payload"], json!({"clients": 1}));
    let mut whoami = Client::connect(address, "/whoami?name=Zo%C3%AB").await;
    assert_eq!(whoami.json().await["payload"]["name"], "Zoë");
    let mut clock = Client::connect(address, "/clock").await;
    assert_eq!(clock.json().await["event"], "clock");
    let mut echo = Client::connect(address, "/echo").await;
    for word in ["\"one\"", "\"two\""] {
        echo.send_text(word).await;
        assert_eq!(echo.json().await.to_string(), word);
    }
    let mut private = Client::connect(address, "/private").await;
    private.send_text("open sesame").await;
    assert_eq!(private.json().await["event"], "accepted");
    let mut stranger = Client::connect(address, "/private").await;
    stranger.send_text("guess").await;
    assert_eq!(stranger.json().await["event"], "refused");
    assert!(matches!(stranger.next().await, None | Some(Err(_) | Ok(Message::Close(_)))));
    let mut chat = Client::connect(address, "/chat").await;
    chat.send_text("Hello ☕").await;
    assert_eq!(root.json().await["payload"], json!({"text": "Hello ☕"}));

    // Clients in a loop and on paths without a handler receive what is queued as well.
    let mut elsewhere = Client::connect(address, "/no/handler").await;
    Php::run("queue_backlog.php", &queue, ["1"]).await;
    for talker in [&mut root, &mut echo, &mut elsewhere] {
        while talker.json().await["event"] != "backlog" {}
    }

    server.signal(Signal::TERM);
    assert_eq!(server.exit().await.code(), Some(0));
    assert_eq!(server.stdout().last().unwrap(), "WebSocket server stopped");
    assert_eq!(server.stderr(), [""; 0]);
}

async fn changes_are_announced(api: SocketAddr, client: &mut Collector) {
    let (status, answer) = post_json(api, "/api/orders", r#"{"customer":"Zoë","total":19.9}"#).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(parsed(&answer), json!({"order": {"id": 1, "customer": "Zoë", "total": 19.9}, "queued": true}));
    let (status, answer) = request(api, Method::PATCH, "/api/orders/1", r#"{"total":25}"#).await;
    assert_eq!((status, parsed(&answer)["order"]["total"].clone()), (StatusCode::OK, json!(25)));
    let (_, listed) = get(api, "/api/orders").await;
    assert_eq!(parsed(&listed), json!({"orders": [{"id": 1, "customer": "Zoë", "total": 25}]}));
    let (status, answer) = request(api, Method::DELETE, "/api/orders/1", "").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, _) = post_json(api, "/api/notifications", r#"{"text":"Closing soon","level":"warning"}"#).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, _) = post_json(api, "/api/events", r#"{"event":"any.name","payload":{"empty":{}}}"#).await;
    assert_eq!(status, StatusCode::ACCEPTED);

    let messages = client.messages(5).await;
    let received: Vec<(&str, &str)> =
        messages.iter().map(|message| (message.event.as_str(), message.payload.as_str())).collect();
    let expected = [
        ("order.created", r#"{"id":1,"customer":"Zo\u00eb","total":19.9}"#),
        ("order.updated", r#"{"id":1,"changes":{"total":25},"order":{"id":1,"customer":"Zo\u00eb","total":25}}"#),
        ("order.deleted", r#"{"id":1}"#),
        ("notification", r#"{"level":"warning","text":"Closing soon"}"#),
        ("any.name", r#"{"empty":{}}"#),
    ];
    assert_eq!(received, expected);
}

async fn errors_say_what_is_wrong(api: SocketAddr) {
    for (method, path, body, status, expected) in [
        (Method::POST, "/api/orders", "{", 400, "Syntax error"),
        (Method::POST, "/api/orders", "[]", 400, "JSON object"),
        (Method::POST, "/api/orders", r#"{"total":1}"#, 422, "customer"),
        (Method::POST, "/api/orders", r#"{"customer":"a","total":"1"}"#, 422, "total"),
        (Method::PATCH, "/api/orders/1", "{}", 422, "nothing to change"),
        (Method::PATCH, "/api/orders/99", r#"{"total":1}"#, 404, "no order 99"),
        (Method::DELETE, "/api/orders/99", "", 404, "no order 99"),
        (Method::PUT, "/api/orders/99", "{}", 405, "PATCH and DELETE"),
        (Method::GET, "/api/events", "", 405, "POST only"),
        (Method::POST, "/api/events", r#"{"event":7}"#, 400, "event"),
        (Method::POST, "/api/notifications", r#"{"text":""}"#, 422, "text"),
        (Method::POST, "/api/notifications", r#"{"text":"a","level":"loud"}"#, 422, "level"),
        (Method::GET, "/api/nothing", "", 404, "/api/nothing"),
    ] {
        let (answered, answer) = request(api, method.clone(), path, body).await;
        let error = parsed(&answer)["error"].as_str().unwrap_or_default().to_owned();
        assert!(answered == status && error.contains(expected), "{method} {path} {body}: {answered} {answer}");
    }
}

async fn run_example(name: &str, args: &[&str]) -> Vec<String> {
    let mut process = Process::spawn(example(name).args(args));
    let status = process.exit().await;
    assert!(status.success() && process.stderr().is_empty(), "{name}: {status}, {:?}", process.stderr());
    process.stdout()
}

fn parsed(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
}
