//! More clients than the limit of open files of one process: several swarms, each on a thread with a table of open
//! files of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};

use crate::channels::Channels;
use crate::client::{Manner, Resume};
use crate::machine;
use crate::swarm::{CONCURRENT_HANDSHAKES, Load, Swarm};

/// Clients of one thread and address. The kernel has 28,000 ports to connect from, and finds half of them quickly.
const CLIENTS_PER_THREAD: usize = 12_500;
/// How often the progress of threads is read.
const INTERVAL: Duration = Duration::from_millis(1);
/// The longest time until a thread sees that it is to end.
const TURN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Crowd {
    parts: Vec<Part>,
    clients: usize,
    /// The number of the first message that they get.
    first: u64,
}

/// What differs between crowds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// All of them subscribe all channels, so that they are due the same.
    pub(crate) channels: Option<Channels>,
    /// Where they go on.
    pub(crate) resume: Option<Resume>,
    /// Their threads give way to others on the same core.
    pub(crate) yields: bool,
}

#[derive(Debug)]
struct Part {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// The progress of the clients of one thread.
#[derive(Debug, Default)]
struct Progress {
    is_connected: AtomicBool,
    received: AtomicU64,
    slowest: AtomicU64,
    ends: AtomicBool,
}

impl Crowd {
    /// Connects clients and returns when every handshake is complete.
    pub(crate) fn connect(address: SocketAddr, clients: usize, habits: Habits) -> anyhow::Result<Crowd> {
        let mut crowd = Crowd::begin(address, clients, habits)?;
        while !crowd.is_connected() {
            crowd.turn(INTERVAL)?;
        }
        Ok(crowd)
    }

    /// Begins to connect clients. They receive as soon as all of a thread are there.
    pub(crate) fn begin(address: SocketAddr, clients: usize, habits: Habits) -> anyhow::Result<Crowd> {
        let is_same = habits.channels.is_none_or(|channels| channels.each >= channels.count);
        ensure!(is_same, "clients of a crowd have the same channels");
        let threads = clients.div_ceil(CLIENTS_PER_THREAD.min(machine::possible_connections()));
        ensure!(threads < 200, "{clients} clients need more addresses than the loopback network lends here");
        let part = |index: usize| {
            let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, index as u8 + 1));
            let Habits { channels, resume, .. } = habits;
            let manner = Manner { from: Some(from), channels, resume, ..Manner::default() };
            // The first threads get one more if the division has a remainder.
            let count = clients / threads + usize::from(index < clients % threads);
            let progress = Arc::new(Progress::default());
            let attended = progress.clone();
            let thread = std::thread::spawn(move || attend(address, manner, count, habits.yields, &attended));
            Part { progress, thread: Some(thread) }
        };
        Ok(Crowd {
            parts: (0..threads).map(part).collect(),
            clients,
            first: habits.resume.map_or(0, |resume| resume.first),
        })
    }

    /// Whether all of them are there.
    pub(crate) fn is_connected(&self) -> bool {
        self.parts.iter().all(|part| part.progress.is_connected.load(Ordering::Relaxed))
    }
}

fn attend(address: SocketAddr, manner: Manner, count: usize, yields: bool, progress: &Progress) -> anyhow::Result<()> {
    machine::own_open_files()?;
    if yields {
        machine::yield_to_others()?;
    }
    let mut swarm = Swarm::connect(address, manner, count, CONCURRENT_HANDSHAKES)?;
    progress.is_connected.store(true, Ordering::Relaxed);
    while !progress.ends.load(Ordering::Relaxed) {
        swarm.turn(TURN)?;
        progress.received.store(swarm.received(), Ordering::Relaxed);
        progress.slowest.store(swarm.slowest(), Ordering::Relaxed);
    }
    Ok(())
}

impl Load for Crowd {
    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        // They take their turns by themselves. A thread ends early only with an error.
        for part in &mut self.parts {
            if let Some(thread) = part.thread.take_if(|thread| thread.is_finished()) {
                thread.join().map_err(|_| anyhow!("a thread of clients panicked"))?.context("a thread of clients")?;
            }
        }
        std::thread::sleep(timeout.min(INTERVAL));
        Ok(())
    }

    fn received(&self) -> u64 {
        self.parts.iter().map(|part| part.progress.received.load(Ordering::Relaxed)).sum()
    }

    fn slowest(&self) -> u64 {
        self.parts.iter().map(|part| part.progress.slowest.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    fn due_among(&self, messages: u64) -> u64 {
        self.clients as u64 * messages.saturating_sub(self.first)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.parts.iter().for_each(|part| part.progress.ends.store(true, Ordering::Relaxed));
        for thread in self.parts.iter_mut().filter_map(|part| part.thread.take()) {
            // Its error was returned in a turn, or does not matter any more.
            let _ = thread.join();
        }
    }
}
