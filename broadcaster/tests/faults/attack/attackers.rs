//! Attackers: many connections on one thread, each opened again at once when the server closes it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, Timespec, poll};

use crate::attack::connection::{Connection, End};
use crate::attack::kind::{Kind, Script};

/// How long the thread waits at most: paced readers read at these times.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Attackers at work, stopped and joined with the value.
pub(crate) struct Attackers {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    bytes: AtomicU64,
    connects: AtomicUsize,
    closes: Mutex<BTreeMap<u16, usize>>,
}

impl Attackers {
    pub(crate) fn start(address: SocketAddr, kind: Kind, count: usize) -> Attackers {
        Attackers::start_script(address, kind.script(), count)
    }

    pub(crate) fn start_script(address: SocketAddr, script: Script, count: usize) -> Attackers {
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = shared.clone();
            std::thread::spawn(move || shared.run(address, &script, count))
        };
        Attackers { shared, thread: Some(thread) }
    }

    /// Bytes that they have sent.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Connections that they have opened.
    pub(crate) fn connects(&self) -> usize {
        self.shared.connects.load(Ordering::Relaxed)
    }

    /// How many connections the server closed, by code.
    pub(crate) fn closes(&self) -> BTreeMap<u16, usize> {
        self.shared.closes.lock().unwrap().clone()
    }

    /// Ends all connections.
    pub(crate) fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A second panic would hide the first.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn run(&self, address: SocketAddr, script: &Script, count: usize) {
        let mut connections: Vec<Connection> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let begun = self.connects.load(Ordering::Relaxed);
            let wanted = if script.comes_back { count } else { connections.len() + count - begun };
            while connections.len() < wanted {
                // Who is refused tries again in a moment.
                let Ok(connection) = Connection::open(address, script) else { break };
                self.connects.fetch_add(1, Ordering::Relaxed);
                connections.push(connection);
            }
            let mut polled: Vec<PollFd<'_>> = connections
                .iter()
                .map(|connection| PollFd::new(&connection.stream, connection.interest(script)))
                .collect();
            poll(&mut polled, Some(&MOMENT)).unwrap();
            let ready: Vec<_> = polled.iter().map(PollFd::revents).collect();
            let mut ready = ready.into_iter();
            connections.retain_mut(|connection| match connection.act(ready.next().unwrap(), script) {
                Ok(sent) => {
                    self.bytes.fetch_add(sent as u64, Ordering::Relaxed);
                    true
                }
                Err(End::Left) => false,
                Err(End::Closed(code)) => {
                    *self.closes.lock().unwrap().entry(code).or_default() += 1;
                    false
                }
            });
        }
    }
}
