//! Settings of the hub: what clients may cost it.

use std::time::Duration;

use super::error::{ConfigError, Part};
use super::form::{Form, Unit};
use super::rights::ChannelLimits;
use super::setting::section;
use super::settings::Settings;
use super::value::Value;
use crate::hub::limits::Limits;
use crate::protocol::allowance::Rates;
use crate::session_id::MAX_HUB_THREADS;

section! { "What clients may cost";
    log_bytes: usize = Limits::DEFAULT_LOG_BYTES as usize, Form::at_least_one(Unit::Bytes),
        "Bytes of encoded messages that are kept for clients that are behind. A client that is further behind is disconnected as \
         slow",
        more: "At least twice `max_event_bytes`. Each of `hub_threads` keeps its own.";
    slow_client_timeout_secs: f64 = 10.0, Form::Seconds,
        "How long a message may wait for one client before that client is disconnected as slow",
        reloads: true;
    max_outbox_bytes: usize = 1024 * 1024, Form::at_least_one(Unit::Bytes),
        "Bytes that may wait for one client: events of its channels, answers, pongs. While the client reads, four times as many \
         may wait",
        reloads: true;
    max_message_bytes: usize = 65_536, Form::at_least_one(Unit::Bytes),
        "Largest message of a client",
        reloads: true;
    max_messages_per_sec: u32 = 100, Form::or_any(Unit::Count),
        "Messages that a client may send in a second, fragments and pings among them. If it sends more, the server reads from it \
         more slowly. 0: no limit",
        reloads: true;
    max_bytes_per_sec: u32 = 1024 * 1024, Form::or_any(Unit::Bytes),
        "Bytes that a client may send in a second. If it sends more, the server reads from it more slowly. 0: no limit",
        reloads: true;
    max_memory: usize = 256 * 1024 * 1024, Form::at_least_one(Unit::Bytes),
        "Memory for all clients together: for incomplete messages, for data that waits for one client alone, and for events \
         that wait for subscribers, each counted once. If they use more, those that use most are disconnected",
        more: "At least `hub_threads` times the larger one of `max_message_bytes` and `max_outbox_bytes`; the default is \
               that product where it is larger. Each thread has an equal part.",
        reloads: true;
    ping_interval_secs: f64 = 25.0, Form::Seconds,
        "How often each WebSocket client is pinged",
        more: "Clients with channels and clients of server-sent events get a heartbeat as often.",
        reloads: true;
    pong_timeout_secs: f64 = 20.0, Form::Seconds,
        "How long a client may take to answer a ping",
        more: "For server-sent events: how long the kernel waits until a client confirms bytes, unless \
               `slow_client_timeout_secs` is longer.",
        reloads: true;
    hub_threads: usize, Form::between(Unit::Count, 1, MAX_HUB_THREADS as u64, ""),
        "Threads that write to clients, each with some of them",
        default_in_words: Some("one for each processor, at most 4"),
        more: "Processors that the process may not use do not count.",
        example: Some("1");
    relay_client_events: bool = false, Form::Switch,
        "Broadcast what a client sends as {\"event\":...,\"payload\":...}: every client can then send to all";
}

/// Threads of the hub. More than four rarely help, and every one keeps a log.
pub(super) fn threads(values: &Values) -> usize {
    values.hub_threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |it| it.get().min(4)))
}

/// What clients may cost, in a hub of so many threads.
pub(super) fn limits(
    given: &Settings,
    values: &Values,
    threads: usize,
    max_event_bytes: u64,
    channels: ChannelLimits,
) -> Result<Limits, ConfigError> {
    if (values.log_bytes as u64) < Limits::min_log_bytes(max_event_bytes) {
        let problem = [
            "must be at least twice ".into(),
            Part::Key("max_event_bytes"),
            ", or one event could disconnect every client".into(),
        ];
        return Err(ConfigError::new("log_bytes", Value::Whole(values.log_bytes as u64), problem));
    }
    let least_memory = values.max_message_bytes.max(values.max_outbox_bytes).saturating_mul(threads);
    let max_memory = match given.max_memory {
        // A user who raises what one client may take does not expect to have to raise this as well.
        None => values.max_memory.max(least_memory),
        Some(given) if given < least_memory => {
            let problem = [
                "must be at least ".into(),
                Part::Key("hub_threads"),
                " times the larger one of ".into(),
                Part::Key("max_message_bytes"),
                " and ".into(),
                Part::Key("max_outbox_bytes"),
            ];
            return Err(ConfigError::new("max_memory", Value::Whole(given as u64), problem));
        }
        Some(given) => given,
    };
    Ok(Limits {
        log_bytes: values.log_bytes,
        slow_client_timeout: Duration::from_secs_f64(values.slow_client_timeout_secs),
        max_outbox_bytes: values.max_outbox_bytes,
        max_message_bytes: values.max_message_bytes,
        rates: Rates {
            messages: Some(values.max_messages_per_sec).filter(|rate| *rate > 0),
            bytes: Some(values.max_bytes_per_sec).filter(|rate| *rate > 0),
        },
        max_memory,
        ping_interval: Duration::from_secs_f64(values.ping_interval_secs),
        pong_timeout: Duration::from_secs_f64(values.pong_timeout_secs),
        relay_client_events: values.relay_client_events,
        max_channels_per_client: channels.per_client,
        max_channels: channels.all,
        max_subscriptions: channels.subscriptions,
    })
}
