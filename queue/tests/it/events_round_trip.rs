//! Whatever events a producer queues in one entry, a reader finds these and no others.

use std::collections::HashSet;

use proptest::option;
use proptest::prelude::*;
use queue::{ChannelName, EntryName, NewEvent, Priority, Uid};

use crate::util::Queue;

#[derive(Debug, Clone)]
struct Given {
    name: String,
    payload: String,
    channels: Option<Vec<ChannelName>>,
    ttl: Option<u64>,
    key: Option<String>,
    except: Option<String>,
}

/// A JSON text with white space between its tokens, as the shell's users write it.
fn payload() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("1.0e-5".to_owned()),
        ".{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\ud83d\/\u0000\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[\n{}\t]", items.join(" ,\r\n"))),
            (".{0,5}", inner)
                .prop_map(|(key, value)| format!("{{{}:\n{value}}}", serde_json::to_string(&key).unwrap())),
        ]
    })
}

fn channel() -> impl Strategy<Value = ChannelName> {
    "(#server-to-user-)?[A-Za-z0-9_=@,.;:/-]{1,20}".prop_map(|name| name.parse().unwrap())
}

fn event() -> impl Strategy<Value = Given> {
    let texts = (option::of("\\PC{1,20}|[\\x00-\\x1f\"\\\\]{1,9}"), option::of("[0-9]{1,19}\\.[0-9]{1,9}"));
    (
        ".{0,30}",
        payload(),
        option::of(prop::collection::vec(channel(), 1..6)),
        option::of(prop_oneof![0..100_000u64, any::<u64>()]),
        texts,
    )
        .prop_map(|(name, payload, channels, ttl, (key, except))| Given {
            name,
            payload,
            channels,
            ttl,
            key,
            except,
        })
}

fn without_repeats(channels: &[ChannelName]) -> Vec<ChannelName> {
    let mut seen = HashSet::new();
    channels.iter().filter(|channel| seen.insert(*channel)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_finds_what_a_producer_has_queued(given in prop::collection::vec(event(), 1..20), priority in 0..3usize) {
        let queue = Queue::new();
        let priority = [Priority::High, Priority::Normal, Priority::Low][priority];
        let names: Vec<String> = given.iter().map(|event| serde_json::to_string(&event.name).unwrap()).collect();
        let events: Vec<NewEvent<'_>> = given.iter().zip(&names).map(|(event, name)| NewEvent {
            uid: Uid::new(),
            name_json: name.as_bytes(),
            payload_json: event.payload.as_bytes(),
            channels: event.channels.as_deref(),
            ttl: event.ttl,
            key: event.key.as_deref(),
            except: event.except.as_deref(),
        }).collect();
        let name = queue.writer().enqueue_events(&events, priority).unwrap();

        let mut reader = queue.reader();
        let entries = reader.scan(10, u64::MAX).unwrap();
        prop_assert_eq!(entries.len(), 1);
        let name = EntryName::from(name);
        prop_assert_eq!(&entries[0].name, &name);
        let found = entries[0].events.as_ref().unwrap();
        prop_assert_eq!(found.len(), given.len());
        for ((found, sent), given) in found.iter().zip(&events).zip(&given) {
            prop_assert_eq!(found.uid(), sent.uid);
            prop_assert_eq!(found.name_json().as_bytes(), sent.name_json);
            prop_assert_eq!(found.payload_json(), given.payload.replace('\n', " "));
            let channels = given.channels.as_deref().map(without_repeats);
            prop_assert_eq!(found.channels().map(<[_]>::to_vec), channels);
            prop_assert_eq!(found.key(), given.key.as_deref());
            prop_assert_eq!(found.except(), given.except.as_deref());
            match (found.expires_at(), given.ttl) {
                (None, None) => {}
                (Some(time), Some(ttl)) => {
                    // A double is exact to the second only up to 2^53.
                    let expected = (found.timestamp() as f64 + ttl as f64).min(u64::MAX as f64);
                    let off = time - expected;
                    prop_assert!(off > -expected / 1e15 && off < 1.0 + expected / 1e15, "{time} {expected}");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        reader.ack(&name).unwrap();
        prop_assert!(queue.entries().is_empty());
    }
}
