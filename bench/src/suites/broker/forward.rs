//! How fast a backlog gets into the stream, through a broadcaster and through plain programs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use queue::Uid;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Commands, Connection};

use super::not_measured;
use crate::directory::{Directory, PlainEvent};
use crate::machine::{Cores, own_cpu_secs};
use crate::message::{self, NAME_JSON};
use crate::process::{Options, Process};
use crate::publisher::{self, Publisher};
use crate::redis as server;
use crate::report::{Metric, Section};
use crate::suites::{Plan, drain, in_memory};

const TITLE: &str = "Forwarding to a stream";
const METRICS: &[Metric] = &[
    Metric { name: "thousand events/s", unit: 1e3 },
    Metric { name: "CPU µs per event", unit: 1e-6 },
    Metric { name: "CPU µs per event, Redis", unit: 1e-6 },
];
const BYTES: usize = 100;
/// The key that a broadcaster uses by default, and how many entries the stream keeps.
const KEY: &str = "{fastapi}:events";
const MAX_EVENTS: usize = 1_000_000;
/// Commands that a plain program sends at once, and entries that it reads at once.
const AT_ONCE: usize = 1_000;
/// How often it is looked how many entries the stream has.
const INTERVAL: Duration = Duration::from_millis(1);
/// Nothing takes longer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Events of an entry, and the names of both comparisons.
const CASES: [(u64, &str, &str); 2] = [
    (1, "an event an entry", "an event an entry, to the same files"),
    (100, "100 events an entry", "100 events an entry, to the same files"),
];

/// What empties the queue, or adds as many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A plain program that has the lines in memory already.
    Xadd,
    /// The same beside a thread that reads the stream.
    XaddXread,
    /// The same as that, and it reads, parses and deletes the files.
    FilesXaddXread,
    /// A broadcaster without Redis: the files alone.
    WithoutBroker,
    Broker,
}

impl Way {
    const ALL: [Way; 5] = [Way::XaddXread, Way::Xadd, Way::FilesXaddXread, Way::WithoutBroker, Way::Broker];

    fn name(self) -> &'static str {
        match self {
            Way::Xadd => "XADD, lines in memory",
            Way::XaddXread => "XADD and XREAD, lines in memory",
            Way::FilesXaddXread => "XADD and XREAD, the same files",
            Way::WithoutBroker => "broadcaster without a broker",
            Way::Broker => "broadcaster with a broker",
        }
    }
}

/// What it took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    secs: f64,
    cpu_secs: f64,
}

pub(in crate::suites) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let Some(program) = &plan.peers.redis_server else { return Ok(not_measured(TITLE, METRICS)) };
    let events = plan.pick(20_000, 100_000);
    let mut section = Section::new(
        TITLE,
        &format!(
            "{events} events of {BYTES} B, queued in tmpfs, until the stream has them all; no clients. The \
             broadcaster's time includes its start, and it follows the stream as well. Plain programs: XADD with the \
             same fields, {AT_ONCE} at a time, each beside a thread with XREAD but the second. Without a broker: \
             until the last entry is deleted. Redis has the other core. Ratios to lines in memory, and to the same \
             files."
        ),
        METRICS,
    );
    for (per_entry, case, files_case) in CASES {
        for _ in 0..plan.rounds {
            for way in Way::ALL.into_iter().filter(|way| plan.has_load(&format!("{case}, {}", way.name()))) {
                let values = run(plan, program, way, events, per_entry).with_context(|| way.name())?;
                let against = |other: Way| (way != other).then_some(other.name());
                section.add(case, way.name(), against(Way::XaddXread), &values);
                let files = Way::FilesXaddXread;
                if way == files || way == Way::Broker {
                    section.add(files_case, way.name(), against(files), &values);
                }
            }
        }
    }
    // They took turns. In the table the rows of a case stand together.
    section
        .rows
        .sort_by_key(|row| CASES.iter().position(|(_, case, _)| *case == row.case).map_or((1, 0), |at| (0, at)));
    Ok(section)
}

fn run(plan: &Plan, program: &str, way: Way, events: u64, per_entry: u64) -> anyhow::Result<[f64; 3]> {
    let home = in_memory()?;
    let redis = server::start(Cores { server: plan.cores.load, ..plan.cores }, program, home.path())?;
    let queue = in_memory()?;
    if !matches!(way, Way::Xadd | Way::XaddXread) {
        Publisher::to_queue(queue.path(), BYTES).in_entries_of(per_entry).publish(events)?;
    }
    let cpu = redis.cpu_secs()?;
    let cost = match way {
        Way::Xadd | Way::XaddXread => {
            let lines = lines(events);
            plain(plan, &redis, way == Way::XaddXread, events, |add| lines.iter().try_for_each(|line| add(line)))?
        }
        Way::FilesXaddXread => plain(plan, &redis, true, events, |add| {
            let mut directory = Directory::open(queue.path())?;
            for name in directory.list()? {
                let mut added = Ok(());
                directory.take(&name, |event| {
                    if added.is_ok() {
                        added = add(&line(&event));
                    }
                })?;
                added?;
            }
            Ok(())
        })?,
        Way::WithoutBroker => {
            let drained = drain::drain_by(plan, &plan.broadcaster, queue.path())?;
            Cost { secs: drained.secs, cpu_secs: drained.cpu_secs }
        }
        Way::Broker => broadcaster(plan, &redis, queue.path(), events)?,
    };
    let redis_cpu = if way == Way::WithoutBroker { f64::NAN } else { redis.cpu_secs()? - cpu };
    let events = events as f64;
    Ok([events / cost.secs, cost.cpu_secs / events, redis_cpu / events])
}

fn broadcaster(plan: &Plan, redis: &Process, queue: &Path, events: u64) -> anyhow::Result<Cost> {
    let mut connection = server::connect(redis)?;
    let url = server::url(redis);
    let options = Options { flags: &["--broker-url", &url], ..Options::default() };
    let begun = Instant::now();
    let node = Process::broadcaster_of(options, plan.cores, &plan.broadcaster, queue)?;
    while connection.xlen::<_, u64>(KEY)? < events {
        ensure!(begun.elapsed() < TIMEOUT, "process {} does not forward its queue", node.id());
        std::thread::sleep(INTERVAL);
    }
    let cost = Cost { secs: begun.elapsed().as_secs_f64(), cpu_secs: node.cpu_secs()? };
    while !Directory::open(queue)?.list()?.is_empty() {
        ensure!(begun.elapsed() < TIMEOUT, "entries are left that the stream has");
        std::thread::sleep(INTERVAL);
    }
    // Who finds the stream empty adds one that is no event.
    let entries: u64 = connection.xlen(KEY)?;
    ensure!((events..=events + 1).contains(&entries), "the stream has {entries} entries of {events} events");
    Ok(cost)
}

/// Adds what `produce` makes, on the server's core.
fn plain(
    plan: &Plan,
    redis: &Process,
    reads: bool,
    events: u64,
    produce: impl FnOnce(&mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<Cost> {
    plan.cores.on_server(|| {
        let (mut adding, mut reading) = (server::connect(redis)?, server::connect(redis)?);
        std::thread::scope(|scope| {
            let reader = reads.then(|| scope.spawn(move || read(&mut reading, events)));
            let (cpu, begun) = (own_cpu_secs(), Instant::now());
            let mut batch = redis::pipe();
            produce(&mut |line| {
                let fields = [("d", line), ("n", &nonce()), ("a", &millis())];
                batch.xadd_maxlen(KEY, redis::streams::StreamMaxlen::Approx(MAX_EVENTS), "*", &fields);
                if batch.len() == AT_ONCE {
                    batch.query::<Vec<String>>(&mut adding)?;
                    batch.clear();
                }
                Ok(())
            })?;
            if !batch.is_empty() {
                batch.query::<Vec<String>>(&mut adding)?;
            }
            let cost = Cost { secs: begun.elapsed().as_secs_f64(), cpu_secs: own_cpu_secs() - cpu };
            if let Some(reader) = reader {
                reader.join().map_err(|_| anyhow::anyhow!("the thread that reads panicked"))??;
            }
            let entries: u64 = adding.xlen(KEY)?;
            ensure!(entries == events, "the stream has {entries} entries of {events} events");
            Ok(cost)
        })
    })
}

/// Reads so many entries of the stream.
fn read(connection: &mut Connection, events: u64) -> anyhow::Result<()> {
    let options = StreamReadOptions::default().count(AT_ONCE).block(TIMEOUT.as_millis() as usize);
    let (mut last, mut received) = ("0".to_owned(), 0);
    while received < events {
        let reply: Option<StreamReadReply> = connection.xread_options(&[KEY], &[&last], &options)?;
        let mut streams = reply.context("nothing came")?.keys;
        let entries = streams.pop().context("no stream")?.ids;
        received += entries.len() as u64;
        last = entries.last().context("no entries")?.id.clone();
    }
    Ok(())
}

/// The lines that a broadcaster would make of the same events.
fn lines(events: u64) -> Vec<String> {
    let text = |number| {
        let payload = message::payload_json(number, BYTES);
        line_of(NAME_JSON, &payload, publisher::timestamp() as i64)
    };
    (0..events).map(text).collect()
}

fn line(event: &PlainEvent<'_>) -> String {
    line_of(event.event.get(), event.payload.get(), event.timestamp)
}

fn line_of(name: &str, payload: &str, timestamp: i64) -> String {
    let uid = Uid::new();
    let times = format!(r#""timestamp":{timestamp},"queued_at":{timestamp}.000000"#);
    format!(r#"{{"v":1,"uid":"{uid}","event":{name},"payload":{payload},{times},"channels":null}}"#)
}

fn nonce() -> String {
    format!("{:08x}", rand::random::<u32>())
}

fn millis() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_millis().to_string()
}
