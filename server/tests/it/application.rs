//! What an application can do, and what is relayed in its place.

use futures_util::StreamExt;
use serde_json::json;
use server::config::Settings;
use server::frames::{encode_binary, encode_text};
use server::{Application, Client, ClientMessage, Disconnect, Hub, Publication, Reception, SessionId};
use testkit::within;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

/// Answers with what it got, and reports to the test what happened.
struct Echo {
    hub: Hub,
    sender: mpsc::UnboundedSender<String>,
}

impl Application for Echo {
    fn opened(&mut self, client: Client) {
        let agent = client
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("X-Test"))
            .map(|(_, value)| value.as_str());
        self.sender.send(format!("opened {} {agent:?}", client.path)).unwrap();
    }

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        match message {
            ClientMessage::Text(text) if text == "bye" => self.hub.close(session, Disconnect::Closed),
            ClientMessage::Text(text) if text == "all" => {
                self.hub.publish(&Publication::to_everybody("\"first\"", "1", 7));
                self.hub.send(session, encode_text("second"));
                self.hub.publish(&Publication::to_everybody("\"third\"", "3", 7));
                self.hub.send(session, encode_text("fourth"));
            }
            ClientMessage::Text(text) if text.starts_with('{') => {
                return Reception::Declined(ClientMessage::Text(text));
            }
            ClientMessage::Text(text) => assert!(self.hub.send(session, encode_text(&text))),
            ClientMessage::Binary(bytes) => assert!(self.hub.send(session, encode_binary(&bytes))),
        }
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {
        self.sender.send("closed".to_owned()).unwrap();
    }
}

fn start(settings: Settings) -> (TestServer, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let server = TestServer::with_application(settings, |hub| Echo { hub: hub.clone(), sender });
    (server, receiver)
}

#[tokio::test]
async fn it_sees_the_request_as_sent() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    let (server, mut receiver) = start(Settings::default());
    let mut request = format!("ws://{}/Chat?q=%20A", server.address).into_client_request().unwrap();
    request.headers_mut().insert("x-test", "yes".parse().unwrap());
    let (socket, _) = within("the client connects", tokio_tungstenite::connect_async(request)).await.unwrap();
    assert_eq!(
        within("the application is called", receiver.recv()).await.unwrap(),
        "opened /Chat?q=%20A Some(\"yes\")"
    );
    drop(socket);
    assert_eq!(within("the application is called", receiver.recv()).await.unwrap(), "closed");
}

#[tokio::test]
async fn it_answers_one_client() {
    let (server, _receiver) = start(Settings::default());
    let mut client = server.connect().await;
    client.send(Message::text("hello")).await;
    assert_eq!(client.text().await, "hello");
    client.send(Message::binary(vec![0, 255])).await;
    let answer = client.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::binary(vec![0, 255]));
}

#[tokio::test]
async fn broadcasts_and_answers_keep_their_order() {
    let (server, _receiver) = start(Settings::default());
    let mut client = server.connect().await;
    for _ in 0..100 {
        client.send(Message::text("all")).await;
        assert_eq!(client.text().await, r#"{"event":"first","payload":1,"timestamp":7}"#);
        assert_eq!(client.text().await, "second");
        assert_eq!(client.text().await, r#"{"event":"third","payload":3,"timestamp":7}"#);
        assert_eq!(client.text().await, "fourth");
    }
}

#[tokio::test]
async fn it_ends_a_session_and_hears_of_it_once() {
    let (server, mut receiver) = start(Settings::default());
    let mut client = server.connect().await;
    assert!(within("the application is called", receiver.recv()).await.unwrap().starts_with("opened / "));
    client.send(Message::text("bye")).await;
    assert_eq!(client.close_code().await, 1000);
    assert_eq!(within("the application is called", receiver.recv()).await.unwrap(), "closed");
    server.stopped().await;
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn what_it_does_not_want_is_relayed_if_so_configured() {
    let (server, _receiver) = start(Settings { relay_client_events: Some(true), ..Settings::default() });
    let (mut speaker, mut listener) = (server.connect().await, server.connect().await);
    for text in [r#"{"payload":1}"#, r#"{"event":null}"#, "{broken", r#"{"event":"test","payload":{"a":[1.0]}}"#] {
        speaker.send(Message::text(text)).await;
    }
    for client in [&mut speaker, &mut listener] {
        assert_eq!(client.payload().await, r#"{"a":[1.0]}"#);
    }
}

#[tokio::test]
async fn it_gets_what_a_native_client_sends_that_is_no_command() {
    let (server, mut receiver) = start(Settings::default());
    let (mut client, _) = server.native("Chat?channel=a&everybody=0").await;
    assert_eq!(
        within("the application is called", receiver.recv()).await.unwrap(),
        "opened /Chat?channel=a&everybody=0 None"
    );
    client.send(Message::text("hello")).await;
    assert_eq!(client.text().await, "hello");
    client.send(Message::binary(vec![0, 255])).await;
    assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(vec![0, 255]));
    // An object with a type is the server's, also if it means nothing to it.
    assert_eq!(client.ask(json!({ "type": "subscribe", "channel": "b", "ref": 1 })).await["type"], "subscribed");
    assert_eq!(client.ask(json!({ "type": "chat", "text": "hello", "ref": 2 })).await["code"], 107);
    // One without is the application's, and this one declines it.
    assert_eq!(client.ask(json!({ "text": "hello" })).await["code"], 107);
    server.publish(&["b"], 1);
    assert_eq!(client.payload().await, "1");
    client.send(Message::text("bye")).await;
    assert_eq!(client.close_code().await, 1000);
    assert_eq!(within("the application is called", receiver.recv()).await.unwrap(), "closed");
}

#[tokio::test]
async fn it_gets_all_that_a_client_by_url_sends() {
    let (server, _receiver) = start(Settings::default());
    let (mut client, _) = server.by_url("?channel=a").await;
    client.send(Message::text("[\"subscribe\"]")).await;
    assert_eq!(client.text().await, "[\"subscribe\"]");
    client.send(Message::text(r#"{"type":"subscribe","channel":"b"}"#)).await;
    client.send(Message::text("hello")).await;
    assert_eq!(client.text().await, "hello");
    server.publish(&["b"], 1);
    server.publish(&["a"], 2);
    assert_eq!(client.payload().await, "2");
}

#[tokio::test]
async fn its_answers_keep_their_order_with_events_of_channels() {
    let (server, _receiver) = start(Settings::default());
    let (mut client, _) = server.native("?channel=a").await;
    for round in 0..100 {
        server.publish(&["a"], round);
        client.send(Message::text("all")).await;
        let mut texts = Vec::new();
        for _ in 0..5 {
            texts.push(client.text().await);
        }
        let starts = ["{\"event\":\"test\"", "{\"event\":\"first\"", "second", "{\"event\":\"third\"", "fourth"];
        assert!(texts.iter().zip(starts).all(|(text, start)| text.starts_with(start)), "{texts:?}");
        assert!(texts[1].contains(r#","id":"#) && !texts[1].contains("channel"), "{texts:?}");
    }
}

/// Takes one message, then none until it is resumed.
struct OneAtATime {
    sender: mpsc::UnboundedSender<(SessionId, ClientMessage)>,
}

impl Application for OneAtATime {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        self.sender.send((session, message)).unwrap();
        Reception::TakenAndFull
    }

    fn closed(&mut self, _session: SessionId) {}
}

#[tokio::test]
async fn it_sets_the_pace_of_a_client() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let server = TestServer::with_application(Settings::default(), |_| OneAtATime { sender });
    let mut client = server.connect().await;
    for number in 0..200 {
        client.send(Message::text(number.to_string())).await;
    }
    for number in 0..200 {
        let (session, message) = within("the application is called", receiver.recv()).await.unwrap();
        assert_eq!(message, ClientMessage::Text(number.to_string()));
        // A broadcast goes out all the same, and proves that the hub has had its turn.
        server.hub.publish(&Publication::to_everybody("\"test\"", "1", 7));
        assert_eq!(client.payload().await, "1");
        assert!(receiver.try_recv().is_err(), "it took a second message");
        server.hub.resume(session);
    }
}

/// Greets each client.
struct Greeting {
    hub: Hub,
}

impl Application for Greeting {
    fn opened(&mut self, client: Client) {
        assert!(self.hub.send(client.session, encode_text("hello")));
    }

    fn received(&mut self, _session: SessionId, _message: ClientMessage) -> Reception {
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {}
}

#[tokio::test]
async fn the_first_message_of_a_client_of_channels_comes_before_those_of_the_application() {
    let server = TestServer::with_application(Settings::default(), |hub| Greeting { hub: hub.clone() });
    let url = format!("ws://{}/?channel=orders", server.address);
    let (mut socket, _) = within("the client connects", tokio_tungstenite::connect_async(url)).await.unwrap();
    let first = within("the first message", socket.next()).await.unwrap().unwrap().into_text().unwrap();
    assert!(first.starts_with(r#"{"type":"welcome""#), "{first}");
    assert_eq!(within("the second message", socket.next()).await.unwrap().unwrap(), Message::text("hello"));
}
