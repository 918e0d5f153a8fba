//! From the directory to every client.

use server::config::Settings;
use server::frames::encode_text;
use server::{Application, Client, ClientMessage, Hub, Publication, Reception, SessionId};
use testkit::{QueueDir, enqueue, eventually};
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

#[tokio::test]
async fn an_event_reaches_every_client_on_any_path() {
    let server = TestServer::start();
    let mut clients = Vec::new();
    for path in ["/", "/chat?room=1", "/any/where"] {
        clients.push(testkit::Client::connect(server.address, path).await);
    }
    server.queue.enqueue(r#"{"id":1,"price":1.0,"url":"a\/b"}"#);
    for client in &mut clients {
        let text = client.text().await;
        let rest =
            text.strip_prefix(r#"{"event":"test","payload":{"id":1,"price":1.0,"url":"a\/b"},"timestamp":"#).unwrap();
        assert!(rest.strip_suffix('}').unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    }
    eventually("the entry is deleted", || server.queue.waiting() == 0).await;
}

#[tokio::test]
async fn a_backlog_is_read_on_start_in_order() {
    let queue = QueueDir::new();
    (0..3000).for_each(|number| drop(queue.enqueue(number)));
    // The directory is drained when nobody is connected, too: a hub without clients has given each of them everything.
    let server = TestServer::on(queue);
    eventually("the backlog is gone", || server.queue.waiting() == 0).await;
    let mut client = server.connect().await;
    server.queue.enqueue("\"now\"");
    assert_eq!(client.payload().await, "\"now\"");
}

#[tokio::test]
async fn events_arrive_in_order_and_none_is_missing() {
    let server = TestServer::start();
    let mut clients = [server.connect().await, server.connect().await, server.connect().await];
    let queue = server.queue.path();
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let queue = queue.clone();
            std::thread::spawn(move || (0..1000).for_each(|number| enqueue(&queue, format!("[{producer},{number}]"))))
        })
        .collect();
    for client in &mut clients {
        let mut next = [0; 2];
        for _ in 0..2000 {
            let [producer, number]: [usize; 2] = serde_json::from_str(&client.payload().await).unwrap();
            assert_eq!(number, next[producer]);
            next[producer] += 1;
        }
    }
    producers.into_iter().for_each(|producer| producer.join().unwrap());
    eventually("all entries are deleted", || server.queue.waiting() == 0).await;
}

#[tokio::test]
async fn events_of_every_size_arrive_whole() {
    let server = TestServer::start();
    let mut client = server.connect().await;
    for size in [0, 1, 60, 61, 62, 125, 126, 65_000, 65_535, 65_536, 1_000_000] {
        let payload = format!("\"{}\"", "x".repeat(size));
        server.queue.enqueue(&payload);
        assert!(client.payload().await == payload, "{size}");
    }
}

#[tokio::test]
async fn invalid_entries_are_put_aside_and_stop_nothing() {
    let server = TestServer::with(Settings {
        entry_grace_secs: Some(0.05),
        scan_interval_secs: Some(0.02),
        ..Settings::default()
    });
    let mut client = server.connect().await;
    std::fs::write(server.queue.path().join("0.json"), "garbage").unwrap();
    server.queue.enqueue(1);
    assert_eq!(client.payload().await, "1");
    let failed = server.queue.path().join("failed/0.json");
    eventually("the garbage is put aside", || failed.exists()).await;
    assert!(std::fs::read_to_string(failed.with_extension("json.reason")).unwrap().starts_with("not valid JSON"));
    server.queue.enqueue(2);
    assert_eq!(client.payload().await, "2");
}

#[tokio::test]
async fn a_directory_that_is_deleted_and_made_again_is_read_again() {
    let server = TestServer::with(Settings { scan_interval_secs: Some(0.02), ..Settings::default() });
    let mut client = server.connect().await;
    for round in 0..3 {
        std::fs::remove_dir_all(server.queue.path()).unwrap();
        server.queue.enqueue(round);
        assert_eq!(client.payload().await, round.to_string());
    }
}

#[tokio::test]
async fn a_backlog_larger_than_the_log_loses_no_client_that_reads() {
    let filler = "x".repeat(10_000);
    let small = Settings { log_bytes: Some(100_000), max_event_bytes: Some(50_000), ..Settings::default() };
    let server = TestServer::with(small);
    let (first, second) = (server.connect().await, server.connect().await);
    // 20 MB through a log of 100 kB.
    let queue = server.queue.path();
    let producer = std::thread::spawn(move || {
        (0..2000).for_each(|number| enqueue(&queue, format!("[{number},\"{filler}\"]")));
    });
    let read_all = async |mut client: testkit::Client| {
        for number in 0..2000 {
            assert!(client.payload().await.starts_with(&format!("[{number},")), "{number}");
        }
    };
    tokio::join!(read_all(first), read_all(second));
    producer.join().unwrap();
}

#[tokio::test]
async fn what_one_client_is_sent_between_broadcasts_arrives_between_them_however_much_it_is() {
    const MESSAGES: usize = 100;
    fn payload(number: usize) -> String {
        format!("\"{number:020000}\"")
    }
    /// Broadcasts and sends by turns, all before the hub can write any of it.
    struct ByTurns(Hub);
    impl Application for ByTurns {
        fn opened(&mut self, _client: Client) {}

        fn received(&mut self, session: SessionId, _message: ClientMessage) -> Reception {
            for number in 0..MESSAGES {
                self.0.publish(&Publication::to_everybody("\"test\"", &payload(number), 0));
                assert!(self.0.send(session, encode_text(&format!("{number}"))));
            }
            Reception::Taken
        }

        fn closed(&mut self, _session: SessionId) {}
    }

    let server = TestServer::with_application(Settings::default(), |hub| ByTurns(hub.clone()));
    let (mut asking, mut other) = (server.connect().await, server.connect().await);
    asking.send(Message::text("go")).await;
    for number in 0..MESSAGES {
        assert_eq!(asking.payload().await, payload(number));
        assert_eq!(asking.text().await, number.to_string());
        assert_eq!(other.payload().await, payload(number));
    }
}
