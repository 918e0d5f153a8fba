//! A cluster of three nodes.

use redis::Commands;
use redis::cluster::ClusterClient;
use testkit::redis::Cluster;

#[test]
fn clients_find_the_node_of_each_key_also_after_one_was_killed() {
    let mut cluster = Cluster::start();
    let client = ClusterClient::new(cluster.urls()).unwrap();
    let mut connection = client.get_connection().unwrap();
    for key in 0..100 {
        connection.set::<_, _, ()>(key, key).unwrap();
        let key = key.to_string();
        assert_eq!(cluster.node_of(&key).query::<String>(&["GET", &key]).unwrap(), key);
    }
    let index = cluster.index_of("{events}:events");
    let other = &cluster.nodes()[(index + 1) % 3];
    assert_eq!(other.query::<()>(&["GET", "{events}:events"]).unwrap_err().code(), Some("MOVED"));

    cluster.nodes_mut()[index].kill();
    cluster.nodes_mut()[index].start_again();
    cluster.await_ok();
    client.get_connection().unwrap().set::<_, _, ()>("{events}:events", 1).unwrap();
}
