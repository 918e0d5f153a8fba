//! The torture of the journal: eight producers queue events of up to 64 kB in both forms of the queue, while they and
//! the broadcaster are killed, and producers stand still, at random. A client counts: nothing that was accepted is lost,
//! nothing is partial, and the order of each producer stays; events come again only after a broadcaster was killed.
//!
//! Some kills by default; `make torture-journal` is ten minutes of it, by `TORTURE_SECONDS`. If `TORTURE_FAKETIME` names
//! the library libfaketime, the clocks of producers are set, to up to two hours ahead of that of the system, and back. None
//! is behind it: producers and broadcaster have one clock, and times that were queued before it was set back are ahead.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::{Broadcaster, QueueDir, payload_of, until};
use tungstenite::Message;

use crate::journal::producer::Appender;
use crate::journal::tally::Tally;
use crate::support::{Client, Random, broadcaster};
use crate::torture::number;

const PRODUCERS: usize = 8;
/// Kills of the broadcaster in the short version.
const RUNS: usize = 6;

/// Who queues.
struct Producers<'a> {
    queue: &'a QueueDir,
    alive: Vec<Appender>,
    killed: Vec<Appender>,
    next_id: usize,
    /// A library and a file by which clocks are set.
    clock: Option<(PathBuf, PathBuf)>,
}

impl<'a> Producers<'a> {
    fn new(queue: &'a QueueDir) -> Producers<'a> {
        let library = std::env::var_os("TORTURE_FAKETIME").map(PathBuf::from);
        let clock = library.map(|library| (library, queue.root().join("clock")));
        let mut producers = Producers { queue, alive: Vec::new(), killed: Vec::new(), next_id: 0, clock };
        producers.set_clock(0);
        producers.alive = (0..PRODUCERS).map(|_| producers.start()).collect();
        producers
    }

    fn start(&mut self) -> Appender {
        let (root, queue, id) = (self.queue.root(), self.queue.path(), self.next_id);
        self.next_id += 1;
        match &self.clock {
            // Half of them have the clock of the system.
            Some((library, file)) if id % 2 == 0 => Appender::with_clock(root, &queue, id, library, file),
            _ => Appender::start(root, &queue, id),
        }
    }

    fn set_clock(&self, secs: usize) {
        if let Some((_, file)) = &self.clock {
            let new = file.with_extension("new");
            fs::write(&new, format!("+{secs}s")).unwrap();
            fs::rename(new, file).unwrap();
        }
    }

    fn kill_one(&mut self, index: usize) {
        let new = self.start();
        let mut killed = std::mem::replace(&mut self.alive[index], new);
        killed.kill();
        self.killed.push(killed);
    }

    /// Starts a broadcaster, and a client that is there before the first entry is read: all stand still meanwhile.
    fn paused<T>(&self, start: impl FnOnce() -> T) -> T {
        self.alive.iter().for_each(Appender::pause);
        let started = start();
        self.alive.iter().for_each(Appender::resume);
        started
    }
}

fn start(queue: &QueueDir, producers: &Producers<'_>) -> (Broadcaster, Client) {
    // A small log reads ahead little, and none of the client's connection is counted as slow.
    producers.paused(|| broadcaster::with_first_client(queue, &["--history-events", "0"]))
}

/// What is left of the queue: segments with something in them, and files.
fn left(queue: &QueueDir) -> usize {
    let segments = fs::read_dir(queue.path().join("journal")).unwrap();
    let filled = segments.filter_map(|file| file.unwrap().metadata().ok()).filter(|file| file.len() > 0);
    filled.count() + queue.waiting()
}

#[test]
fn killed_producers_and_broadcasters_lose_nothing_of_both_forms_and_keep_the_order() {
    let whole = std::env::var_os("TORTURE_SECONDS").map(|_| Duration::from_secs(number("TORTURE_SECONDS", 0) as u64));
    let mut random = Random::new();
    let queue = QueueDir::new();
    let mut producers = Producers::new(&queue);
    let mut tally = Tally::default();
    let (began, mut run, mut stops) = (Instant::now(), 0, 0);
    let mut paused: Option<usize> = None;
    let is_over = |run: usize| match whole {
        Some(whole) => began.elapsed() > whole,
        None => run >= RUNS,
    };
    while !is_over(run) {
        let (mut broadcaster, mut client) = start(&queue, &producers);
        for _ in 0..1 + random.below(6) {
            for _ in 0..1 + random.below(1000) {
                tally.note(run, &client.payload());
            }
            match random.below(8) {
                // One that stands still keeps its lock, and holds up nobody.
                0 | 1 if paused.is_none() => {
                    let index = random.below(PRODUCERS);
                    producers.alive[index].pause();
                    paused = Some(index);
                    stops += 1;
                }
                2 => producers.set_clock(random.below(7200)),
                _ => producers.kill_one(random.below(PRODUCERS)),
            }
            if let Some(index) = paused.take_if(|_| random.below(3) == 0) {
                producers.alive[index].resume();
            }
        }
        if let Some(index) = paused.take() {
            producers.alive[index].resume();
        }
        broadcaster.kill();
        // What was written before is in the client's socket.
        while let Ok(Message::Text(text)) = client.next() {
            tally.note(run, payload_of(&text));
        }
        run += 1;
    }
    let (mut broadcaster, mut client) = start(&queue, &producers);
    producers.alive.iter_mut().for_each(Appender::kill);
    producers.killed.append(&mut producers.alive);
    // All are dead, and note nothing more.
    let mut awaited: Vec<(usize, usize)> =
        producers.killed.iter().map(|appender| (appender.id, appender.queued())).collect();
    awaited.retain(|(id, queued)| tally.received(*id) < *queued);
    while let Some((id, queued)) = awaited.last().copied() {
        if tally.received(id) >= queued {
            awaited.pop();
        } else {
            tally.note(run, &client.payload());
        }
    }
    tally.assert_in_order();
    // The last entries of those that were killed, which they have not noted.
    until("everything is acked", || left(&queue) == 0);
    broadcaster.stop();
    while let Ok(Message::Text(text)) = client.next() {
        tally.note(run, payload_of(&text));
    }
    tally.assert_in_order();
    for appender in &producers.killed {
        let (queued, received) = (appender.queued(), tally.received(appender.id));
        assert!(appender.may_have_queued(received), "producer {}: {queued} queued, {received} received", appender.id);
    }
    assert!(queue.failed().is_empty(), "no entry was partial: {:?}", queue.failed());
    assert!(broadcaster.log_lines("damaged").is_empty(), "{:?}", broadcaster.log_lines("damaged"));
    eprintln!(
        "{} events in {:.0} s, {} came again; killed: {} producers, {run} broadcasters; {stops} producers stood still",
        tally.events,
        began.elapsed().as_secs_f64(),
        tally.repeats,
        producers.killed.len(),
    );
}
