//! A master that is replaced by one of its replicas.

use redis::Commands;
use redis::sentinel::{SentinelClient, SentinelServerType};
use testkit::redis::Sentinels;
use testkit::until;

#[test]
fn clients_find_the_new_master_after_each_failover() {
    let mut sentinels = Sentinels::start();
    let urls: Vec<String> = sentinels.addresses().iter().map(|address| format!("redis://{address}")).collect();
    assert_eq!(sentinels.url(), format!("redis+sentinel://{}/events", urls.join(",").replace("redis://", "")));
    let service = sentinels.service().to_owned();
    let mut client = SentinelClient::build(urls, service, None, SentinelServerType::Master).unwrap();
    client.get_connection().unwrap().set::<_, _, ()>("a", 1).unwrap();
    let acknowledged: usize = sentinels.master().query(&["WAIT", "2", "0"]).unwrap();
    assert_eq!(acknowledged, 2);

    let killed = sentinels.failover();
    assert_eq!(killed, 0);
    assert_ne!(sentinels.master_index(), Some(killed));
    assert_eq!(client.get_connection().unwrap().incr::<_, _, u64>("a", 1).unwrap(), 2);

    sentinels.servers_mut()[killed].start_again();
    sentinels.servers()[killed].await_info("role", "slave");
    until("it has the same data", || {
        sentinels.servers()[killed].query::<Option<u64>>(&["GET", "a"]).unwrap() == Some(2)
    });

    // Two Sentinels are enough.
    sentinels.sentinels_mut()[0].kill();
    let killed = sentinels.failover();
    assert_ne!(killed, 0);
    assert_eq!(client.get_connection().unwrap().incr::<_, _, u64>("a", 1).unwrap(), 3);
}
