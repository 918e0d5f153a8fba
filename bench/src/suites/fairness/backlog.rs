//! A backlog of events for a channel, and readers on fast and slow lines.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use super::slow_readers::SlowReader;
use super::{Figures, INTERVAL};
use crate::channels::Channels;
use crate::client::Manner;
use crate::report::Section;
use crate::suites::Plan;
use crate::suites::subject::Subject;
use crate::swarm::{CONCURRENT_HANDSHAKES, Load, Swarm};

const CHANNEL: Channels = Channels { first: 0, count: 1, each: 1 };
const BYTES: usize = 240;
/// Bytes a second that good readers read, and how many of them do. The first are as fast as they can.
const GOOD: [(Option<usize>, usize); 3] = [(None, 20), (Some(4_000_000), 4), (Some(1_500_000), 4)];
/// The same of those that may be disconnected.
const SLOW: [u64; 2] = [0, 2_500];

/// No reader takes longer.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Adds the rows, and returns what the table has to say of them.
pub(super) fn measure(plan: &Plan, section: &mut Section) -> anyhow::Result<String> {
    let events = plan.pick(20_000, 200_000);
    let case = format!("a backlog of {events} events for a channel");
    for _ in 0..plan.rounds.min(plan.pick(1, 2)) {
        run(plan, events)?.add_to(section, &case, Subject::Broadcaster.name(), None);
    }
    Ok(format!(
        "A backlog: {events} entries of {BYTES} B, queued while the broadcaster is stopped (SIGSTOP), for 28 subscribers, of \
         whom 20 read as fast as they can, 4 at 4 MB/s and 4 at 1.5 MB/s; one more reads 2.5 kB/s and one nothing. \
         Deliveries until the last good reader has all or was disconnected. A slow one counts as disconnected when the server \
         has closed its connection by then."
    ))
}

fn run(plan: &Plan, events: u64) -> anyhow::Result<Figures> {
    let started = Subject::Broadcaster.start(plan)?;
    let mut publisher = started.publisher(BYTES)?.for_channels(CHANNEL);
    let address = started.server.address;
    let (connected, wait_for_connected) = mpsc::channel();
    let mut readers = Vec::new();
    for (rate, count) in GOOD {
        for _ in 0..count {
            let connected = connected.clone();
            readers.push(std::thread::spawn(move || read_all(address, rate, events, connected)));
        }
    }
    drop(connected);
    for _ in &readers {
        wait_for_connected.recv().context("a reader cannot connect")?;
    }
    let slow = SLOW.map(|rate| SlowReader::connect(&started, CHANNEL, rate));
    let slow = slow.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    {
        let _paused = started.server.pause()?;
        publisher.publish(events)?;
    }
    let begun = Instant::now();
    let (mut received, mut lost) = (0, 0_u32);
    for reader in readers {
        match reader.join().map_err(|_| anyhow!("a reader panicked"))? {
            Ok(()) => received += events,
            Err(error) => {
                eprintln!("a good reader: {error:#}");
                lost += 1;
            }
        }
    }
    let per_sec = received as f64 / begun.elapsed().as_secs_f64();
    let slow_lost = slow.iter().map(SlowReader::is_disconnected).collect::<anyhow::Result<Vec<_>>>()?;
    let slow_lost = slow_lost.into_iter().filter(|lost| *lost).count() as f64;
    Ok(Figures { per_sec, good_lost: f64::from(lost), slow_lost, ..Figures::NONE })
}

/// Reads all events, each once and in order.
fn read_all(address: SocketAddr, rate: Option<usize>, events: u64, connected: Sender<()>) -> anyhow::Result<()> {
    let manner = Manner { channels: Some(CHANNEL), ..Manner::default() };
    let mut swarm = Swarm::connect(address, manner, 1, CONCURRENT_HANDSHAKES)?;
    // Nobody waits for it only if another reader has failed.
    let _ = connected.send(());
    let begun = Instant::now();
    let mut turns = 0;
    if let Some(rate) = rate {
        swarm.reading.pace(rate / (Duration::from_secs(1).as_millis() / INTERVAL.as_millis()) as usize);
    }
    while swarm.received() < events {
        match rate {
            None => swarm.turn(INTERVAL)?,
            Some(_) => {
                swarm.read_in_turn()?;
                turns += 1;
                std::thread::sleep((INTERVAL * turns).saturating_sub(begun.elapsed()));
            }
        }
        ensure!(begun.elapsed() < TIMEOUT, "it has only {} messages", swarm.received());
    }
    Ok(())
}
