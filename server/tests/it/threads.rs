//! Several threads of the hub, each with some of the clients.

use server::config::Settings;
use server::frames::encode_text;
use server::{Application, Client, ClientMessage, Hub, Reception, SessionId};
use testkit::eventually;
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

const THREADS: usize = 3;

fn threads() -> Settings {
    // While one client is read, the others answer no pings, however long that takes on a busy machine.
    let pong_timeout_secs = Some(3600.0);
    Settings { hub_threads: Some(THREADS), relay_client_events: Some(true), pong_timeout_secs, ..Settings::default() }
}

#[tokio::test]
async fn clients_of_all_threads_get_everything_in_the_same_order() {
    const MESSAGES: usize = 200;
    let server = TestServer::with(threads());
    let mut clients = Vec::new();
    for _ in 0..2 * THREADS {
        clients.push(server.connect().await);
    }
    // Each thread relays what its clients send, while the source appends what PHP queues.
    for number in 0..MESSAGES {
        server.queue.enqueue(format!("\"queued {number}\""));
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(Message::text(format!(r#"{{"event":"test","payload":"{index} {number}"}}"#))).await;
        }
    }
    let expected = MESSAGES * (clients.len() + 1);
    let mut first = Vec::new();
    for _ in 0..expected {
        first.push(clients[0].payload().await);
    }
    for source in ["queued".to_owned(), "0".to_owned(), "5".to_owned()] {
        let of_source = first.iter().filter(|payload| payload.starts_with(&format!("\"{source} ")));
        let wanted = (0..MESSAGES).map(|number| format!("\"{source} {number}\""));
        assert!(of_source.eq(wanted.collect::<Vec<_>>().iter()), "{source} is out of order");
    }
    for client in &mut clients[1..] {
        for payload in &first {
            assert_eq!(client.payload().await, *payload);
        }
    }
    eventually("the entries are deleted", || server.queue.waiting() == 0).await;
}

#[tokio::test]
async fn each_client_is_answered_by_its_own_thread() {
    struct Echo(Hub);
    impl Application for Echo {
        fn opened(&mut self, _client: Client) {}

        fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
            let ClientMessage::Text(text) = message else { panic!("only texts are sent") };
            assert!(self.0.send(session, encode_text(&text)));
            Reception::Taken
        }

        fn closed(&mut self, _session: SessionId) {}
    }

    let server = TestServer::with_applications(threads(), |hub| Echo(hub.clone()));
    let mut clients = Vec::new();
    for _ in 0..3 * THREADS {
        clients.push(server.connect().await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(Message::text(number.to_string())).await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.text().await, number.to_string());
    }
    assert!(server.hub.is_alive().await);
}

#[tokio::test]
async fn all_threads_close_their_clients_when_the_server_stops() {
    let mut server = TestServer::with(threads());
    let mut clients = Vec::new();
    for _ in 0..2 * THREADS {
        clients.push(server.connect().await);
    }
    server.request_stop();
    for client in &mut clients {
        assert_eq!(client.close_code().await, 1001);
    }
    server.stopped().await;
}
