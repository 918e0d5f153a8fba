//! What may be read.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread::JoinHandle;

use serde_json::Value;
use testkit::{QueueDir, ReservedPort, has_root, until};

use crate::support::admin::{Admin, TOKEN};
use crate::support::{Client, broadcaster, broadcaster_command, connect};

const USER: u32 = 54_031;

#[test]
fn everything_that_may_be_read_is_answered_with_headers_that_keep_pages_of_others_out() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    for (path, kind, beginning) in [
        ("/live", "text/plain", "ok\n"),
        ("/ready", "text/plain", "ok\n"),
        ("/metrics", "text/plain", ""),
        ("/status", "text/html", "<!doctype html>"),
        ("/status.json", "application/json", "{"),
    ] {
        let answer = admin.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.starts_with(beginning), "{path}: {}", answer.body);
        for header in [
            &format!("content-type: {kind}"),
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
            "frame-ancestors 'none'",
            "default-src 'none'",
        ] {
            assert!(answer.head.contains(header), "{path} {header}: {}", answer.head);
        }
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
        assert_eq!(admin.request("HEAD", path, &[], "").body, "");
    }
    let page = admin.get("/status").head;
    assert!(page.contains("script-src 'sha256-") && !page.contains("unsafe"), "{page}");
    let status = admin.get("/status.json").json();
    assert_eq!((&status["ready"], &status["problems"]), (&true.into(), &serde_json::json!([])), "{status}");
    broadcaster.stop();
}

#[test]
fn what_is_not_there_is_said_so() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let answer = admin.get("/nothing");
    assert!(answer.status == 404 && answer.error().contains("/metrics"), "{answer:?}");
    for (method, path) in [("GET", "/publish"), ("PUT", "/publish"), ("POST", "/status"), ("OPTIONS", "/publish")] {
        let answer = admin.request(method, path, &[("Authorization", &format!("Bearer {TOKEN}"))], "");
        assert!(answer.status == 405 && answer.error().contains("GET to read"), "{method} {path}: {answer:?}");
    }
    broadcaster.stop();
}

#[test]
fn without_the_setting_nothing_listens_for_operators() {
    let queue = QueueDir::new();
    let mut broadcaster = crate::support::broadcaster::start(&queue.path());
    assert!(broadcaster.log_lines("admin listener").is_empty());
    broadcaster.stop();
}

#[test]
fn the_last_errors_are_told_with_what_to_do() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &["--entry-grace-secs", "0.05"]);
    queue.write("1.json", "garbage");
    let error = until("it is told", || {
        let errors = admin.get("/status.json").json()["errors"].clone();
        let of_entry = |error: &&serde_json::Value| error["message"].as_str().unwrap().starts_with("entry is no event");
        errors.as_array().unwrap().iter().find(of_entry).cloned()
    });
    assert_eq!((&error["level"], &error["count"]), (&"error".into(), &1.into()), "{error}");
    assert!(error["fix"].as_str().unwrap().contains("failed list"), "{error}");
    assert!(error["at_ms"].as_u64().unwrap() > 1_600_000_000_000);
    broadcaster.stop();
}

#[test]
fn a_folder_of_failed_entries_that_cannot_be_read_hides_no_other_number() {
    if !has_root("to be another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    // Of another user, as an administrator makes it who looks at it too strictly.
    let failed = queue.path().join("failed");
    fs::create_dir(&failed).unwrap();
    fs::write(failed.join("1.json"), "{").unwrap();
    let mut broadcaster = broadcaster::run_by(USER, USER, &queue, &["--admin-listen", "127.0.0.1:0"]);
    let admin = Admin::of(&mut broadcaster);
    let failed_entries = || admin.get("/status.json").json()["queue"]["failed_entries"].clone();
    until("they are counted", || failed_entries() == 1);
    fs::set_permissions(&failed, Permissions::from_mode(0o700)).unwrap();
    until("they are not known", || failed_entries().is_null());
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    let status = until("the event is counted", || {
        Some(admin.get("/status.json").json()).filter(|status| status["queue"]["sent"] == 1)
    });
    assert_eq!((&status["ready"], &status["queue"]["failed_entries"]), (&true.into(), &Value::Null), "{status}");
    assert!(status["queue"]["pending_events"].is_u64() && status["queue"]["oldest_age_seconds"].is_f64(), "{status}");
    let metrics = admin.get("/metrics").body;
    assert!(metrics.contains("\nfastapi_ws_queue_pending_events "), "{metrics}");
    assert!(!metrics.contains("\nfastapi_ws_failed_entries "), "{metrics}");
    fs::set_permissions(&failed, Permissions::from_mode(0o755)).unwrap();
    until("they are known again", || failed_entries() == 1);
    broadcaster.stop();
}

/// A hook that answers one question.
fn hook(answer: String) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut head = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while head.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (url, answering)
}

#[test]
fn what_a_hook_has_answered_that_decides_nothing_is_in_the_log_and_what_to_do_in_the_status() {
    let session = "0123456789abcdef0123456789";
    let error = format!("Fatal error\n\u{1b}[31m in the session {session} of /srv/app {}", "x ".repeat(2500));
    let grant = format!("<br>Warning: no $user for {session}\r\n{{\"user\":\"42\"}}");
    for (status, body, shown) in [
        ("500 Oops", error, r"Fatal error\n\u001b[31m in the session [hidden] of /srv/app x x"),
        ("200 OK", grant, r"<br>Warning: no $user for [hidden]\r\n{"),
        ("302 Found", String::new(), "the status is 302, and not 200, 401 or 403"),
    ] {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nSet-Cookie: PHPSESSID={session}\r\nContent-Length: {length}\r\n\r\n");
        let (url, answering) = hook(head + &body);
        let queue = QueueDir::new();
        let (mut broadcaster, admin) =
            Admin::start(&queue.path(), &["--auth-hook", &url, "--public-channels", "*", "--log-format", "human"]);
        let mut client = connect(broadcaster.address()).unwrap();
        let request = testkit::HANDSHAKE.trim_end();
        let address = broadcaster.address();
        write!(client, "{request}\r\nOrigin: http://{address}\r\nCookie: PHPSESSID={session}\r\n\r\n").unwrap();
        broadcaster.await_log("the hook (auth_hook) has decided nothing");
        let line = broadcaster.log_lines("the hook (auth_hook) has decided nothing").remove(0);
        assert!(line.contains(shown) && !line.contains(session), "{line}");
        assert!(line.len() < 600, "{line}");
        assert_eq!(line.contains("answer="), !body.is_empty(), "{line}");
        let problem = until("it is told", || admin.get("/status.json").json()["errors"].get(0).cloned());
        let fix = problem["fix"].as_str().unwrap();
        assert!(fix.contains("docs/auth-hook.md") && fix.contains("doctor"), "{problem}");
        answering.join().unwrap();
        broadcaster.stop();
    }
}

/// A stream of the status, of which the head was read.
fn follow(admin: Admin) -> (String, BufReader<TcpStream>) {
    let mut stream = connect(admin.0).unwrap();
    write!(stream, "GET /status/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (head, reader)
}

/// The next `data:` line.
fn data(reader: &mut BufReader<TcpStream>) -> Option<serde_json::Value> {
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            return Some(serde_json::from_str(data).unwrap());
        }
        line.clear();
    }
    None
}

#[test]
fn streams_tell_the_status_every_second_until_the_server_stops_and_are_bounded() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[]);
    let mut streams: Vec<_> = (0..16).map(|_| follow(admin)).collect();
    for (head, stream) in &mut streams {
        assert!(head.contains("200 OK") && head.contains("text/event-stream"), "{head}");
        assert_eq!(data(stream).unwrap()["ready"], true);
    }
    let (_, first) = &mut streams[0];
    assert!(data(first).is_some(), "a second later");
    let refused = admin.get("/status/events");
    assert!(refused.status == 503 && refused.error().contains("16 streams"), "{refused:?}");
    drop(streams.pop());
    until("there is room again", || {
        let (head, stream) = follow(admin);
        let has_room = head.contains("200 OK");
        if has_room {
            streams.push((head, stream));
        }
        has_room
    });
    broadcaster.stop();
    for (_, stream) in &mut streams {
        while data(stream).is_some() {}
    }
}

#[test]
fn an_address_that_is_in_use_is_waited_for_while_clients_are_served() {
    let queue = QueueDir::new();
    let port = ReservedPort::new();
    let taken = std::net::TcpListener::bind(port.address()).unwrap();
    let mut command = broadcaster_command(&queue.path());
    command.args(["--admin-listen", &port.address().to_string()]);
    let mut broadcaster = testkit::Broadcaster::spawn(command).listening();
    broadcaster.await_log("the address of the admin listener is in use");
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    drop(taken);
    let admin = Admin::of(&mut broadcaster);
    assert_eq!(admin.get("/live").status, 200);
    broadcaster.stop();
}
