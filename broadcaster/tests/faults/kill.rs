//! kill -9 of producers and broadcasters at any moment: nothing is lost, no entry is partial, and the order stays.

use std::sync::atomic::{AtomicBool, Ordering};

use testkit::{Broadcaster, QueueDir, payload_of, until};
use tungstenite::Message;

use crate::support::producer::BATCH;
use crate::support::{Client, Ledger, Producer, Random, broadcaster};

const PRODUCERS: usize = 3;
const RUNS: usize = 12;

#[test]
fn killed_producers_and_broadcasters_lose_nothing_and_keep_the_order() {
    let mut random = Random::new();
    let queue = QueueDir::new();
    let mut ids = 0..;
    // Every second one queues several events in each entry.
    let mut start_producer = || start_producer(&queue, ids.next().unwrap());
    let mut producers: Vec<Producer> = (0..PRODUCERS).map(|_| start_producer()).collect();
    let mut killed = Vec::new();
    let mut ledger = Ledger::default();

    for run in 0..RUNS {
        let (mut broadcaster, mut client) = start_with_client(&queue, &producers);
        for _ in 0..2 {
            receive(&mut client, &mut ledger, run, 1 + random.below(150));
            let mut producer = std::mem::replace(&mut producers[random.below(PRODUCERS)], start_producer());
            producer.kill();
            killed.push(producer);
        }
        receive(&mut client, &mut ledger, run, 1 + random.below(300));
        broadcaster.kill();
        // What was written before is in the client's socket.
        while let Ok(Message::Text(text)) = client.next() {
            ledger.note(run, payload_of(&text));
        }
    }
    let (mut broadcaster, mut client) = start_with_client(&queue, &producers);
    producers.iter_mut().for_each(Producer::kill);
    let last = queue.enqueue(format!("[{},0]", usize::MAX));
    while ledger.received(usize::MAX) == 0 {
        receive(&mut client, &mut ledger, RUNS, 1);
    }
    until("everything is acked", || queue.waiting() == 0);
    broadcaster.stop();

    killed.append(&mut producers);
    for producer in killed {
        let (queued, received) = (producer.queued(), ledger.received(producer.id));
        // It may have died between queueing an entry and noting it. All events of an entry are queued, or none.
        let entry = if is_of_batches(producer.id) { BATCH } else { 1 };
        assert!(
            received == queued || received == queued + entry,
            "producer {}: {queued} queued, {received} received",
            producer.id
        );
    }
    assert!(queue.failed().is_empty(), "no entry was partial, {last} included: {:?}", queue.failed());
    eprintln!("{} events, {} repeats after {RUNS} kills", ledger.events(), ledger.repeats());
}

fn start_producer(queue: &QueueDir, id: usize) -> Producer {
    let start = if is_of_batches(id) { Producer::of_batches } else { Producer::start };
    start(queue.root(), &queue.path(), id)
}

fn is_of_batches(id: usize) -> bool {
    id % 2 == 1
}

/// Starts a broadcaster, and a client that is there before the first entry is: producers pause meanwhile.
fn start_with_client(queue: &QueueDir, producers: &[Producer]) -> (Broadcaster, Client) {
    producers.iter().for_each(Producer::pause);
    let started = broadcaster::with_first_client(queue, &[]);
    producers.iter().for_each(Producer::resume);
    started
}

fn receive(client: &mut Client, ledger: &mut Ledger, run: usize, count: usize) {
    (0..count).for_each(|_| ledger.note(run, &client.payload()));
}

#[test]
fn a_reader_of_the_directory_never_sees_part_of_an_entry_while_producers_are_killed() {
    let queue = QueueDir::in_memory();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looked = 0;
            while !stop.load(Ordering::Relaxed) {
                for name in queue.names() {
                    let content = std::fs::read(queue.path().join(&name)).unwrap();
                    let name = name.parse().unwrap();
                    let events = queue::parse_entry(&name, &content, None, u64::MAX);
                    let events = events.unwrap_or_else(|error| panic!("{name}: {error}"));
                    assert!([1, BATCH].contains(&events.len()), "{name}: {} events", events.len());
                    looked += 1;
                }
            }
            looked
        });
        for id in 0..20 {
            let mut producer = start_producer(&queue, id);
            until("it has queued something", || producer.queued() >= id);
            producer.kill();
            let entry = if is_of_batches(id) { BATCH } else { 1 };
            assert!(queue.waiting() >= producer.queued() / entry);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(looking.join().unwrap() > 0);
    });
}

#[test]
fn each_broadcaster_goes_on_in_order_where_the_killed_one_was() {
    const EVENTS: usize = 2000;
    let queue = QueueDir::in_memory();
    // More than the kernel's buffers hold: each of them dies with entries read, written, and not acked.
    let filler = "x".repeat(10_000);
    (0..EVENTS).for_each(|number| drop(queue.enqueue(format!("[{number},\"{filler}\"]"))));
    let number_of = |text: &str| payload_of(text)[1..].split(',').next().unwrap().parse::<usize>().unwrap();
    let (mut next, mut runs) = (0, 0);
    while next < EVENTS {
        let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &[]);
        let mut expected = None;
        for received in 0.. {
            if received == 100 {
                broadcaster.kill();
            }
            let Ok(Message::Text(text)) = client.next() else { break };
            let number = number_of(&text);
            assert!(expected.map_or(number <= next, |expected| number == expected), "{number} after {expected:?}");
            expected = Some(number + 1);
            if number + 1 == EVENTS {
                break;
            }
        }
        next = next.max(expected.unwrap());
        broadcaster.kill();
        assert!(queue.waiting() >= EVENTS - next, "an entry is gone that nobody received");
        runs += 1;
    }
    assert!(runs > 2, "{runs} runs are too few to prove anything");
}
