//! What a client may send in a second: if it sends more, the server reads from it more slowly. It loses nothing and stays.

use std::time::{Duration, Instant};

use server::config::Settings;
use server::{Application, Client, ClientMessage, Reception, SessionId};
use testkit::within;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

/// Reports what it receives.
struct Listening(mpsc::UnboundedSender<String>);

impl Application for Listening {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, _session: SessionId, message: ClientMessage) -> Reception {
        let ClientMessage::Text(text) = message else { panic!("only texts are sent") };
        // The test may be over.
        let _ = self.0.send(text);
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {
        let _ = self.0.send("closed".to_owned());
    }
}

/// Sends so many numbered messages at once and returns how long it took until all were received, in their order.
async fn time_for(settings: Settings, count: usize, message_bytes: usize) -> Duration {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let server = TestServer::with_application(settings, |_| Listening(sender));
    let (mut speaker, mut listener) = (server.connect().await, server.connect().await);
    let begin = Instant::now();
    for number in 0..count {
        speaker.send(Message::text(format!("{number:0message_bytes$}"))).await;
    }
    for number in 0..count {
        let message = within("the application is called", receiver.recv()).await.expect("the server lives");
        assert_eq!(message, format!("{number:0message_bytes$}"));
        // Neither other clients nor the sender wait for that.
        server.queue.enqueue(number);
        assert_eq!(listener.payload().await, number.to_string());
        assert_eq!(speaker.payload().await, number.to_string());
    }
    begin.elapsed()
}

#[tokio::test]
async fn a_client_that_sends_more_than_its_budget_is_read_from_more_slowly_and_loses_nothing() {
    let settings = Settings { max_messages_per_sec: Some(20), max_bytes_per_sec: Some(0), ..Settings::default() };
    // Twenty at once, and twenty in each second after it.
    let time = time_for(settings, 60, 10).await;
    assert!(time >= Duration::from_millis(1900), "{time:?}");
}

#[tokio::test]
async fn bytes_beyond_the_budget_wait_as_messages_do() {
    let settings = Settings { max_messages_per_sec: Some(0), max_bytes_per_sec: Some(20_000), ..Settings::default() };
    // What is read at once may exceed the budget, and is paid back.
    let time = time_for(settings, 60, 1000).await;
    assert!(time >= Duration::from_millis(1000), "{time:?}");
}

#[tokio::test]
async fn fragments_count_as_messages() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    let (sender, mut receiver) = mpsc::unbounded_channel();
    let settings = Settings { max_messages_per_sec: Some(20), ..Settings::default() };
    let server = TestServer::with_application(settings, |_| Listening(sender));
    let mut speaker = server.connect().await;
    let begin = Instant::now();
    for number in 0..60 {
        let opcode = if number == 0 { Data::Text } else { Data::Continue };
        speaker.send(Message::Frame(Frame::message(b"a".as_slice(), OpCode::Data(opcode), number == 59))).await;
    }
    assert_eq!(within("the application is called", receiver.recv()).await, Some("a".repeat(60)));
    assert!(begin.elapsed() >= Duration::from_millis(1900), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn one_that_leaves_while_it_waits_for_its_budget_is_let_go_soon() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    // What it sends would take a quarter of an hour.
    let settings = Settings { max_messages_per_sec: Some(1), ..Settings::default() };
    let server = TestServer::with_application(settings, |_| Listening(sender));
    let mut speaker = server.connect().await;
    for _ in 0..1000 {
        speaker.send(Message::text("x")).await;
    }
    drop(speaker);
    while within("the application is called", receiver.recv()).await.expect("the server lives") != "closed" {}
}
