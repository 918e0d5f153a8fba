//! What `make run` shows to a new user.

use std::fs;

use hyper::StatusCode;
use serde_json::json;
use testkit::{INTERVAL, within};

use crate::harness::{Collector, Demo, Native, Session, get, post_json};

#[tokio::test]
async fn a_posted_event_arrives_at_the_address_that_the_page_is_given() {
    let demo = Demo::start().await;

    let (status, page) = get(demo.address(), "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("config.json") && page.contains("api/events"), "{page}");

    let mut client = Collector::connect_from_page(demo.address(), &websocket_url(&demo).await).await;

    let event = r#"{"event":"order.created","payload":{"id":7,"empty":{},"name":"Zoë"}}"#;
    let (status, answer) = post_json(demo.address(), "/api/events", event).await;
    assert_eq!((status, answer.trim()), (StatusCode::ACCEPTED, r#"{"queued":true,"event":"order.created"}"#));
    let message = client.messages(1).await.remove(0);
    assert_eq!(message.event, "order.created");
    assert_eq!(message.payload, r#"{"id":7,"empty":{},"name":"Zo\u00eb"}"#);
}

#[tokio::test]
async fn two_users_are_logged_in_side_by_side_and_the_secret_is_in_no_argument() {
    let demo = Demo::start().await;
    let url = websocket_url(&demo).await;
    let mut ann = Session::log_in(demo.address(), "/one/", "ann").await;
    let mut ben = Session::log_in(demo.address(), "/two/", "ben").await;
    let mut ann_s = Native::connect(&url, Some(&ann.token().await)).await;
    let mut ben_s = Native::connect(&url, Some(&ben.token().await)).await;
    assert_eq!(ben_s.subscribe("private-user.ann").await, "error 103");
    assert_eq!(ben_s.subscribe("room.lobby").await, "subscribed");

    ann.posted("orders", json!({ "item": "Tea" })).await;
    ann.posted("rooms/lobby/messages", json!({ "id": "1", "text": "Hello", "client": ann_s.id })).await;
    for (client, names) in
        [(&mut ann_s, ["order.created", "stock.changed"]), (&mut ben_s, ["stock.changed", "chat.message"])]
    {
        assert_eq!([client.event().await.0, client.event().await.0], names);
    }

    let secret = demo.secret();
    assert!(secret.len() >= 32);
    for process in fs::read_dir("/proc").unwrap() {
        // Those of others may be gone.
        let arguments = fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(&secret));
    }
}

#[tokio::test]
async fn requests_that_queue_nothing_say_why() {
    let demo = Demo::start().await;
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("[]", StatusCode::BAD_REQUEST),
        (r#"{"payload":1}"#, StatusCode::BAD_REQUEST),
        (r#"{"event":""}"#, StatusCode::BAD_REQUEST),
    ] {
        let (answered, answer) = post_json(demo.address(), "/api/events", body).await;
        assert!(answered == status && answer.contains("error"), "{body}: {answered}, {answer}");
    }
    assert_eq!(get(demo.address(), "/api/events").await.0, StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/../run", "//other.example/"] {
        assert_eq!(get(demo.address(), path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn ctrl_c_stops_everything_and_leaves_nothing() {
    let demo = Demo::start().await;
    let websocket_url = websocket_url(&demo).await;
    let page = demo.address();

    let (status, files_left) = demo.interrupt().await;

    assert_eq!((status.code(), files_left), (Some(0), 0));
    let broadcaster = websocket_url.trim_start_matches("ws://").trim_end_matches('/');
    for address in [&page.to_string(), broadcaster] {
        assert!(std::net::TcpStream::connect(address).is_err(), "{address} still answers");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_nothing_stays() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let (status, said, files_left) = Demo::refused(port).await;

    assert_eq!((status.code(), files_left), (Some(1), 0));
    assert_eq!(said, [format!("run: port {port} is taken: choose another one with PORT=...")]);
}

#[tokio::test]
async fn how_many_clients_are_connected_is_told_to_the_page() {
    let demo = Demo::start().await;
    let clients = async || get(demo.address(), "/clients.json").await;
    assert_eq!(clients().await, (StatusCode::OK, "{\"clients\":0}\n".to_owned()));
    let _client = Collector::connect_from_page(demo.address(), &websocket_url(&demo).await).await;
    within("the client is counted", async {
        while clients().await != (StatusCode::OK, "{\"clients\":1}\n".to_owned()) {
            tokio::time::sleep(INTERVAL).await;
        }
    })
    .await;
}

/// The address in the configuration of the page.
async fn websocket_url(demo: &Demo) -> String {
    let (_, config) = get(demo.address(), "/config.json").await;
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["websocketUrl"].as_str().unwrap().to_owned()
}
