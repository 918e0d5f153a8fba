//! Encode and append: from an event to bytes in the log, without any socket.
#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use queue::Event;
use server::benching::{Appending, encode_event};
use server::message::encode_broadcast;

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
        let (event, payload) = (event(bytes), payload(bytes));
        group.throughput(Throughput::Bytes(bytes as u64));
        // Behind each other in one buffer, as the consumer encodes a batch.
        let mut frames = Vec::new();
        group.bench_function(BenchmarkId::new("event", bytes), |bencher| {
            bencher.iter(|| {
                frames.clear();
                encode_event(black_box(&event), &mut frames);
                black_box(frames.len())
            });
        });
        group.bench_function(BenchmarkId::new("broadcast", bytes), |bencher| {
            bencher.iter(|| encode_broadcast(r#""b""#, black_box(&payload), 1_729_000_000));
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for (frames, bytes) in [(1, PAYLOAD_BYTES[0]), (256, PAYLOAD_BYTES[0]), (1, PAYLOAD_BYTES[1])] {
        let (mut batch, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            encode_event(&event(bytes), &mut batch);
            ends.push(batch.len());
        }
        let mut appending = Appending::new(LOG_BYTES).expect("a hub");
        group.throughput(Throughput::Elements(frames));
        group.bench_function(BenchmarkId::new(format!("batch of {frames}"), bytes), |bencher| {
            bencher.iter(|| appending.append(black_box(&batch), black_box(&ends)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = encode, append
}
criterion_main!(benches);
