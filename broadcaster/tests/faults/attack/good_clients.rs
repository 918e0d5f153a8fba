//! Good clients, and a producer whose events tell when they were queued.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use queue::Writer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use testkit::{payload_of, until};

use crate::attack::connection::ABNORMAL;
use crate::attack::latency::{Latency, Samples};
use crate::support::frames::{CLOSE, Incoming, PING, PONG_FRAME, TEXT, close_code};
use crate::support::shake_hands;

/// How long a thread waits before it looks whether it is to stop.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What is queued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) events_per_sec: u32,
    pub(crate) event_bytes: usize,
}

impl Pace {
    /// Small events, now and then.
    pub(crate) const CALM: Pace = Pace { events_per_sec: 50, event_bytes: 0 };
    /// Three megabytes a second.
    pub(crate) const STREAM: Pace = Pace { events_per_sec: 3000, event_bytes: 1000 };
}

/// Good clients at work, stopped and joined with the value.
pub(crate) struct GoodClients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    begin: Instant,
    stop: AtomicBool,
    queued: AtomicUsize,
    /// The number that each client waits for. None if it was disconnected.
    next: Mutex<Vec<Option<usize>>>,
    samples: Mutex<Samples>,
    lost: Mutex<Vec<u16>>,
}

struct Good {
    index: usize,
    stream: TcpStream,
    incoming: Incoming,
}

impl GoodClients {
    /// So many clients, connected, and a producer.
    pub(crate) fn start(address: SocketAddr, clients: usize, queue: PathBuf, pace: Pace) -> GoodClients {
        let clients: Vec<Good> = (0..clients)
            .map(|index| {
                let stream = shake_hands(address);
                stream.set_nonblocking(true).unwrap();
                Good { index, stream, incoming: Incoming::new(true) }
            })
            .collect();
        let shared = Arc::new(Shared {
            begin: Instant::now(),
            stop: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            next: Mutex::new(vec![Some(0); clients.len()]),
            samples: Mutex::default(),
            lost: Mutex::default(),
        });
        let (reading, queueing) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || reading.read(clients)),
            std::thread::spawn(move || queueing.queue(&Writer::new(queue), pace)),
        ];
        GoodClients { shared, threads }
    }

    /// What the time is for [`GoodClients::latency`].
    pub(crate) fn now(&self) -> Duration {
        self.shared.begin.elapsed()
    }

    /// Waits until every client that is still there has all that was queued until now.
    pub(crate) fn settle(&self) {
        let queued = self.shared.queued.load(Ordering::Relaxed);
        until("the good clients get their events", || {
            self.shared.next.lock().unwrap().iter().flatten().all(|next| *next >= queued)
        });
    }

    pub(crate) fn latency(&self, from: Duration, to: Duration) -> Option<Latency> {
        self.shared.samples.lock().unwrap().between(from, to)
    }

    /// The codes with which good clients were disconnected.
    pub(crate) fn lost(&self) -> Vec<u16> {
        self.shared.lost.lock().unwrap().clone()
    }
}

impl Drop for GoodClients {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let joined = thread.join();
            // A second panic would hide the first.
            assert!(joined.is_ok() || std::thread::panicking(), "a good client has seen what it should not");
        }
    }
}

impl Shared {
    fn queue(&self, writer: &Writer, pace: Pace) {
        let filler = "x".repeat(pace.event_bytes);
        let interval = Duration::from_secs(1) / pace.events_per_sec;
        let mut due = self.begin;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += interval;
            let number = self.queued.load(Ordering::Relaxed);
            let payload = format!("[{number},{},\"{filler}\"]", self.begin.elapsed().as_nanos());
            writer.enqueue(br#""test""#, payload.as_bytes()).unwrap();
            self.queued.store(number + 1, Ordering::Relaxed);
        }
    }

    fn read(&self, mut clients: Vec<Good>) {
        while !self.stop.load(Ordering::Relaxed) {
            let mut polled: Vec<PollFd<'_>> =
                clients.iter().map(|client| PollFd::new(&client.stream, PollFlags::IN)).collect();
            poll(&mut polled, Some(&MOMENT)).unwrap();
            let ready: Vec<_> = polled.iter().map(PollFd::revents).collect();
            let mut ready = ready.into_iter();
            clients.retain_mut(|client| {
                if ready.next().unwrap().is_empty() {
                    return true;
                }
                let lost = self.receive(client);
                if let Some(code) = lost {
                    self.next.lock().unwrap()[client.index] = None;
                    self.lost.lock().unwrap().push(code);
                }
                lost.is_none()
            });
        }
    }

    /// Takes what has come for a client. Returns the code with which it was disconnected, if it was.
    fn receive(&self, client: &mut Good) -> Option<u16> {
        let (mut code, mut pings) = (None, 0);
        let read = client.incoming.read(&mut client.stream, usize::MAX, |opcode, payload| match opcode {
            TEXT => self.note(client.index, payload_of(str::from_utf8(payload).unwrap())),
            CLOSE => code = Some(close_code(payload)),
            PING => pings += 1,
            other => panic!("a frame with the opcode {other}"),
        });
        for _ in 0..pings {
            // If it cannot be sent, the end is read next.
            let _ = client.stream.write(&PONG_FRAME);
        }
        match read {
            Ok(0) => code.or(Some(ABNORMAL)),
            Ok(_) => code,
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(ABNORMAL),
        }
    }

    fn note(&self, client: usize, payload: &str) {
        let mut parts = payload.trim_start_matches('[').splitn(3, ',');
        let mut number = || parts.next().unwrap().parse::<u64>().unwrap();
        let (number, queued) = (number() as usize, Duration::from_nanos(number()));
        let took = self.begin.elapsed().saturating_sub(queued);
        self.samples.lock().unwrap().push(queued, took);
        let mut next = self.next.lock().unwrap();
        assert_eq!(next[client], Some(number), "client {client} gets every event, in order");
        next[client] = Some(number + 1);
    }
}
