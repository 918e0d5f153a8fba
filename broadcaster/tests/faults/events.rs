//! Entries of several events: delivered whole, in lanes, without what has expired or repeats a key; and never to
//! anybody if a line is wrong.

use std::fs;
use std::time::{Duration, SystemTime};

use queue::{NewEvent, Priority, Writer};
use testkit::{Finish as _, QueueDir, bad_lines, make_old, until};
use tungstenite::Message;

use crate::support::producer::new_event;
use crate::support::{BINARY, Client, broadcaster, command};

const OLD: Duration = Duration::from_secs(3600);

fn enqueue(queue: &QueueDir, events: &[NewEvent<'_>], priority: Priority) {
    Writer::new(queue.path()).enqueue_events(events, priority).unwrap();
}

/// A name that producers make, long ago.
fn name(number: usize) -> String {
    format!("019a3a5e-7f00-7000-8000-{number:012x}.events")
}

#[test]
fn no_line_that_is_wrong_reaches_a_client_and_no_other_line_of_its_entry() {
    let bad = bad_lines();
    let queue = QueueDir::new();
    let good = r#"{"v":1,"uid":"019a3a5e-7f00-7000-8000-000000000001","event":"secret","channels":null}"#;
    for (number, row) in bad.iter().enumerate() {
        let content = [good.as_bytes(), b"\n", &row.line, b"\n", good.as_bytes(), b"\n"].concat();
        make_old(&queue.write(&name(number), content), OLD);
    }
    let flags = ["--failed-max-entries", "1000", "--entry-grace-secs", "0.05"];
    let (mut broadcaster, mut plain, mut subscriber) = queue.held_back(|| {
        let broadcaster = broadcaster::with(&queue.path(), &flags);
        let clients = (Client::of(&broadcaster), Client::at(broadcaster.address(), "/?channel=a&channel=b"));
        (broadcaster, clients.0, clients.1)
    });
    assert!(text(&mut subscriber).contains(r#""type":"welcome""#));
    until("all are put aside", || queue.entries().is_empty());
    let channel = ["a".parse().unwrap()];
    enqueue(
        &queue,
        &[NewEvent { channels: Some(&channel), ..new_event("\"good\"") }, new_event("\"last\"")],
        Priority::Normal,
    );
    assert_eq!(plain.payload(), "\"last\"", "it is the first event that a plain client gets");
    let first = text(&mut subscriber);
    assert!(first.contains(r#""payload":"good""#) && first.contains(r#""channel":"a""#), "{first}");
    for (number, row) in bad.iter().enumerate() {
        let reason = fs::read_to_string(queue.path().join("failed").join(name(number) + ".reason")).unwrap();
        assert!(reason.starts_with("line 2: ") && reason.contains(row.reason), "{}: {reason}", row.why);
    }
    broadcaster.stop();
}

/// The next message.
fn text(client: &mut Client) -> String {
    match client.next() {
        Ok(Message::Text(text)) => text.to_string(),
        other => panic!("expected a text, got {other:?}"),
    }
}

#[test]
fn all_events_of_an_entry_are_delivered_in_order_and_then_it_is_deleted() {
    let queue = QueueDir::new();
    let payloads: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let events: Vec<NewEvent<'_>> = payloads.iter().map(|payload| new_event(payload)).collect();
    enqueue(&queue, &events, Priority::Normal);
    queue.enqueue("\"behind\"");
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &[]);
    for payload in &payloads {
        assert_eq!(client.payload(), *payload);
    }
    assert_eq!(client.payload(), "\"behind\"");
    until("both are acked", || queue.entries().is_empty());
    broadcaster.stop();
}

#[test]
fn urgent_events_overtake_others_that_wait() {
    let queue = QueueDir::new();
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        let payload = format!("\"{priority:?}\"");
        (0..13).for_each(|_| enqueue(&queue, &[new_event(&payload)], priority));
    }
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &[]);
    let received: String = (0..39).filter_map(|_| client.payload().chars().nth(1)).collect();
    assert_eq!(received, "HHHHHHHHNNNNLHHHHHNNNNLNNNNLNLLLLLLLLLL");
    broadcaster.stop();
}

#[test]
fn what_has_expired_or_repeats_a_key_is_not_sent_and_holds_up_nothing() {
    let queue = QueueDir::new();
    // Of long ago: it waited for longer than it was of use.
    let expired =
        r#"{"v":1,"uid":"019a3a5e-7f00-7000-8000-000000000001","event":"test","channels":null,"expires_at":1}"#;
    queue.write(&name(1), format!("{expired}\n{expired}\n"));
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &[]);
    let keyed = |payload, key| NewEvent { key: Some(key), ttl: Some(60), ..new_event(payload) };
    enqueue(&queue, &[keyed("1", "a"), keyed("2", "a"), new_event("3"), keyed("4", "b")], Priority::Normal);
    enqueue(&queue, &[keyed("5", "b")], Priority::Normal);
    let again = keyed("6", "c");
    enqueue(&queue, &[again], Priority::Normal);
    enqueue(&queue, &[again], Priority::Normal);
    queue.enqueue(7);
    let received: Vec<String> = (0..6).map(|_| client.payload()).collect();
    assert_eq!(received, ["1", "3", "4", "6", "6", "7"], "the same uid is no repeat of itself");
    until("all are acked", || queue.entries().is_empty());
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}

#[test]
fn an_entry_of_a_newer_version_waits_and_the_log_says_so_once() {
    let queue = QueueDir::new();
    for number in 0..2 {
        let line = r#"{"v":2,"uid":"019a3a5e-7f00-7000-8000-000000000001","event":"secret","channels":null}"#;
        make_old(&queue.write(&name(number), format!("{line}\n")), OLD);
    }
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &["--scan-interval-secs", "0.05"]);
    for number in 0..20 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    let lines = broadcaster.log_lines("entries of a newer version wait");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&name(0)) && lines[0].contains("its version is 2"), "{lines:?}");
    until("the others are acked", || queue.entries() == [name(0), name(1)]);
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}

/// Exit code, standard output, standard error.
fn run(queue: &QueueDir, arguments: &[&str]) -> (i32, String, String) {
    let output = command(BINARY).args(arguments).arg("--queue").arg(queue.path()).finish();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn publish_writes_what_its_options_say() {
    let queue = QueueDir::new();
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let published = run(
        &queue,
        &[
            "publish",
            "order.paid",
            "{\n \"id\": -1\n}",
            "--channel",
            "private-user.42",
            "--channel=orders",
            "--ttl",
            "3600",
            "--priority",
            "high",
            "--key",
            "order-7",
            "--except",
            "123.4",
        ],
    );
    assert_eq!(published, (0, String::new(), String::new()));
    let names = queue.entries();
    assert!(names.len() == 1 && names[0].ends_with(".high.events"), "{names:?}");
    let content = fs::read(queue.path().join(&names[0])).unwrap();
    let events = queue::parse_entry(&names[0].parse().unwrap(), &content, None, 1 << 20).unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.name_json(), event.payload_json()), (r#""order.paid""#, r#"{  "id": -1 }"#));
    let channels: Vec<&str> = event.channels().unwrap().iter().map(queue::ChannelName::as_str).collect();
    assert_eq!(
        (channels, event.key(), event.except()),
        (vec!["private-user.42", "orders"], Some("order-7"), Some("123.4"))
    );
    assert!(event.expires_at().unwrap() as u64 >= before + 3600);
    fs::remove_file(queue.path().join(&names[0])).unwrap();

    for (arguments, end) in [
        (&["publish", "a"][..], ".json"),
        (&["publish", "a", "--priority", "normal"], ".events"),
        (&["publish", "a", "--priority", "low"], ".low.events"),
        (&["publish", "a", "1", "--ttl", "5"], ".events"),
        (&["publish", "a", "1", "--key", "k"], ".events"),
        (&["publish", "a", "1", "--except", "1.2"], ".events"),
    ] {
        assert_eq!(run(&queue, arguments).0, 0, "{arguments:?}");
        let names = queue.entries();
        assert!(names.len() == 1 && names[0].ends_with(end), "{arguments:?}: {names:?}");
        fs::remove_file(queue.path().join(&names[0])).unwrap();
    }
}

#[test]
fn publish_refuses_options_that_no_event_can_have() {
    let queue = QueueDir::new();
    for (arguments, text) in [
        (&["--channel", "a b"][..], "a channel name has 1 to 200 of the characters"),
        (&["--channel", ""], "a channel name has 1 to 200"),
        (&["--channel", "a*"], "a channel name"),
        (&["--ttl", "0"], "at least 1"),
        (&["--ttl", "-1"], "at least 1"),
        (&["--ttl", "1.5"], "whole number"),
        (&["--priority", "urgent"], "high, normal, low"),
        (&["--key", ""], "1 to 200 bytes"),
        (&["--except", ""], "1 to 64 bytes"),
    ] {
        let (code, out, error) = run(&queue, &[&["publish", "a", "1"], arguments].concat());
        assert_eq!((code, &out[..]), (64, ""), "{arguments:?}: {error}");
        assert!(error.contains(text), "{arguments:?}: {error}");
    }
    let many: Vec<String> = (0..101).map(|number| format!("--channel=c{number}")).collect();
    let many: Vec<&str> = ["publish", "a"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let (code, _, error) = run(&queue, &many);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("101 channels are more than the 100"), "{error}");
    assert!(queue.names().is_empty());
}

#[test]
fn queue_stat_failed_and_doctor_know_such_entries() {
    let queue = QueueDir::new();
    queue.enqueue(1);
    enqueue(&queue, &[new_event("2"), new_event("3")], Priority::Low);
    let (_, stat, _) = run(&queue, &["queue", "stat"]);
    assert!(stat.starts_with("waiting\t2\nevents\t3\noldest\t"), "{stat}");
    let (_, report, _) = run(&queue, &["doctor"]);
    assert!(report.contains("ok   3 events wait"), "{report}");

    queue.write(&name(1), "{\"v\":1}\n");
    let mut broadcaster = broadcaster::with(&queue.path(), &["--entry-grace-secs", "0.05"]);
    let mut client = Client::of(&broadcaster);
    until("it is put aside", || queue.failed().len() == 2 && queue.entries().is_empty());
    let (_, list, _) = run(&queue, &["failed", "list"]);
    assert!(list.starts_with(&name(1)) && list.ends_with("\tline 1: no `uid` key\n"), "{list}");
    assert_eq!(run(&queue, &["failed", "show", &name(1)]).1, "{\"v\":1}\n");
    let line = r#"{"v":1,"uid":"019a3a5e-7f00-7000-8000-000000000001","event":"test","payload":4,"channels":null}"#;
    fs::write(queue.path().join("failed").join(name(1)), format!("{line}\n")).unwrap();
    assert_eq!(run(&queue, &["failed", "retry", &name(1)]).1, format!("{}\tput back\n", name(1)));
    // The client may have come before the others were sent.
    while client.payload() != "4" {}
    until("it is acked", || queue.entries().is_empty());
    broadcaster.stop();
}
