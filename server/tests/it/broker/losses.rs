//! What Redis forgets is told to clients.

use serde_json::json;
use testkit::redis::{RedisOptions, RedisServer};
use testkit::{Client, EventStream, FaultyProxy, eventually};

use super::{length, node, node_on, payloads, queue};
use crate::history::id_of;

async fn gap(client: &mut Client) -> String {
    let message = client.json().await;
    assert_eq!(message["type"], "gap", "{message}");
    id_of(&message)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_stream_is_told_to_all_and_everything_goes_on() {
    let redis = RedisServer::start();
    let nodes = [node(&redis.url()), node(&redis.url())];
    let (mut client, before) = nodes[0].native("?channel=a").await;
    let (mut other, _) = nodes[1].native("").await;
    let mut stream = EventStream::open(nodes[1].address, "/", "").await;
    stream.block().await;
    let mut plain = nodes[1].connect().await;
    queue(&nodes[0], &[], 1);
    let (_, id) = payloads(&mut client, 1).await;
    payloads(&mut other, 1).await;
    assert_eq!((stream.payload().await, plain.payload().await.as_str()), (json!(1), "1"));
    redis.command(&["FLUSHALL"]);
    let told = [gap(&mut client).await, gap(&mut other).await];
    let block = stream.block().await.unwrap();
    assert_eq!((block.event.as_deref(), block.retry), (Some("gap"), None), "{block:?}");
    queue(&nodes[1], &[], 2);
    assert_eq!(payloads(&mut client, 1).await.0, [2]);
    assert_eq!(payloads(&mut other, 1).await.0, [2]);
    assert_eq!((stream.payload().await, plain.payload().await.as_str()), (json!(2), "2"));
    for gone in [id, id_of(&before)] {
        let (_, welcome) = nodes[1].native(&format!("?after={gone}")).await;
        assert_eq!(welcome["recovered"], false, "{gone}");
    }
    for known in told {
        let (mut again, welcome) = nodes[1].native(&format!("?after={known}")).await;
        if welcome["recovered"] == true {
            assert_eq!(payloads(&mut again, 1).await.0, [2]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_behind_when_the_stream_was_emptied_is_told() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url()), node(&redis.url_through(proxy.addr())));
    let (mut client, _) = second.native("").await;
    proxy.cut();
    queue(&first, &[], 1);
    eventually("it is in the stream", || first.queue.waiting() == 0).await;
    redis.command(&["FLUSHALL"]);
    queue(&first, &[], 2);
    eventually("it is in the stream", || first.queue.waiting() == 0).await;
    proxy.mend();
    gap(&mut client).await;
    queue(&first, &[], 3);
    assert_eq!(payloads(&mut client, 1).await.0, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_ids_gets_what_came_before_a_lost_stream_was_read_anew() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url()), node(&redis.url_through(proxy.addr())));
    let (mut plain, mut other) = (second.connect().await, first.connect().await);
    let (mut client, _) = first.native("").await;
    queue(&first, &[], 1);
    queue(&first, &[], 2);
    for number in ["1", "2"] {
        assert_eq!((plain.payload().await, other.payload().await), (number.into(), number.into()));
    }
    proxy.cut();
    // The newest entry is lost, and the one before is not.
    let (_, newest) = payloads(&mut client, 2).await;
    redis.command(&["XDEL", "{fastapi}:events", newest.rsplit_once('-').unwrap().0]);
    for number in 3..6 {
        queue(&first, &[], number);
    }
    eventually("they are in the stream", || first.queue.waiting() == 0).await;
    proxy.mend();
    queue(&first, &[], 6);
    for number in ["3", "4", "5", "6"] {
        assert_eq!(plain.payload().await, number, "each once, in order, and nothing again");
        assert_eq!(other.payload().await, number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_trimmed_under_a_machine_is_told() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url()), node(&redis.url_through(proxy.addr())));
    let (mut client, _) = second.native("").await;
    queue(&first, &[], 1);
    payloads(&mut client, 1).await;
    proxy.cut();
    queue(&first, &[], 2);
    queue(&first, &[], 3);
    eventually("they are in the stream", || first.queue.waiting() == 0).await;
    redis.command(&["XTRIM", "{fastapi}:events", "MAXLEN", "1"]);
    proxy.mend();
    gap(&mut client).await;
    queue(&first, &[], 4);
    assert_eq!(payloads(&mut client, 1).await.0, [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_master_does_not_have_is_told_by_who_had_sent_it() {
    let master = RedisServer::start();
    let to_replica = FaultyProxy::start(master.addr());
    let (host, port) = (to_replica.addr().ip().to_string(), to_replica.addr().port().to_string());
    let replica = RedisOptions::default().set("replicaof", &[&host, &port]).start();
    replica.await_info("master_link_status", "up");
    let proxy = FaultyProxy::start(master.addr());
    let url = master.url_through(proxy.addr());
    let (first, second) = (node(&url), node(&url));
    let (mut client, _) = second.native("").await;
    queue(&first, &[], 1);
    let (_, id) = payloads(&mut client, 1).await;
    eventually("the replica has it", || length(&replica) == length(&master)).await;
    to_replica.stall();
    queue(&first, &[], 2);
    let (_, lost) = payloads(&mut client, 1).await;
    eventually("it is acked", || first.queue.waiting() == 0).await;
    let queue_of_first = first.stopped().await;
    proxy.cut();
    drop(master);
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let queue_of_second = second.stopped().await;
    // Both come back on the new master. The second has no memory of what was lost; the first says it.
    let second = node_on(queue_of_second, &replica.url());
    let (mut client, welcome) = second.native(&format!("?after={id}")).await;
    assert_eq!(welcome["recovered"], true, "nothing is known of the loss: {welcome}");
    let first = node_on(queue_of_first, &replica.url());
    queue(&first, &[], 3);
    gap(&mut client).await;
    assert_eq!(payloads(&mut client, 1).await.0, [3]);
    for id in [id, lost] {
        let (_, welcome) = second.native(&format!("?after={id}")).await;
        assert_eq!(welcome["recovered"], false, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_broadcaster_wrote_is_told_as_a_gap() {
    let redis = RedisServer::start();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    redis.command(&["XADD", "{fastapi}:events", "*", "d", r#"{"v":2}"#, "n", "0000000a", "a", "1"]);
    let id = gap(&mut client).await;
    assert!(id.ends_with("-0000000a"), "{id}");
    queue(&node, &[], 1);
    assert_eq!(payloads(&mut client, 1).await.0, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_one_machine_alone_are_not_known_when_it_is_linked_and_the_reverse() {
    let redis = RedisServer::start();
    let alone = crate::util::TestServer::start();
    let (_, welcome) = alone.native("").await;
    let (own, queue_of_it) = (id_of(&welcome), alone.stopped().await);
    let linked = node_on(queue_of_it, &redis.url());
    let (_, welcome) = linked.native(&format!("?after={own}")).await;
    assert_eq!(welcome["recovered"], false);
    let (of_stream, queue_of_it) = (id_of(&welcome), linked.stopped().await);
    let alone = crate::util::TestServer::on(queue_of_it);
    for id in [own, of_stream] {
        let (_, welcome) = alone.native(&format!("?after={id}")).await;
        assert_eq!(welcome["recovered"], false, "{id}");
    }
}
