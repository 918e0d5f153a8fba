//! Producers without the extension: they write in place, under names of their own.

use crate::harness::{Collector, Php, broadcaster, queue_dir};

#[tokio::test]
async fn a_file_written_in_two_halves_is_delivered_once_it_is_whole() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;

    let payloads = Php::run("write_in_halves.php", &queue, [""; 0]).await;

    let messages = client.messages(1).await;
    assert_eq!((&messages[0].event[..], &messages[0].payload), ("slowly.written", &payloads[0]));
    queue.is_drained().await;
    assert_eq!(queue.failed(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_is_still_being_written_holds_nothing_else_up() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;
    let whole = r#"{"event":"late","payload":1,"timestamp":1,"queued_at":1.5}"#;

    queue.write("1.5_half.json", &whole[..20]);
    Php::run("queue_backlog.php", &queue, ["5"]).await;
    let before: Vec<String> = client.messages(5).await.into_iter().map(|message| message.event).collect();
    queue.write("1.5_half.json", whole);

    assert_eq!(before, ["backlog"; 5]);
    assert_eq!(client.messages(1).await[0].event, "late");
}

#[tokio::test]
async fn entries_of_the_pure_php_class_and_of_the_extension_come_in_order_of_queueing() {
    const COUNT: usize = 6_000;
    let queue = queue_dir();
    Php::run("queue_as_original.php", &queue, [COUNT.to_string()]).await;

    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;
    let last = (COUNT - 1).to_string();
    let messages = client.messages_until(|message| message.payload == last).await;

    for (position, message) in messages.iter().enumerate() {
        let number = COUNT - messages.len() + position;
        let event = if number % 3 == 2 { "native" } else { "original" };
        assert_eq!((&message.event[..], &message.payload), (event, &number.to_string()));
    }
    queue.is_drained().await;
    assert_eq!(queue.failed(), Vec::<String>::new());
}

#[tokio::test]
async fn events_of_the_pure_php_class_arrive_while_it_writes_them() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;

    Php::run("queue_as_original.php", &queue, ["600"]).await;

    // Written in place, an entry may be seen before it is whole and then follow the next one.
    let mut numbers: Vec<usize> =
        client.messages(600).await.iter().map(|message| message.payload.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}
