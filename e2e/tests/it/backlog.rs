//! Entries that were there before the broadcaster.

use crate::harness::{Collector, Message, Php, broadcaster, queue_dir};

/// The broadcaster does not wait for clients. A backlog of this length takes it a tenth of a second and more; a client
/// needs a few to connect, so it sees the end of it.
const LONG: usize = 10_000;

#[tokio::test]
async fn a_backlog_written_while_no_broadcaster_ran_is_read_on_start_in_order() {
    let queue = queue_dir();
    Php::run("queue_backlog.php", &queue, [LONG.to_string()]).await;
    assert_eq!(queue.entries().len(), LONG);

    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;
    let messages = client.messages_until(|message| number(message) == LONG - 1).await;

    let first = LONG - messages.len();
    let expected: Vec<usize> = (first..LONG).collect();
    assert_eq!(messages.iter().map(number).collect::<Vec<_>>(), expected);
    queue.is_drained().await;
    assert_eq!(queue.failed(), Vec::<String>::new());
}

#[tokio::test]
async fn a_client_that_comes_later_receives_only_what_is_queued_from_then_on() {
    let queue = queue_dir();
    Php::run("queue_backlog.php", &queue, ["10"]).await;
    let broadcaster = broadcaster::start(&queue).await;
    queue.is_drained().await;

    let mut client = Collector::of(&broadcaster).await;
    Php::run("queue_backlog.php", &queue, ["3"]).await;

    assert_eq!(client.messages(3).await.iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
}

fn number(message: &Message) -> usize {
    assert_eq!(message.event, "backlog");
    message.payload.parse().unwrap()
}
