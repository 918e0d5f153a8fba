//! The servers of a run, each started for a measurement with clients and a publisher.

use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use super::Plan;
use crate::client::Manner;
use crate::crowd::{Crowd, Habits};
use crate::machine::{Cores, possible_connections};
use crate::process::{self, Options, Process};
use crate::publisher::Publisher;
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};

/// What is measured under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    ReferenceQueue,
    Broadcaster,
    /// Another build of the broadcaster, to see the effect of a change.
    OtherBroadcaster,
    /// The broadcaster, fed by its journal.
    Journal,
    ReferenceTcp,
    Hub,
    Naive,
}

impl Subject {
    /// All of them, with the other broadcaster if there is one.
    pub(super) fn all(plan: &Plan) -> Vec<Subject> {
        let mut all = Subject::fed_by_queue(plan);
        all.extend([Subject::ReferenceTcp, Subject::Hub, Subject::Journal, Subject::Naive]);
        all
    }

    /// Those that read a queue directory.
    pub(super) fn fed_by_queue(plan: &Plan) -> Vec<Subject> {
        let other = plan.other_broadcaster.is_some().then_some(Subject::OtherBroadcaster);
        [Subject::ReferenceQueue, Subject::Broadcaster].into_iter().chain(other).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Subject::ReferenceQueue => "reference, queue directory",
            Subject::Broadcaster => "fastapi-broadcaster",
            Subject::OtherBroadcaster => "the other fastapi-broadcaster",
            Subject::Journal => "fastapi-broadcaster, journal",
            Subject::ReferenceTcp => "reference, TCP",
            Subject::Hub => "our hub, TCP",
            Subject::Naive => "tokio-tungstenite, TCP",
        }
    }

    /// What it is compared with: the reference with the same kind of feed. The journal's aim is what our hub does without
    /// a queue.
    pub(super) fn against(self) -> Option<&'static str> {
        match self {
            Subject::ReferenceQueue | Subject::ReferenceTcp => None,
            Subject::Broadcaster | Subject::OtherBroadcaster => Some(Subject::ReferenceQueue.name()),
            Subject::Journal => Some(Subject::Hub.name()),
            Subject::Hub | Subject::Naive => Some(Subject::ReferenceTcp.name()),
        }
    }

    /// Starts the server on its core, on a queue in memory if it reads one.
    pub(super) fn start(self, plan: &Plan) -> anyhow::Result<Started> {
        self.start_with(plan, plan.cores, Options::default())
    }

    /// The same with so many threads of our hub, on all cores of the run.
    pub(super) fn start_threads(self, plan: &Plan, threads: usize) -> anyhow::Result<Started> {
        let cores = Cores { shared: true, ..plan.cores };
        let options = Options { hub_threads: Some(threads), ..Options::default() };
        self.start_with(plan, cores, options)
    }

    /// The same with one thread of our hub and further flags of the broadcaster.
    pub(super) fn start_with_flags(self, plan: &Plan, flags: &[&str]) -> anyhow::Result<Started> {
        self.start_with(plan, plan.cores, Options { flags, ..Options::default() })
    }

    /// The same with one thread of our hub that keeps so many events of each channel, and further flags of the
    /// broadcaster.
    pub(super) fn start_with_history(
        self,
        plan: &Plan,
        history_events: Option<usize>,
        flags: &[&str],
    ) -> anyhow::Result<Started> {
        self.start_with(plan, plan.cores, Options { history_events, flags, ..Options::default() })
    }

    /// The same in as many processes as so many clients need. They share the port, and each has a feed of its own.
    pub(super) fn start_for(self, plan: &Plan, clients: usize) -> anyhow::Result<Started> {
        let listener = process::shared_listener()?;
        let options = Options { listener: Some(&listener), ..Options::default() };
        let start = || self.start_with(plan, plan.cores, options);
        let first = start()?;
        (1..clients.div_ceil(possible_connections())).try_fold(first, |Started { server, mut queues, producers }, _| {
            let mut other = start()?;
            queues.append(&mut other.queues);
            Ok(Started { server: server.beside(other.server), queues, producers })
        })
    }

    fn start_with(self, plan: &Plan, cores: Cores, options: Options<'_>) -> anyhow::Result<Started> {
        let queue = super::in_memory()?;
        let broadcaster = |program: &Path| Process::broadcaster_of(options, cores, program, queue.path());
        let server = match self {
            Subject::ReferenceQueue => Process::own(options, cores, "reference", Some(queue.path()))?,
            Subject::Broadcaster | Subject::Journal => broadcaster(&plan.broadcaster)?,
            Subject::OtherBroadcaster => broadcaster(plan.other_broadcaster.as_deref().unwrap_or(&plan.broadcaster))?,
            Subject::ReferenceTcp => Process::own(options, cores, "reference", None)?,
            Subject::Hub => Process::own(options, cores, "hub", None)?,
            Subject::Naive => Process::own(options, cores, "naive", None)?,
        };
        Ok(Started { server, queues: vec![queue], producers: usize::from(self == Subject::Journal) })
    }
}

/// A server that runs, and for each process of it the directory it may read.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) server: Process,
    pub(super) queues: Vec<TempDir>,
    /// So many append to the journal. None: what is published is a file each, or goes over TCP.
    producers: usize,
}

impl Started {
    /// Connects clients and returns them with the seconds it took.
    pub(super) fn connect(&self, clients: usize) -> anyhow::Result<(Swarm, f64)> {
        let begun = Instant::now();
        let swarm = self.connect_as(Manner::default(), clients)?;
        Ok((swarm, begun.elapsed().as_secs_f64()))
    }

    /// The same for clients that differ from plain ones.
    pub(super) fn connect_as(&self, manner: Manner, clients: usize) -> anyhow::Result<Swarm> {
        Swarm::connect(self.server.address, manner, clients, CONCURRENT_HANDSHAKES)
    }

    /// Crowds of clients that differ from plain ones.
    pub(super) fn connect_crowd_as(&self, habits: Habits, clients: usize) -> anyhow::Result<Crowd> {
        Crowd::connect(self.server.address, clients, habits)
    }

    /// Begins to connect such crowds.
    pub(super) fn begin_crowd(&self, habits: Habits, clients: usize) -> anyhow::Result<Crowd> {
        Crowd::begin(self.server.address, clients, habits)
    }

    /// More clients than one thread can have, with the seconds it took to connect them.
    pub(super) fn connect_crowd(&self, clients: usize) -> anyhow::Result<(Crowd, f64)> {
        let begun = Instant::now();
        let crowd = self.connect_crowd_as(Habits::default(), clients)?;
        Ok((crowd, begun.elapsed().as_secs_f64()))
    }

    /// A publisher of messages of so many bytes.
    pub(super) fn publisher(&self, bytes: usize) -> anyhow::Result<Publisher> {
        match self.server.feeds.as_slice() {
            [] if self.producers > 0 => Ok(Publisher::to_journal(self.queues[0].path(), self.producers, bytes)),
            [] => Ok(Publisher::to_queues(self.queues.iter().map(TempDir::path), bytes)),
            feeds => Publisher::to_tcp(feeds, bytes),
        }
    }
}
