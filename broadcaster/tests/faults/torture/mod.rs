//! The torture of history: clients of all kinds drop and resume at random, while producers queue and the broadcaster is
//! killed, stopped, and handed over to a standby. Each client must get every event of its channels exactly once and in
//! order, or be told at which point it may have missed something. What it got is compared with the lists of the
//! producers (`record`).
//!
//! Some seconds by default; `make torture` is ten minutes of it, by `TORTURE_SECONDS`, `TORTURE_RESTARTS`,
//! `TORTURE_HAND_OVERS` and `TORTURE_CLIENTS`.
//!
//! `TORTURE_SEED` chooses what happens, though not when.

pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod message;
pub(crate) mod order;
pub(crate) mod play;
pub(crate) mod producers;
pub(crate) mod record;
mod tests;

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use queue::Priority;
use testkit::{Broadcaster, QueueDir, free_address, until};

use crate::support::{Random, command_on, standby};
use client::TortureClient;
use order::Order;
use play::{KINDS, Kind, Play, Progress};
use producers::{Habits, Producers};
use record::{Tally, check, check_plain};

const PRODUCERS: usize = 3;
const PACE: Duration = Duration::from_millis(30);

pub(crate) fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// What is done to the broadcaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Kill,
    Stop,
    /// It stops, and a standby goes on.
    HandOver,
    /// It is killed, and a standby goes on.
    TakeOver,
    /// It stops, and its history is deleted.
    Forget,
}

/// Half of the restarts are kills, one in eight forgets; half of the hand-overs follow a kill.
fn acts(restarts: usize, hand_overs: usize, random: &mut Random) -> Vec<Act> {
    const RESTARTS: [Act; 8] =
        [Act::Kill, Act::Stop, Act::Forget, Act::Kill, Act::Stop, Act::Kill, Act::Stop, Act::Kill];
    let restarts = RESTARTS.into_iter().cycle().take(restarts);
    let mut acts: Vec<Act> =
        restarts.chain([Act::HandOver, Act::TakeOver].into_iter().cycle().take(hand_overs)).collect();
    for index in (1..acts.len()).rev() {
        acts.swap(index, random.below(index + 1));
    }
    acts
}

/// Some channels keep little, so that clients are told; the channel of all events keeps all.
pub(crate) fn broadcaster(queue: &Path, address: SocketAddr, hub_threads: usize) -> Command {
    let mut command = command_on(queue, address);
    command.args(["--scan-interval-secs", "0.02", "--shutdown-grace-secs", "0.5", "--ping-interval-secs", "1"]);
    command.args(["--hub-threads", &hub_threads.to_string()]);
    let much = (256 * 1024 * 1024).to_string();
    command.args(["--history-bytes", &much, "--recover-bytes", &much, "--max-outbox-bytes", &much]);
    command.args(["--history-events-everybody", "1000000", "--recover-limit", "1000000"]);
    command.env("FASTAPI_WS_CHANNEL", "all history_events=1000000; short history_events=20");
    command
}

pub(crate) struct EndOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn every_client_gets_each_event_once_or_is_told() {
    let seconds = number("TORTURE_SECONDS", 8);
    let (restarts, hand_overs) = (number("TORTURE_RESTARTS", 4), number("TORTURE_HAND_OVERS", 2));
    let clients = number("TORTURE_CLIENTS", 16);
    let seed = number("TORTURE_SEED", producers::now_millis() as usize) as u64;
    eprintln!("TORTURE_SEED={seed}");
    let mut random = Random::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let acts = acts(restarts, hand_overs, &mut random);
    let between = Duration::from_secs(seconds as u64) / (acts.len() as u32 + 1);

    let queue = QueueDir::new();
    let path = queue.path();
    let play = Play {
        addresses: vec![free_address()],
        last: (PRODUCERS as u32, 0),
        ending: OnceLock::new(),
        end: OnceLock::new(),
        is_over: AtomicBool::new(false),
    };
    let (producers, progress) = (Producers::default(), Progress::default());
    let mut stage = Stage::new(&queue, play.addresses[0], random);

    let (lists, all, clients) = std::thread::scope(|scope| {
        let _over = EndOnDrop(&play.is_over);
        let _stop = StopOnDrop(&producers);
        let all = scope.spawn(|| {
            let _ended = EndOnDrop(&progress.has_ended);
            TortureClient::of_all(&play, &progress, seed).run()
        });
        // From here on it gets everything.
        until("the client of all events is there", || progress.get().1.is_some());
        let clients: Vec<_> = (0..clients)
            .map(|index| {
                let play = &play;
                let kind = KINDS[index % KINDS.len()];
                scope.spawn(move || TortureClient::new(kind, play, seed + index as u64).run())
            })
            .collect();
        let queueing: Vec<_> = (0..PRODUCERS)
            .map(|id| {
                let (producers, path) = (&producers, &path);
                // The first producer uses another lane.
                let priority = if id == 0 { Priority::High } else { Priority::Normal };
                let habits = Habits { id, priority, has_keys: true, pause: PACE };
                scope.spawn(move || producers.run(path, &habits))
            })
            .collect();
        for act in acts.iter().copied() {
            let due = Instant::now() + between;
            std::thread::sleep(between * stage.random.below(100) as u32 / 100);
            stage.perform(act, &producers, &progress);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        producers.stop();
        let mut lists: HashMap<u32, _> =
            queueing.into_iter().enumerate().map(|(id, queueing)| (id as u32, queueing.join().unwrap())).collect();
        play.ending.set(producers::now_millis()).unwrap();
        lists.insert(PRODUCERS as u32, producers.finish(&path, PRODUCERS));
        progress.until_it_has(producers.due());
        play.end.set(progress.get().1.unwrap()).unwrap();
        let clients: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (lists, all.join().unwrap(), clients)
    });
    until("everything is acked", || queue.waiting() == 0);
    stage.serving.stop();
    assert!(queue.failed().is_empty(), "{:?}", queue.failed());

    let order = Order::new(lists, &all.steps);
    let mut whole = Tally::default();
    let of_all = check(&order, &all.audiences, &all.steps);
    for kind in KINDS {
        let mut tally = Tally::default();
        for client in clients.iter().filter(|client| client.kind == kind) {
            tally += match kind {
                Kind::Plain => check_plain(&order, &client.steps),
                _ => check(&order, &client.audiences, &client.steps),
            };
        }
        eprintln!("{kind:?}: {tally:?}");
        let has_resumed = kind == Kind::Plain || tally.recovered_by_id > 0;
        assert!(tally.events > 0 && has_resumed, "{kind:?}: too few clients, or too short");
        whole += tally;
    }
    eprintln!("everything: {of_all:?}");
    eprintln!("{} events; {acts:?}; {whole:?}", order.len());
    assert!(whole.recovered_by_moment > 0 && whole.told > 0, "too few clients, or too short");
}

/// The broadcaster that serves, and the next ones.
struct Stage<'a> {
    queue: &'a QueueDir,
    address: SocketAddr,
    random: Random,
    serving: Broadcaster,
}

impl<'a> Stage<'a> {
    fn new(queue: &'a QueueDir, address: SocketAddr, mut random: Random) -> Stage<'a> {
        let first = broadcaster(&queue.path(), address, 1 + random.below(3));
        Stage { queue, address, random, serving: Broadcaster::spawn(first).listening() }
    }

    /// The command of the next one.
    fn next(&mut self) -> Command {
        broadcaster(&self.queue.path(), self.address, 1 + self.random.below(3))
    }

    fn start_next(&mut self) {
        self.serving = Broadcaster::spawn(self.next()).listening();
    }

    fn pause(&mut self, most_millis: usize) {
        std::thread::sleep(Duration::from_millis(self.random.below(most_millis) as u64));
    }

    fn perform(&mut self, act: Act, producers: &Producers, progress: &Progress) {
        match act {
            Act::Kill => self.serving.kill(),
            Act::Stop => self.serving.stop(),
            Act::HandOver | Act::TakeOver => {
                let next = standby(self.next());
                self.pause(200);
                if act == Act::HandOver {
                    self.serving.stop();
                } else {
                    self.serving.kill();
                }
                self.serving = next.listening();
                return;
            }
            Act::Forget => {
                // Who gets everything must have it: nobody can tell afterwards what was lost.
                let _held = producers.hold();
                progress.until_it_has(producers.due());
                until("everything is acked", || self.queue.waiting() == 0);
                self.serving.stop();
                fs::remove_dir_all(self.queue.path().join("history")).unwrap();
                let epoch = || progress.get().1.map(|id| id.epoch);
                let before = epoch();
                self.start_next();
                until("it has come back", || epoch() != before);
                producers.forget_keys();
                return;
            }
        }
        // What is queued while nobody reads.
        self.pause(300);
        self.start_next();
    }
}

pub(crate) struct StopOnDrop<'a>(pub(crate) &'a Producers);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
