//! Listening on a name that has several addresses, as `localhost` has on most machines.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use testkit::{Broadcaster, QueueDir, skipped, until};

use crate::support::{BINARY, Client, arguments, command};

/// Runs it where `both.test` has an address of each protocol, after some commands of the shell, in namespaces of its
/// own.
fn where_a_name_has_both(queue: &QueueDir, namespaces: &[&str], before: &str) -> Option<Broadcaster> {
    let unshare = [&["--mount", "--propagation", "private", "--kill-child", "--fork"], namespaces].concat();
    if !Command::new("unshare").args(&unshare).arg("true").status().is_ok_and(|status| status.success()) {
        skipped("no namespace of mounts may be made here");
        return None;
    }
    let hosts = queue.root().join("hosts");
    fs::write(&hosts, "127.0.0.1 both.test\n::1 both.test\n").unwrap();
    let script = format!("mount --bind \"$0\" /etc/hosts && {before} exec \"$@\"");
    let mut binary = command("unshare");
    binary.args(&unshare).args(["sh", "-c", &script]).arg(hosts).arg(BINARY);
    binary.args(arguments(&queue.path()).iter().map(|one| one.replace("127.0.0.1:0", "both.test:0")));
    Some(Broadcaster::spawn(binary).listening())
}

fn listens_on(broadcaster: &Broadcaster) -> Vec<SocketAddr> {
    let address = |line: &String| line.split("address=").nth(1)?.split(' ').next()?.parse().ok();
    broadcaster.log_lines("listening address=").iter().filter_map(address).collect()
}

#[test]
fn a_name_is_listened_on_at_all_of_its_addresses_and_one_port() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skipped("this machine has no IPv6");
    }
    let queue = QueueDir::new();
    let Some(mut broadcaster) = where_a_name_has_both(&queue, &[], "") else { return };
    until("it says both", || broadcaster.log_lines("listening address=").len() == 2);
    let addresses = listens_on(&broadcaster);
    assert!(addresses[0].port() == addresses[1].port() && addresses.iter().any(SocketAddr::is_ipv6), "{addresses:?}");
    let mut clients: Vec<Client> = addresses.iter().cycle().take(20).map(|address| Client::connect(*address)).collect();
    queue.enqueue(1);
    for client in &mut clients {
        assert_eq!(client.payload(), "1");
    }
    let child = broadcaster.only_child();
    rustix::process::kill_process(child, rustix::process::Signal::TERM).unwrap();
    for client in &mut clients {
        assert_eq!(client.close_code(), 1001);
    }
    assert!(broadcaster.await_exit().success());
    assert!(addresses.iter().all(|address| TcpStream::connect(address).is_err()));
}

#[test]
fn an_address_of_a_name_that_the_machine_has_not_is_left_out() {
    let queue = QueueDir::new();
    let without = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && ip link set lo up &&";
    let Some(broadcaster) = where_a_name_has_both(&queue, &["--net"], without) else { return };
    let addresses = listens_on(&broadcaster);
    assert!(addresses.len() == 1 && addresses[0].is_ipv4(), "{addresses:?}");
}
