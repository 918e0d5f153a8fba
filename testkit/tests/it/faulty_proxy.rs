//! A proxy that breaks connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use redis::{Client, Commands, Connection};
use testkit::redis::RedisServer;
use testkit::{FaultyProxy, until};

#[test]
fn it_forwards_and_counts() {
    let server = RedisServer::start();
    let proxy = FaultyProxy::start(server.addr());
    let large = "x".repeat(5 << 20);
    let mut connections: Vec<Connection> = (0..3).map(|_| connect(&server, &proxy)).collect();
    for connection in &mut connections {
        connection.set::<_, _, ()>("a", &large).unwrap();
        assert!(connection.get::<_, String>("a").unwrap() == large);
    }
    assert_eq!((proxy.accepted(), proxy.open()), (3, 3));
    drop(connections);
    until("all have gone", || proxy.open() == 0);
    assert_eq!(proxy.accepted(), 3);
}

#[test]
fn a_side_that_ends_may_still_receive() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = FaultyProxy::start(listener.local_addr().unwrap());
    let mut client = TcpStream::connect(proxy.addr()).unwrap();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert_eq!(text(&mut server), "question");
    server.write_all(b"answer").unwrap();
    drop(server);
    assert_eq!(text(&mut client), "answer");
    until("it has gone", || proxy.open() == 0);
}

#[test]
fn cut_ends_connections_and_refuses_others_until_it_is_mended() {
    let server = RedisServer::start();
    let proxy = FaultyProxy::start(server.addr());
    let mut connection = connect(&server, &proxy);
    proxy.cut();
    assert_eq!(proxy.open(), 0);
    assert!(connection.get::<_, Option<String>>("a").unwrap_err().is_connection_dropped());
    let client = Client::open(server.url_through(proxy.addr())).unwrap();
    let error = client.get_connection().err().unwrap();
    assert!(error.is_connection_refusal(), "{error:?}");
    proxy.mend();
    connect(&server, &proxy).set::<_, _, ()>("a", 1).unwrap();
}

#[test]
fn what_is_sent_while_it_stalls_arrives_when_it_is_mended() {
    let server = RedisServer::start();
    let proxy = FaultyProxy::start(server.addr());
    let mut connection = TcpStream::connect(proxy.addr()).unwrap();
    connection.write_all(b"PING\r\n").unwrap();
    connection.read_exact(&mut [0; 7]).unwrap();
    proxy.stall();
    connection.write_all(b"INCR a\r\n").unwrap();
    let mut other = TcpStream::connect(proxy.addr()).unwrap();
    other.write_all(b"INCR a\r\n").unwrap();
    until("it is accepted", || proxy.accepted() == 2);
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(connection.read(&mut [0; 4]).is_err());
    assert_eq!(server.query::<Option<String>>(&["GET", "a"]).unwrap(), None);
    proxy.mend();
    for connection in [&mut connection, &mut other] {
        connection.set_read_timeout(None).unwrap();
        connection.read_exact(&mut [0; 4]).unwrap();
    }
    assert_eq!(server.query::<Option<String>>(&["GET", "a"]).unwrap().as_deref(), Some("2"));
}

#[test]
fn commands_are_executed_whose_replies_are_dropped() {
    let server = RedisServer::start();
    let proxy = FaultyProxy::start(server.addr());
    let mut connection = connect(&server, &proxy);
    proxy.drop_replies();
    std::thread::scope(|scope| {
        let reply = scope.spawn(|| connection.incr::<_, _, u64>("a", 1));
        until("it is executed", || server.query::<Option<u64>>(&["GET", "a"]).unwrap() == Some(1));
        proxy.mend();
        assert!(reply.join().unwrap().unwrap_err().is_connection_dropped());
    });
    assert_eq!(proxy.open(), 0);
    assert_eq!(connect(&server, &proxy).incr::<_, _, u64>("a", 1).unwrap(), 2);
}

/// An answer comes at once after the question, while the proxy may still be about to look.
#[test]
fn no_reply_arrives_while_replies_are_dropped() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = FaultyProxy::start(listener.local_addr().unwrap());
    let mut client = TcpStream::connect(proxy.addr()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    proxy.drop_replies();
    let mut byte = [0];
    for _ in 0..5000 {
        client.write_all(b"?").unwrap();
        server.read_exact(&mut byte).unwrap();
        server.write_all(b"!").unwrap();
    }
    proxy.cut();
    assert_eq!(client.read(&mut byte).unwrap_or(0), 0, "a reply arrived");
}

#[test]
fn a_server_that_is_gone_ends_connections_and_can_come_back() {
    let mut server = RedisServer::start();
    let proxy = FaultyProxy::start(server.addr());
    let mut connection = connect(&server, &proxy);
    server.kill();
    assert!(connection.get::<_, Option<String>>("a").is_err());
    assert_eq!(text(&mut TcpStream::connect(proxy.addr()).unwrap()), "");
    server.start_again();
    connect(&server, &proxy).set::<_, _, ()>("a", 1).unwrap();
}

fn connect(server: &RedisServer, proxy: &FaultyProxy) -> Connection {
    Client::open(server.url_through(proxy.addr())).unwrap().get_connection().unwrap()
}

fn text(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
