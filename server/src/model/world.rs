//! The world of a run: a queue, a process or none, clients; and what can happen in it.

mod checks;
mod clients;
mod process;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use queue::Uid;
use serde_json::Value;

use super::disk::Disk;
use super::order::{CHANNELS, EVERYBODY, Order, Queued};
use super::page::{Kind, Page};
use super::{Broken, Random, What, broken};
use crate::config::{Config, Settings};
use crate::history::{HistoryRules, Rule};
use crate::unix_time::testing::TIME;
use process::Process;

/// When a run begins, in seconds since 1970.
const BEGIN_SECS: u64 = 1_800_000_000;
/// Bytes that are read when everything is.
const ALL: usize = 1 << 16;

/// What happened in a run.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) starts: u64,
    pub(super) epochs: u64,
    pub(super) published: u64,
    pub(super) recovered: u64,
    pub(super) gaps: u64,
    pub(super) power_losses: u64,
    pub(super) torn: u64,
    pub(super) cuts: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Counts) {
        self.starts += other.starts;
        self.epochs += other.epochs;
        self.published += other.published;
        self.recovered += other.recovered;
        self.gaps += other.gaps;
        self.power_losses += other.power_losses;
        self.torn += other.torn;
        self.cuts += other.cuts;
    }
}

pub(super) struct World {
    /// Says what it does.
    pub(super) is_told: bool,
    config: Config,
    disk: Disk,
    now: Duration,
    process: Option<Process>,
    order: Order,
    pages: Vec<Page>,
    moments: Vec<u64>,
    next_payload: u64,
    lost: HashSet<u64>,
    /// For each start, the events whose keys were in the log.
    known_keys: Vec<HashSet<u64>>,
    epochs: HashSet<String>,
    counts: Counts,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let mut config = Settings::default().resolve().expect("defaults");
        let scale = if seed.is_multiple_of(2) { 1 } else { 8 };
        let rule = |events| Rule { events: events * scale, age: Duration::from_secs(60) };
        config.history = HistoryRules {
            everybody: rule(6),
            channel: rule(4),
            patterns: vec![],
            max_bytes: 6000 * scale,
            meta_age: Duration::from_secs(120),
            recover_limit: 12 * scale,
            recover_bytes: 10_000 * scale,
        };
        let pages = [
            (Kind::Plain, &[][..]),
            (Kind::Url, &[0, EVERYBODY]),
            (Kind::Url, &[1, 2]),
            (Kind::Sse, &[0, 1, EVERYBODY]),
            (Kind::Sse, &[2]),
            (Kind::Native, &[EVERYBODY]),
            (Kind::Native, &[EVERYBODY, 0]),
        ];
        let now = Duration::from_secs(BEGIN_SECS);
        World {
            is_told: false,
            config,
            disk: Disk::new(),
            now,
            process: None,
            order: Order::default(),
            pages: pages.into_iter().map(|(kind, url)| Page::new(kind, url.to_vec())).collect(),
            moments: vec![now.as_millis() as u64],
            next_payload: 1,
            lost: HashSet::new(),
            known_keys: Vec::new(),
            epochs: HashSet::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn apply(&mut self, what: What, mut random: Random) -> Result<(), Broken> {
        self.now += Duration::from_micros(random.below(1500) as u64);
        self.enter();
        let before = self.order.published.len();
        match what {
            What::Enqueue => self.enqueue(&mut random),
            What::Publish => self.publish([1, 400, 1 << 18][random.below(3)], None)?,
            What::PublishOnFullDisk => {
                let keeps_log = random.one_in(3);
                self.publish(1 << 18, Some(keeps_log))?;
            }
            What::Relay => self.relay()?,
            What::Turn => (0..=random.below(2)).for_each(|_| self.turn()),
            What::Ack => self.ack(),
            What::Trim => self.trim(),
            What::Wait => {
                let millis = [1, 25, 1000, 30_000, 61_000, 400_000][random.below(6)];
                self.now += Duration::from_millis(millis);
                self.moments.push(self.now.as_millis() as u64);
            }
            What::Connect => {
                let page = random.below(self.pages.len());
                if random.one_in(2) {
                    self.pages[page].connection = None;
                }
                self.connect(page, &mut random);
            }
            What::Drop => {
                let page = random.below(self.pages.len());
                self.pages[page].connection = None;
            }
            What::Read => {
                let page = random.below(self.pages.len());
                self.read(page, [200, 1000, ALL][random.below(3)])?;
            }
            What::Beat => {
                if let Some(process) = &mut self.process {
                    process.shard.beat_all();
                }
            }
            What::Subscribe => {
                let (page, channel) = ([5, 6][random.below(2)], random.below(EVERYBODY));
                let with_position = !random.one_in(8);
                self.subscribe(page, channel, with_position);
            }
            What::Kill => self.kill(&mut random)?,
            What::LosePower => {
                self.kill(&mut random)?;
                self.counts.power_losses += 1;
                let lost = self.disk.lose_power(&mut random);
                self.lost.extend(lost.iter().flat_map(|content| payloads(&String::from_utf8_lossy(content))));
            }
            // Of a process that was killed before, it is not known how far its log went.
            What::Cut if self.process.is_none() => {}
            What::Cut => {
                // Somebody needs more than the second in which the log says how far it goes.
                self.trim();
                self.kill(&mut random)?;
                self.counts.cuts += 1;
                self.disk.cut(&mut random);
            }
            What::Stop => self.stop(&mut random)?,
            What::Start => {
                let has_history = !random.one_in(8);
                self.start(has_history)?;
            }
        }
        self.disk.look();
        if self.is_told {
            println!(
                "{:>9.3} {what:?}: {:?}",
                (self.now.as_secs_f64() - BEGIN_SECS as f64),
                &self.order.published[before.min(self.order.published.len())..]
            );
            for (index, page) in self.pages.iter().enumerate() {
                println!("     {index} {} {:?}", page.connection.is_some(), page.memory.positions);
            }
        }
        Ok(())
    }

    /// Lets everything come to rest, and checks that all is well.
    pub(super) fn end(mut self) -> Result<Counts, Broken> {
        self.enter();
        let mut random = Random(1);
        self.kill(&mut random)?;
        self.start(true)?;
        for _ in 0..300 {
            self.publish(1 << 18, None)?;
            self.settle()?;
            self.ack();
            self.disk.look();
            if self.disk.is_drained() && self.process.as_ref().is_some_and(|process| process.source.is_idle()) {
                break;
            }
        }
        if !self.disk.is_drained() {
            return broken("NOT DRAINED", format_args!("{:?}", self.disk.queue.entries()));
        }
        for page in 0..self.pages.len() {
            self.pages[page].connection = None;
            let after = self.pages[page]
                .url
                .first()
                .and_then(|channel| self.pages[page].memory.positions.get(channel))
                .cloned();
            self.open(page, after);
        }
        self.settle()?;
        for page in [5, 6] {
            for channel in 0..EVERYBODY {
                self.subscribe(page, channel, true);
            }
        }
        self.settle()?;
        if let Some(process) = &mut self.process {
            process.shard.beat_all();
        }
        self.settle()?;
        let plain = self.process.as_ref().map(|process| process.all_plain.clone()).unwrap_or_default();
        self.pages.iter().try_for_each(|page| page.check_end(&self.order, &plain))?;
        self.check_accepted()?;
        self.check_keys()?;
        self.counts.recovered = self.pages.iter().map(|page| page.recovered).sum();
        self.counts.gaps = self.pages.iter().map(|page| page.gaps).sum();
        self.counts.epochs = self.epochs.len() as u64;
        self.counts.published = self.order.published.len() as u64;
        Ok(self.counts)
    }

    fn enter(&self) {
        TIME.set(Some(self.now));
        Disk::enter(self.disk.boot(), self.disk.syncs());
    }

    fn enqueue(&mut self, random: &mut Random) {
        let mut content = String::new();
        for _ in 0..=random.below(3) {
            let payload = self.next_payload;
            self.next_payload += 1;
            let channels = match random.below(8) {
                0..=2 => vec![EVERYBODY],
                3 | 4 => vec![0],
                5 => vec![1],
                6 => vec![2],
                _ => vec![1, 0],
            };
            let expires_at = random.one_in(8).then(|| self.now.as_secs_f64() + random.below(40) as f64);
            let key = random.one_in(4).then(|| ['k', 'l'][random.below(2)]);
            let names: Vec<&str> = channels.iter().filter_map(|channel| CHANNELS.get(*channel)).copied().collect();
            let names = if names.is_empty() { Value::Null } else { names.into() };
            let _ = write!(
                content,
                r#"{{"v":1,"uid":"{}","event":"e","payload":{payload},"timestamp":7,"channels":{names}"#,
                Uid::new()
            );
            if let Some(time) = expires_at {
                let _ = write!(content, r#","expires_at":{time:?}"#);
            }
            if let Some(key) = key {
                let _ = write!(content, r#","key":"{key}""#);
            }
            content.push_str("}\n");
            self.order.queued.insert(payload, Queued { channels, expires_at, key });
        }
        let lane = [".high.events", ".events", ".events", ".low.events"][random.below(4)];
        self.disk.add(&format!("{}{lane}", Uid::new()), &content);
    }
}

/// The payloads of events in a text.
fn payloads(text: &str) -> Vec<u64> {
    let numbers = text.split("\"payload\":").skip(1);
    numbers.filter_map(|rest| rest.split([',', '}']).next()?.parse().ok()).collect()
}
