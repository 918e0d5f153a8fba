//! Any events, in any order of operations: a start finds what was appended and not trimmed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use queue::EntryName;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Kept>),
    Trim { keep_from: u64, acked: u64, max_bytes: u64 },
    Kill,
    Reboot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(kept(), 0..5).prop_map(Step::Append),
        1 => (0..20_u64, 0..20_u64, prop_oneof![Just(u64::MAX), 0..4000_u64])
            .prop_map(|(keep_from, acked, max_bytes)| Step::Trim { keep_from, acked, max_bytes }),
        1 => Just(Step::Kill),
        1 => Just(Step::Reboot),
    ]
}

/// An event without number and time.
fn kept() -> impl Strategy<Value = Kept> {
    let entry = vec(any::<u8>(), 1..20).prop_filter_map("a name of an entry", |stem| {
        EntryName::try_from(OsString::from_vec([&stem[..], b".json"].concat())).ok()
    });
    let payload = prop_oneof![
        Just("null".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("JSON")),
        Just("{\n\t\"a\" : 1.50,\r\n\"b\":[ 1e5 , {} ]\n}".to_owned()),
        Just(format!("{}{}", "[".repeat(511), "]".repeat(511))),
    ];
    let name =
        prop_oneof![any::<String>().prop_map(|text| serde_json::to_string(&text).expect("JSON")), Just("7".to_owned())];
    let channels = option::of(vec("[a-z.:/;=@,_-]{1,9}", 1..4));
    let expires_at = option::of(any::<f64>().prop_filter("JSON has no other numbers", |time| time.is_finite()));
    let origin = option::of((entry, any::<u32>()));
    let texts = (name, payload, option::of(any::<String>()));
    (origin, any::<bool>(), texts, any::<i64>(), channels, expires_at).prop_map(
        |(origin, has_uid, (name, payload, key), timestamp, channels, expires_at)| Kept {
            seq: Seq(0),
            at: LogTime(0),
            origin,
            uid: has_uid.then(queue::Uid::new),
            name_json: name.into(),
            payload_json: payload.into(),
            timestamp,
            channels: channels.map(|names| names.iter().map(|name| name.parse().expect("a name")).collect()),
            expires_at,
            key: key.map(Into::into),
        },
    )
}

/// What the log is to hold: records with their sizes.
#[derive(Default)]
struct Model {
    records: Vec<(Vec<Kept>, u64)>,
    next: u64,
}

impl Model {
    fn trim(&mut self, bounds: &Bounds) {
        while let Some((events, _)) = self.records.first() {
            let bytes: u64 = self.records.iter().map(|(_, bytes)| bytes).sum();
            let last = events.last().expect("an event").seq;
            if last > bounds.acked || last >= bounds.keep_from && bytes <= bounds.max_bytes {
                break;
            }
            self.records.remove(0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_start_finds_what_was_appended_and_not_trimmed(steps in vec(step(), 1..40)) {
        let queue = Queue::new();
        let mut boot = 0;
        let mut opened = queue.open_in("0");
        let (epoch, mut model) = (opened.epoch, Model { next: 1, ..Model::default() });
        for step in steps.into_iter().chain([Step::Kill]) {
            match step {
                Step::Append(mut events) => {
                    for event in &mut events {
                        event.seq = Seq(model.next);
                        model.next += 1;
                    }
                    let before = opened.log.bytes();
                    let appended = append(&mut opened.log, &events);
                    if !appended.is_empty() {
                        model.records.push((appended, opened.log.bytes() - before));
                    }
                    continue;
                }
                Step::Trim { keep_from, acked, max_bytes } => {
                    let bounds = Bounds { keep_from: Seq(keep_from), acked: Seq(acked), max_bytes };
                    opened.log.trim(&bounds);
                    model.trim(&bounds);
                    continue;
                }
                Step::Kill => drop(opened.log),
                Step::Reboot => {
                    opened.log.close(&queue.reader).expect("closed");
                    boot += 1;
                }
            }
            opened = queue.open_in(&boot.to_string());
            prop_assert_eq!((&opened.anew, opened.epoch, opened.next), (&None, epoch, Seq(model.next)));
            let expected: Vec<Kept> = model.records.iter().flat_map(|(events, _)| events.clone()).collect();
            let first = expected.first().map_or(model.next, |event| event.seq.0);
            prop_assert_eq!(opened.trimmed.seq, Seq(first - 1));
            prop_assert_eq!(&opened.kept, &expected);
        }
    }
}
