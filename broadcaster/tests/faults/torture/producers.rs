//! Producers, and the list of what they have queued.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use queue::{NewEvent, Priority, Uid, Writer};

use crate::support::Random;
use crate::torture::message::{ALL, CHANNELS};

/// The clock of a page, as `EventQueue::now()` reads it.
pub(crate) fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// An event in the list of its producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queued {
    /// Nobody had queued it before.
    pub(crate) began: u64,
    /// `None`: for everybody.
    pub(crate) channels: Option<Vec<usize>>,
    /// It repeats the key of an event before it, so nobody gets it.
    pub(crate) is_repeat: bool,
}

/// What all producers share.
#[derive(Default)]
pub(crate) struct Producers {
    /// Nobody queues while it is held.
    gate: Mutex<()>,
    stop: AtomicBool,
    /// How many events somebody must get.
    due: AtomicUsize,
    /// How often the keys were forgotten.
    forgotten: AtomicUsize,
}

/// How a producer queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) id: usize,
    pub(crate) priority: Priority,
    /// Whether its events have keys, and some repeat them.
    pub(crate) has_keys: bool,
    /// Between two entries, about.
    pub(crate) pause: Duration,
}

impl Producers {
    /// Lets nobody queue until the guard is dropped.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes, while all are held, that the broadcaster knows no keys any more.
    pub(crate) fn forget_keys(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn due(&self) -> usize {
        self.due.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Queues events of all kinds until it is stopped. Returns the list.
    pub(crate) fn run(&self, queue: &Path, habits: &Habits) -> Vec<Queued> {
        let Habits { id, priority, has_keys, pause } = *habits;
        let writer = Writer::new(queue);
        let mut random = Random::with_seed(id as u64 * 7919 + now_millis());
        let (mut list, mut left_of_burst): (Vec<Queued>, usize) = (Vec::new(), 0);
        // Whether the last event has a key that the broadcaster knows.
        let (mut has_key, mut forgotten) = (false, 0);
        while !self.stop.load(Ordering::SeqCst) {
            let gate = self.hold();
            let first = list.len();
            let forgotten_now = self.forgotten.load(Ordering::SeqCst);
            has_key &= std::mem::replace(&mut forgotten, forgotten_now) == forgotten_now;
            if priority == Priority::Normal && random.below(3) == 0 {
                let event = Queued { began: now_millis(), channels: None, is_repeat: false };
                writer.enqueue(br#""test""#, payload(id, first).as_bytes()).unwrap();
                list.push(event);
                has_key = false;
            } else {
                let count = 1 + random.below(3);
                for _ in 0..count {
                    let is_repeat = has_key && random.below(30) == 0;
                    let channels = if is_repeat { list[list.len() - 1].channels.clone() } else { pick(&mut random) };
                    list.push(Queued { began: now_millis(), channels, is_repeat });
                    has_key = has_keys && !is_repeat;
                }
                enqueue(&writer, habits, &list, first);
            }
            let due = list[first..].iter().filter(|event| !event.is_repeat).count();
            self.due.fetch_add(due, Ordering::SeqCst);
            drop(gate);
            if left_of_burst == 0 {
                std::thread::sleep(pause / 2 + pause * random.below(100) as u32 / 100);
                left_of_burst = if random.below(50) == 0 { 40 } else { 0 };
            } else {
                left_of_burst -= 1;
            }
        }
        list
    }

    /// Queues two events in an entry: one for everybody, and one that is in all channels.
    pub(crate) fn finish(&self, queue: &Path, id: usize) -> Vec<Queued> {
        let habits = Habits { id, priority: Priority::Normal, has_keys: true, pause: Duration::ZERO };
        let in_all = Some((0..CHANNELS.len()).collect());
        let list = [None, in_all].map(|channels| Queued { began: now_millis(), channels, is_repeat: false }).to_vec();
        enqueue(&Writer::new(queue), &habits, &list, 0);
        self.due.fetch_add(list.len(), Ordering::SeqCst);
        list
    }
}

/// Queues what is in a list from here on, as one entry.
fn enqueue(writer: &Writer, habits: &Habits, list: &[Queued], first: usize) {
    let Habits { id, priority, has_keys, .. } = *habits;
    let events = &list[first..];
    let names = |channels: &Vec<usize>| channels.iter().map(|channel| CHANNELS[*channel].parse().unwrap()).collect();
    let channels: Vec<Option<Vec<_>>> = events.iter().map(|event| event.channels.as_ref().map(names)).collect();
    let numbers = first..list.len();
    let payloads: Vec<String> = numbers.clone().map(|number| payload(id, number)).collect();
    // An event that repeats one has the same key as that, which stands before it.
    let keys: Vec<String> =
        numbers.map(|number| format!("{id}.{}", number - usize::from(list[number].is_repeat))).collect();
    let new = events.iter().enumerate().map(|(index, _)| NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: payloads[index].as_bytes(),
        channels: channels[index].as_deref(),
        ttl: None,
        key: has_keys.then_some(keys[index].as_str()),
        except: None,
    });
    writer.enqueue_events(&new.collect::<Vec<_>>(), priority).unwrap();
}

/// Everybody, or one or two channels and the one that keeps most.
fn pick(random: &mut Random) -> Option<Vec<usize>> {
    let (first, second) = (random.below(ALL + 2), random.below(ALL));
    match first {
        everybody if everybody > ALL => None,
        ALL => Some(vec![ALL]),
        first if random.below(3) > 0 || first == second => Some(vec![first, ALL]),
        first => Some(vec![first, second, ALL]),
    }
}

/// Now and then a large one, so that messages are written in parts.
fn payload(id: usize, number: usize) -> String {
    match number % 50 {
        49 => format!("[{id},{number},\"{}\"]", "x".repeat(20_000)),
        _ => format!("[{id},{number}]"),
    }
}
