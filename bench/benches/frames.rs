//! Encode and append: from an event to bytes in the log, without any socket.
#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::hint::black_box;
use std::slice::from_ref;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use queue::{ChannelName, Event};
use server::benching::Appending;
use server::{Audience, Batch, Publication};

const PAYLOAD_BYTES: [usize; 2] = [100, 10 * 1024];
const LOG_BYTES: usize = 16 * 1024 * 1024;

fn payload(bytes: usize) -> String {
    format!(r#"{{"x":"{:x<fill$}"}}"#, "", fill = bytes - r#"{"x":""}"#.len())
}

fn event(bytes: usize) -> Event {
    let text = format!(r#"{{"event":"b","payload":{},"timestamp":1729000000}}"#, payload(bytes));
    Event::parse(text.as_bytes()).expect("an event")
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for bytes in PAYLOAD_BYTES {
        let event = event(bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut batch = Batch::default();
        group.bench_function(BenchmarkId::new("event", bytes), |bencher| {
            bencher.iter(|| {
                batch.clear();
                batch.push(black_box(&Publication::of(&event)));
                black_box(batch.len())
            });
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for (frames, bytes) in [(1, PAYLOAD_BYTES[0]), (256, PAYLOAD_BYTES[0]), (1, PAYLOAD_BYTES[1])] {
        let (mut batch, event) = (Batch::default(), event(bytes));
        (0..frames).for_each(|_| batch.push(&Publication::of(&event)));
        let mut appending = Appending::new(LOG_BYTES).expect("a hub");
        group.throughput(Throughput::Elements(frames));
        group.bench_function(BenchmarkId::new(format!("batch of {frames}"), bytes), |bencher| {
            bencher.iter(|| appending.append(black_box(&batch)));
        });
    }
    group.finish();
}

/// What is kept for clients that come back, full: each event takes the place of an older one.
fn keep(criterion: &mut Criterion) {
    const EVENTS: usize = 1_000;
    const ROUNDS: usize = 200;
    let mut group = criterion.benchmark_group("append, history is kept");
    let event = event(PAYLOAD_BYTES[0]);
    for (name, channels) in [("everybody", 0), ("1,000 channels", EVENTS)] {
        let names: Vec<ChannelName> =
            (0..channels).map(|channel| format!("c{channel}").parse().expect("a name")).collect();
        let mut batch = Batch::default();
        for index in 0..EVENTS {
            let audience = names.get(index).map_or(Audience::Everybody, |name| Audience::Channels(from_ref(name)));
            batch.push(&Publication { audience, ..Publication::of(&event) });
        }
        let mut appending = Appending::with_history(LOG_BYTES).expect("a hub");
        (0..ROUNDS).for_each(|_| appending.append(&batch));
        group.throughput(Throughput::Elements(EVENTS as u64));
        group.bench_function(name, |bencher| bencher.iter(|| appending.append(black_box(&batch))));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = encode, append, keep
}
criterion_main!(benches);
