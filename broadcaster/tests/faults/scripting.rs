//! Commands as a script calls them: JSON with the keys that the help promises, exit codes, and what is sent beside.

use std::process::Command;

use serde_json::{Value, json};
use testkit::{Broadcaster, Certificate, Finish as _, Process, QueueDir, Reply, WebServer, until};

use crate::support::{BINARY, broadcaster, command, printed, run};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Whether the help of a command names each of these keys.
fn promises(arguments: &[&str], keys: &[&str]) {
    let help = command(BINARY).args(arguments).arg("--help").finish().stdout;
    let help = String::from_utf8(help).unwrap();
    let words: Vec<&str> = help.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    keys.iter().for_each(|key| assert!(words.contains(key), "{key} is not in {help}"));
}

#[test]
fn queue_stat_as_json_has_the_keys_of_its_help() {
    let queue = QueueDir::new();
    (0..2).for_each(|number| drop(queue.enqueue(number)));
    let stat = parsed(&printed(&queue.path(), &["queue", "stat", "--json"]));
    assert!(stat["oldest_secs"].as_f64().unwrap() < 60.0);
    let mut rest = stat.clone();
    rest["oldest_secs"] = Value::Null;
    let expected = json!({
        "waiting": 2, "events": 2, "oldest_secs": null, "files": 2, "records": 0, "segments": 0, "segment_bytes": 0,
        "damaged_bytes": 0, "failed": 0, "other_files": 0, "has_broadcaster": false, "broker": null,
    });
    assert_eq!(rest, expected);
    promises(&["queue", "stat"], &keys(&stat));
    let broker = ["queue", "stat", "--json", "--broker-url", "redis://127.0.0.1:1"];
    let stat = parsed(&printed(&queue.path(), &broker));
    assert_eq!(stat["broker"]["stream"], "{fastapi}:events", "{stat}");
    assert_eq!(stat["broker"]["forwarded_id"], Value::Null);
    promises(&["queue", "stat"], &keys(&stat["broker"]));
}

#[test]
fn failed_list_as_json_has_the_keys_of_its_help() {
    let queue = QueueDir::new();
    let path = queue.path();
    assert_eq!(parsed(&printed(&path, &["failed", "list", "--json"])), json!([]));
    let mut broadcaster = broadcaster::with(&path, &["--entry-grace-secs", "0.05"]);
    queue.write("1.json", r#"{"event":[]}"#);
    until("it is put aside", || queue.failed().len() == 2);
    let list = parsed(&printed(&path, &["failed", "list", "--json"]));
    let failed = &list[0];
    assert_eq!((list.as_array().unwrap().len(), &failed["name"], &failed["bytes"]), (1, &json!("1.json"), &json!(12)));
    assert_eq!(failed["reason"], "the event name is not a string");
    assert!(failed["age_secs"].is_number());
    promises(&["failed", "list"], &keys(failed));

    // Put back, it is no event as before, and comes back.
    assert_eq!(printed(&path, &["failed", "retry", "1.json"]), "1.json\tput back\n");
    until("it is put aside again", || queue.failed().len() == 2 && queue.waiting() == 0);
    broadcaster.stop();
}

#[test]
fn the_doctor_as_json_has_the_keys_of_its_help() {
    let queue = QueueDir::new();
    let (code, out, _) = run(&queue.path(), &["doctor", "--json", "--listen", "127.0.0.1:1"]);
    let report = parsed(&out);
    assert_eq!((code == 0, report["is_good"].as_bool()), (true, Some(true)), "{report}");
    let findings = report["findings"].as_array().unwrap();
    let of = |name: &str| findings.iter().find(|finding| finding["of"] == name).unwrap_or_else(|| panic!("{report}"));
    assert_eq!(of("queue")["status"], "ok");
    assert_eq!((&of("port")["status"], of("port")["remedy"].is_string()), (&json!("note"), true));
    promises(&["doctor"], &keys(&report));
    promises(&["doctor"], &keys(of("journal")));

    queue.set_mode(0o777);
    let (code, out, _) = run(&queue.path(), &["doctor", "--json"]);
    let report = parsed(&out);
    assert_eq!((code, &report["is_good"], &report["findings"][0]["status"]), (1, &json!(false), &json!("bad")));
}

fn listen(broadcaster: &Broadcaster, arguments: &[&str]) -> Command {
    let mut listen = command(BINARY);
    listen.args(["listen", &format!("ws://{}/", broadcaster.address())]).args(arguments);
    listen
}

#[test]
fn listen_waits_for_events_of_a_name_and_says_by_its_exit_code_whether_they_came() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    for way in [&[][..], &["--native"], &["--sse"]] {
        let wanted = ["--event", "wanted", "--channel", "a", "--count", "2", "--timeout", "60"];
        let mut listener = Process::spawn(&mut listen(&broadcaster, &[&wanted, way].concat()));
        listener.await_line("it is subscribed", |line| line.contains("subscribed to a").then_some(()));
        for (name, payload) in [("other", "1"), ("wanted", "2"), ("other", "3"), ("wanted", "4")] {
            printed(&queue.path(), &["publish", name, payload, "--channel", "a"]);
        }
        assert!(listener.await_exit().success(), "{way:?}: {:?}", listener.stderr());
        let payloads: Vec<Value> = listener.stdout().iter().map(|line| parsed(line)["payload"].clone()).collect();
        assert_eq!(payloads, [2, 4], "{way:?}");

        let short = ["--count", "1", "--timeout", "0.2"];
        let output = listen(&broadcaster, &[&short, way].concat()).finish();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(124), "{way:?}: {said}");
        assert!(said.contains("fewer messages than 1 have come"), "{said}");
        // Without a number, the time is all that was wanted.
        assert!(listen(&broadcaster, &[&["--timeout", "0.2"], way].concat()).finish().status.success(), "{way:?}");
    }
    broadcaster.stop();
}

#[test]
fn listen_connects_again_without_a_position_if_it_is_told_to() {
    let queue = QueueDir::new();
    let mut first = broadcaster::start(&queue.path());
    let address = first.address();
    let mut listener = Process::spawn(&mut listen(&first, &["--reconnect", "--channel", "a", "-n", "1"]));
    listener.await_line("it is subscribed", |line| line.contains("subscribed to a").then_some(()));
    first.stop();
    listener.await_line("it says so", |line| line.contains("connecting again").then_some(()));
    let mut second = command(BINARY);
    second.args(["--listen", &address.to_string(), "--queue"]).arg(queue.path());
    let mut second = Broadcaster::spawn(second).listening();
    let subscriptions = || listener.stderr().iter().filter(|line| line.contains("subscribed to a")).count();
    until("it is subscribed again", || subscriptions() == 2);
    printed(&queue.path(), &["publish", "x", "7", "--channel", "a"]);
    assert!(listener.await_exit().success(), "{:?}", listener.stderr());
    second.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_cookies_and_an_unknown_certificate_are_sent_and_taken_as_told() {
    let certificate = Certificate::new();
    let web = WebServer::start_tls(&certificate, |_| Reply::Status(403)).await;
    let port = web.address().port();
    for (url, way) in
        [(format!("wss://localhost:{port}/"), None), (format!("https://localhost:{port}/"), Some("--sse"))]
    {
        let ask = |insecure: bool| {
            let mut listen = command(BINARY);
            listen.args(["listen", &url, "--header", "Origin: https://page.example", "--cookie", "PHPSESSID=geheim"]);
            listen.args(["--cookie", "b=c"]).args(way).args(insecure.then_some("--insecure"));
            tokio::task::spawn_blocking(move || String::from_utf8(listen.finish().stderr).unwrap())
        };
        let before = web.requests().len();
        let said = ask(false).await.unwrap();
        assert_eq!(web.requests().len(), before, "{said}");
        assert!(said.contains("certificate") || said.contains("SSL_CERT_FILE"), "{said}");
        let said = ask(true).await.unwrap();
        assert!(said.contains("403") && !said.contains("geheim"), "{said}");
        let asked = web.requests().pop().unwrap();
        assert_eq!(asked.header("origin"), Some("https://page.example"), "{asked:?}");
        assert_eq!(asked.header("cookie"), Some("PHPSESSID=geheim; b=c"), "{asked:?}");
    }
}

#[test]
fn a_directory_that_all_programs_share_is_not_to_be_closed() {
    let queue = QueueDir::new();
    for (mode, told, never) in [
        (0o1777, "make a directory for events alone", "chmod o-w"),
        (0o777, "chmod o-w", "make a directory for events alone"),
    ] {
        queue.set_mode(mode);
        let (code, _, error) = run(&queue.path(), &[]);
        assert_eq!(code, 64, "{error}");
        let (_, report, _) = run(&queue.path(), &["doctor"]);
        for text in [error, report] {
            assert!(text.contains(told) && !text.contains(never), "{mode:o}: {text}");
        }
    }
}
