//! The process under test: its source, its hub, and how it begins and ends.

use std::sync::Arc;
use std::time::Duration;

use queue::{Reader, ReaderOptions};
use rustix::io::Errno;
use testkit::sandbox;

use super::clients::join;
use super::{ALL, World, payloads};
use crate::NoApplication;
use crate::config::Config;
use crate::health::Health;
use crate::hub::shard::ShardThread;
use crate::hub::{Feed, Hub};
use crate::model::disk::{Before, Disk};
use crate::model::order::{CHANNELS, EVERYBODY, Queued};
use crate::model::wire::Wire;
use crate::model::{Broken, Random};
use crate::protocol::ClientKind;
use crate::publication::Publication;
use crate::source::{Destination, HistoryOptions, QueueSource, SourceOptions};
use crate::stop::Stop;
use crate::unix_time::testing::TIME;

pub(super) struct Process {
    pub(super) source: QueueSource,
    pub(super) hub: Hub,
    /// The thread that has the clients.
    pub(super) shard: ShardThread<NoApplication>,
    /// Another one, with two clients that get everything.
    pub(super) witness: ShardThread<NoApplication>,
    pub(super) everything: Wire,
    pub(super) plain: Wire,
    /// What plain clients get.
    pub(super) all_plain: Vec<u64>,
    /// Where the last record begins, and how many events were published before, if no client can have it.
    pub(super) unseen: Option<(Before, usize)>,
}

impl World {
    pub(super) fn start(&mut self, has_history: bool) -> Result<(), Broken> {
        if self.process.is_some() {
            return Ok(());
        }
        self.counts.starts += 1;
        let text = self.disk.records();
        self.known_keys.push(text.lines().filter(|line| line.contains("\"key\":")).flat_map(payloads).collect());
        let Config { limits, rights, history, .. } = &self.config;
        let (shards, hub) = ShardThread::prepare(2, limits, rights, |_| NoApplication).expect("a hub");
        let Ok([shard, witness]) = <[_; 2]>::try_from(shards) else { unreachable!("two threads") };
        let mut rules = history.clone();
        if !has_history {
            rules.max_bytes = 0;
        }
        let options = SourceOptions {
            scan_interval: Duration::from_secs(1),
            failed_max_entries: 10,
            failed_max_age: Duration::from_secs(60),
            history: HistoryOptions { rules, directory: None },
        };
        let (health, stop) = (Arc::new(Health::of_source(Duration::ZERO)), Stop::new().expect("a notifier"));
        let feed = Feed::new(hub.clone(), limits);
        let reader = Reader::open(self.disk.queue.path(), ReaderOptions::default()).expect("a directory");
        let source =
            QueueSource::open(reader, options, Destination::Hub(Box::new(feed)), stop, health).expect("a source");
        let channels = CHANNELS.map(|name| name.parse().expect("a name")).to_vec();
        let all = ClientKind::Channels { is_native: false, channels, everybody: true };
        let (everything, plain) = (join(&witness, all, false, None), join(&witness, ClientKind::Plain, false, None));
        let (all_plain, unseen) = (Vec::new(), None);
        self.process = Some(Process { source, hub, shard, witness, everything, plain, all_plain, unseen });
        self.observe()
    }

    /// Publishes a batch. `full_disk`: nothing can be appended to the log, and it can be deleted or not.
    pub(super) fn publish(&mut self, max_bytes: u64, full_disk: Option<bool>) -> Result<(), Broken> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (before, published) = (self.disk.before_append(), self.order.published.len());
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
        self.note_unseen(before, published);
        Ok(())
    }

    pub(super) fn relay(&mut self) -> Result<(), Broken> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (before, published) = (self.disk.before_append(), self.order.published.len());
        let payload = self.next_payload;
        self.next_payload += 1;
        self.order.queued.insert(payload, Queued { channels: vec![EVERYBODY], expires_at: None, key: None });
        process.hub.publish(&Publication::to_everybody("\"e\"", &payload.to_string(), 7));
        self.lost.insert(payload);
        self.observe()?;
        self.note_unseen(before, published);
        Ok(())
    }

    pub(super) fn note_unseen(&mut self, before: Before, published: usize) {
        if let Some(process) = &mut self.process
            && self.order.published.len() > published
        {
            process.unseen = Some((before, published));
        }
    }

    /// Notes what the witnesses have got.
    pub(super) fn observe(&mut self) -> Result<(), Broken> {
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

    pub(super) fn turn(&mut self) {
        if let Some(process) = &mut self.process {
            process.shard.step().expect("a turn");
            process.witness.step().expect("a turn");
            process.unseen = None;
        }
    }

    pub(super) fn ack(&mut self) {
        if let Some(process) = &mut self.process {
            process.source.step_ack();
        }
    }

    pub(super) fn trim(&mut self) {
        if let Some(process) = &mut self.process {
            process.source.step_trim();
            process.unseen = None;
        }
    }

    pub(super) fn kill(&mut self, random: &mut Random) -> Result<(), Broken> {
        self.lose_connections(random)?;
        let Some(Process { source, unseen, .. }) = self.process.take() else { return Ok(()) };
        source.kill();
        if let Some((before, published)) = unseen
            && random.one_in(2)
            && self.disk.tear(&before, random)
        {
            // Nobody has these events.
            self.order.published.truncate(published);
            self.counts.torn += 1;
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, random: &mut Random) -> Result<(), Broken> {
        if let Some(Process { source, mut shard, .. }) = self.process.take() {
            drop(source);
            if random.one_in(2) {
                shard.step().expect("a turn");
            }
            self.lose_connections_of(shard, random)?;
        }
        Ok(())
    }
}
