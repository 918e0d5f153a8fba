//! The text for Prometheus: all names, with their types and what they mean. docs/metrics.md says the same, and a test
//! compares.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{AuthFailure, CODES, Counted, HubCounted, Metrics, OTHER_CODE, Process, QueueResult, RefusedFor, Spoken};
use super::{Waiting, count};

/// What all our names begin with.
const PREFIX: &str = "fastapi_ws";

/// What is to be shown beside the counts.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) max_connections: u64,
    pub(crate) subscriptions: u64,
    /// `None`: there is no queue, or it cannot be read.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) has_queue: bool,
    pub(crate) keeps_history: bool,
    pub(crate) has_broker: bool,
    pub(crate) process: Option<Process>,
}

/// The text of all metrics.
pub(crate) fn text(metrics: &Metrics, look: Look) -> String {
    let mut registry = Registry::default();
    let process = look.process;
    let ours = Ours { hub: metrics.hub(), rest: Rest::of(metrics), look };
    registry.sub_registry_with_prefix(PREFIX).register_collector(Box::new(ours));
    registry.register_collector(Box::new(OfProcess(process)));
    let mut text = String::new();
    // A String takes every write.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// Our metrics at one moment.
#[derive(Debug)]
struct Ours {
    hub: HubCounted,
    rest: Rest,
    look: Look,
}

/// What is not counted by the threads of the hub.
#[derive(Debug)]
struct Rest {
    channels: u64,
    reserved_names: u64,
    refused: [u64; RefusedFor::ALL.len()],
    auth_failures: [u64; AuthFailure::ALL.len()],
    hook: Counted,
    queue_events: [u64; QueueResult::ALL.len()],
    history: (u64, u64, f64),
    is_broker_connected: bool,
    broker_reconnects: u64,
    broker_lag: f64,
    forward_pending: u64,
    api: Vec<((&'static str, u16), u64)>,
    reloads: [u64; 2],
}

impl Rest {
    fn of(metrics: &Metrics) -> Rest {
        let Metrics { history, broker, .. } = metrics;
        Rest {
            channels: metrics.channels.get(),
            reserved_names: metrics.reserved_names.get(),
            refused: count::read(&metrics.refused),
            auth_failures: count::read(&metrics.auth_failures),
            hook: metrics.hook.counted(),
            queue_events: count::read(&metrics.queue_events),
            history: (history.events(), history.bytes(), history.oldest_seconds()),
            is_broker_connected: broker.is_connected(),
            broker_reconnects: broker.reconnects(),
            broker_lag: broker.lag_seconds(),
            forward_pending: broker.forward_pending(),
            api: metrics.api.all().into_iter().collect(),
            reloads: count::read(&metrics.reloads),
        }
    }
}

/// Metrics of the process, whose names are those of every Prometheus client.
#[derive(Debug)]
struct OfProcess(Option<Process>);

impl Collector for Ours {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.encode_clients(&mut families)?;
        self.encode_messages(&mut families)?;
        self.encode_queue(&mut families)?;
        self.encode_history(&mut families)?;
        self.encode_rights(&mut families)?;
        self.encode_broker(&mut families)?;
        self.encode_operators(&mut families)
    }
}

impl Ours {
    fn encode_clients(&self, families: &mut Families<'_>) -> fmt::Result {
        let hub = &self.hub;
        families.by_label(
            MetricType::Gauge,
            "connections",
            "Clients that are connected.",
            "protocol",
            by_protocol(&hub.connections),
        )?;
        families.gauges_alone("max_connections", "How many clients there may be.", [self.look.max_connections])?;
        families.by_label(
            MetricType::Counter,
            "connections_accepted",
            "Clients that were accepted.",
            "protocol",
            by_protocol(&hub.accepted),
        )?;
        let refused = RefusedFor::ALL.iter().map(|reason| reason.label()).zip(self.rest.refused);
        families.by_label(
            MetricType::Counter,
            "connections_refused",
            "Connections that did not become clients.",
            "reason",
            refused,
        )?;
        let disconnects = Spoken::ALL.iter().zip(&hub.disconnects).flat_map(|(spoken, counts)| {
            let codes = CODES.iter().map(u16::to_string).chain([OTHER_CODE.to_owned()]);
            codes.zip(*counts).map(|(code, count)| ([("protocol", spoken.label().to_owned()), ("code", code)], count))
        });
        families.family(
            "disconnects",
            "Sessions that have ended, by the close code if it was ours, else other.",
            MetricType::Counter,
            disconnects,
        )?;
        let help = "Clients that were disconnected because they read too slowly.";
        families.counters_alone("slow_disconnects", help, [hub.slow])?;
        families.gauges_alone(
            "subscriptions",
            "Subscriptions of all clients to channels.",
            [self.look.subscriptions],
        )?;
        families.gauges_alone("channels", "Channels that have subscribers.", [self.rest.channels])
    }

    fn encode_messages(&self, families: &mut Families<'_>) -> fmt::Result {
        let hub = &self.hub;
        families.by_label(
            MetricType::Counter,
            "messages_sent",
            "Messages that were written to the sockets of clients, or wait for them there.",
            "protocol",
            by_protocol(&hub.sent),
        )?;
        families.by_label(
            MetricType::Counter,
            "message_bytes_sent",
            "Bytes of these messages, as they are on the wire.",
            "protocol",
            by_protocol(&hub.sent_bytes),
        )?;
        families.by_label(
            MetricType::Counter,
            "messages_received",
            "Messages of clients.",
            "protocol",
            by_protocol(&hub.received),
        )?;
        families.counters_alone(
            "reserved_names",
            "Events that Pusher clients did not get: their names are for the server alone.",
            [self.rest.reserved_names],
        )?;
        families.gauges_alone(
            "outbox_bytes",
            "Bytes that clients hold in memory: what waits for one alone, and its messages that are not complete.",
            [hub.outbox_bytes],
        )?;
        families.histogram("hub_turn_seconds", "How long the turns of the threads of the hub took.", &hub.turns)?;
        families.histogram(
            "publish_to_send_seconds",
            "From the queueing of an event, by the clock of its producer, to its sockets: once for each thread of the \
             hub that has written it to any.",
            &hub.sends,
        )
    }

    fn encode_queue(&self, families: &mut Families<'_>) -> fmt::Result {
        let waiting = self.look.waiting;
        let events = waiting.map(|waiting| waiting.events);
        families.gauges_alone("queue_pending_events", "Events that wait in the queue.", events)?;
        let age = waiting.map(|waiting| waiting.oldest.as_secs_f64());
        let help = "How long the oldest event of the queue has waited. 0 if none waits.";
        families.gauges_alone("queue_oldest_age_seconds", help, age)?;
        let failed = waiting.and_then(|waiting| waiting.failed_entries);
        families.gauges_alone("failed_entries", "Entries in the folder failed of the queue.", failed)?;
        let results = QueueResult::ALL.iter().map(|result| result.label()).zip(self.rest.queue_events);
        let results = results.filter(|_| self.look.has_queue);
        families.by_label(
            MetricType::Counter,
            "queue_events",
            "Events of the queue, by what became of them.",
            "result",
            results,
        )
    }

    fn encode_history(&self, families: &mut Families<'_>) -> fmt::Result {
        let recovered = ["false", "true"].into_iter().zip(self.hub.recoveries);
        families.by_label(
            MetricType::Counter,
            "recoveries",
            "Clients that came back and named a position, by whether they got all that they had missed.",
            "recovered",
            recovered,
        )?;
        let (events, bytes, oldest) = self.rest.history;
        let kept = |number| self.look.keeps_history.then_some(number);
        families.gauges_alone("history_events", "Events that are kept for clients that come back.", kept(events))?;
        families.gauges_alone("history_bytes", "Bytes of memory of these events.", kept(bytes))?;
        let oldest = self.look.keeps_history.then_some(oldest);
        families.gauges_alone("history_oldest_seconds", "How old the oldest of them is. 0 if there is none.", oldest)
    }

    fn encode_rights(&self, families: &mut Families<'_>) -> fmt::Result {
        let failures = AuthFailure::ALL.iter().map(|reason| reason.label()).zip(self.rest.auth_failures);
        let help = "Requests, logins and subscriptions that were refused because a right was missing.";
        families.by_label(MetricType::Counter, "auth_failures", help, "reason", failures)?;
        let help = "How long the authentication hook took to answer, or to fail.";
        families.histogram("auth_hook_duration_seconds", help, &self.rest.hook)
    }

    fn encode_broker(&self, families: &mut Families<'_>) -> fmt::Result {
        let Rest { is_broker_connected, broker_reconnects, broker_lag, forward_pending, .. } = self.rest;
        let has_broker = self.look.has_broker;
        let connected = has_broker.then_some(u64::from(is_broker_connected));
        families.gauges_alone("broker_connected", "Whether the broker can be read: 1 or 0.", connected)?;
        let reconnects = has_broker.then_some(broker_reconnects);
        let help = "How often the connection by which the broker is read was made anew.";
        families.counters_alone("broker_reconnects", help, reconnects)?;
        let lag = has_broker.then_some(broker_lag);
        let help = "For how long clients have not had all that is in the broker's stream. 0 if they have it.";
        families.gauges_alone("broker_lag_seconds", help, lag)?;
        let pending = (has_broker && self.look.has_queue).then_some(forward_pending);
        let help = "Events that were read from the queue and are not in the broker's stream yet.";
        families.gauges_alone("forward_pending_events", help, pending)
    }

    fn encode_operators(&self, families: &mut Families<'_>) -> fmt::Result {
        let requests = self.rest.api.iter().map(|((endpoint, status), count)| {
            ([("endpoint", (*endpoint).to_owned()), ("status", status.to_string())], *count)
        });
        families.family("api_requests", "Requests to the admin listener.", MetricType::Counter, requests)?;
        let reloads = ["failed", "applied"].into_iter().zip(self.rest.reloads);
        let help = "How often the configuration was read again, by whether it was applied.";
        families.by_label(MetricType::Counter, "config_reloads", help, "result", reloads)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        // The encoder adds `_info`.
        self::info(families, "build", "The version of the broadcaster.", &version)
    }
}

impl Collector for OfProcess {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        let process = self.0;
        let of = |value: fn(&Process) -> f64| process.as_ref().map(value);
        families.counters_alone("process_cpu_seconds", "Processor time of the process.", of(|it| it.cpu_seconds))?;
        let resident = of(|it| it.resident_bytes as f64);
        families.gauges_alone("process_resident_memory_bytes", "Memory that the process has.", resident)?;
        families.gauges_alone("process_open_fds", "Open file descriptors.", of(|it| it.open_fds as f64))?;
        families.gauges_alone("process_max_fds", "How many there may be.", of(|it| it.max_fds as f64))?;
        let help = "When the process was started, in seconds since 1970.";
        families.gauges_alone("process_start_time_seconds", help, of(|it| it.start_seconds))
    }
}

fn by_protocol(counts: &[u64; Spoken::ALL.len()]) -> impl Iterator<Item = (&'static str, u64)> {
    Spoken::ALL.iter().map(|spoken| spoken.label()).zip(*counts)
}

/// Writes metrics with the same name.
struct Families<'a>(DescriptorEncoder<'a>);

/// A number as Prometheus has it.
trait Number {
    fn to_f64(self) -> f64;
}

impl Number for u64 {
    fn to_f64(self) -> f64 {
        // Exact up to 2^53, as everything in Prometheus.
        self as f64
    }
}

impl Number for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

type Labels<const N: usize> = [(&'static str, String); N];

impl Families<'_> {
    fn family<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        values: impl IntoIterator<Item = (Labels<N>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            let mut metric = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None)?,
                _ => metric.encode_gauge(&value.to_f64())?,
            }
        }
        Ok(())
    }

    /// A value for each value of a label.
    fn by_label<'a>(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = (&'a str, u64)>,
    ) -> fmt::Result {
        let values = values.map(|(value, count)| ([(label, value.to_owned())], count));
        self.family(name, help, kind, values)
    }

    /// A counter without labels, if there is one.
    fn counters_alone(&mut self, name: &str, help: &str, value: impl IntoIterator<Item = impl Number>) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        value.into_iter().try_for_each(|value| metric.encode_counter::<NoLabelSet, _, f64>(&value.to_f64(), None))
    }

    /// A present value without labels, if there is one.
    fn gauges_alone(&mut self, name: &str, help: &str, value: impl IntoIterator<Item = impl Number>) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        value.into_iter().try_for_each(|value| metric.encode_gauge(&value.to_f64()))
    }

    fn histogram(&mut self, name: &str, help: &str, counted: &Counted) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let bounds = counted.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counted.counts.iter().copied()).collect();
        metric.encode_histogram::<NoLabelSet>(counted.sum, counted.counts.iter().sum(), &buckets, None)
    }
}

fn info(
    families: &mut Families<'_>,
    name: &str,
    help: &str,
    labels: &[(&'static str, &'static str); 1],
) -> fmt::Result {
    families.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
}
