//! Several broadcasters that one Redis links, under faults.
//!
//! The torture: three of them, each with a queue of its own. Redis is killed, emptied, stopped, made to forget what it
//! had confirmed, or replaced by a replica, while connections break and broadcasters are killed. Clients of all kinds
//! come back at any of the three. Each must get every event of its channels exactly once and in order, or be told at
//! which point it may have missed something. What it got is compared with the lists of the producers, and with all that
//! Redis ever had (`seen`).
//!
//! Some seconds by default; `make torture-nodes` has ten minutes of one Redis and ten of Sentinels, by
//! `TORTURE_SECONDS`, `TORTURE_FAULTS` and `TORTURE_CLIENTS`. `TORTURE_SEED` chooses what happens, though not when.

mod entries;
mod losing;
mod node;
mod plain;
mod redis;
mod seen;
mod stage;
mod tests;
mod under_way;
mod ways;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use queue::Priority;
use testkit::until;

use crate::support::Random;
use crate::torture::client::TortureClient;
use crate::torture::play::{KINDS, Kind, Play};
use crate::torture::producers::{Habits, Producers, now_millis};
use crate::torture::record::{Tally, check};
use crate::torture::{EndOnDrop, StopOnDrop, number};
use plain::check_plain;
use redis::Redis;
use stage::{ACTS_OF_ONE, ACTS_OF_SENTINELS, Act, Stage};

const NODES: usize = 3;
const PRODUCERS_EACH: usize = 2;
const PRODUCERS: usize = NODES * PRODUCERS_EACH;
const PACE: Duration = Duration::from_millis(60);

#[test]
fn clients_of_several_broadcasters_get_each_event_once_or_are_told() {
    torture(Redis::one(), &ACTS_OF_ONE, number("TORTURE_FAULTS", 12));
}

#[test]
fn clients_are_told_of_what_a_failover_has_lost() {
    torture(Redis::sentinels(), &ACTS_OF_SENTINELS, number("TORTURE_FAULTS", 4));
}

/// The first producer of a broadcaster uses another lane. Those of the second broadcaster have no keys.
fn habits(id: usize) -> Habits {
    let priority = if id.is_multiple_of(PRODUCERS_EACH) { Priority::High } else { Priority::Normal };
    Habits { id, priority, has_keys: id / PRODUCERS_EACH != 1, pause: PACE }
}

/// So many acts, each about as often as the others. If there are few, they are the first ones.
fn play_of(kinds: &[Act], count: usize, random: &mut Random) -> Vec<Act> {
    let mut acts: Vec<Act> = kinds.iter().copied().cycle().take(count).collect();
    for index in (1..acts.len()).rev() {
        acts.swap(index, random.below(index + 1));
    }
    acts
}

fn torture(redis: Redis, kinds: &[Act], faults: usize) {
    let seconds = number("TORTURE_SECONDS", 10);
    let clients = number("TORTURE_CLIENTS", 30);
    let seed = number("TORTURE_SEED", now_millis() as usize) as u64;
    eprintln!("TORTURE_SEED={seed}");
    let mut random = Random::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let acts = play_of(kinds, faults, &mut random);
    let between = Duration::from_secs(seconds as u64) / (acts.len() as u32 + 1);

    let mut stage = Stage::new(redis, random);
    let last = PRODUCERS + NODES - 1;
    let play = Play {
        addresses: stage.addresses(),
        last: (last as u32, 0),
        ending: OnceLock::new(),
        end: OnceLock::new(),
        is_over: AtomicBool::new(false),
    };
    let producers = Producers::default();
    let (lists, clients) = std::thread::scope(|scope| {
        let _over = EndOnDrop(&play.is_over);
        let _stop = StopOnDrop(&producers);
        let clients: Vec<_> = (0..clients)
            .map(|index| {
                let play = &play;
                let kind = KINDS[index % KINDS.len()];
                scope.spawn(move || TortureClient::new(kind, play, seed + index as u64).run())
            })
            .collect();
        let queues = stage.queues();
        let queueing: Vec<_> = (0..PRODUCERS)
            .map(|id| {
                let (producers, queue) = (&producers, queues[id / PRODUCERS_EACH].clone());
                scope.spawn(move || producers.run(&queue, &habits(id)))
            })
            .collect();
        for act in &acts {
            let due = Instant::now() + between;
            std::thread::sleep(between * stage.random.below(100) as u32 / 100);
            stage.perform(*act);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        producers.stop();
        let mut lists: HashMap<u32, _> =
            queueing.into_iter().enumerate().map(|(id, queueing)| (id as u32, queueing.join().unwrap())).collect();
        stage.await_all_forwarded();
        stage.await_all_following();
        play.ending.set(now_millis()).unwrap();
        // Each broadcaster forwards something, and so finds out what was lost of what it had forwarded.
        for (node, queue) in queues.iter().enumerate() {
            lists.insert((PRODUCERS + node) as u32, producers.finish(queue, PRODUCERS + node));
            stage.await_all_forwarded();
        }
        play.end.set(stage.newest()).unwrap();
        let clients: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (lists, clients)
    });
    until("all broadcasters have the same newest entry", || stage.heads().iter().all(|head| *head == stage.newest()));
    let (seen, lines) = stage.end();

    let forgotten = seen.forgotten().to_vec();
    let counts = seen.counts();
    let order = seen.into_order(lists);
    let mut whole = Tally::default();
    for kind in KINDS {
        let mut tally = Tally::default();
        for client in clients.iter().filter(|client| client.kind == kind) {
            tally += match kind {
                Kind::Plain => check_plain(&order, &forgotten, &client.steps),
                _ => check(&order, &client.audiences, &client.steps),
            };
        }
        eprintln!("{kind:?}: {tally:?}");
        let has_resumed = kind == Kind::Plain || tally.recovered_by_id > 0;
        assert!(tally.events > 0 && has_resumed, "{kind:?}: too few clients, or too short");
        whole += tally;
    }
    eprintln!("{counts:?}; {lines} lines of logs; {acts:?}; {whole:?}");
    assert!(whole.told > 0 && whole.gaps > 0, "too few clients, or too short");
}
