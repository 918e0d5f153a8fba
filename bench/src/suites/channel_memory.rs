//! What channels and subscriptions cost a server that nothing is published on: memory, and the time of commands.

use std::time::{Duration, Instant};

use super::Plan;
use super::subject::{Started, Subject};
use crate::client::Manner;
use crate::machine::possible_connections;
use crate::report::{Metric, Section};
use crate::swarm::Swarm;

const METRICS: &[Metric] =
    &[Metric { name: "bytes of the process for each", unit: 1.0 }, Metric { name: "CPU µs for each", unit: 1e-6 }];
/// Clients that send commands.
const NATIVE: Manner = Manner { native: true, ..Manner::PLAIN };
const FLAGS: [&str; 4] = ["--max-subscriptions", "2000000", "--max-channels", "1000000"];
/// Channels of each client.
const FEW: usize = 10;
const MANY: usize = 100;
/// Clients whose commands are under way at the same time.
const AT_ONCE: usize = 200;
/// Subscribers of a small channel.
const SMALL: usize = 10;
/// How long memory must not have changed, how often that is looked at, and for how long at most.
const SETTLED: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(15);

const PLAIN: &str = "plain client";
const SMALL_CHANNELS: &str = "channels of 10";
const ONE_CHANNEL: &str = "one channel of all";

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let clients = possible_connections().min(plan.pick(2_000, 10_000));
    let subscribers = possible_connections().min(plan.pick(5_000, 100_000)) / SMALL * SMALL;
    let mut section = Section::new(
        "Memory and commands of channels",
        &format!(
            "Private memory of the broadcaster beyond what it had before, and its CPU time; names of channels have 20 bytes. \
             {clients} clients, unless said otherwise. Leaving: every client leaves and subscribes again; for both together, \
             command and answer. Ratios to a plain client, and to channels of {SMALL}."
        ),
        METRICS,
    );
    for _ in 0..plan.rounds.min(3) {
        idle(plan, &mut section, clients)?;
        let case = format!("{FEW} channels a client");
        same_channels(plan, &mut section, &case, clients)?;
        own_channels(plan, &mut section, &case, clients)?;
        made_and_left(plan, &mut section, clients)?;
        for size in [SMALL, subscribers] {
            leave_and_return(plan, &mut section, subscribers, size)?;
        }
    }
    Ok(section)
}

/// Clients without channels.
fn idle(plan: &Plan, section: &mut Section, clients: usize) -> anyhow::Result<()> {
    for (name, manner) in [(PLAIN, Manner::default()), ("native client without channels", NATIVE)] {
        let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
        // With the first clients a server makes what it makes only once.
        let _first = started.connect_as(manner, 10)?;
        let meter = Meter::begin(&started)?;
        let _swarm = started.connect_as(manner, clients)?;
        section.add("idle", name, (name != PLAIN).then_some(PLAIN), &meter.each(clients)?);
    }
    Ok(())
}

/// The same channels for all clients.
fn same_channels(plan: &Plan, section: &mut Section, case: &str, clients: usize) -> anyhow::Result<()> {
    let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
    let mut swarm = Commanding::connect(&started, clients)?;
    // The first client makes the channels, and what a server makes only once.
    swarm.each("subscribe", 0..1, |_| 0..FEW)?;
    let meter = Meter::begin(&started)?;
    swarm.each("subscribe", 1..clients, |_| 0..FEW)?;
    section.add(case, "a subscription to an existing channel", None, &meter.each((clients - 1) * FEW)?);
    Ok(())
}

/// Channels of their own.
fn own_channels(plan: &Plan, section: &mut Section, case: &str, clients: usize) -> anyhow::Result<()> {
    let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
    let _first = started.connect_as(NATIVE, 10)?;
    let all = Meter::begin(&started)?;
    let mut swarm = Commanding::connect(&started, clients)?;
    let own = |client: usize| client * FEW..(client + 1) * FEW;
    let meter = Meter::begin(&started)?;
    swarm.each("subscribe", 0..clients, own)?;
    section.add(case, "a channel with one subscriber", None, &meter.each(clients * FEW)?);
    section.add(case, "a client with its 10 channels, connection included", None, &all.each(clients)?);
    Ok(())
}

/// As many channels as there may be.
fn made_and_left(plan: &Plan, section: &mut Section, clients: usize) -> anyhow::Result<()> {
    let channels = clients * MANY;
    let case = format!("{channels} channels made and left again");
    let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
    let mut swarm = Commanding::connect(&started, clients)?;
    let own = |client: usize| client * MANY..(client + 1) * MANY;
    let (before, meter) = (Meter::begin(&started)?, Meter::begin(&started)?);
    swarm.each("subscribe", 0..clients, own)?;
    section.add(&case, "there", None, &meter.each(channels)?);
    let meter = Meter::begin(&started)?;
    swarm.each("unsubscribe", 0..clients, own)?;
    let [_, cpu_secs] = meter.each(channels)?;
    let [left, _] = before.each(channels)?;
    section.add(&case, "left again", Some("there"), &[left, cpu_secs]);
    Ok(())
}

/// Every client leaves its channel and subscribes again, in an order that is not that of joining.
fn leave_and_return(plan: &Plan, section: &mut Section, clients: usize, size: usize) -> anyhow::Result<()> {
    let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
    let mut swarm = Commanding::connect(&started, clients)?;
    let channel = |client: usize| client / size..client / size + 1;
    swarm.each("subscribe", 0..clients, channel)?;
    let meter = Meter::begin(&started)?;
    let mut order = (0..clients).map(|turn| turn * stride(clients) % clients);
    loop {
        // The channel stays large: of those that have left, all but a few are back.
        let some: Vec<usize> = order.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        swarm.each("unsubscribe", some.iter().copied(), channel)?;
        swarm.each("subscribe", some.iter().copied(), channel)?;
    }
    let [_, cpu_secs] = meter.each(clients)?;
    let name = if size == SMALL { SMALL_CHANNELS } else { ONE_CHANNEL };
    let against = (name != SMALL_CHANNELS).then_some(SMALL_CHANNELS);
    section.add(&format!("leaving and coming back, {clients} clients"), name, against, &[f64::NAN, cpu_secs]);
    Ok(())
}

/// A step that goes through so many in a scattered order, and through each once.
fn stride(count: usize) -> usize {
    // A prime, which no count of this size that is not a multiple of it has a divisor of.
    if count.is_multiple_of(7_919) { 1 } else { 7_919 }
}

/// Clients that send commands.
#[derive(Debug)]
struct Commanding {
    swarm: Swarm,
    answers: u64,
}

impl Commanding {
    fn connect(started: &Started, clients: usize) -> anyhow::Result<Commanding> {
        Ok(Commanding { swarm: started.connect_as(NATIVE, clients)?, answers: 0 })
    }

    /// Lets clients send a command with the channels of each, and waits for all answers.
    fn each<C: IntoIterator<Item = usize>>(
        &mut self,
        command: &str,
        clients: impl IntoIterator<Item = usize>,
        channels: impl Fn(usize) -> C,
    ) -> anyhow::Result<()> {
        let mut sent = 0;
        for client in clients {
            let names: Vec<_> =
                channels(client).into_iter().map(|channel| format!("\"orders.user.{channel:08}\"")).collect();
            self.swarm.send(client, &format!(r#"{{"type":"{command}","channels":[{}]}}"#, names.join(",")))?;
            self.answers += 1;
            sent += 1;
            if sent % AT_ONCE == 0 {
                self.swarm.until_answered(self.answers)?;
            }
        }
        self.swarm.until_answered(self.answers)
    }
}

/// What a server has taken since a moment.
#[derive(Debug)]
struct Meter<'a> {
    started: &'a Started,
    bytes: u64,
    cpu_secs: f64,
}

impl<'a> Meter<'a> {
    fn begin(started: &'a Started) -> anyhow::Result<Meter<'a>> {
        Ok(Meter { started, bytes: settled_bytes(started)?, cpu_secs: started.server.cpu_secs()? })
    }

    /// In the order of the metrics, for each of so many.
    fn each(&self, count: usize) -> anyhow::Result<[f64; 2]> {
        let cpu_secs = self.started.server.cpu_secs()? - self.cpu_secs;
        let bytes = settled_bytes(self.started)? as f64 - self.bytes as f64;
        Ok([bytes / count as f64, cpu_secs / count as f64])
    }
}

/// Bytes of the process, once they do not change any more: it gives memory back some time after it was freed.
fn settled_bytes(started: &Started) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let mut last = (started.server.private_bytes()?, Instant::now());
    while last.1.elapsed() < SETTLED && begun.elapsed() < TIMEOUT {
        std::thread::sleep(INTERVAL);
        let bytes = started.server.private_bytes()?;
        if bytes != last.0 {
            last = (bytes, Instant::now());
        }
    }
    Ok(last.0)
}
