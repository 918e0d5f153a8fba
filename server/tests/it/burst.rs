//! Many messages for one client alone, at once.

use server::config::Settings;
use server::frames::encode_text;
use server::{Application, Client, ClientMessage, Disconnect, Hub, Reception, SessionId};
use testkit::within;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

const MESSAGE_BYTES: usize = 1000;

/// Sends as many messages as the client asks for, and then closes if it says "bye". Reports when it has sent, and when
/// the session has ended.
struct Burst {
    hub: Hub,
    sender: mpsc::UnboundedSender<&'static str>,
    sent: usize,
}

impl Application for Burst {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        let ClientMessage::Text(text) = message else { panic!("only texts are sent") };
        let (count, last) = text.split_once(' ').unwrap_or((&text, ""));
        for _ in 0..count.parse().unwrap() {
            assert!(self.hub.send(session, encode_text(&numbered(self.sent))));
            self.sent += 1;
        }
        if last == "bye" {
            self.hub.close(session, Disconnect::Closed);
        }
        self.report("sent");
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {
        self.report("ended");
    }
}

impl Burst {
    fn report(&self, what: &'static str) {
        // The test may be over.
        let _ = self.sender.send(what);
    }
}

fn numbered(number: usize) -> String {
    format!("{number:0MESSAGE_BYTES$}")
}

fn start(max_outbox_bytes: usize) -> (TestServer, mpsc::UnboundedReceiver<&'static str>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let settings = Settings { max_outbox_bytes: Some(max_outbox_bytes), ..Settings::default() };
    (TestServer::with_application(settings, |hub| Burst { hub: hub.clone(), sender, sent: 0 }), receiver)
}

#[tokio::test]
async fn what_the_socket_takes_counts_for_nothing() {
    // Ten times the limit, and far less than the kernel takes for a socket of this machine.
    let (server, _receiver) = start(25_000);
    let mut client = server.connect().await;
    for round in 0..20 {
        client.send(Message::text("250")).await;
        for number in round * 250..(round + 1) * 250 {
            assert_eq!(client.text().await, numbered(number));
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_stays_although_for_a_moment_more_than_the_limit_waits() {
    // The kernel takes some 4 MB and not 10, so that more than the limit is left at first.
    let (server, _receiver) = start(8_000_000);
    let mut client = server.connect().await;
    client.send(Message::text("20000")).await;
    for number in 0..20_000 {
        assert_eq!(client.text().await, numbered(number));
    }
}

#[tokio::test]
async fn a_close_after_a_burst_comes_after_all_of_it() {
    let (server, _receiver) = start(25_000);
    let mut client = server.connect().await;
    client.send(Message::text("250 bye")).await;
    for number in 0..250 {
        assert_eq!(client.text().await, numbered(number));
    }
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_slow_when_more_than_the_limit_remains() {
    let (server, mut receiver) = start(8_000_000);
    let mut client = server.connect().await;
    client.send(Message::text("20000")).await;
    assert_eq!(within("the application is called", receiver.recv()).await, Some("sent"));
    assert_eq!(within("the application is called", receiver.recv()).await, Some("ended"));
    assert_eq!(code_after_some_messages(&mut client).await, 4008);
}

#[tokio::test]
async fn more_than_a_burst_never_waits() {
    let (server, mut receiver) = start(1_000_000);
    let mut client = server.connect().await;
    client.send(Message::text("64000")).await;
    assert_eq!(within("the application is called", receiver.recv()).await, Some("sent"));
    // The first answer may come in the turn that takes the burst, the second does not.
    assert!(server.hub.is_alive().await && server.hub.is_alive().await);
    assert_eq!(receiver.try_recv(), Ok("ended"));
    assert_eq!(code_after_some_messages(&mut client).await, 4008);
}

#[tokio::test]
async fn a_client_that_does_not_read_what_came_before_a_close_is_slow_too() {
    let (server, mut receiver) = start(1_000_000);
    let mut client = server.connect().await;
    client.send(Message::text("64000 bye")).await;
    assert_eq!(within("the application is called", receiver.recv()).await, Some("sent"));
    assert_eq!(within("the application is called", receiver.recv()).await, Some("ended"));
    assert!(server.hub.is_alive().await);
    assert_eq!(code_after_some_messages(&mut client).await, 4008);
}

/// Reads whole messages in order, but not all, and returns the close code that follows.
async fn code_after_some_messages(client: &mut testkit::Client) -> u16 {
    let mut next = 0;
    loop {
        match client.next().await {
            Some(Ok(Message::Text(text))) => assert_eq!(text.as_str(), numbered(next)),
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            other => panic!("{other:?} after {next} messages"),
        }
        next += 1;
    }
}
