//! The measurement: good clients without an attack and under each one, by turns between builds. Not part of the tests
//! of every day: `make attack`. Variables choose what is measured:
//!
//! - `ATTACK_BASELINE`: an older binary to compare with
//! - `ATTACK_SECONDS`: how long each attack lasts (4)
//! - `ATTACK_ROUNDS`: how often everything is measured (1)
//! - `ATTACK_ONLY`: only attacks whose name contains this
//! - `ATTACK_FLAGS`: further flags of the binary under test, separated by spaces

use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::{Broadcaster, QueueDir};

use crate::attack::attackers::Attackers;
use crate::attack::good_clients::{GoodClients, Pace};
use crate::attack::kind::Kind;
use crate::attack::latency::Latency;
use crate::support::systemd::{Reports, WATCHDOG};
use crate::support::{BINARY, broadcaster, may_open};

const GOOD_CLIENTS: usize = 20;
const HUB_THREADS: [&str; 2] = ["--hub-threads", "2"];
/// Short enough to see within an attack whether a flood makes the server take good clients for silent.
const SHORT_TIMEOUTS: [&str; 4] = ["--ping-interval-secs", "1", "--pong-timeout-secs", "2"];
/// How long after the attackers memory is to be given back.
const AFTER: Duration = Duration::from_secs(2);

struct Build {
    name: &'static str,
    binary: PathBuf,
    flags: Vec<String>,
}

#[test]
#[ignore = "some minutes: make attack"]
fn good_clients_under_each_attack() {
    if !may_open(5000) {
        return;
    }
    let (builds, seconds, only) = (builds(), variable("ATTACK_SECONDS", 4.0), text("ATTACK_ONLY"));
    let kinds = || Kind::ALL.into_iter().filter(|kind| kind.to_string().contains(&only));
    eprintln!("\n{HEAD}");
    for _ in 0..variable("ATTACK_ROUNDS", 1) {
        for kind in kinds() {
            for count in counts(kind) {
                builds.iter().for_each(|build| under_attack(build, kind, *count, seconds));
            }
        }
    }
    eprintln!("\nLongest time between two notifications to systemd, of which one is due each second.\n");
    eprintln!("| attack | attackers | build | longest |\n|---|---:|---|---:|");
    for kind in kinds().filter(|kind| matches!(kind, Kind::EmptyFragments | Kind::OneByteFragments)) {
        for count in [1, 50] {
            builds.iter().for_each(|build| watched(build, kind, count, seconds));
        }
    }
}

fn counts(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::BigText | Kind::BigJson => &[1, 50, 200],
        Kind::HalfFrames | Kind::HalfMessages => &[50, 2000],
        Kind::EmptyPings | Kind::BigPings => &[1, 50, 150],
        Kind::SlowReaders(_) => &[1, 3, 50],
        _ => &[1, 50],
    }
}

fn builds() -> Vec<Build> {
    let flags = text("ATTACK_FLAGS").split_whitespace().map(str::to_owned).collect();
    let mut builds = vec![Build { name: "this", binary: BINARY.into(), flags }];
    if let Some(binary) = std::env::var_os("ATTACK_BASELINE") {
        builds.insert(0, Build { name: "baseline", binary: binary.into(), flags: Vec::new() });
    }
    builds
}

const HEAD: &str = "\
| attack | attackers | build | p50 | p90 | p99 | max | quiet p99 | quiet max | good clients lost | RSS before | peak | after | CPU s | MB/s | connects | closes |
|---|---:|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---|";

/// Prints a line of the table: times in milliseconds, memory in megabytes.
fn under_attack(build: &Build, kind: Kind, count: usize, seconds: f64) {
    let (pace, factor) = match kind {
        // As long as it takes until the slow ones hold up the others.
        Kind::SlowReaders(_) => (Pace::STREAM, 3.0),
        _ => (Pace::CALM, 1.0),
    };
    let queue = QueueDir::in_memory();
    let mut flags = HUB_THREADS.to_vec();
    if !kind.script().round.is_empty() {
        flags.extend(SHORT_TIMEOUTS);
    }
    flags.extend(build.flags.iter().map(String::as_str));
    let mut broadcaster = broadcaster::of(&build.binary, &queue.path(), &flags);
    let good_clients = GoodClients::start(broadcaster.address(), GOOD_CLIENTS, queue.path(), pace);

    let begin = good_clients.now();
    std::thread::sleep(Duration::from_secs_f64(seconds / 2.0));
    let calm = good_clients.now();
    // The last event of the calm must not fall into the attack.
    good_clients.settle();
    let attacked = good_clients.now();
    let (before, ticks) = (broadcaster.memory_kb("VmRSS"), broadcaster.cpu_ticks());
    let mut attackers = Attackers::start(broadcaster.address(), kind, count);
    std::thread::sleep(Duration::from_secs_f64(seconds * factor));
    let end = good_clients.now();
    let (ticks, bytes) = (broadcaster.cpu_ticks() - ticks, attackers.bytes());
    attackers.stop();
    let peak = broadcaster.memory_kb("VmHWM");
    std::thread::sleep(AFTER);
    let after = broadcaster.memory_kb("VmRSS");
    good_clients.settle();

    let quiet = good_clients.latency(begin, calm);
    let under = good_clients.latency(attacked, end);
    let (p50, p90) = (millis(under, |latency| latency.p50), millis(under, |latency| latency.p90));
    let (p99, max) = (millis(under, |latency| latency.p99), millis(under, |latency| latency.max));
    let (quiet_p99, quiet_max) = (millis(quiet, |latency| latency.p99), millis(quiet, |latency| latency.max));
    let lost = summary(good_clients.lost().into_iter().map(|code| (code, 1)));
    let closes = summary(attackers.closes());
    let megabytes = |kb: u64| kb as f64 / 1024.0;
    eprintln!(
        "| {kind} | {count} | {} | {p50} | {p90} | {p99} | {max} | {quiet_p99} | {quiet_max} | {lost} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {} | {closes} |",
        build.name,
        megabytes(before),
        megabytes(peak),
        megabytes(after),
        ticks as f64 / 100.0,
        bytes as f64 / 1e6 / (end - attacked).as_secs_f64(),
        attackers.connects(),
    );
    drop(good_clients);
    broadcaster.kill();
}

/// Prints the longest time without a notification to systemd.
fn watched(build: &Build, kind: Kind, count: usize, seconds: f64) {
    let (queue, reports) = (QueueDir::in_memory(), Reports::new());
    let mut command = reports.command_of(&build.binary, &queue.path(), 1_000_000);
    command.args(HUB_THREADS).args(&build.flags);
    let mut broadcaster = Broadcaster::spawn(command).listening();
    while reports.next() != WATCHDOG {}
    let mut attackers = Attackers::start(broadcaster.address(), kind, count);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let gap = scope.spawn(|| {
            let (mut last, mut longest) = (begin, Duration::ZERO);
            // The last one comes after the attack has ended.
            while last - begin < Duration::from_secs_f64(seconds) {
                assert_eq!(reports.next(), WATCHDOG);
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        });
        std::thread::sleep(Duration::from_secs_f64(seconds));
        attackers.stop();
        eprintln!("| {kind} | {count} | {} | {:.2} s |", build.name, gap.join().unwrap().as_secs_f64());
    });
    broadcaster.kill();
}

fn millis(latency: Option<Latency>, of: fn(Latency) -> Duration) -> String {
    latency.map_or("none".to_owned(), |latency| format!("{:.1}", of(latency).as_secs_f64() * 1000.0))
}

/// How often each code.
fn summary(codes: impl IntoIterator<Item = (u16, usize)>) -> String {
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    codes.into_iter().for_each(|(code, count)| *counts.entry(code).or_default() += count);
    let parts: Vec<String> = counts.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
}

fn text(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    let text = text(name);
    if text.is_empty() {
        return default;
    }
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
}
