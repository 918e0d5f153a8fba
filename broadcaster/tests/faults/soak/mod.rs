//! The soak: half an hour of mixed load with kills, slow clients and garbage. Not part of the tests of every day:
//!
//!     SOAK_MINUTES=30 cargo test --release -p fastapi-broadcaster --test faults -- \
//!         --ignored --exact soak::mixed_load_with_kills_and_slow_clients --nocapture
//!
//! In the first half the broadcaster is killed now and then; in the second half one process runs all the time, so that
//! a leak would show.

mod crowd;
mod garbage;
mod stream;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, free_address, payload_of, skipped, until};
use tungstenite::Message;

use crate::support::{Client, Ledger, Producer, Random, command_on};
use crowd::{Behavior, Counts};

const PRODUCERS: usize = 4;
const PACE: Duration = Duration::from_millis(10);
const READERS: usize = 160;
const RECONNECTING: usize = 20;
const NOT_READING: usize = 20;
const FAILED_MAX: usize = 100;

#[test]
#[ignore = "half an hour: make soak"]
fn mixed_load_with_kills_and_slow_clients() {
    let minutes: f64 = std::env::var("SOAK_MINUTES").map_or(30.0, |text| text.parse().unwrap());
    let (begin, whole) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let queue = QueueDir::new();
    let address = free_address();
    let start_broadcaster = || {
        let mut binary = command_on(&queue.path(), address);
        binary.args(["--ping-interval-secs", "5", "--pong-timeout-secs", "30", "--slow-client-timeout-secs", "5"]);
        binary.args(["--log-bytes", "4194304", "--entry-grace-secs", "1"]);
        binary.args(["--failed-max-entries", &FAILED_MAX.to_string()]);
        Broadcaster::spawn(binary).listening()
    };

    let mut random = Random::new();
    let mut ids = 0..;
    let mut start_producer = || Producer::paced(queue.root(), &queue.path(), ids.next().unwrap(), PACE);
    let mut producers: Vec<Producer> = (0..PRODUCERS).map(|_| start_producer()).collect();
    let mut killed: Vec<Producer> = Vec::new();
    let (mut ledger, mut samples) = (Ledger::default(), Vec::new());
    let (mut run, mut kills, mut stops) = (0, 0, 0);
    let (counts, stop, gate) = (Counts::default(), AtomicBool::new(false), Mutex::new(()));

    let in_place = std::thread::scope(|scope| {
        let behavior =
            [(Behavior::Reads, READERS), (Behavior::Reconnects, RECONNECTING), (Behavior::DoesNotRead, NOT_READING)];
        let behavior = behavior.into_iter().flat_map(|(behavior, count)| std::iter::repeat_n(behavior, count));
        let mut helpers = Vec::new();
        for (seed, behavior) in behavior.enumerate() {
            let (counts, stop) = (&counts, &stop);
            helpers.push(scope.spawn(move || crowd::run_client(address, behavior, seed as u64 + 1, counts, stop)));
        }
        let writing_garbage = scope.spawn(|| {
            let (mut rounds, mut events) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let gate = gate.lock().unwrap();
                events += usize::from(garbage::put_into(&queue.path(), rounds));
                drop(gate);
                rounds += 1;
                std::thread::sleep(Duration::from_millis(1000));
            }
            events
        });

        // Also when the test fails here.
        let _stopping = StopOnDrop(&stop);
        let start = |producers: &[Producer]| {
            let gate = gate.lock().unwrap();
            producers.iter().for_each(Producer::pause);
            let started = queue.held_back(|| {
                let broadcaster = start_broadcaster();
                (Client::connect(address), broadcaster)
            });
            producers.iter().for_each(Producer::resume);
            drop(gate);
            started
        };
        let (mut observer, mut broadcaster) = start(&producers);
        let mut broadcaster_dies = Instant::now() + Duration::from_secs(20);
        let mut producer_dies = Instant::now() + Duration::from_secs(10);
        let mut sampled = Instant::now();
        // Where somebody watches.
        let bar = indicatif::ProgressBar::new(whole.as_secs());
        while begin.elapsed() < whole {
            bar.set_position(begin.elapsed().as_secs());
            ledger.note(run, &observer.payload());
            let now = Instant::now();
            if now > producer_dies {
                let mut producer = std::mem::replace(&mut producers[random.below(PRODUCERS)], start_producer());
                producer.kill();
                killed.push(producer);
                producer_dies = now + Duration::from_secs(5 + random.below(10) as u64);
            }
            if now > broadcaster_dies && begin.elapsed() < whole / 2 {
                if random.below(3) == 0 {
                    broadcaster.signal(Signal::TERM);
                    stops += 1;
                } else {
                    broadcaster.kill();
                    kills += 1;
                }
                while let Ok(Message::Text(text)) = observer.next() {
                    ledger.note(run, payload_of(&text));
                }
                drop(observer);
                broadcaster.await_exit();
                run += 1;
                (observer, broadcaster) = start(&producers);
                broadcaster_dies = now + Duration::from_secs(10 + random.below(20) as u64);
            }
            if now - sampled > Duration::from_secs(15) {
                sampled = now;
                samples.push((
                    begin.elapsed(),
                    broadcaster.memory_kb("VmRSS"),
                    broadcaster.descriptors(),
                    queue.waiting(),
                ));
                assert!(helpers.iter().all(|helper| !helper.is_finished()), "a client has received something wrong");
            }
        }
        bar.finish_and_clear();
        producers.iter_mut().for_each(Producer::kill);
        killed.append(&mut producers);
        stop.store(true, Ordering::Relaxed);
        let in_place = writing_garbage.join().unwrap();
        helpers.into_iter().for_each(|helper| helper.join().unwrap());
        // Not before the garbage is put aside, since it is no event that would come.
        until("only what is young is left", || queue.waiting() == 0);
        queue.enqueue("[2000000,0]");
        while ledger.received(2_000_000) == 0 {
            ledger.note(run, &observer.payload());
        }
        until("only the observer is left", || broadcaster.descriptors() < 40);
        samples.push((begin.elapsed(), broadcaster.memory_kb("VmRSS"), broadcaster.descriptors(), queue.waiting()));
        drop(observer);
        broadcaster.stop();
        in_place
    });

    let mut queued = in_place + 1;
    for producer in &killed {
        let (noted, received) = (producer.queued(), ledger.received(producer.id));
        queued += noted;
        assert!(received == noted || received == noted + 1, "{}: {noted} queued, {received} received", producer.id);
    }
    assert_eq!(ledger.received(garbage::IN_PLACE), in_place);
    report(
        minutes,
        &samples,
        &[
            ("events that producers have queued", queued),
            ("events received by the client that was always there", ledger.events()),
            ("of those again, after a kill", ledger.repeats()),
            ("broadcasters killed with SIGKILL", kills),
            ("broadcasters stopped with SIGTERM", stops),
            ("producers killed with SIGKILL", killed.len() - PRODUCERS),
            ("connections of the other clients", counts.connections.into_inner()),
            ("messages that they received, each in its order", counts.messages.into_inner()),
            ("closed with 1001", counts.going_away.into_inner()),
            ("clients that did not read, and read later that they were disconnected", counts.slow.into_inner()),
            ("readers disconnected as slow", counts.readers_disconnected.load(Ordering::Relaxed)),
            ("entries in failed/ at the end", queue.failed().len() / 2),
        ],
    );
    assert_eq!(counts.readers_disconnected.into_inner(), 0, "a client that reads was disconnected");
    assert!(queue.failed().len() / 2 <= FAILED_MAX + FAILED_MAX / 4 + 1);
    flat(&samples, whole);
}

type Sample = (Duration, u64, usize, usize);

/// Memory and descriptors of the broadcaster that runs in the second half must not grow.
fn flat(samples: &[Sample], whole: Duration) {
    let of_the_last: Vec<&Sample> = samples.iter().filter(|(at, ..)| *at > whole * 6 / 10 && *at < whole).collect();
    if of_the_last.len() < 8 {
        return skipped("too short to tell whether memory grows");
    }
    let (early, late) = of_the_last.split_at(of_the_last.len() / 2);
    let most = |samples: &[&Sample], of: fn(&Sample) -> u64| samples.iter().map(|sample| of(sample)).max().unwrap_or(0);
    let (memory, later) = (most(early, |sample| sample.1), most(late, |sample| sample.1));
    assert!(later < memory + memory / 5 + 2048, "memory grew from {memory} to {later} kB");
    let (files, later) = (most(early, |sample| sample.2 as u64), most(late, |sample| sample.2 as u64));
    assert!(later < files + 20, "descriptors grew from {files} to {later}");
}

fn report(minutes: f64, samples: &[Sample], rows: &[(&str, usize)]) {
    eprintln!("\n| {minutes} minutes | |\n|---|---:|");
    rows.iter().for_each(|(what, count)| eprintln!("| {what} | {count} |"));
    eprintln!("\n| minute | memory (VmRSS) | open files | entries waiting |\n|---:|---:|---:|---:|");
    for (at, memory, files, waiting) in samples.iter().step_by((samples.len() / 12).max(1)).chain(samples.last()) {
        eprintln!("| {:.1} | {:.1} MB | {files} | {waiting} |", at.as_secs_f64() / 60.0, *memory as f64 / 1024.0);
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
