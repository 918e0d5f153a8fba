//! RFC 6455 as a client sees it: pings, closes, errors, limits.

use server::config::Settings;
use testkit::{HANDSHAKE, within};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::util::TestServer;

#[tokio::test]
async fn a_ping_is_answered_between_messages() {
    let server = TestServer::start();
    let mut client = server.connect().await;
    client.send(Message::Ping(Bytes::from_static(b"are you there"))).await;
    let answer = client.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"are you there")));
    server.queue.enqueue(1);
    assert_eq!(client.payload().await, "1");
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let server = TestServer::start();
    let mut client = server.connect().await;
    let close = CloseFrame { code: CloseCode::Library(4321), reason: "done".into() };
    client.send(Message::Close(Some(close))).await;
    assert_eq!(client.close_code().await, 4321);
}

#[tokio::test]
async fn clients_that_break_the_protocol_learn_why() {
    let server = TestServer::with(Settings { max_message_bytes: Some(100), ..Settings::default() });
    let frame = |opcode, payload: &'static [u8]| Message::Frame(Frame::message(payload, opcode, true));
    let wrong = [
        (frame(OpCode::Data(Data::Text), b"\xff"), 1007),
        (frame(OpCode::Data(Data::Text), &[b'x'; 101]), 1009),
        (frame(OpCode::Data(Data::Continue), b"of nothing"), 1002),
        (frame(OpCode::Data(Data::Reserved(3)), b""), 1002),
    ];
    for (message, code) in wrong {
        let mut client = server.connect().await;
        client.send(message).await;
        assert_eq!(client.close_code().await, code);
    }
}

#[tokio::test]
async fn a_message_over_the_limit_in_fragments_is_refused() {
    let server = TestServer::with(Settings { max_message_bytes: Some(100), ..Settings::default() });
    let mut client = server.connect().await;
    client.send(Message::Frame(Frame::message(vec![b'x'; 60], OpCode::Data(Data::Text), false))).await;
    client.send(Message::Frame(Frame::message(vec![b'x'; 60], OpCode::Data(Data::Continue), true))).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn what_clients_say_changes_nothing_by_default() {
    let server = TestServer::start();
    let (mut speaker, mut listener) = (server.connect().await, server.connect().await);
    speaker.send(Message::text(r#"{"event":"test","payload":"forged"}"#)).await;
    speaker.send(Message::binary(vec![1, 2, 3])).await;
    speaker.send(Message::Ping(Bytes::new())).await;
    assert!(matches!(speaker.next().await, Some(Ok(Message::Pong(_)))));
    server.queue.enqueue(1);
    assert_eq!(listener.payload().await, "1");
    assert_eq!(speaker.payload().await, "1");
}

#[tokio::test]
async fn clients_are_pinged_and_those_that_answer_stay() {
    let settings = Settings { ping_interval_secs: Some(0.5), pong_timeout_secs: Some(3.0), ..Settings::default() };
    let server = TestServer::with(settings);
    let mut client = server.connect().await;
    // The client answers by itself as long as it is read.
    for _ in 0..3 {
        assert!(matches!(client.next().await, Some(Ok(Message::Ping(_)))));
    }
    server.queue.enqueue(1);
    assert_eq!(client.payload().await, "1");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_disconnected() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let settings = Settings { ping_interval_secs: Some(0.2), pong_timeout_secs: Some(0.2), ..Settings::default() };
    let server = TestServer::with(settings);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    within("the answer", stream.read_to_end(&mut received)).await.unwrap();
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let frames = &received[end..];
    assert_eq!(frames[..2], [0x89, 0], "a ping");
    let close = &frames[2..];
    assert_eq!(close[0], 0x88, "a close frame");
    assert_eq!(u16::from_be_bytes([close[2], close[3]]), 4009);
    assert_eq!(&close[4..], b"no answer to ping");
}
