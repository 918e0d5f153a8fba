//! The Pusher protocol, beside servers that speak it: events over HTTP to many clients, and users that come and go.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Plan, in_memory};
use crate::client::{Client, Manner, Others};
use crate::lanes::{LANES, Protocol};
use crate::peers;
use crate::process::{Options, Process};
use crate::publisher::Publisher;
use crate::pusher;
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Limit, Swarm};
use crate::workload;

const CLIENTS: usize = 1_000;
/// Users of a channel, in a full run. Each pair of them is a message when they come, and one when they leave.
const USERS: [(&str, usize); 3] = [("1,000 users", 1_000), ("2,000 users", 2_000), ("5,000 users", 5_000)];
/// No server is waited for longer than so, until all have joined, and then until all have left.
const PRESENCE_LIMIT: Duration = Duration::from_secs(120);
const BYTES: usize = 100;
/// Messages that the publisher may be ahead of the slowest client.
const WINDOW: u64 = 1_000;
/// Time before the measurement, in which servers with a JIT compiler compile.
const WARM_UP: Duration = Duration::from_millis(200);
const WARM_UP_WINDOW: u64 = 100;

const DELIVERY: &[Metric] = &[
    Metric { name: "events/s", unit: 1.0 },
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
];
const PRESENCE: &[Metric] = &[
    Metric { name: "s until all have joined", unit: 1.0 },
    Metric { name: "CPU s", unit: 1.0 },
    Metric { name: "s until all have left", unit: 1.0 },
    Metric { name: "CPU s, leaving", unit: 1.0 },
];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Ours,
    /// Another build of the broadcaster.
    Other,
    Sockudo,
    Node,
}

/// How events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    Batches,
    OneEach,
    OneAtATime,
    /// The clients read a message when all can.
    OneAtATimeApart,
}

/// The loads: name, clients, how events are published.
const LOADS: [(&str, usize, Manners); 5] = [
    ("batches of 10, 1,000 clients", CLIENTS, Manners::Batches),
    ("one at a time, 1,000 clients", CLIENTS, Manners::OneAtATime),
    ("one at a time, read when all can, 1,000 clients", CLIENTS, Manners::OneAtATimeApart),
    ("requests with one event, 1 client", 1, Manners::OneEach),
    ("requests with 10 events, 1 client", 1, Manners::Batches),
];

impl Subject {
    fn all(plan: &Plan) -> Vec<Subject> {
        let other = plan.other_broadcaster.is_some().then_some(Subject::Other);
        [Subject::Ours].into_iter().chain(other).chain([Subject::Sockudo, Subject::Node]).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Subject::Ours => "fastapi-broadcaster",
            Subject::Other => "the other fastapi-broadcaster",
            Subject::Sockudo => "Sockudo",
            Subject::Node => "Node with ws",
        }
    }

    fn against(self) -> Option<&'static str> {
        (self != Subject::Ours).then_some(Subject::Ours.name())
    }

    /// None if it is not installed.
    fn start(self, plan: &Plan, home: &Path) -> anyhow::Result<Option<Process>> {
        match self {
            Subject::Ours => ours(plan, &plan.broadcaster, home).map(Some),
            Subject::Other => plan.other_broadcaster.as_ref().map(|program| ours(plan, program, home)).transpose(),
            Subject::Sockudo => peers::sockudo(plan.cores, &plan.peers, None, home),
            Subject::Node => {
                plan.peers.node_pusher().map(|mut node| Process::announced(plan.cores, &mut node)).transpose()
            }
        }
        .with_context(|| format!("{} does not start", self.name()))
    }
}

/// The broadcaster with an application. What it takes over HTTP goes through its queue in memory.
fn ours(plan: &Plan, program: &Path, home: &Path) -> anyhow::Result<Process> {
    let (config, queue) = (home.join("config.toml"), home.join("queue"));
    std::fs::create_dir(&queue)?;
    let app = format!("id = \"{}\"\nkey = \"{}\"\nsecret = \"{}\"\n", pusher::APP, pusher::KEY, pusher::SECRET);
    std::fs::write(&config, format!("public_channels = [\"*\"]\n\n[[app]]\n{app}"))?;
    std::fs::set_permissions(&config, PermissionsExt::from_mode(0o600))?;
    let config = config.to_str().context("a path is not text")?;
    let options = Options { flags: &["--config", config], ..Options::default() };
    Process::broadcaster_of(options, plan.cores, program, &queue)
}

/// Subjects that were not installed.
#[derive(Debug, Default)]
struct Missing(Vec<&'static str>);

impl Missing {
    fn add(&mut self, subject: Subject) {
        if !self.0.contains(&subject.name()) {
            self.0.push(subject.name());
        }
    }

    fn note(&self, section: &mut Section) {
        if !self.0.is_empty() {
            section.note += &format!(" Not installed (`make setup-bench`): {}.", self.0.join(", "));
        }
    }
}

pub(super) fn delivery(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Pusher protocol",
        &format!(
            "Events of {BYTES} B by signed POST requests over {LANES} connections, the next on a connection when the one \
             before is answered, for {:?} a round; at most {WINDOW} messages ahead of the slowest client. One at a \
             time: the next when all clients have the one before. There the clients keep their core as busy as the server \
             does, and both work on the same sockets; where they read when all can, the time of their reading is not \
             counted. Ours writes each event to its queue in memory before it answers. Ratios to ours.",
            plan.load_time()
        ),
        DELIVERY,
    );
    let mut missing = Missing::default();
    for (load, clients, manners) in LOADS.into_iter().filter(|(load, ..)| plan.has_load(load)) {
        for _ in 0..plan.rounds {
            for subject in Subject::all(plan) {
                let home = in_memory()?;
                let Some(server) = subject.start(plan, home.path())? else {
                    missing.add(subject);
                    continue;
                };
                let values = deliver(plan, &server, clients, manners).with_context(|| subject.name())?;
                section.add(load, subject.name(), subject.against(), &values);
            }
        }
    }
    missing.note(&mut section);
    Ok(section)
}

fn deliver(plan: &Plan, server: &Process, clients: usize, manners: Manners) -> anyhow::Result<[f64; 3]> {
    let manner = Manner { lanes: LANES, pusher: true, ..Manner::default() };
    let mut swarm = Swarm::connect(server.address, manner, clients, CONCURRENT_HANDSHAKES)?;
    let protocol = if manners == Manners::Batches { Protocol::PusherBatches } else { Protocol::Pusher };
    let mut publisher = Publisher::to_foreign(server.address, protocol, BYTES)?;
    workload::flood(server, &mut swarm, &mut publisher, WARM_UP_WINDOW, WARM_UP)?;
    let delivered = match manners {
        Manners::OneAtATime => workload::one_at_a_time(server, &mut swarm, &mut publisher, plan.load_time())?,
        Manners::OneAtATimeApart => {
            workload::one_at_a_time_apart(server, &mut swarm, &mut publisher, plan.load_time())?
        }
        _ => workload::flood(server, &mut swarm, &mut publisher, WINDOW, plan.load_time())?,
    };
    Ok([delivered.messages as f64 / delivered.secs, delivered.per_sec(), delivered.cpu_per_million()])
}

pub(super) fn presence(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Presence",
        &format!(
            "Users join one channel, {CONCURRENT_HANDSHAKES} at the same time, and each is told of all that come after. Then \
             all but one leave, and that one is told. Pings are answered. Ratios to ours."
        ),
        PRESENCE,
    );
    let mut missing = Missing::default();
    let sizes = plan.pick(&USERS[..1], &USERS[..]);
    for (load, users) in sizes.iter().filter(|(load, _)| plan.has_load(load)) {
        let mut given_up = Vec::new();
        // Millions of messages are enough to be in no need of many rounds.
        for _ in 0..plan.rounds.min(plan.pick(1, 3)) {
            for subject in Subject::all(plan) {
                if given_up.contains(&subject) {
                    continue;
                }
                let home = in_memory()?;
                let Some(server) = subject.start(plan, home.path())? else {
                    missing.add(subject);
                    continue;
                };
                let values = match come_and_go(&server, *users) {
                    Err(problem) if subject != Subject::Ours => {
                        section.note += &format!(" {} with {load}: {problem:#}.", subject.name());
                        given_up.push(subject);
                        [f64::NAN; 4]
                    }
                    values => values?,
                };
                section.add(load, subject.name(), subject.against(), &values);
            }
        }
    }
    missing.note(&mut section);
    Ok(section)
}

fn come_and_go(server: &Process, users: usize) -> anyhow::Result<[f64; 4]> {
    let (start, cpu, limit) = (Instant::now(), server.cpu_secs()?, Limit::new(PRESENCE_LIMIT));
    let manner = Manner { pusher: true, pusher_user: true, ..Manner::default() };
    let mut swarm = Swarm::connect_within(server.address, manner, users, limit).context("joining")?;
    // Of each pair of users one was there first.
    let pairs = (users * (users - 1) / 2) as u64;
    swarm.until_others(limit, |clients| told(clients, |others| others.joined) == pairs).context("joining")?;
    let (joined, joining_cpu) = (start.elapsed().as_secs_f64(), server.cpu_secs()? - cpu);
    let (start, cpu, limit) = (Instant::now(), server.cpu_secs()?, Limit::new(PRESENCE_LIMIT));
    for user in 1..users {
        swarm.send(user, &pusher::leave()).context("leaving")?;
    }
    swarm.until_others(limit, |clients| clients[0].others.left == users as u64 - 1).context("leaving")?;
    Ok([joined, joining_cpu, start.elapsed().as_secs_f64(), server.cpu_secs()? - cpu])
}

/// What all clients together were told.
fn told(clients: &[Client], count: fn(&Others) -> u64) -> u64 {
    clients.iter().map(|client| count(&client.others)).sum()
}
