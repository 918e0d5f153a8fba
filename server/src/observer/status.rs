//! How the server is, in numbers: what the status page shows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Observer;
use crate::metrics::{AuthFailure, Counted, Process, QueueLook, QueueResult, RefusedFor, Spoken};
use crate::unix_time;

/// How the server is. What has neither `_seconds` nor `_bytes` in its name is a number of something since the start, or
/// now.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Of the broadcaster.
    pub version: &'static str,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// When it was started.
    pub started_at_ms: u64,
    /// Whether it does its work.
    pub ready: bool,
    /// Why not.
    pub problems: Vec<Problem>,
    /// Clients that are connected, by what they speak.
    pub connections: BTreeMap<&'static str, u64>,
    /// How many there may be.
    pub max_connections: usize,
    /// Clients that came.
    pub connections_accepted: u64,
    /// Connections that did not become clients, by the reason.
    pub connections_refused: BTreeMap<&'static str, u64>,
    /// Sessions that have ended.
    pub disconnects: u64,
    /// Those of them that read too slowly.
    pub slow_disconnects: u64,
    /// Subscriptions to channels.
    pub subscriptions: u64,
    /// How many there may be.
    pub max_subscriptions: usize,
    /// Channels that have subscribers.
    pub channels: u64,
    /// How many there may be.
    pub max_channels: usize,
    /// Messages for clients.
    pub messages_sent: u64,
    /// Bytes of them.
    pub message_bytes_sent: u64,
    /// Messages of clients.
    pub messages_received: u64,
    /// What clients hold in memory.
    pub outbox_bytes: u64,
    /// The queue, if there is one.
    pub queue: Option<QueueStatus>,
    /// From the queueing of an event to its sockets.
    pub publish_to_send_seconds: Durations,
    /// What is kept for clients that come back, if anything is.
    pub history: Option<HistoryStatus>,
    /// The link to other machines, if there is one.
    pub broker: Option<BrokerStatus>,
    /// The code that decides about logins, if there is any.
    pub hook: Option<HookStatus>,
    /// What the system says of the process.
    pub process: ProcessStatus,
}

/// Why the server does not do its work. What to do about it, the program knows that shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// In one line.
    pub what: String,
    /// What has it.
    #[serde(skip)]
    pub of: Troubled,
}

/// What has a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Troubled {
    /// The queue, or a thread.
    Server,
    /// The link to other machines.
    Broker,
}

/// What waits in the queue, and what became of its events.
#[derive(Debug, Clone, Serialize)]
pub struct QueueStatus {
    /// The directory.
    pub path: String,
    /// Events that wait. `None`: the directory cannot be read.
    pub pending_events: Option<u64>,
    /// How long the oldest has waited.
    pub oldest_age_seconds: Option<f64>,
    /// Entries that were no events.
    pub failed_entries: Option<u64>,
    /// Events that were sent.
    pub sent: u64,
    /// Events that nobody needed any more.
    pub expired: u64,
    /// Events whose key another one had.
    pub duplicate: u64,
    /// Entries that were no events.
    pub rejected: u64,
}

/// Durations, counted by bounds.
#[derive(Debug, Clone, Serialize)]
pub struct Durations {
    /// Upper bounds, in seconds.
    pub bounds: Vec<f64>,
    /// How many were at most as long as the bound and longer than the one before. The last: longer than all bounds.
    pub counts: Vec<u64>,
    /// Of all, in seconds.
    pub sum: f64,
}

/// What is kept for clients that come back.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryStatus {
    /// How many events.
    pub events: u64,
    /// Their memory.
    pub bytes: u64,
    /// How much it may be.
    pub max_bytes: usize,
    /// How old the oldest is.
    pub oldest_seconds: f64,
    /// Clients that came back and got all that they had missed.
    pub recovered: u64,
    /// Clients that came back and did not.
    pub not_recovered: u64,
}

/// The link to other machines.
#[derive(Debug, Clone, Serialize)]
pub struct BrokerStatus {
    /// Whether it can be read.
    pub connected: bool,
    /// For how long clients have not had all that it has.
    pub lag_seconds: f64,
    /// How often the connection was made anew.
    pub reconnects: u64,
    /// Events on their way to it.
    pub forward_pending_events: u64,
}

/// The code that decides about logins.
#[derive(Debug, Clone, Serialize)]
pub struct HookStatus {
    /// Questions that are answered, or were given up.
    pub asked: u64,
    /// Clients that were told to come back, because it did not decide.
    pub failed: u64,
    /// Clients that wait for it.
    pub waiting: u64,
}

/// What the system says of the process.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessStatus {
    /// Processor time.
    pub cpu_seconds: f64,
    /// Memory.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many there may be.
    pub max_fds: u64,
}

impl Observer {
    /// How the server is. What takes time is done on a thread that may wait.
    pub async fn status(&self) -> Status {
        let problem = self.problem().await;
        let observer = self.clone();
        // It does not panic. If the runtime ends, nobody waits for the status.
        let status = tokio::task::spawn_blocking(move || observer.status_with(problem)).await;
        status.unwrap_or_else(|_| self.status_with(problem))
    }

    fn status_with(&self, problem: Option<&'static str>) -> Status {
        let (metrics, seen) = (self.hub.metrics(), &*self.seen);
        let hub = metrics.hub();
        let mut problems: Vec<Problem> = problem.into_iter().map(Problem::of_health).collect();
        let bounds = seen.bounds.load();
        let broker = seen.has_broker.then(|| self.broker_status());
        if broker.as_ref().is_some_and(|broker| !broker.connected) {
            problems.push(Problem::of_broker());
        }
        let [not_recovered, recovered] = hub.recoveries;
        Status {
            version: env!("CARGO_PKG_VERSION"),
            now_ms: unix_time::now().as_millis() as u64,
            started_at_ms: seen.started.as_millis() as u64,
            ready: problems.is_empty(),
            problems,
            connections: Spoken::ALL.iter().map(|spoken| spoken.label()).zip(hub.connections).collect(),
            max_connections: bounds.max_connections,
            connections_accepted: hub.accepted.iter().sum(),
            connections_refused: RefusedFor::ALL
                .iter()
                .map(|reason| (reason.label(), metrics.refused_count(*reason)))
                .collect(),
            disconnects: hub.disconnects.iter().flatten().sum(),
            slow_disconnects: hub.slow,
            subscriptions: self.hub.subscriptions() as u64,
            max_subscriptions: bounds.max_subscriptions,
            channels: metrics.channels.get(),
            max_channels: bounds.max_channels,
            messages_sent: hub.sent.iter().sum(),
            message_bytes_sent: hub.sent_bytes.iter().sum(),
            messages_received: hub.received.iter().sum(),
            outbox_bytes: hub.outbox_bytes,
            queue: seen.queue.as_ref().map(|queue| self.queue_status(queue)),
            publish_to_send_seconds: Durations::from(hub.sends),
            history: bounds.max_history_bytes.map(|max_bytes| HistoryStatus {
                events: metrics.history.events(),
                bytes: metrics.history.bytes(),
                max_bytes,
                oldest_seconds: metrics.history.oldest_seconds(),
                recovered,
                not_recovered,
            }),
            broker,
            hook: bounds.has_hook.then(|| self.hook_status()),
            process: Process::look().unwrap_or_default().into(),
        }
    }

    fn queue_status(&self, queue: &QueueLook) -> QueueStatus {
        let (waiting, count) = (queue.look(), |result| self.hub.metrics().queue_count(result));
        QueueStatus {
            path: queue::shown(queue.path()).to_string(),
            pending_events: waiting.map(|waiting| waiting.events),
            oldest_age_seconds: waiting.map(|waiting| waiting.oldest.as_secs_f64()),
            failed_entries: waiting.and_then(|waiting| waiting.failed_entries),
            sent: count(QueueResult::Sent),
            expired: count(QueueResult::Expired),
            duplicate: count(QueueResult::Duplicate),
            rejected: count(QueueResult::Rejected),
        }
    }

    fn hook_status(&self) -> HookStatus {
        let metrics = self.hub.metrics();
        let failed = [AuthFailure::HookFailed, AuthFailure::HookBusy].map(|reason| metrics.auth_failure_count(reason));
        HookStatus { asked: metrics.hook_count(), failed: failed.iter().sum(), waiting: metrics.hook_waiting() }
    }

    fn broker_status(&self) -> BrokerStatus {
        let broker = &self.hub.metrics().broker;
        BrokerStatus {
            connected: broker.is_connected(),
            lag_seconds: broker.lag_seconds(),
            reconnects: broker.reconnects(),
            forward_pending_events: broker.forward_pending(),
        }
    }
}

impl Problem {
    fn of_health(what: &str) -> Problem {
        Problem { what: what.to_owned(), of: Troubled::Server }
    }

    fn of_broker() -> Problem {
        let what = "Redis cannot be read: clients of this machine receive nothing, events wait in the queue";
        Problem { what: what.to_owned(), of: Troubled::Broker }
    }
}

impl From<Counted> for Durations {
    fn from(Counted { bounds, counts, sum }: Counted) -> Durations {
        Durations { bounds: bounds.to_vec(), counts, sum }
    }
}

impl From<Process> for ProcessStatus {
    fn from(process: Process) -> ProcessStatus {
        let Process { cpu_seconds, resident_bytes, open_fds, max_fds, .. } = process;
        ProcessStatus { cpu_seconds, resident_bytes, open_fds, max_fds }
    }
}
