//! What a client is sent again, and how many clients at a time.

use std::io::Read;
use std::os::unix::net::UnixStream;

use super::*;
use crate::NoApplication;
use crate::config::Settings;
use crate::history::History;
use crate::history::log::{LogTime, Trimmed};
use crate::hub::shard::stepping::{connect, message};
use crate::hub::shard::{JOINS_AT_ONCE, MUCH_AT_ONCE, ShardThread};
use crate::hub::{Batch, Beginning, Delivery, Hub, Numbered};
use crate::protocol::id::{StreamId, StreamPlace};
use crate::protocol::{ClientKind, Opening, Wants};
use crate::publication::{Audience, Publication};

const EPOCH: u64 = 0xab;

/// A hub of one thread, whose numbers go on after 10.
fn hub() -> (ShardThread<NoApplication>, Hub) {
    let config = Settings::default().resolve().expect("defaults");
    let (mut shards, hub) = ShardThread::prepare(1, &config.limits, &config.rights, |_| NoApplication).expect("a hub");
    let begin = Trimmed { seq: Seq(10), at: LogTime(0) };
    let history = Some(History::new(config.history, begin));
    hub.begin(Beginning { epoch: EPOCH, last: Seq(10), history, log: None });
    (shards.pop().expect("one thread"), hub)
}

fn names(names: &str) -> Vec<ChannelName> {
    names.split_whitespace().map(|name| name.parse().expect("a name")).collect()
}

/// Publishes for channels with spaces between, or for everybody.
fn publish(hub: &Hub, channels: &str) {
    let channels = names(channels);
    let audience = if channels.is_empty() { Audience::Everybody } else { Audience::Channels(&channels) };
    hub.publish(&Publication { audience, ..Publication::to_everybody("\"e\"", "1", 7) });
}

/// The numbers that a client gets again, each with the channel that brings it. `None`: it is told of a gap.
fn resumed(hub: &Hub, after: &str, channels: &str, had: &[(&str, u64)]) -> Option<Vec<(u64, String)>> {
    let channels = names(channels);
    let had: Vec<_> = had.iter().map(|(name, after)| (names(name).pop(), Seq(*after))).collect();
    let after = After::parse(after);
    let encoding = Encoding::WebSocket;
    let asked = Asked { encoding, new: &[], channels: &channels, everybody: true, after, had: &had, member: None };
    match hub.lock().resume(after.expect("a position"), SessionId(1), &asked) {
        Resumed::Gap => None,
        Resumed::Recovered { events, .. } => {
            let brings = |event: &Missed| event.channel.as_ref().map_or("*", ChannelName::as_str).to_owned();
            Some(events.iter().map(|event| (event.publication.seq().0, brings(event))).collect())
        }
    }
}

#[test]
fn a_position_is_of_this_epoch_and_between_the_beginning_and_the_last_number() {
    let (_shard, hub) = hub();
    publish(&hub, "a");
    let all = Some(vec![(11, "a".to_owned())]);
    for (after, expected) in [
        ("00000000000000ab-10", all),
        ("00000000000000ab-11", Some(vec![])),
        ("00000000000000ab-12", None),
        ("00000000000000ab-9", None),
        ("00000000000000ac-10", None),
        ("t.0", None),
        ("something", None),
    ] {
        assert_eq!(resumed(&hub, after, "a", &[]), expected, "{after}");
    }
}

#[test]
fn the_first_channel_that_the_client_has_brings_an_event_and_what_it_had_is_left_out() {
    let (_shard, hub) = hub();
    for channels in ["b a", "c", "", "a", "b c"] {
        publish(&hub, channels);
    }
    let after = "00000000000000ab-10";
    let numbers = |had: &[(&str, u64)]| {
        let numbers = resumed(&hub, after, "a b", had).expect("recovered").into_iter();
        numbers.map(|(number, channel)| format!("{number}{channel}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(numbers(&[]), "11b 13* 14a 15b");
    assert_eq!(numbers(&[("c", 10)]), "11b 13* 14a");
    assert_eq!(numbers(&[("a", 13)]), "11b 13* 15b");
    assert_eq!(numbers(&[("", 12)]), "11b 14a 15b");
    assert_eq!(numbers(&[("", 13)]), "11b 13* 14a 15b", "it had what came after that only");
}

#[test]
fn what_is_not_for_a_client_is_not_sent_again_to_it() {
    let (_shard, hub) = hub();
    let publication = Publication::to_everybody("\"e\"", "1", 7);
    let ids = [1, 2].map(|session| hub.client_id(SessionId(session)).to_string());
    ids.iter().for_each(|id| hub.publish(&Publication { except: Some(id), ..publication }));
    assert_eq!(resumed(&hub, "00000000000000ab-10", "", &[]), Some(vec![(12, "*".to_owned())]));
}

/// A client that comes back after 10.
fn come_back(shard: &ShardThread<NoApplication>) -> UnixStream {
    let kind = ClientKind::Channels { is_native: false, channels: names("a"), everybody: true };
    let wants = Wants { kind, identity: None, after: Some("00000000000000ab-10".to_owned()) };
    let (client, joining) = connect(Opening::Sse { form: sse::Form::default(), wants }).expect("a socket");
    shard.let_join(joining);
    client
}

#[test]
fn so_many_clients_come_back_in_a_turn_and_the_others_in_the_next_ones() {
    let (mut shard, hub) = hub();
    publish(&hub, "a");
    let mut clients: Vec<UnixStream> = (0..20).map(|_| come_back(&shard)).collect();
    let mut counts = Vec::new();
    for _ in 0..4 {
        shard.step().expect("a turn");
        counts.push(shard.clients());
    }
    assert_eq!(counts, [JOINS_AT_ONCE, 2 * JOINS_AT_ONCE, 20, 20]);
    publish(&hub, "a");
    shard.step().expect("a turn");
    for client in &mut clients {
        let mut bytes = [0; 4096];
        let read = client.read(&mut bytes).expect("there is something");
        let text = String::from_utf8_lossy(&bytes[..read]);
        let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: 00000000000000ab-")).collect();
        assert_eq!(ids, ["10", "11", "12"], "whenever it came, it gets each event once");
    }
}

#[test]
fn who_waits_to_join_when_the_server_stops_is_told_so() {
    let (mut shard, hub) = hub();
    let plain = || {
        let wants = Wants { kind: ClientKind::Plain, identity: None, after: None };
        let (client, joining) = connect(Opening::WebSocket { received: Vec::new(), wants }).expect("a socket");
        shard.let_join(joining);
        client
    };
    let mut clients: Vec<UnixStream> = (0..3 * JOINS_AT_ONCE).map(|_| plain()).collect();
    shard.step().expect("a turn");
    assert_eq!(shard.clients(), JOINS_AT_ONCE);
    hub.shutdown(Duration::ZERO);
    shard.step().expect("a turn");
    for client in &mut clients {
        let mut bytes = [0; 64];
        let read = client.read(&mut bytes).expect("there is something");
        // Close code 1001.
        assert_eq!(bytes[..read].get(..4), Some(&[0x88, bytes[1], 0x03, 0xe9][..]));
    }
}

#[test]
fn what_commands_ask_for_again_goes_out_before_more_is_read() {
    let (mut shard, hub) = hub();
    publish(&hub, "a");
    let kind = ClientKind::Channels { is_native: true, channels: Vec::new(), everybody: false };
    let wants = Wants { kind, identity: None, after: None };
    let mut received = Vec::new();
    for _ in 0..40 {
        received.extend(message(r#"{"type":"subscribe","channel":"a","after":"00000000000000ab-10"}"#));
    }
    let (mut client, joining) = connect(Opening::WebSocket { received, wants }).expect("a socket");
    shard.let_join(joining);
    let mut text = String::new();
    let mut bytes = [0; 65536];
    for _ in 0..20 {
        shard.step().expect("a turn");
        assert!(shard.resumed() <= MUCH_AT_ONCE, "more are in memory");
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            text += &String::from_utf8_lossy(&bytes[..read]);
        }
    }
    assert_eq!(text.matches("\"recovered\":true").count(), 40);
    assert_eq!(text.matches("\"events\":[{").count(), 1, "what it had on this connection is not sent again");
}

#[test]
fn while_a_stream_is_read_from_its_beginning_no_place_of_it_is_named() {
    let (_shard, hub) = hub();
    hub.follow_stream();
    let named = || {
        let published = hub.lock();
        matches!(published.id(published.last), Id::Stream(_))
    };
    let now = unix_time::now().as_millis() as u64;
    let at = |after: u64| LogTime((now + after) * 1_000_000);
    let publish = |after, delivery| {
        let mut batch = Batch::default();
        batch.push(&Publication::to_everybody("\"e\"", "1", 7));
        let id = StreamId { place: StreamPlace { millis: now + after, number: 0 }, nonce: 0xab };
        hub.append_followed(&batch, &[Numbered { id, at: at(after) }], delivery);
    };
    let again = |after: &str| resumed(&hub, after, "", &[]).map(|events| events.len());
    let resumed = |after: u64| again(&format!("{}-0-000000ab", now + after));
    hub.begin_filling(at(1));
    publish(1, Delivery::Past);
    publish(2, Delivery::Past);
    assert_eq!((named(), resumed(1)), (false, None));
    hub.end_filling();
    assert_eq!((named(), resumed(1), resumed(2)), (true, Some(1), Some(0)));
    publish(3, Delivery::Live);
    // It was emptied, and has one entry now.
    hub.begin_filling(at(4));
    publish(4, Delivery::Past);
    assert_eq!((named(), resumed(2)), (false, None));
    hub.end_filling();
    assert_eq!((named(), resumed(2), resumed(4)), (true, None, Some(0)));
    let of_this_process = format!("{EPOCH:016x}-11");
    assert_eq!(again(&of_this_process), None);
}
