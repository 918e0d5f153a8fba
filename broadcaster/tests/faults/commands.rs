//! `failed`, `queue stat` and `publish` as an operator calls them: what they print, and how they end.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::Signal;
use testkit::{Broadcaster, Finish as _, Process, QueueDir, has_root, make_old, until};

use crate::support::{BINARY, Client, broadcaster, broadcaster_command, command, printed, public_binary, run};

/// What `queue stat` begins with where nothing waits.
const NOTHING_WAITS: &str = "waiting\t0\nevents\t0\noldest\t-\nfiles\t0\nrecords\t0\nsegments\t0\nsegment bytes\t0\n";

#[test]
fn failed_entries_are_listed_shown_put_back_and_dropped() {
    let queue = QueueDir::new();
    let path = queue.path();
    assert_eq!(printed(&path, &["failed", "list"]), "");
    let mut broadcaster = broadcaster::with(&path, &["--entry-grace-secs", "0.05"]);
    let mut client = Client::of(&broadcaster);
    queue.write("1.json", r#"{"payload":1}"#);
    queue.write("2.json", "garbage");
    until("both are put aside", || queue.failed().len() == 4);

    let list = printed(&path, &["failed", "list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(
        lines.iter().any(|line| line.starts_with("1.json\t13 bytes\t") && line.ends_with("\tno `event` key")),
        "{list}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("2.json\t7 bytes\t") && line.contains("\tnot valid JSON")),
        "{list}"
    );
    assert_eq!(printed(&path, &["failed", "show", "2.json"]), "garbage");
    assert!(printed(&path, &["queue", "stat"]).contains("failed\t2\n"));

    std::fs::write(path.join("failed/1.json"), r#"{"event":"test","payload":"corrected"}"#).unwrap();
    assert_eq!(printed(&path, &["failed", "retry", "1.json"]), "1.json\tput back\n");
    assert_eq!(client.payload(), "\"corrected\"");
    assert_eq!(printed(&path, &["failed", "drop", "--all"]), "2.json\tdeleted\n");
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}

#[test]
fn publish_reads_no_more_of_an_input_without_end_than_an_event_may_have() {
    use std::io::Write;

    let queue = QueueDir::new();
    let mut publish = command(BINARY);
    publish.args(["publish", "test", "-", "--queue"]).arg(queue.path()).env("FASTAPI_WS_MAX_EVENT_BYTES", "2000");
    let (reading, mut input) = std::io::pipe().unwrap();
    let mut publish = Process::spawn_as_it_is(publish.stdin(reading).stderr(Stdio::piped()));
    // The input stays open, as one that never ends. The process may end before all is written.
    let _ = input.write_all(&[b'1'; 2001]);
    assert_eq!(publish.await_exit().code(), Some(1));
    let error = publish.stderr().join("\n");
    assert!(error.contains("more than 2000 bytes (max_event_bytes)"), "{error}");
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn what_cannot_be_done_ends_with_a_code_and_one_line() {
    let queue = QueueDir::new();
    let path = queue.path();
    let refused = |arguments: &[&str], code, text: &str| {
        let (given, out, error) = run(&path, arguments);
        assert_eq!((given, out.as_str()), (code, ""), "{arguments:?}: {error}");
        assert!(error.starts_with("fastapi-broadcaster: ") && error.contains(text), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    };
    refused(&["failed", "show", "1.json"], 1, "no entry has failed");
    refused(&["failed", "retry", "1.json"], 1, "no entry has failed");
    refused(&["failed", "show", "../../etc/passwd.json"], 64, "no slash");
    refused(&["failed", "drop"], 64, "required");
    refused(&["failed", "drop", "1.json", "--all"], 64, "cannot be used");
    refused(&["failed", "repair"], 64, "repair");
    refused(&["queue", "statistics"], 64, "statistics");
    std::fs::create_dir(path.join("failed")).unwrap();
    for verb in ["show", "retry", "drop"] {
        refused(&["failed", verb, "1.json"], 1, "1.json: No such file");
    }
    let absent = path.join("absent");
    for arguments in [&["failed", "list"][..], &["queue", "stat"][..]] {
        let (code, _, error) = run(&absent, arguments);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains("absent: No such file"), "{error}");
    }
}

#[test]
fn queue_stat_shows_backlog_age_and_whether_somebody_drains_it() {
    let queue = QueueDir::new();
    let path = queue.path();
    assert_eq!(printed(&path, &["queue", "stat"]), format!("{NOTHING_WAITS}failed\t0\nbroadcaster\tnone\n"));
    // The command leaves no file that the broadcaster's user might not be allowed to open.
    assert!(queue.names().is_empty(), "{:?}", queue.names());
    (0..3).for_each(|number| drop(queue.enqueue(number)));
    let stat = printed(&path, &["queue", "stat"]);
    assert!(stat.starts_with("waiting\t3\nevents\t3\noldest\t") && stat.contains(" s\n"), "{stat}");
    let mut broadcaster = broadcaster::start(&path);
    until("it is drained", || queue.waiting() == 0);
    assert!(printed(&path, &["queue", "stat"]).ends_with("broadcaster\trunning\n"));
    broadcaster.stop();
}

#[test]
fn other_files_are_not_among_those_that_wait() {
    let queue = QueueDir::new();
    let path = queue.path();
    let file = queue.write("composer.json", r#"{"name":"vendor/package"}"#);
    make_old(&file, std::time::Duration::from_secs(86_400));
    let stat = format!("{NOTHING_WAITS}failed\t0\nother files\t1\nbroadcaster\tnone\n");
    assert_eq!(printed(&path, &["queue", "stat"]), stat);
    let (_, report, _) = run(&path, &["doctor"]);
    assert!(report.contains("ok   0 events wait, and other files (1) stay where they are"), "{report}");
}

#[test]
fn publish_names_the_limit_that_an_event_exceeds() {
    let queue = QueueDir::new();
    let mut publish = command(BINARY);
    publish.args(["publish", "test", "1", "--queue"]).arg(queue.path()).env("FASTAPI_WS_MAX_EVENT_BYTES", "20");
    let output = publish.finish();
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        report.contains("more than the limit of 20 bytes (max_event_bytes, FASTAPI_WS_MAX_EVENT_BYTES)"),
        "{report}"
    );
    assert!(queue.names().is_empty());
}

#[test]
fn publish_says_once_who_was_refused_and_what_to_do() {
    if !has_root("to be another user") {
        return;
    }
    let queue = QueueDir::new();
    let mut publish = std::process::Command::new(public_binary(&queue));
    publish.args(["publish", "test", "--queue"]).arg(queue.path()).current_dir("/").uid(54_331).gid(54_332);
    let output = publish.finish();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("; this process runs as user 54331, group 54332, and may not write to "), "{report}");
    assert!(report.contains("then start the process again"), "{report}");
    assert_eq!(report.matches("Permission denied").count(), 1, "{report}");
}

#[test]
fn publish_takes_any_json_for_a_payload() {
    let queue = QueueDir::new();
    let path = queue.path();
    let mut broadcaster = broadcaster::start(&path);
    let mut client = Client::of(&broadcaster);
    for payload in ["-5", "-0.5e3", "{\"a\": [1]}", "\"text\"", "null"] {
        assert_eq!(printed(&path, &["publish", "test", payload]), "");
        assert_eq!(client.payload(), payload);
    }
    let (code, _, error) = run(&path, &["publish", "test", "text"]);
    assert!(code == 64 && error.contains("not valid JSON"), "{code}: {error}");
    broadcaster.stop();
}

#[test]
fn publish_says_that_it_has_created_the_directory() {
    let queue = QueueDir::new();
    let absent = queue.root().join("absent");
    let (code, out, error) = run(&absent, &["publish", "test"]);
    let told = format!("fastapi-broadcaster: created {} (is --queue right?)\n", absent.display());
    assert_eq!((code, out.as_str(), error), (0, "", told));
    assert_eq!(printed(&absent, &["publish", "test"]), "");
    assert!(printed(&absent, &["queue", "stat"]).starts_with("waiting\t2\n"));
}

#[test]
fn a_pipe_planted_beside_a_failed_entry_holds_up_nobody() {
    let queue = QueueDir::new();
    let path = queue.path();
    std::fs::create_dir(path.join("failed")).unwrap();
    std::fs::write(path.join("failed/1.json"), "{}").unwrap();
    let pipe = path.join("failed/1.json.reason");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let broadcaster = broadcaster::start(&path);
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    assert!(printed(&path, &["failed", "list"]).ends_with("\tunknown\n"));
}

#[test]
fn every_command_has_a_man_page_with_its_options() {
    let directory = tempfile::TempDir::new().unwrap();
    // It is created.
    let pages = directory.path().join("share/man1");
    let output = command(BINARY).args(["generate", "man"]).arg(&pages).finish();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let page = |name: &str| {
        let path = pages.join(format!("fastapi-broadcaster{name}.1"));
        // Dashes and dots are escaped for roff.
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}")).replace('\\', "")
    };
    for (name, expected) in [
        ("", &["--queue", "FASTAPI_WS_QUEUE", "fastapi-broadcaster-publish(1)", "Exit codes", "SIGTERM"][..]),
        ("-publish", &["PAYLOAD", "standard input", "--queue", "Examples:", "Exit codes"]),
        ("-history", &["fastapi-broadcaster-history-stat(1)", "history_dir"]),
        ("-history-stat", &["--queue", "--history-dir", "Examples:"]),
        ("-history-show", &["--channel", "--after", "--limit", "published_at", "Examples:"]),
        ("-history-clear", &["systemctl stop", "--history-dir"]),
        (
            "-listen",
            &[
                "URL",
                "--count",
                "-n",
                "--channel",
                "--after",
                "--sse",
                "FASTAPI_WS_TOKEN",
                "Examples:",
                "SSL_CERT_FILE",
            ],
        ),
        ("-doctor", &["--url", "doctor.ping", "Examples:"]),
        ("-failed", &["fastapi-broadcaster-failed-retry(1)"]),
        ("-failed-list", &["fastapi-broadcaster failed list", "--queue", "FASTAPI_WS_QUEUE"]),
        ("-failed-show", &["Name as listed"]),
        ("-failed-retry", &["--all"]),
        ("-failed-drop", &["--all"]),
        ("-config", &["fastapi-broadcaster-config-check(1)"]),
        ("-config-check", &["--config", "exit code 64", "Examples:"]),
        ("-generate", &["fastapi-broadcaster-generate-man(1)", "Examples:"]),
        ("-queue", &["fastapi-broadcaster-queue-stat(1)", "fastapi-broadcaster-queue-dump(1)"]),
        ("-queue-stat", &["oldest", "records of the journal"]),
        ("-queue-dump", &["--follow", "order of queueing", "Examples:"]),
        ("-config-show", &["--json", "Examples:"]),
        ("-token", &["fastapi-broadcaster-token-create(1)"]),
        ("-token-create", &["--user", "--ttl", "FASTAPI_WS_TOKEN_SECRET", "Examples:"]),
        ("-token-check", &["standard input", "Exit codes"]),
        ("-admin", &["fastapi-broadcaster-admin-disconnect(1)", "FASTAPI_WS_ADMIN_TOKEN", "Examples:"]),
        ("-admin-publish", &["--channel", "--url", "Examples:"]),
        ("-admin-disconnect", &["--user", "--client", "4403"]),
        ("-admin-unsubscribe", &["--user", "--channel"]),
        ("-admin-channels", &["--prefix"]),
        ("-admin-status", &["status.json"]),
    ] {
        let page = page(name);
        for text in expected {
            assert!(page.contains(text), "{name}: {text:?} is not in {page}");
        }
    }
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), 33);
}

#[test]
fn the_doctor_of_a_user_who_may_not_look_says_only_that() {
    if !has_root("to be another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(54_320, 54_320);
    let mut doctor = command(public_binary(&queue));
    doctor.args(["doctor", "--queue"]).arg(queue.path()).uid(54_321).gid(54_321);
    let output = doctor.env("PHP", "/nowhere/php").finish();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("BAD ").count(), 1, "{said}");
    assert!(
        said.contains("this user has no right to list it")
            && said
                .contains(&format!("sudo -u '#54320' fastapi-broadcaster doctor --queue {}", queue.path().display())),
        "{said}"
    );
    assert!(!said.contains("inotify") && !said.contains("no broadcaster reads"), "{said}");
}

#[test]
fn a_cause_is_printed_once() {
    let queue = QueueDir::new();
    let file = queue.write("file", "");
    let (_, _, error) = run(&file, &["publish", "test"]);
    let cause = error.trim_end().rsplit(": ").next().unwrap();
    assert_eq!(error.matches(cause).count(), 1, "{error}");
    let (_, _, error) = run(&queue.path(), &["listen", "ws://127.0.0.1:1/"]);
    assert_eq!(error.matches("Connection refused").count(), 1, "{error}");
}

#[test]
fn listen_says_why_it_cannot_connect_and_what_to_write() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--max-connections", "1"]);
    let address = broadcaster.address();
    for (url, code, told) in [
        (format!("wss://{address}/"), 1, "the server speaks no TLS there: write ws:// instead of wss://".to_owned()),
        (format!("{address}"), 64, format!("has no scheme: write ws://{address}")),
        (format!("http://{address}/ws"), 64, format!("write ws://{address}/ws")),
    ] {
        let (given, _, error) = run(&queue.path(), &["listen", &url]);
        assert!(given == code && error.contains(&told), "{url}: {given}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let _client = Client::of(&broadcaster);
    until("it is full", || {
        let (_, _, error) = run(&queue.path(), &["listen", &format!("ws://{address}/"), "--count", "1"]);
        error.contains("the server answered 503 Service Unavailable: server is full")
    });
    broadcaster.stop();
}

/// Every command that prints something. It must report that the output could not be written.
#[test]
fn output_that_nobody_reads_or_that_finds_no_room_makes_no_panic() {
    let queue = QueueDir::new();
    std::fs::create_dir(queue.path().join("failed")).unwrap();
    // Without an end of line it would be noticed only when the process ends.
    std::fs::write(queue.path().join("failed/1.json"), "no line").unwrap();
    queue.enqueue(1);
    let queue_option = format!("--queue={}", queue.path().display());
    let commands: [&[&str]; 10] = [
        &["queue", "stat", &queue_option],
        &["queue", "dump", &queue_option],
        &["queue", "dump", "--follow", &queue_option],
        &["failed", "list", &queue_option],
        &["failed", "show", "1.json", &queue_option],
        &["doctor", &queue_option],
        &["generate", "completion", "bash"],
        &["--help"],
        &["--version"],
        &["no-command"],
    ];
    for arguments in commands {
        for (out, error) in [(closed_pipe(), closed_pipe()), (full(), full()), (full(), closed_pipe())] {
            let mut process = Process::spawn_as_it_is(command(BINARY).args(arguments).stdout(out).stderr(error));
            let status = process.await_exit();
            assert!(status.code().is_some_and(|code| code != 101), "{arguments:?}: {status}");
        }
        let mut command = command(BINARY);
        let mut process = Process::spawn_as_it_is(command.args(arguments).stdout(full()).stderr(Stdio::piped()));
        let (status, error) = (process.await_exit(), process.stderr().join("\n"));
        let is_reported =
            error.contains("No space left") || error.contains("no-command") || arguments[0].starts_with('-');
        assert!(is_reported, "{arguments:?}: {status}: {error:?}");
    }
}

fn closed_pipe() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

fn full() -> Stdio {
    std::fs::File::options().write(true).open("/dev/full").unwrap().into()
}

/// Characters that clear a terminal, end a line or turn it around: C0, C1, DEL, separators and directions.
const HOSTILE: &str = "a\u{1b}[2J\n2026 ERROR forged\r\t\u{9b}2J\u{85}\u{7f}\u{2028}\u{202e}b.json";
const SHOWN: &str = r"a\u001b[2J\n2026 ERROR forged\r\t\u009b2J\u0085\u007f\u2028\u202eb.json";

/// No line but those of the format has control characters.
fn assert_printable(text: &str) {
    let is_allowed = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    assert!(
        text.chars().all(|character| is_allowed(character) && !matches!(character, '\u{2028}' | '\u{202e}')),
        "{text:?}"
    );
}

#[test]
fn names_with_control_characters_add_no_line_and_send_no_command_to_a_terminal() {
    let queue = QueueDir::new();
    let path = queue.path();
    let mut broadcaster = broadcaster::with(&path, &["--entry-grace-secs", "0.05"]);
    let mut client = Client::of(&broadcaster);
    queue.write(HOSTILE, "{\"payload\":\"\u{1b}[2J\u{9b}\"}\ttab\r\nnext");
    until("it is put aside", || queue.failed().len() == 2);
    broadcaster.await_log("entry is no event");
    let lines = broadcaster.log_lines("");
    lines.iter().for_each(|line| assert_printable(line));
    assert!(lines.iter().all(|line| line.starts_with("20") && !line.starts_with("2026 ERROR forged")), "{lines:#?}");
    assert_eq!(broadcaster.log_lines(SHOWN).len(), 1, "{lines:#?}");

    let list = printed(&path, &["failed", "list"]);
    assert_printable(&list);
    assert!(list.starts_with(&format!("{SHOWN}\t")) && list.lines().count() == 1, "{list:?}");
    assert_printable(&printed(&path, &["queue", "stat"]));
    let (_, doctor, _) = run(&path, &["doctor"]);
    assert_printable(&doctor);

    // By the name as it is listed, and by the name of the file.
    for name in [SHOWN, HOSTILE] {
        let shown = printed(&path, &["failed", "show", name]);
        assert_eq!(shown, "{\"payload\":\"\\u001b[2J\\u009b\"}\ttab\\r\nnext");
        let raw = printed(&path, &["failed", "show", "--raw", name]);
        assert_eq!(raw, "{\"payload\":\"\u{1b}[2J\u{9b}\"}\ttab\r\nnext");
    }
    std::fs::write(path.join("failed").join(HOSTILE), r#"{"event":"test","payload":"corrected"}"#).unwrap();
    assert_eq!(printed(&path, &["failed", "retry", SHOWN]), format!("{SHOWN}\tput back\n"));
    assert_eq!(client.payload(), "\"corrected\"");
    broadcaster.stop();
}

#[test]
fn reasons_paths_and_arguments_with_control_characters_are_escaped_too() {
    let queue = QueueDir::new();
    let folder = queue.path().join("failed");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("1.json"), "{}").unwrap();
    // A user who may write to the queue may write there as well.
    std::fs::write(folder.join("1.json.reason"), "why \u{1b}]0;title\u{7}\u{9c}\r\n").unwrap();
    let remedy = format!("-> fastapi-broadcaster failed list --queue {}", queue.path().display());
    assert!(run(&queue.path(), &["doctor"]).1.contains(&remedy));
    for arguments in [&["failed", "list"][..], &["doctor"][..]] {
        let (_, out, _) = run(&queue.path(), arguments);
        assert_printable(&out);
        assert!(out.contains(r"why \u001b]0;title\u0007\u009c"), "{arguments:?}: {out:?}");
    }
    let absent = queue.root().join("no\u{1b}[2J\nsuch");
    for arguments in [&["failed", "list"][..], &["queue", "stat"][..]] {
        let (code, _, error) = run(&absent, arguments);
        assert_ne!(code, 0);
        assert_printable(&error);
        assert!(error.contains(r"\u001b[2J") && error.lines().count() == 1, "{arguments:?}: {error:?}");
    }
    let (_, doctor, _) = run(&absent, &["doctor"]);
    assert_printable(&doctor);
    assert!(doctor.contains(r"no\u001b[2J\nsuch"), "{doctor:?}");
    let mut waiting = Broadcaster::spawn(broadcaster_command(&absent));
    waiting.await_log("cannot be used yet");
    waiting.log_lines("").iter().for_each(|line| assert_printable(line));
    assert_eq!(waiting.log_lines(r"no\u001b[2J\nsuch").len(), 1);
    waiting.signal(Signal::TERM);
    assert!(waiting.await_exit().success());
}

#[test]
fn log_lines_in_json_stay_json_whatever_they_contain() {
    let queue = QueueDir::new();
    let mut json = broadcaster_command(&queue.path());
    json.args(["--log-format", "json", "--entry-grace-secs", "0.05"]);
    queue.write(HOSTILE, r#"{"event": no event"#);
    let mut broadcaster = Broadcaster::spawn(json);
    broadcaster.await_log("entry is no event");
    for line in broadcaster.log_lines("") {
        assert_printable(&line);
        serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
