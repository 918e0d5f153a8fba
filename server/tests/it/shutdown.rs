//! How a server stops.

use crate::util::{TestServer, waiting};

#[tokio::test]
async fn clients_receive_what_was_read_and_then_the_close_code() {
    let mut server = TestServer::start();
    let mut clients = [server.connect().await, server.connect().await];
    let filler = "x".repeat(1000);
    (0..2000).for_each(|number| server.enqueue(format!("[{number},\"{filler}\"]")));
    assert!(clients[0].payload().await.starts_with("[0,"));
    server.request_stop();
    let (mut received, mut codes) = (Vec::new(), Vec::new());
    for client in &mut clients {
        let mut count = 0;
        let code = loop {
            use tokio_tungstenite::tungstenite::Message;
            match crate::util::within(futures_util::StreamExt::next(&mut client.socket)).await {
                Some(Ok(Message::Text(_))) => count += 1,
                Some(Ok(Message::Close(frame))) => break u16::from(frame.unwrap().code),
                other => panic!("{other:?}"),
            }
        };
        // The answer to the close frame goes out by reading on.
        while crate::util::within(futures_util::StreamExt::next(&mut client.socket)).await.is_some() {}
        received.push(count);
        codes.push(code);
    }
    assert_eq!(codes, [1001, 1001]);
    let root = server.stopped().await;
    // Every entry is either with both clients or still in the directory.
    assert_eq!(received[0] + 1, received[1]);
    assert_eq!(received[1] + waiting(&root.path().join("queue")), 2000);
}

#[tokio::test]
async fn a_server_without_clients_stops_at_once_and_leaves_its_directory_free() {
    let server = TestServer::start();
    let root = server.stopped().await;
    TestServer::on(root).stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_leave_is_dropped_after_the_grace() {
    use server::config::Settings;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = TestServer::with(Settings { shutdown_grace_secs: Some(0.2), ..Settings::default() });
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    server.stopped().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"server is shutting down"));
}
