//! The world of a run: a queue, a process or none, clients; and what can happen in it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use queue::{ReaderOptions, Uid};
use rustix::io::Errno;
use serde_json::Value;
use testkit::sandbox;

use super::disk::Disk;
use super::order::{CHANNELS, EVERYBODY, Order, Queued};
use super::page::{Kind, Page};
use super::wire::Wire;
use super::{Broken, Random, What, broken};
use crate::NoApplication;
use crate::config::{Config, Settings};
use crate::health::Health;
use crate::history::{HistoryRules, Rule};
use crate::hub::shard::Shard;
use crate::hub::shard::stepping::connect;
use crate::hub::{Feed, Hub};
use crate::protocol::{ClientKind, Opening, Wants};
use crate::publication::Publication;
use crate::source::{DirectoryOptions, DirectorySource, HistoryOptions, Stop};
use crate::unix_time::testing::TIME;

/// When a run begins, in seconds since 1970.
const BEGIN_SECS: u64 = 1_800_000_000;
/// How long a key is known.
const KEY_AGE: Duration = Duration::from_secs(300);
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
    }
}

struct Process {
    source: DirectorySource,
    hub: Hub,
    /// The thread that has the clients.
    shard: Shard<NoApplication>,
    /// Another one, with two clients that get everything.
    witness: Shard<NoApplication>,
    everything: Wire,
    plain: Wire,
    /// What plain clients get.
    all_plain: Vec<u64>,
    /// Where the last record begins, and how many events were published before, if no client can have it.
    unseen: Option<(u64, usize)>,
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

    /// Publishes a batch. `full_disk`: nothing can be appended to the log, and it can be deleted or not.
    fn publish(&mut self, max_bytes: u64, full_disk: Option<bool>) -> Result<(), Broken> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (log_bytes, published) = (self.disk.log_bytes(), self.order.published.len());
        match full_disk {
            None => drop(process.source.step_publish(max_bytes)),
            Some(keeps_log) => {
                let calls = [(libc::SYS_pwrite64, 0, 0), (libc::SYS_unlinkat, 0, 0)];
                let filter = sandbox::filter(&calls[..1 + usize::from(keeps_log)], Errno::NOSPC);
                let (now, boot, syncs, source) = (self.now, self.disk.boot(), self.disk.syncs(), &mut process.source);
                sandbox::run_under(filter, || {
                    TIME.set(Some(now));
                    Disk::enter(boot, syncs);
                    source.step_publish(max_bytes);
                });
            }
        }
        self.observe()?;
        self.note_unseen(log_bytes, published);
        Ok(())
    }

    fn relay(&mut self) -> Result<(), Broken> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (log_bytes, published) = (self.disk.log_bytes(), self.order.published.len());
        let payload = self.next_payload;
        self.next_payload += 1;
        self.order.queued.insert(payload, Queued { channels: vec![EVERYBODY], expires_at: None, key: None });
        process.hub.publish(&Publication::to_everybody("\"e\"", &payload.to_string(), 7));
        self.lost.insert(payload);
        self.observe()?;
        self.note_unseen(log_bytes, published);
        Ok(())
    }

    fn note_unseen(&mut self, log_bytes: u64, published: usize) {
        if let Some(process) = &mut self.process
            && self.order.published.len() > published
        {
            process.unseen = Some((log_bytes, published));
        }
    }

    /// Notes what the witnesses have got.
    fn observe(&mut self) -> Result<(), Broken> {
        let Some(process) = &mut self.process else { return Ok(()) };
        // An answer is made in one turn and sent in the next.
        let mut quiet_turns = 0;
        while quiet_turns < 2 {
            process.witness.step().expect("a turn");
            let (messages, plain) = (process.everything.read(ALL), process.plain.read(ALL));
            process.all_plain.extend(plain.iter().filter_map(|message| message["payload"].as_u64()));
            for message in &messages {
                let id = message["id"].as_str().unwrap_or_default();
                match message["payload"].as_u64() {
                    Some(payload) => self.order.push(payload, id, self.now, self.known_keys.len())?,
                    None => {
                        self.order.begin(id);
                        let epoch = id.split('-').next().unwrap_or_default().to_owned();
                        if self.epochs.insert(epoch)
                            && let Some(known) = self.known_keys.last_mut()
                        {
                            // Nothing is known from before.
                            known.clear();
                        }
                    }
                }
            }
            quiet_turns = if messages.is_empty() && plain.is_empty() { quiet_turns + 1 } else { 0 };
        }
        Ok(())
    }

    fn turn(&mut self) {
        if let Some(process) = &mut self.process {
            process.shard.step().expect("a turn");
            process.witness.step().expect("a turn");
            process.unseen = None;
        }
    }

    fn ack(&mut self) {
        if let Some(process) = &mut self.process {
            process.source.step_ack();
        }
    }

    fn trim(&mut self) {
        if let Some(process) = &mut self.process {
            process.source.step_trim();
            process.unseen = None;
        }
    }

    fn connect(&mut self, index: usize, random: &mut Random) {
        let page = &mut self.pages[index];
        if page.connection.is_some() {
            return;
        }
        match random.below(8) {
            0 if page.kind != Kind::Plain => {
                let moment = if random.one_in(2) {
                    self.now.as_millis() as u64
                } else {
                    self.moments[random.below(self.moments.len())]
                };
                page.render(Duration::from_millis(moment), &self.order);
                let after = Some(format!("t.{moment}"));
                page.memory.moment.clone_from(&after);
                return self.open(index, after);
            }
            1 => page.saved = Some(page.memory.clone()),
            2 => {
                if let Some(saved) = &page.saved {
                    page.memory = saved.clone();
                }
            }
            _ => {}
        }
        let page = &self.pages[index];
        let after = page.url.first().and_then(|channel| page.memory.positions.get(channel)).cloned();
        self.open(index, after);
    }

    fn open(&mut self, index: usize, after: Option<String>) {
        let Some(process) = &mut self.process else { return };
        let page = &mut self.pages[index];
        let channels = page.url.iter().filter_map(|channel| CHANNELS.get(*channel)?.parse().ok()).collect();
        let everybody = page.url.contains(&EVERYBODY);
        let is_native = page.kind == Kind::Native;
        let kind = match page.kind {
            Kind::Plain => ClientKind::Plain,
            _ => ClientKind::Channels { is_native, channels, everybody },
        };
        let wire = join(&process.shard, kind, page.kind == Kind::Sse, after.clone());
        page.opened(wire, after, process.all_plain.len());
    }

    fn subscribe(&mut self, index: usize, channel: usize, with_position: bool) {
        let page = &mut self.pages[index];
        if !page.may_ask_for(channel) {
            return;
        }
        let position = page.memory.positions.get(&channel).or(page.memory.moment.as_ref()).cloned();
        page.ask_for(channel, position.as_deref().filter(|_| with_position));
    }

    fn read(&mut self, page: usize, most: usize) -> Result<usize, Broken> {
        let plain = self.process.as_ref().map_or(&[][..], |process| &process.all_plain);
        self.pages[page].read(most, &self.order, plain, self.now)
    }

    /// Lets everything be written and read.
    fn settle(&mut self) -> Result<(), Broken> {
        let mut quiet_turns = 0;
        while quiet_turns < 3 {
            self.turn();
            self.observe()?;
            let mut read = 0;
            for page in 0..self.pages.len() {
                read += self.read(page, ALL)?;
            }
            quiet_turns = if read == 0 { quiet_turns + 1 } else { 0 };
        }
        Ok(())
    }

    /// Clients have read what came before a process ended, or not.
    fn lose_connections(&mut self, random: &mut Random) -> Result<(), Broken> {
        for page in 0..self.pages.len() {
            if random.one_in(2) {
                self.read(page, ALL)?;
            }
            self.pages[page].connection = None;
        }
        Ok(())
    }

    fn kill(&mut self, random: &mut Random) -> Result<(), Broken> {
        self.lose_connections(random)?;
        let Some(Process { source, unseen, .. }) = self.process.take() else { return Ok(()) };
        source.kill();
        if let Some((begin, published)) = unseen
            && random.one_in(2)
            && self.disk.tear(begin, random)
        {
            // Nobody has these events.
            self.order.published.truncate(published);
            self.counts.torn += 1;
        }
        Ok(())
    }

    fn stop(&mut self, random: &mut Random) -> Result<(), Broken> {
        if let Some(Process { source, mut shard, .. }) = self.process.take() {
            drop(source);
            if random.one_in(2) {
                shard.step().expect("a turn");
            }
            self.lose_connections_of(shard, random)?;
        }
        Ok(())
    }

    fn lose_connections_of(&mut self, shard: Shard<NoApplication>, random: &mut Random) -> Result<(), Broken> {
        // What plain clients get now was published before.
        for page in 0..self.pages.len() {
            if self.pages[page].kind != Kind::Plain && random.one_in(2) {
                self.read(page, ALL)?;
            }
            self.pages[page].connection = None;
        }
        drop(shard);
        Ok(())
    }

    fn start(&mut self, has_history: bool) -> Result<(), Broken> {
        if self.process.is_some() {
            return Ok(());
        }
        self.counts.starts += 1;
        let text = self.disk.records();
        self.known_keys.push(text.lines().filter(|line| line.contains("\"key\":")).flat_map(payloads).collect());
        let Config { limits, rights, history, .. } = &self.config;
        let (shards, hub) = Shard::new(2, limits, rights, |_| NoApplication).expect("a hub");
        let Ok([shard, witness]) = <[_; 2]>::try_from(shards) else { unreachable!("two threads") };
        let mut rules = history.clone();
        if !has_history {
            rules.max_bytes = 0;
        }
        let options = DirectoryOptions {
            reader: ReaderOptions::default(),
            scan_interval: Duration::from_secs(1),
            failed_max_entries: 10,
            failed_max_age: Duration::from_secs(60),
            history: HistoryOptions { rules, directory: None },
        };
        let (health, stop) = (Arc::new(Health::of_source(Duration::ZERO)), Stop::new().expect("a notifier"));
        let feed = Feed::new(hub.clone(), limits);
        let source = DirectorySource::open(self.disk.queue.path(), options, feed, stop, health).expect("a source");
        let channels = CHANNELS.map(|name| name.parse().expect("a name")).to_vec();
        let all = ClientKind::Channels { is_native: false, channels, everybody: true };
        let (everything, plain) = (join(&witness, all, false, None), join(&witness, ClientKind::Plain, false, None));
        let (all_plain, unseen) = (Vec::new(), None);
        self.process = Some(Process { source, hub, shard, witness, everything, plain, all_plain, unseen });
        self.observe()
    }

    /// Each event that was accepted is published, has expired, or repeats a key, or was lost when the power failed.
    fn check_accepted(&self) -> Result<(), Broken> {
        let published: HashSet<u64> = self.order.published.iter().map(|published| published.payload).collect();
        let same_key = |one: &Queued, other: &Queued| one.key == other.key && one.channels[0] == other.channels[0];
        for (payload, queued) in &self.order.queued {
            let has_expired = queued.expires_at.is_some_and(|time| time <= self.now.as_secs_f64());
            let repeats = queued.key.is_some()
                && published
                    .union(&self.lost)
                    .any(|other| other != payload && same_key(queued, &self.order.queued[other]));
            if !published.contains(payload) && !has_expired && !repeats && !self.lost.contains(payload) {
                return broken("EVENT LOST", format_args!("{payload} {queued:?}"));
            }
        }
        Ok(())
    }

    /// No key comes twice while it is known.
    fn check_keys(&self) -> Result<(), Broken> {
        let all = &self.order.published;
        for (index, first) in all.iter().enumerate() {
            let one = &self.order.queued[&first.payload];
            for second in all[index + 1..].iter().filter(|second| second.payload != first.payload) {
                let other = &self.order.queued[&second.payload];
                let is_repeat = one.key.is_some() && one.key == other.key && one.channels[0] == other.channels[0];
                let mut starts = first.starts..second.starts;
                let is_forgotten = starts.any(|start| !self.known_keys[start].contains(&first.payload));
                if is_repeat && second.at - first.at < KEY_AGE && !is_forgotten {
                    return broken("KEY TWICE", format_args!("{first:?} {second:?}"));
                }
            }
        }
        Ok(())
    }
}

/// The payloads of events in a text.
fn payloads(text: &str) -> Vec<u64> {
    let numbers = text.split("\"payload\":").skip(1);
    numbers.filter_map(|rest| rest.split([',', '}']).next()?.parse().ok()).collect()
}

fn join(shard: &Shard<NoApplication>, kind: ClientKind, is_sse: bool, after: Option<String>) -> Wire {
    let wants = Wants { kind, identity: None, after };
    let opening = match is_sse {
        true => Opening::Sse { is_named: false, wants },
        false => Opening::WebSocket { received: Vec::new(), wants },
    };
    let (client, joining) = connect(opening).expect("a socket");
    shard.let_join(joining);
    Wire::new(client, is_sse)
}
