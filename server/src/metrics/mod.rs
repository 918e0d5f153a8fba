//! What is counted while the server runs, and its text for Prometheus. Counts are added where something happens, and
//! summed when somebody looks. Names of channels and users are in none of them.

mod api;
mod broker;
mod count;
mod histogram;
mod history;
mod hub;
mod labels;
mod process;
mod queue;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use labels::{AuthFailure, RefusedFor};

pub(crate) use count::Count;
pub(crate) use histogram::Counted;
pub(crate) use hub::{HubCounted, ThreadCounts, TurnCounts};
pub(crate) use labels::{CODES, OTHER_CODE, QueueResult, Spoken};
pub(crate) use process::Process;
pub(crate) use queue::{QueueLook, Waiting};
pub(crate) use text::{Look, text};

use api::ApiRequests;
use broker::BrokerCounts;
use histogram::Histogram;
use history::HistoryCounts;

/// Upper bounds of what a hook may take, in seconds.
const HOOK_BOUNDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// All that is counted. One value for a server.
#[derive(Debug)]
pub struct Metrics {
    /// Of each thread of the hub.
    threads: Box<[Arc<ThreadCounts>]>,
    refused: [Count; RefusedFor::ALL.len()],
    auth_failures: [Count; AuthFailure::ALL.len()],
    hook: Histogram<{ HOOK_BOUNDS.len() }>,
    /// Events of the queue, by what became of them.
    queue_events: [Count; QueueResult::ALL.len()],
    pub(crate) history: HistoryCounts,
    pub(crate) broker: BrokerCounts,
    /// Channels that have subscribers.
    pub(crate) channels: Count,
    /// Events that Pusher clients did not get, because their names are for the server alone.
    pub(crate) reserved_names: Count,
    hook_waiting: AtomicUsize,
    api: ApiRequests,
    /// Failed, applied.
    reloads: [Count; 2],
}

impl Metrics {
    /// Of a server whose hub has so many threads.
    pub(crate) fn new(threads: usize) -> Metrics {
        Metrics {
            threads: (0..threads).map(|_| Arc::new(ThreadCounts::new())).collect(),
            refused: Default::default(),
            hook_waiting: AtomicUsize::new(0),
            auth_failures: Default::default(),
            hook: Histogram::new(&HOOK_BOUNDS),
            queue_events: Default::default(),
            history: HistoryCounts::default(),
            broker: BrokerCounts::beginning(),
            channels: Count::default(),
            reserved_names: Count::default(),
            api: ApiRequests::default(),
            reloads: Default::default(),
        }
    }

    /// Notes that the hook has answered, whatever it said, or that it has failed, after so long.
    pub fn hook_answered(&self, duration: Duration) {
        self.hook.add(duration);
    }

    /// Notes that a client waits for the hook, until what is returned is dropped.
    pub(crate) fn hook_waits(&self) -> impl Drop + '_ {
        struct Waits<'a>(&'a AtomicUsize);

        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }

        self.hook_waiting.fetch_add(1, Ordering::Relaxed);
        Waits(&self.hook_waiting)
    }

    /// Clients that wait for the hook.
    pub(crate) fn hook_waiting(&self) -> u64 {
        self.hook_waiting.load(Ordering::Relaxed) as u64
    }

    /// Questions to the hook that are done with.
    pub(crate) fn hook_count(&self) -> u64 {
        self.hook.counted().counts.iter().sum()
    }

    /// How many were not let in for a reason.
    pub(crate) fn auth_failure_count(&self, reason: AuthFailure) -> u64 {
        self.auth_failures[reason as usize].get()
    }

    /// Notes that somebody was not let in, or may not have what it asked for.
    pub fn auth_failed(&self, reason: AuthFailure) {
        self.auth_failures[reason as usize].add(1);
    }

    /// Notes that a connection did not become a client.
    pub fn refused(&self, reason: RefusedFor) {
        self.refused[reason as usize].add(1);
    }

    /// Notes that a request to the admin listener or the Pusher API was answered. `endpoint` is the path as it is
    /// declared, and never what somebody has sent.
    pub fn api_request(&self, endpoint: &'static str, status: u16) {
        self.api.add(endpoint, status);
    }

    /// Notes that the configuration was read again. If it had a mistake, nothing was applied.
    pub fn config_reloaded(&self, is_applied: bool) {
        self.reloads[usize::from(is_applied)].add(1);
    }

    /// How many connections did not become clients for a reason.
    pub(crate) fn refused_count(&self, reason: RefusedFor) -> u64 {
        self.refused[reason as usize].get()
    }

    /// How many events of the queue had a result.
    pub(crate) fn queue_count(&self, result: QueueResult) -> u64 {
        self.queue_events[result as usize].get()
    }

    /// Notes what became of events of the queue.
    pub(crate) fn queue_events(&self, result: QueueResult, events: usize) {
        self.queue_events[result as usize].add(events as u64);
    }

    /// The counts of one thread of the hub, for that thread.
    pub(crate) fn thread(&self, index: usize) -> Arc<ThreadCounts> {
        self.threads[index].clone()
    }

    /// What all threads of the hub have counted.
    pub(crate) fn hub(&self) -> HubCounted {
        HubCounted::of(self.threads.iter().map(AsRef::as_ref))
    }
}
