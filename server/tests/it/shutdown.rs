//! How a server stops.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use server::config::Settings;
use server::{Application, Client, ClientMessage, Hub, NoApplication, Reception, Server, SessionId};
use socket2::Socket;
use testkit::{HANDSHAKE, QueueDir, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::util::TestServer;

#[tokio::test]
async fn clients_receive_what_was_read_and_then_the_close_code() {
    let mut server = TestServer::start();
    let mut clients = [server.connect().await, server.connect().await];
    let filler = "x".repeat(1000);
    (0..2000).for_each(|number| drop(server.queue.enqueue(format!("[{number},\"{filler}\"]"))));
    assert!(clients[0].payload().await.starts_with("[0,"));
    server.request_stop();
    let (mut received, mut codes) = (Vec::new(), Vec::new());
    for client in &mut clients {
        let mut count = 0;
        let code = loop {
            use tokio_tungstenite::tungstenite::Message;
            match client.next().await {
                Some(Ok(Message::Text(_))) => count += 1,
                Some(Ok(Message::Close(frame))) => break u16::from(frame.unwrap().code),
                other => panic!("{other:?}"),
            }
        };
        // The answer to the close frame goes out by reading on.
        while client.next().await.is_some() {}
        received.push(count);
        codes.push(code);
    }
    assert_eq!(codes, [1001, 1001]);
    let queue = server.stopped().await;
    // Every entry is either with both clients or still in the directory.
    assert_eq!(received[0] + 1, received[1]);
    assert_eq!(received[1] + queue.waiting(), 2000);
}

#[tokio::test]
async fn a_server_without_clients_stops_at_once_and_leaves_its_directory_free() {
    let server = TestServer::start();
    let root = server.stopped().await;
    TestServer::on(root).stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_leave_is_dropped_after_the_grace() {
    let server = TestServer::with(Settings { shutdown_grace_secs: Some(0.2), ..Settings::default() });
    let mut stream = unresponsive_client(server.address).await;
    server.stopped().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"server is shutting down"));
}

#[tokio::test]
async fn clients_of_one_channel_that_do_not_leave_are_dropped_after_the_grace() {
    let settings = Settings { shutdown_grace_secs: Some(0.2), hub_threads: Some(1), ..Settings::default() };
    let server = TestServer::with(settings);
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(server.native("?channel=a&channel=b").await);
    }
    server.stopped().await;
}

#[tokio::test]
async fn port_and_connections_end_although_another_process_has_copies_of_their_sockets() {
    let server = TestServer::with(Settings { shutdown_grace_secs: Some(0.2), ..Settings::default() });
    let address = server.address;
    let mut unresponsive = unresponsive_client(address).await;
    let copies = copies_of_sockets(address);
    assert!(copies.len() >= 2, "the listener and the client");
    let root = server.stopped().await;
    let mut rest = Vec::new();
    within("the answer", unresponsive.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.ends_with(b"server is shutting down"));
    // What asks for the port finds it free, and nobody's connection ends in the copy.
    drop(TcpListener::bind(address).unwrap());
    let next = TestServer::on_port(root, address.port());
    for _ in 0..8 {
        let mut client = unresponsive_client(address).await;
        assert_eq!(within("the answer", client.read_u8()).await.unwrap(), b'T'); // of HTTP
    }
    drop(copies);
    next.stopped().await;
}

#[tokio::test]
async fn a_socket_that_was_passed_goes_on_listening_when_the_server_stops() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let config = Settings::default().resolve().unwrap();
    let server = Server::bind_to(socket.try_clone().unwrap(), config, |_| NoApplication).unwrap();
    within("the server ends", server.run(std::future::ready(()))).await.unwrap();
    TcpStream::connect(address).await.unwrap();
    socket.accept().unwrap();
}

/// An application that does nothing, or panics when a client sends something.
struct Fragile {
    /// What the test sees of it: the application is dropped with its thread.
    _held: Arc<()>,
    panics: bool,
}

impl Application for Fragile {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, _session: SessionId, message: ClientMessage) -> Reception {
        assert!(!self.panics, "the test wants a thread that panics");
        Reception::Declined(message)
    }

    fn closed(&mut self, _session: SessionId) {}
}

/// The threads run as soon as the server is there. A start that fails half way drops them in the same way.
#[tokio::test]
async fn a_server_that_is_dropped_before_it_runs_joins_its_threads_and_loses_nothing() {
    let queue = QueueDir::new();
    let settings = Settings { queue: Some(queue.path()), port: Some(0), ..Settings::default() };
    for _ in 0..20 {
        // The source is in the middle of them when the server is dropped.
        (0..100).for_each(|number| drop(queue.enqueue(number)));
        let held = Arc::new(());
        let make = |_: &Hub| Fragile { _held: held.clone(), panics: false };
        let server = Server::bind(settings.clone().resolve().unwrap(), make).unwrap();
        assert!(Arc::strong_count(&held) > 1, "the hub has its applications");
        drop(server);
        assert_eq!(Arc::strong_count(&held), 1, "the threads of the hub have ended");
    }
    let config = settings.resolve().unwrap();
    Server::bind(config, |_| NoApplication).expect("the source has ended, so that the queue is free");
}

#[tokio::test]
async fn a_thread_of_the_hub_that_panics_ends_the_server_and_leaves_the_events_in_the_queue() {
    let queue = QueueDir::new();
    let settings = Settings {
        queue: Some(queue.path()),
        port: Some(0),
        hub_threads: Some(2),
        shutdown_grace_secs: Some(0.5),
        ..Settings::default()
    };
    let make = |_: &Hub| Fragile { _held: Arc::default(), panics: true };
    let server = Server::bind(settings.resolve().unwrap(), make).unwrap();
    let address = server.local_addr();
    let running = tokio::spawn(server.run(std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    within("the response", client.readable()).await.unwrap();
    // It reads nothing of these, so the source waits for their delivery.
    let filler = "x".repeat(100_000);
    (0..100).for_each(|_| drop(queue.enqueue(format!("\"{filler}\""))));
    eventually("some are delivered", || queue.waiting() < 100).await;
    client.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    let ended = within("the server ends", running).await.unwrap();
    assert!(ended.is_err_and(|error| error.to_string().contains("panicked")));
    assert!(queue.waiting() > 0);
}

/// Connects a client that never answers a close frame.
async fn unresponsive_client(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    assert_eq!(within("the answer", stream.read_u8()).await.unwrap(), b'H');
    stream
}

/// Copies of the sockets of this process that have the address, as a forked process has them.
pub(crate) fn copies_of_sockets(address: SocketAddr) -> Vec<Socket> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers: Vec<i32> =
        descriptors.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap()).collect();
    let copies = numbers.into_iter().filter_map(|number| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).ok());
    let has_address = |socket: &Socket| socket.local_addr().is_ok_and(|local| local.as_socket() == Some(address));
    copies.map(Socket::from).filter(has_address).collect()
}

/// The configuration is made by hand, since settings never come to it: no semaphore has so many permits.
#[tokio::test]
async fn a_listener_that_fails_ends_the_server_with_an_error() {
    let queue = QueueDir::new();
    let settings = Settings { queue: Some(queue.path()), port: Some(0), ..Settings::default() };
    let mut config = settings.resolve().unwrap();
    config.admission.spare_slots = usize::MAX;
    let server = Server::bind(config, |_| NoApplication).unwrap();
    let ended = within("the server ends", server.run(std::future::pending())).await;
    assert!(ended.is_err_and(|error| error.to_string().contains("panic")));
}
