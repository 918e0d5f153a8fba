//! Connections to real servers.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use redis::{RedisResult, cmd};
use testkit::redis::{Cluster, RedisOptions, RedisServer, Sentinels};

use super::connect::{ConnectError, connect};
use super::connection::{Connection, Woken};
use super::failure::{Failure, FailureKind};
use crate::notifier::Notifier;

const KEY: &str = "{fastapi}:events";
/// What a user needs for these tests.
const COMMANDS: [&str; 3] = ["xadd", "xrange", "xlen"];

fn to(url: &str) -> Result<Connection, ConnectError> {
    connect(&url.parse().expect(url), KEY)
}

/// Adds an entry by a script.
fn eval(connection: &mut Connection) -> RedisResult<String> {
    cmd("EVAL").arg("return redis.call('XADD', KEYS[1], '*', 'd', 'x')").arg(1).arg(KEY).query(connection)
}

fn connected(url: &str) -> Connection {
    to(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> String {
    to(url).expect_err(url).to_string()
}

/// Adds an entry.
fn add(connection: &mut Connection) -> RedisResult<String> {
    redis::cmd("XADD").arg(KEY).arg("*").arg("d").arg("x").query(connection)
}

fn failure(result: RedisResult<String>) -> Failure {
    Failure::of(&result.expect_err("a failure"))
}

fn entries_of(server: &RedisServer) -> usize {
    server.query(&["XLEN", KEY]).unwrap()
}

#[test]
fn one_server_is_written_to_by_tcp_and_by_its_socket() {
    for options in [
        RedisOptions::default(),
        RedisOptions::default().password("p@ss:/?#word"),
        RedisOptions::default().user("app", "p@ss:/?#word", &COMMANDS),
    ] {
        let server = options.start();
        for url in [server.url(), server.socket_url()] {
            let mut connection = connected(&url);
            add(&mut connection).unwrap();
        }
        assert_eq!(entries_of(&server), 2);
    }
}

#[test]
fn a_database_is_chosen_and_the_connection_has_a_name() {
    let server = RedisServer::start();
    for url in [format!("{}/3", server.url()), format!("{}?db=3", server.socket_url())] {
        let mut connection = connected(&url);
        add(&mut connection).unwrap();
        let clients: String = server.query(&["CLIENT", "LIST"]).unwrap();
        assert!(clients.lines().any(|line| line.contains("name=fastapi-broadcaster") && line.contains(" db=3 ")));
    }
    assert_eq!(entries_of(&server), 0);
    let error = refused(&format!("{}/99", server.url()));
    assert!(error.ends_with("it answers ERR DB index is out of range"), "{error}");
}

#[test]
fn who_may_not_log_in_is_told_so_without_the_password() {
    let server = RedisOptions::default().user("app", "right", &COMMANDS).start();
    let address = server.addr();
    for (url, told) in [
        (format!("redis://app:s3cret@{address}"), "it does not accept the user and the password of broker.url"),
        (format!("redis://:s3cret@{address}"), "it does not accept the user and the password of broker.url"),
        (format!("redis://{address}"), "it asks for a password: broker.url needs one"),
    ] {
        let error = to(&url).expect_err(&url);
        let error = error.to_string();
        assert!(error.starts_with(&format!("cannot use Redis at {address}: {told}")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let open = RedisServer::start();
    let error = refused(&format!("redis://:s3cret@{}", open.addr()));
    assert!(error.contains("it has no password, and broker.url names one"), "{error}");
}

#[test]
fn a_user_without_a_right_and_a_server_without_memory_are_told_apart() {
    let server = RedisOptions::default().user("app", "right", &["xrange"]).start();
    let error = failure(add(&mut connected(&server.url())));
    assert_eq!(error.kind, FailureKind::Permission, "{error}");
    let server = RedisOptions::default().max_memory("1", "noeviction").start();
    let mut connection = connected(&server.url());
    let error = failure(add(&mut connection));
    assert_eq!(error.kind, FailureKind::Memory, "{error}");
    let error = failure(eval(&mut connection));
    assert_eq!(error.kind, FailureKind::Memory, "{error}");
    // Such an answer breaks no connection.
    assert_eq!(redis::cmd("XLEN").arg(KEY).query(&mut connection), Ok(0));
}

#[test]
fn with_tls_the_server_has_to_be_trusted() {
    let server = RedisOptions::default().password("word").tls().start();
    let ca = format!("?ca={}", server.certificate().display());
    add(&mut connected(&(server.tls_url() + &ca))).unwrap();
    assert_eq!(entries_of(&server), 1);
    let error = refused(&server.tls_url());
    let is_told = error.ends_with("(?ca=/FILE.pem in the URL names the authority that signed it)");
    assert!(is_told || error.contains("has no certificates to trust"), "{error}");
    let other = server.tls_url().replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let error = refused(&(other + &ca));
    assert!(error.contains("certificate not valid for name"), "{error}");
    let error = refused(&server.url_through(server.tls_addr()));
    assert!(error.ends_with("the scheme begins with rediss"), "{error}");
    let error = refused(&(server.tls_url_through(server.addr()) + &ca));
    assert!(error.starts_with("cannot agree on TLS with Redis at "), "{error}");
    assert!(error.ends_with("(is it a port without TLS? Then the scheme begins with redis)"), "{error}");
    let error = refused(&(server.tls_url() + "?ca=/no/such/file"));
    assert!(error.contains("cannot use /no/such/file: "), "{error}");
    let error = refused(&format!("{}?ca={}", server.tls_url(), server.directory().join("redis.conf").display()));
    assert!(error.contains("there is no certificate in PEM in it"), "{error}");
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_ours() {
    let server = RedisOptions::default().tls().start();
    server.command(&["CONFIG", "SET", "tls-auth-clients", "yes"]);
    let certificate = server.certificate();
    let key = certificate.with_file_name("key.pem");
    let url = format!("{}?ca={}", server.tls_url(), certificate.display());
    add(&mut connected(&format!("{url}&cert={}&key={}", certificate.display(), key.display()))).unwrap();
    let error = refused(&url);
    assert!(error.contains("CertificateRequired") || error.contains("the connection is lost"), "{error}");
}

#[test]
fn a_server_that_does_not_listen_or_speaks_something_else_is_told_so() {
    let mut server = RedisServer::start();
    let address = server.addr();
    server.kill();
    let error = to(&server.url()).expect_err("nobody listens");
    assert!(error.to_string().starts_with(&format!("cannot connect to Redis at {address}: ")), "{error}");
    let error = refused("redis+unix:///no/such/socket");
    assert!(error.starts_with("cannot connect to Redis at /no/such/socket: "), "{error}");
    let web = Stub::start(|_| "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned());
    let error = refused(&format!("redis://{}", web.address));
    assert!(error.contains("what it answers cannot be understood: it answers HTTP and is no Redis"), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let server = RedisServer::start();
    let mut connection = connected(&server.url());
    connection.set_read_timeout(Duration::from_millis(50)).unwrap();
    server.pause();
    let start = Instant::now();
    assert_eq!(failure(add(&mut connection)).kind, FailureKind::Lost);
    let error = refused(&server.url());
    assert!(error.contains("the connection is lost: ") && start.elapsed() < Duration::from_secs(30), "{error}");
    server.resume();
    // The answer to the command that was given up would be taken for that to the next.
    assert!(!redis::ConnectionLike::is_open(&connection));
    assert_eq!(failure(add(&mut connection)).kind, FailureKind::Lost);
    add(&mut connected(&server.url())).unwrap();
}

#[test]
fn an_answer_that_is_too_large_is_given_up() {
    let server = RedisServer::start();
    let mut connection = connected(&server.url());
    connection.set_max_answer_bytes(100_000);
    let mut echo = |bytes| redis::cmd("ECHO").arg("x".repeat(bytes)).query::<String>(&mut connection);
    // The limit is that of each answer, not of all.
    (0..3).for_each(|_| assert_eq!(echo(90_000).map(|text| text.len()), Ok(90_000)));
    let error = failure(echo(200_000));
    assert_eq!(error.kind, FailureKind::Lost);
    assert!(error.to_string().ends_with("an answer has more than 100000 bytes"), "{error}");
}

#[test]
fn commands_go_in_pipelines_transactions_and_scripts() {
    let server = RedisServer::start();
    let mut connection = connected(&server.url());
    let large = "x".repeat(300_000);
    let mut pipeline = redis::pipe();
    for _ in 0..20 {
        pipeline.cmd("XADD").arg(KEY).arg("*").arg("d").arg(&large);
    }
    let ids: Vec<String> = pipeline.query(&mut connection).unwrap();
    assert_eq!(ids.len(), 20);
    let (length, deleted): (usize, usize) =
        redis::pipe().atomic().cmd("XLEN").arg(KEY).cmd("DEL").arg(KEY).query(&mut connection).unwrap();
    assert_eq!((length, deleted), (20, 1));
    eval(&mut connection).unwrap();
    assert_eq!(entries_of(&server), 1);
}

#[test]
fn a_thread_waits_for_an_answer_and_for_its_stop() {
    let server = RedisOptions::default().tls().start();
    let tls = format!("{}?ca={}", server.tls_url(), server.certificate().display());
    for url in [server.url(), server.socket_url(), tls] {
        let (mut connection, stop) = (connected(&url), Notifier::new().unwrap());
        let mut read = redis::cmd("XREAD");
        read.arg("BLOCK").arg(0).arg("STREAMS").arg(KEY).arg("$");
        let wait = |connection: &mut Connection, timeout| connection.wait(stop.as_fd(), timeout).unwrap();
        // Not for the tickets of TLS.
        assert_eq!(wait(&mut connection, Duration::from_millis(20)), Woken::Timeout, "{url}");
        connection.send(&read.get_packed_command()).unwrap();
        assert_eq!(wait(&mut connection, Duration::from_millis(20)), Woken::Timeout, "{url}");
        stop.notify();
        assert_eq!(wait(&mut connection, testkit::TIMEOUT), Woken::Other, "{url}");
        stop.clear();
        server.await_info("blocked_clients", "1");
        server.command(&["XADD", KEY, "*", "d", "x"]);
        assert_eq!(wait(&mut connection, testkit::TIMEOUT), Woken::Answer, "{url}");
        let answer = format!("{:?}", connection.receive().unwrap());
        assert!(answer.contains("events"), "{answer}");
        assert_eq!(wait(&mut connection, Duration::from_millis(20)), Woken::Timeout, "{url}");
        server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        assert_eq!(wait(&mut connection, testkit::TIMEOUT), Woken::Answer, "{url}");
        assert_eq!(Failure::of(&connection.receive().unwrap_err()).kind, FailureKind::Lost, "{url}");
    }
}

#[test]
fn a_replica_is_no_place_to_write_to() {
    let master = RedisServer::start();
    let replica = RedisOptions::default().replica_of(&master).start();
    replica.await_info("master_link_status", "up");
    let error = failure(add(&mut connected(&replica.url())));
    assert_eq!(error.kind, FailureKind::Elsewhere, "{error}");
    // A sentinel that has not noticed a failover.
    let address = replica.addr();
    let sentinel = Stub::start(move |command| match command {
        "SENTINEL" => {
            format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{}\r\n", address.port().to_string().len(), address.port())
        }
        _ => "+PONG\r\n".to_owned(),
    });
    let error = refused(&format!("redis+sentinel://{}/main", sentinel.address));
    let told = format!("Redis at {address} is not the master that the sentinel at {} says it is", sentinel.address);
    assert_eq!(error, told);
}

#[test]
fn sentinels_say_where_the_master_is_also_after_a_failover() {
    let mut servers = Sentinels::start();
    let mut connection = connected(&servers.url());
    assert_eq!(connection.server(), servers.master().addr().to_string());
    add(&mut connection).unwrap();
    let unknown = servers.url().replace(servers.service(), "other");
    let error = refused(&unknown);
    assert!(error.contains(r#"does not know the master "other""#), "{error}");
    // The others know as well.
    servers.sentinels_mut()[0].kill();
    add(&mut connected(&servers.url())).unwrap();
    servers.sentinels_mut()[0].start_again();
    let killed = servers.failover();
    assert_eq!(failure(add(&mut connection)).kind, FailureKind::Lost);
    let mut connection = connected(&servers.url());
    assert_ne!(connection.server(), servers.servers()[killed].addr().to_string());
    add(&mut connection).unwrap();
}

#[test]
fn every_server_of_a_cluster_leads_to_the_one_with_the_stream() {
    let cluster = Cluster::start();
    let owner = cluster.index_of(KEY);
    let seeds: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
    for seed in cluster.addresses() {
        let mut connection = connected(&format!("redis+cluster://{seed}"));
        assert_eq!(connection.server(), cluster.nodes()[owner].addr().to_string());
        add(&mut connection).unwrap();
    }
    let other = (owner + 1) % cluster.nodes().len();
    let error = failure(add(&mut connected(&cluster.nodes()[other].url())));
    assert_eq!(error.kind, FailureKind::Elsewhere, "{error}");
    assert!(error.to_string().starts_with("another server of the cluster has the stream (MOVED"), "{error}");
    // A seed that is gone is left out.
    let mut gone = RedisServer::start();
    gone.kill();
    let connection = connected(&format!("redis+cluster://{},{}", gone.addr(), seeds.join(",")));
    assert_eq!(connection.server(), cluster.nodes()[owner].addr().to_string());
}

/// A server that answers each command, of which it looks at the name alone.
struct Stub {
    address: SocketAddr,
}

impl Stub {
    /// Its thread ends with its one connection.
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            while let Some(count) = lines.next() {
                let parts: usize = count.trim_start_matches('*').parse().unwrap();
                let words: Vec<String> = (0..parts).filter_map(|_| lines.by_ref().nth(1)).collect();
                if stream.write_all(answer(&words[0]).as_bytes()).is_err() {
                    return;
                }
            }
        });
        Stub { address }
    }
}
