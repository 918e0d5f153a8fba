//! A client that does not read, beside clients that do.

use server::config::Settings;
use testkit::eventually;
use tokio_tungstenite::tungstenite::Message;

use crate::util::TestServer;

fn small_log() -> Settings {
    Settings { log_bytes: Some(1_000_000), max_event_bytes: Some(100_000), ..Settings::default() }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_the_others_notice_nothing() {
    let server = TestServer::with(small_log());
    let mut slow = server.connect().await;
    let mut reader = server.connect().await;
    let filler = "x".repeat(20_000);
    // More than the kernel's buffers and the log hold.
    for number in 0..1500 {
        server.queue.enqueue(format!("[{number},\"{filler}\"]"));
        assert!(reader.payload().await.starts_with(&format!("[{number},")));
    }
    eventually("every entry is acked", || server.queue.waiting() == 0).await;

    // What the slow one did receive are whole messages in order, then the reason.
    let mut next = 0;
    loop {
        match slow.next().await {
            Some(Ok(Message::Text(text))) => {
                assert!(text.contains(&format!("\"payload\":[{next},")), "{next}");
                next += 1;
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!(u16::from(frame.code), 4008);
                break;
            }
            other => panic!("{other:?} after {next} messages"),
        }
    }
    assert!(next < 1500);
}

#[tokio::test]
async fn a_message_waits_for_a_client_no_longer_than_the_timeout() {
    let server = TestServer::with(Settings { slow_client_timeout_secs: Some(0.5), ..Settings::default() });
    let mut slow = server.connect().await;
    // Within the log, but not within the kernel's buffers: only the timeout applies.
    let filler = "x".repeat(500_000);
    (0..30).for_each(|_| drop(server.queue.enqueue(format!("\"{filler}\""))));
    eventually("the entries are acked without the client", || server.queue.waiting() == 0).await;
    assert_eq!(slow.close_code().await, 4008);
}
