//! The doctor as a client: its event comes to itself alone, with the rights that it has.

use std::process::Command;

use server::token::{NewToken, Secret, create};
use testkit::{Broadcaster, Finish as _, QueueDir};

use crate::support::{BINARY, Client, broadcaster_command, command};

const SECRET: &str = "a secret of these tests of 41 bytes in all";

fn start(queue: &QueueDir, flags: &[&str]) -> Broadcaster {
    let mut command = broadcaster_command(&queue.path());
    if !flags.is_empty() {
        command.env("FASTAPI_WS_TOKEN_SECRET", SECRET);
    }
    Broadcaster::spawn({
        command.args(flags);
        command
    })
    .listening()
}

fn doctor(broadcaster: &Broadcaster, query: &str) -> Command {
    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--url", &format!("ws://{}/{query}", broadcaster.address())]);
    doctor.env("PHP", "/nowhere/php");
    doctor
}

fn report(doctor: &mut Command) -> (i32, String) {
    let output = doctor.finish();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn token(allow: &[&str]) -> String {
    let allow = allow.iter().map(|text| (*text).to_owned()).collect();
    let new =
        NewToken { user: Some("42".to_owned()), allow, ttl: std::time::Duration::from_secs(60), ..NewToken::default() };
    create(&Secret::new(SECRET.as_bytes()), &new, std::time::SystemTime::now()).unwrap()
}

#[test]
fn the_event_of_the_doctor_comes_to_no_other_client() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &[]);
    let mut other = Client::of(&broadcaster);
    let (code, said) = report(doctor(&broadcaster, "").arg("--queue").arg(queue.path()));
    assert!(code == 0 && said.contains("ok   an event went from the directory to ws://"), "{said}");
    queue.enqueue(7);
    assert_eq!(other.payload(), "7", "the first event that others receive is not that of the doctor");
    broadcaster.stop();
}

#[test]
fn the_doctor_reads_a_channel_of_its_own_wherever_its_settings_allow_one() {
    let queue = QueueDir::new();
    let arrives = "ok   an event went from the directory to ws://";
    let everybody = format!("?everybody=1&token={}", token(&["everybody"]));
    for flags in [
        &["--public-channels", "public.*"][..],
        &["--public-channels", "news"],
        &["--public-channels", "news", "--anonymous", "false"],
    ] {
        let mut broadcaster = start(&queue, flags);
        for query in ["", &everybody] {
            let mut doctor = doctor(&broadcaster, query);
            doctor.arg("--queue").arg(queue.path()).args(flags).env("FASTAPI_WS_TOKEN_SECRET", SECRET);
            let (code, said) = report(&mut doctor);
            assert!(code == 0 && said.contains(arrives), "{flags:?} {query}: {said}");
        }
        // With settings that know nothing of the server's it says what to do, and queues nothing that others receive.
        let (_, said) = report(doctor(&broadcaster, &everybody).arg("--queue").arg(queue.path()));
        assert!(said.contains("note a broadcaster takes clients at") && said.contains("--config"), "{flags:?}: {said}");
        assert_eq!(queue.waiting(), 0, "{flags:?}");
        broadcaster.stop();
    }
}

#[test]
fn without_a_queue_the_doctor_connects_only() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &["--public-channels", "news", "--anonymous", "false"]);
    let (code, said) = report(&mut doctor(&broadcaster, ""));
    assert!(code == 1 && said.starts_with("BAD  no round trip through ws://"), "{said}");
    let (code, said) = report(doctor(&broadcaster, "").args(["--token", &token(&["a"])]));
    assert!(code == 0 && said.starts_with("note a broadcaster takes clients at ws://"), "{said}");
    assert!(said.contains("no event was sent, because no queue is given"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    broadcaster.stop();
    let (code, said) = report(&mut doctor(&broadcaster, ""));
    assert!(code == 1 && said.contains("Connection refused"), "{said}");
    assert_eq!(command(BINARY).arg("doctor").finish().status.code(), Some(64));
}
