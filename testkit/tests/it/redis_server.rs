//! A single Redis server.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use redis::{Client, Commands, Connection, ErrorKind, IntoConnectionInfo, ServerErrorKind, TlsCertificates, Value};
use testkit::redis::{RedisOptions, RedisServer};
use testkit::until;

#[test]
fn it_answers_by_each_url_and_leaves_nothing_behind() {
    let server = RedisServer::start();
    assert_eq!(server.command(&["SET", "a", "1"]), Value::Okay);
    for url in [server.url(), server.socket_url()] {
        assert_eq!(connect(&url).get::<_, String>("a").unwrap(), "1", "{url}");
    }
    let (pid, directory) = (server.pid(), server.directory().to_owned());
    drop(server);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!directory.exists());
}

#[test]
fn a_killed_server_starts_again_at_the_same_addresses_with_what_it_has_on_disk() {
    for (options, kept) in [(RedisOptions::default(), None), (RedisOptions::default().append_only(), Some("1"))] {
        let mut server = options.start();
        let (url, socket_url, pid) = (server.url(), server.socket_url(), server.pid());
        let mut connection = connect(&url);
        connection.set::<_, _, ()>("a", 1).unwrap();
        server.kill();
        assert!(connection.get::<_, Option<String>>("a").is_err());
        assert!(Client::open(url.as_str()).unwrap().get_connection().is_err());
        server.start_again();
        assert_ne!(server.pid(), pid);
        for url in [url, socket_url] {
            assert_eq!(connect(&url).get::<_, Option<String>>("a").unwrap().as_deref(), kept);
        }
    }
}

#[test]
fn a_paused_server_accepts_connections_and_answers_when_it_is_resumed() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url());
    server.pause();
    TcpStream::connect(server.addr()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(connection.get::<_, Option<String>>("a").is_err());
    server.resume();
    assert_eq!(server.command(&["PING"]), Value::SimpleString("PONG".to_owned()));
}

#[test]
fn a_paused_server_ends_with_its_value() {
    let server = RedisServer::start();
    server.pause();
    let pid = server.pid();
    drop(server);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_password_is_in_its_urls() {
    let server = RedisOptions::default().password("a \"b\\/@:c").start();
    for url in [server.url(), server.socket_url()] {
        connect(&url).set::<_, _, ()>("a", 1).unwrap();
    }
    let without = Client::open(format!("redis://{}", server.addr())).unwrap();
    let refused = without.get_connection().unwrap().get::<_, Option<String>>("a").unwrap_err();
    assert_eq!(refused.code(), Some("NOAUTH"));
}

#[test]
fn a_user_may_use_the_given_commands_only() {
    let server = RedisOptions::default().user("node", "secret", &["@read", "xadd"]).start();
    for url in [server.url(), server.socket_url()] {
        let mut connection = connect(&url);
        connection.xadd::<_, _, _, _, String>("stream", "*", &[("d", "1")]).unwrap();
        assert_eq!(connection.xlen::<_, usize>("stream").unwrap(), 1);
        let refused = connection.del::<_, ()>("stream").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Server(ServerErrorKind::NoPerm));
        server.command(&["DEL", "stream"]);
    }
    let nobody = Client::open(format!("redis://{}", server.addr())).unwrap();
    assert_eq!(nobody.get_connection().unwrap().xlen::<_, usize>("stream").unwrap_err().code(), Some("NOAUTH"));
}

#[test]
fn it_listens_with_tls() {
    let server = RedisOptions::default().password("secret").tls().start();
    let root_cert = Some(fs::read(server.certificate()).unwrap());
    let trusting = Client::build_with_tls(server.tls_url(), TlsCertificates { client_tls: None, root_cert }).unwrap();
    trusting.get_connection().unwrap().set::<_, _, ()>("a", 1).unwrap();
    assert!(Client::open(server.tls_url()).unwrap().get_connection().is_err());
    assert_eq!(connect(&server.url()).get::<_, String>("a").unwrap(), "1");
}

#[test]
fn a_full_server_refuses_writes() {
    let server = RedisOptions::default().max_memory("3mb", "noeviction").start();
    let large = "x".repeat(1 << 20);
    let error = (0..10).find_map(|key| server.query::<()>(&["SET", &key.to_string(), &large]).err()).unwrap();
    assert_eq!(error.code(), Some("OOM"));
}

#[test]
fn it_has_the_databases_and_directives_that_are_asked_for() {
    let server = RedisOptions::default().databases(2).set("stream-node-max-entries", &["7"]).start();
    let select = |index| server.query::<()>(&["SELECT", index]);
    assert!(select("1").is_ok() && select("2").is_err());
    let found: Vec<String> = server.query(&["CONFIG", "GET", "stream-node-max-entries"]).unwrap();
    assert_eq!(found, ["stream-node-max-entries", "7"]);
}

#[test]
fn a_master_that_needs_a_replica_refuses_writes_without() {
    let master = RedisOptions::default().password("secret").min_replicas_to_write(1).start();
    let write = || master.query::<()>(&["SET", "a", "1"]);
    assert_eq!(write().unwrap_err().code(), Some("NOREPLICAS"));
    let replica = RedisOptions::default().replica_of(&master).start();
    until("the replica counts", || write().is_ok());
    let acknowledged: usize = master.query(&["WAIT", "1", "0"]).unwrap();
    assert_eq!(acknowledged, 1);
    until("the replica has it", || replica.query::<Option<String>>(&["GET", "a"]).unwrap().is_some());
    assert_eq!(replica.info("role").as_deref(), Some("slave"));
    replica.pause();
    until("the replica does not count any more", || write().is_err());
}

#[test]
fn many_servers_start_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| connect(&RedisServer::start().url()).set::<_, _, ()>("a", 1).unwrap());
        }
    });
}

fn connect(url: &str) -> Connection {
    Client::open(url.into_connection_info().unwrap()).unwrap().get_connection().unwrap()
}
