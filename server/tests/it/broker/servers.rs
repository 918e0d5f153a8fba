//! All ways to reach Redis.

use testkit::eventually;
use testkit::redis::{Cluster, RedisOptions, RedisServer, Sentinels};

use super::{node, payloads, queue};

async fn links(first: &str, second: &str) {
    let nodes = [node(first), node(second)];
    let (mut client, _) = nodes[1].native("").await;
    for number in 0..10 {
        queue(&nodes[0], &[], number);
    }
    assert_eq!(payloads(&mut client, 10).await.0.len(), 10);
    eventually("everything is acked", || nodes[0].queue.waiting() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_by_a_socket_and_with_a_password() {
    let redis = RedisOptions::default().tls().password("p@ss/word").start();
    let tls = format!("{}?ca={}", redis.tls_url(), redis.certificate().display());
    links(&tls, &redis.socket_url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_with_a_number() {
    let redis = RedisServer::start();
    let url = format!("{}/3", redis.url().trim_end_matches('/'));
    links(&url, &url).await;
    assert_eq!(super::length(&redis), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_sentinels_which_name_another_master() {
    let mut sentinels = Sentinels::start();
    let nodes = [node(&sentinels.url()), node(&sentinels.url())];
    let (mut client, _) = nodes[1].native("").await;
    queue(&nodes[0], &[], 1);
    assert_eq!(payloads(&mut client, 1).await.0, [1]);
    sentinels.failover();
    queue(&nodes[0], &[], 2);
    // What the new master does not have is told. What was added before that was noticed is a part of the gap.
    loop {
        let message = client.json().await;
        if message["type"] == "gap" {
            queue(&nodes[0], &[], 3);
            continue;
        }
        assert!(message["payload"] == 2 || message["payload"] == 3, "{message}");
        break;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_any_server_of_a_cluster() {
    let cluster = Cluster::start();
    let addresses = cluster.addresses();
    let url = |index: usize| format!("redis+cluster://{}", addresses[index]);
    links(&url(0), &url(1)).await;
    links(&url(2), &url(0)).await;
}
