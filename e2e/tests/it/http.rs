//! One port for everything: clients on any path, and plain HTTP.

use hyper::StatusCode;

use crate::harness::{Collector, Php, broadcaster, get, queue_dir};

#[tokio::test]
async fn clients_on_any_path_receive() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let paths = ["/", "/orders", "/a/b/c?token=x&y=%20", "/healthz", "/%C3%A9", "/?", "/ws"];
    let mut clients = Vec::new();
    for path in paths {
        clients.push((path, Collector::connect(broadcaster.address(), path).await));
    }

    Php::run("queue_backlog.php", &queue, ["2"]).await;

    for (path, mut client) in clients {
        let payloads: Vec<String> = client.messages(2).await.into_iter().map(|message| message.payload).collect();
        assert_eq!(payloads, ["0", "1"], "{path}");
    }
}

#[tokio::test]
async fn a_plain_get_of_healthz_answers_on_the_same_port() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let _client = Collector::of(&broadcaster).await;

    let (status, _) = get(broadcaster.address(), "/healthz").await;

    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_plain_get_of_another_path_is_no_success() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;

    let (status, _) = get(broadcaster.address(), "/orders").await;

    assert!(status.is_client_error(), "{status}");
}
