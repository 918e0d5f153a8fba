//! What the doctor finds of producers' mistakes.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use queue::Writer;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use testkit::{Broadcaster, Finish as _, QueueDir, free_address, has_root, until};

use crate::support::{BINARY, arguments, broadcaster, command, public_binary};

const PHP: u32 = 54_021;
const BROADCASTER: u32 = 54_022;
const GROUP: u32 = 54_023;

fn doctor(queue: &Path, php: &Path) -> (Option<i32>, String) {
    let mut doctor: Command = command(BINARY);
    let output = doctor.args(["doctor", "--queue"]).arg(queue).env("PHP", php).finish();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Makes a program that says what `php -i` says when the extension is there.
fn php_with(root: &Path, settings: &str) -> std::path::PathBuf {
    let program = root.join("php");
    fs::write(&program, format!("#!/bin/sh\necho 'fastapi_websocket.fsync => none => none'\necho '{settings}'\n"))
        .unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn an_answer_without_end_on_the_port_does_not_hold_up_the_doctor() {
    let queue = QueueDir::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let answers = std::thread::spawn(move || {
        let mut connection = other.accept().unwrap().0;
        while connection.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let mut doctor: Command = command(BINARY);
    doctor.args(["doctor", "--listen", &address.to_string(), "--queue"]).arg(queue.path());
    let output = doctor.env("PHP", "/nowhere/php").finish();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&format!("BAD  something else answers on {address}")), "{printed:.1000}");
    answers.join().unwrap();
}

#[test]
fn the_doctor_finds_entries_that_the_broadcaster_may_not_read() {
    if !has_root("to be other users") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(PHP, GROUP);
    let mut broadcaster = broadcaster::run_by(BROADCASTER, GROUP, &queue, &[]);
    let nowhere = Path::new("/nowhere/php");
    let (_, report) = doctor(&queue.path(), nowhere);
    assert!(report.contains(&format!("ok   the broadcaster (user {BROADCASTER}) may read")), "{report}");

    // Moved there, so that the broadcaster never sees it readable.
    let entry = queue.root().join("1.json");
    fs::write(&entry, r#"{"event":"test","payload":1}"#).unwrap();
    chown(&entry, Some(PHP), Some(GROUP)).unwrap();
    fs::set_permissions(&entry, Permissions::from_mode(0o600)).unwrap();
    fs::rename(entry, queue.path().join("1.json")).unwrap();
    until("it is put aside", || !queue.failed().is_empty());
    let (code, report) = doctor(&queue.path(), nowhere);
    assert_eq!(code, Some(1), "{report}");
    assert!(
        report.contains(&format!("BAD  the broadcaster (user {BROADCASTER}) may not read 1 of the events")),
        "{report}"
    );
    assert!(report.contains("UMask=0027") && report.contains("failed/*.json"), "{report}");

    let entry = queue.path().join("failed/1.json");
    fs::set_permissions(&entry, Permissions::from_mode(0o640)).unwrap();
    chown(&entry, Some(PHP), Some(PHP)).unwrap();
    let (_, report) = doctor(&queue.path(), nowhere);
    assert!(report.contains("chmod g+s") && report.contains(&format!("chgrp {GROUP} ")), "{report}");
    broadcaster.stop();
}

#[test]
fn a_queue_beside_the_own_that_nobody_reads_is_shown_by_the_doctor_and_in_the_log() {
    let queue = QueueDir::new();
    let mistyped = queue.root().join("qeue");
    Writer::new(&mistyped).enqueue(br#""test""#, b"1").unwrap();
    // Neither a project nor a queue that another broadcaster reads.
    fs::create_dir(queue.root().join("project")).unwrap();
    fs::write(queue.root().join("project/package.json"), "{}").unwrap();
    let read = queue.root().join("read");
    queue::create_directory(&read).unwrap();
    let mut other = broadcaster::start(&read);

    let mut broadcaster = broadcaster::start(&queue.path());
    broadcaster.await_log("events wait in a directory beside the queue that no broadcaster reads");
    assert_eq!(broadcaster.log_lines("that no broadcaster reads").len(), 1);
    let (code, report) = doctor(&queue.path(), Path::new("/nowhere/php"));
    assert_eq!(code, Some(1), "{report}");
    assert!(
        report.contains(&format!("BAD  events wait in {}, which no broadcaster reads", mistyped.display())),
        "{report}"
    );
    assert_eq!(report.matches("which no broadcaster reads").count(), 1, "{report}");
    broadcaster.stop();
    other.stop();
}

#[test]
fn the_doctor_compares_the_queue_with_the_one_that_php_is_set_to() {
    let queue = QueueDir::new();
    let setting =
        |path: &Path| php_with(queue.root(), &format!("fastapi_websocket.path => {0} => {0}", path.display()));
    let (_, report) = doctor(&queue.path(), &setting(&queue.path()));
    assert!(!report.contains("another directory"), "{report}");
    // Not all of the thirty that php -i lists.
    let path = queue.path();
    let loaded =
        format!("(cli) has loaded the extension: path {}, queue not set, max_event_bytes not set\n", path.display());
    assert!(report.contains(&loaded), "{report}");

    let other = queue.root().join("elsewhere/queue");
    let (_, report) = doctor(&queue.path(), &setting(&other));
    assert!(report.contains(&format!("queues into {} where a script gives no path", other.display())), "{report}");

    Writer::new(&other).enqueue(br#""test""#, b"1").unwrap();
    let (_, report) = doctor(&queue.path(), &setting(&other));
    assert!(report.contains(&format!("BAD  events wait in {}", other.display())), "{report}");
}

/// What doctor and the log of a broadcaster that waits say of a directory that cannot be used.
fn remedies(queue: &QueueDir, binary: &Path, user: u32, group: u32) -> [String; 2] {
    let mut waiting = command(binary);
    waiting.args(arguments(&queue.path())).uid(user).gid(group);
    let mut waiting = Broadcaster::spawn(waiting);
    waiting.await_log("cannot be used yet");
    let mut doctor = command(binary);
    doctor.args(["doctor", "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php").uid(user).gid(group);
    let output = doctor.finish();
    [String::from_utf8(output.stdout).unwrap(), waiting.log_lines("cannot be used yet").remove(0)]
}

#[test]
fn a_directory_that_cannot_be_used_is_reported_with_what_helps_against_that() {
    if !has_root("to mount a file system and to be other users") {
        return;
    }
    let queue = QueueDir::mounted("256m");
    fs::set_permissions(queue.root(), Permissions::from_mode(0o755)).unwrap();
    let binary = public_binary(&queue);
    queue.remount("ro");
    let protected = format!("ReadWritePaths={}", queue.path().display());
    for told in remedies(&queue, &binary, 0, 0) {
        assert!(told.contains(&protected) && !told.contains("group, "), "{told}");
    }
    queue.remount("rw");

    queue.give_to(PHP, GROUP);
    let lock = queue.write(".lock", "");
    chown(&lock, Some(PHP), Some(PHP)).unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o640)).unwrap();
    for told in remedies(&queue, &binary, BROADCASTER, GROUP) {
        assert!(told.contains(&format!("see that none runs, then delete {}", lock.display())), "{told}");
    }
    fs::remove_file(lock).unwrap();

    queue.set_mode(0o2750);
    for told in remedies(&queue, &binary, BROADCASTER, GROUP) {
        assert!(told.contains(&format!("directory's group, {GROUP}, and let the group use it: chmod g+rwx")), "{told}");
    }
}

#[test]
fn a_history_directory_that_root_has_made_is_reported_with_what_helps_against_that() {
    if !has_root("to be another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(BROADCASTER, GROUP);
    broadcaster::start(&queue.path()).stop();
    let history = queue.path().join("history");
    let remedy = format!("chown -R {BROADCASTER} {}", history.display());

    let binary = public_binary(&queue);
    let mut waiting = command(&binary);
    waiting.args(arguments(&queue.path())).uid(BROADCASTER).gid(GROUP);
    let mut waiting = Broadcaster::spawn(waiting);
    waiting.await_log("the history log cannot be used yet");
    let told = waiting.log_lines("cannot be used yet").remove(0);
    assert!(told.contains("the user 0 has made it") && told.contains(&remedy), "{told}");
    let mut doctor = command(&binary);
    doctor.args(["doctor", "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php").uid(BROADCASTER).gid(GROUP);
    let told = String::from_utf8(doctor.finish().stdout).unwrap();
    assert!(told.contains(&remedy), "{told}");

    for path in [history.join("log"), history] {
        chown(path, Some(BROADCASTER), Some(GROUP)).unwrap();
    }
    let mut broadcaster = waiting.listening();
    assert!(broadcaster.log_lines("history begins anew").is_empty(), "{:?}", broadcaster.stderr());
    broadcaster.stop();
}

#[test]
fn the_doctor_looks_at_the_application_and_at_whether_its_webhooks_can_be_reached() {
    let queue = QueueDir::new();
    let report = |app: &str| {
        let mut doctor = command(BINARY);
        doctor.args(["doctor", "--public-channels", "*", "--queue"]).arg(queue.path());
        let output = doctor.env("PHP", "/nowhere/php").env("FASTAPI_WS_APP", app).finish();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (open, closed) = (TcpListener::bind("127.0.0.1:0").unwrap(), free_address());
    let address = open.local_addr().unwrap();
    let (code, told) = report(&format!(
        "id=7 key=k-1 secret=geheim webhook=http://{closed}/geheim?a=geheim webhook=http://{address}/geheim"
    ));
    assert_eq!(code, Some(1), "{told}");
    for line in [
        "ok   the application has the key k-1: clients connect on /app/k-1, servers on /apps/7\n",
        "note a secret of [[app]] is shorter than 20 bytes or has a space",
        "-> make one with openssl rand -hex 32",
        &format!("BAD  the webhook at http://{closed} cannot be reached: "),
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("geheim") && !told.contains(&address.to_string()), "{told}");

    let (_, told) = report(&format!("id=7 key=k-1 secret=7ad3773142a6692b25b8 webhook=http://{address}/geheim"));
    assert!(told.contains("ok   all webhooks (1) can be reached\n"), "{told}");
    assert!(!told.contains("a secret of [[app]]") && !told.contains("geheim"), "{told}");
    let (_, told) = report("id=7 key=k-1 secret=7ad3773142a6692b25b8");
    assert!(told.contains("the application has the key k-1") && !told.contains("webhook"), "{told}");
}

#[test]
fn the_doctor_looks_at_the_history_directory_and_at_the_log() {
    let queue = QueueDir::new();
    let report = |flags: &[&str]| {
        let mut doctor = command(BINARY);
        doctor.args(["doctor", "--queue"]).arg(queue.path()).args(flags).env("PHP", "/nowhere/php");
        let output = doctor.finish();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let told = |flags: &[&str], lines: &[&str]| {
        let (code, report) = report(flags);
        for line in lines {
            assert!(report.contains(line), "{line} is not in {report}");
        }
        let is_bad = lines.iter().any(|line| line.starts_with("BAD "));
        assert_eq!(report.lines().any(|line| line.starts_with("BAD ") && line.contains("history")), is_bad, "{report}");
        assert!(!is_bad || code == Some(1), "{report}");
    };
    let directory = queue.path().join("history");
    let shown = directory.display();
    told(&["--history-events", "0"], &["ok   no history is kept"]);
    told(&[], &[&format!("ok   the history directory {shown} is missing; the broadcaster creates it")]);
    let nowhere = ["--history-dir", "/nowhere/history"];
    told(
        &nowhere,
        &["BAD  the history directory /nowhere/history is missing, and cannot be created", "-m 700 /nowhere/history"],
    );

    let mut broadcaster = broadcaster::start(&queue.path());
    let good = format!("ok   history directory {shown}, mode 700, user ");
    told(&[], &[&good, "ok   the history log has 0 events\n"]);
    fs::rename(directory.join("log"), queue.root().join("log")).unwrap();
    let nothing = format!("note the broadcaster that runs writes no history log in {shown}");
    told(
        &[],
        &[&good, &nothing, "if its history_dir is another, run the doctor with its configuration, as in --config"],
    );
    fs::rename(queue.root().join("log"), directory.join("log")).unwrap();
    broadcaster.stop();
    let clear = format!("fastapi-broadcaster history clear --history-dir {shown}");
    told(&[], &[&good, &format!("from a backup or snapshot, delete it before the start: {clear}")]);

    // As a backup restores it.
    let log = fs::read(directory.join("log")).unwrap();
    fs::rename(directory.join("log"), queue.root().join("log")).unwrap();
    fs::write(directory.join("log"), log).unwrap();
    let copied = "note history begins anew at the next start: the history log is a copy";
    told(&[], &[copied, &format!("after a backup was restored: {clear}")]);
    fs::write(directory.join("log"), "something else").unwrap();
    told(&[], &["BAD ", "log is no history log"]);

    fs::set_permissions(&directory, Permissions::from_mode(0o750)).unwrap();
    told(&[], &["BAD  history directory", "others could read events", &format!("chmod 700 {shown}")]);
    fs::rename(&directory, queue.root().join("moved")).unwrap();
    std::os::unix::fs::symlink(queue.root().join("moved"), &directory).unwrap();
    told(&[], &["BAD  the history directory", "is a link or no directory"]);
}

#[test]
fn the_doctor_notes_a_history_directory_that_is_gone_after_a_reboot() {
    if !has_root("to mount a file system and to be another user") {
        return;
    }
    let (queue, disk) = (QueueDir::new(), QueueDir::mounted("1m"));
    let binary = public_binary(&queue);
    let report = |queue: &Path, history: &Path, user: u32| {
        let mut doctor = command(&binary);
        doctor.args(["doctor", "--queue"]).arg(queue).arg("--history-dir").arg(history).uid(user);
        String::from_utf8(doctor.env("PHP", "/nowhere/php").finish().stdout).unwrap()
    };
    let in_memory = disk.root().join("history");
    let note = format!("note the history directory {} is in memory (tmpfs)", in_memory.display());
    assert!(report(&queue.path(), &in_memory, 0).contains(&note));
    // Both are gone then, and nothing is wrong with that.
    assert!(!report(&disk.path(), &in_memory, 0).contains("in memory"));

    fs::set_permissions(disk.root(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&in_memory).unwrap();
    fs::set_permissions(&in_memory, Permissions::from_mode(0o700)).unwrap();
    queue.give_to(BROADCASTER, GROUP);
    let told = report(&queue.path(), &in_memory, BROADCASTER);
    assert!(told.contains(&format!("this user, {BROADCASTER}, cannot use it")), "{told}");
    chown(&in_memory, Some(BROADCASTER), Some(GROUP)).unwrap();
    let good = format!("ok   history directory {}, mode 700, user {BROADCASTER}", in_memory.display());
    assert!(report(&queue.path(), &in_memory, BROADCASTER).contains(&good));
    disk.remount("ro");
    let told = report(&queue.path(), &in_memory, BROADCASTER);
    assert!(told.contains(&format!("ReadWritePaths={}", in_memory.display())), "{told}");
    disk.remount("rw");
}

#[test]
fn a_file_url_is_the_queue_in_it() {
    let queue = QueueDir::new();
    queue.enqueue(1);
    for url in ["file://", "file://localhost"].map(|host| format!("{host}{}", queue.path().display())) {
        let output = command(BINARY).args(["queue", "stat", "--queue", &url]).finish();
        assert!(output.stdout.starts_with(b"waiting\t1\n"), "{url}: {output:?}");
        let mut serving = command(BINARY);
        serving.args(["--listen", "127.0.0.1:0", "--queue", &url]);
        let mut broadcaster = Broadcaster::spawn(serving).listening();
        until("it reads the queue", || queue.waiting() == 0);
        broadcaster.stop();
        queue.enqueue(1);
    }
}

#[test]
fn publish_refuses_a_url_as_queue() {
    let queue = QueueDir::new();
    let mut publish = command(BINARY);
    let output = publish.current_dir(queue.root()).args(["publish", "e", "--queue", "phar://a/queue"]).finish();
    assert_eq!(output.status.code(), Some(64));
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("phar://a/queue is a URL of phar://"), "{report}");
    assert!(!queue.root().join("phar:").exists());
}

#[test]
fn the_doctor_reports_no_idle_port_when_an_event_came_through_another_address() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = |url: &str| {
        let mut doctor: Command = command(BINARY);
        doctor.args(["doctor", "--listen", &unused.to_string(), "--url", url, "--queue"]).arg(queue.path());
        String::from_utf8(doctor.env("PHP", "/nowhere/php").finish().stdout).unwrap()
    };
    let nothing = format!("nothing listens on {unused}");
    let through = report(&format!("ws://{}/", broadcaster.address()));
    assert!(through.contains("ok   an event went from the directory to ws://"), "{through}");
    assert!(!through.contains(&nothing), "{through}");
    let none = report(&format!("ws://{unused}/"));
    assert!(none.contains(&nothing) && none.contains("BAD  no round trip"), "{none}");
    broadcaster.stop();
}

#[test]
fn the_doctor_says_why_it_queues_no_event_into_a_directory_that_it_cannot_use() {
    let queue = QueueDir::new();
    let said = |queue: &Path| {
        let mut doctor = command(BINARY);
        doctor.args(["doctor", "--url", "ws://127.0.0.1:1/", "--queue"]).arg(queue).env("PHP", "/nowhere/php");
        String::from_utf8(doctor.finish().stdout).unwrap()
    };
    let (missing, file) = (queue.root().join("missing"), queue.root().join("file"));
    fs::write(&file, "").unwrap();
    for (queue, why) in [(missing, "No such file or directory"), (file, "it is no directory")] {
        let told = format!("BAD  no round trip through ws://127.0.0.1:1/: queue directory {}: {why}", queue.display());
        assert!(said(&queue).contains(&told), "{}", said(&queue));
    }
}

/// What the doctor says with these arguments.
fn report(queue: &QueueDir, arguments: &[&str]) -> String {
    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--queue"]).arg(queue.path()).args(arguments).env("PHP", "/nowhere/php");
    String::from_utf8(doctor.finish().stdout).unwrap()
}

#[test]
fn the_doctor_looks_at_the_address_and_the_script_of_the_hook() {
    let queue = QueueDir::new();
    let (socket, script) = (queue.root().join("fpm.sock"), queue.root().join("ws_auth.php"));
    let with_hook = |url: &str| report(&queue, &["--public-channels", "*", "--auth-hook", url]);
    assert!(!report(&queue, &[]).contains("hook"), "there is none");

    let url = format!("fastcgi://{}?script={}&uri=/ws-auth?key=s3cret", socket.display(), script.display());
    let told = with_hook(&url);
    assert!(told.contains(&format!("BAD  the hook at {}: ", socket.display())), "{told}");
    assert!(told.contains("see that php-fpm runs, and `listen` of its pool"), "{told}");
    assert!(told.contains(&format!("note the script of the hook, {}: ", script.display())), "{told}");

    let listener = UnixListener::bind(&socket).unwrap();
    fs::write(&script, "<?php").unwrap();
    let told = with_hook(&url);
    assert!(told.contains(&format!("ok   something listens at {}", socket.display())), "{told}");
    assert!(told.contains(&format!("ok   the script of the hook, {}, can be read", script.display())), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
    drop(listener);
    let told = with_hook(&url);
    assert!(told.contains(&format!("BAD  the hook at {}: Connection refused", socket.display())), "{told}");

    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap();
    let told = with_hook(&format!("http://{address}/ws-auth?key=s3cret"));
    assert!(told.contains(&format!("ok   something listens at {address}, where the hook is")), "{told}");
    assert!(!told.contains("the script of the hook") && !told.contains("s3cret"), "{told}");
    drop(web);
    let told = with_hook(&format!("http://{address}/ws-auth"));
    assert!(told.contains(&format!("BAD  the hook at {address}: Connection refused")), "{told}");
    // Files of another machine are not there.
    let told = with_hook("fastcgi://192.0.2.1:9000?script=/nowhere/a.php");
    assert!(!told.contains("the script of the hook"), "{told}");
}

#[test]
fn a_socket_of_the_hook_that_takes_nobody_does_not_hold_up_the_doctor() {
    let queue = QueueDir::new();
    let socket = queue.root().join("fpm.sock");
    let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(&socket).unwrap()).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _waits = UnixStream::connect(&socket).unwrap();
    let url = format!("fastcgi://{}?script={}", socket.display(), socket.display());
    let told = report(&queue, &["--public-channels", "*", "--auth-hook", &url]);
    assert!(told.contains(&format!("note the hook at {}: all its workers are busy", socket.display())), "{told}");
}

#[test]
fn the_doctor_counts_the_descriptors_that_the_server_counts() {
    let queue = QueueDir::new();
    let wanted = |arguments: &[&str]| {
        let mut shell = command("sh");
        shell.args(["-c", "ulimit -n 60 && exec \"$0\" \"$@\"", BINARY]).args(arguments);
        shell.arg("--queue").arg(queue.path()).env("PHP", "/nowhere/php");
        shell
    };
    for arguments in [
        &[][..],
        &["--admin-listen", "127.0.0.1:0"],
        &["--public-channels", "*", "--auth-hook", "http://127.0.0.1:9/", "--auth-hook-concurrency", "100"],
    ] {
        let mut serving = wanted(&[]);
        serving.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut broadcaster = Broadcaster::spawn(serving).listening();
        let line = broadcaster.log_lines("fewer files may be open").remove(0);
        let needed = line.split("wanted=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        broadcaster.stop();
        let mut doctor = wanted(&["doctor"]);
        let told = String::from_utf8(doctor.args(arguments).finish().stdout).unwrap();
        assert!(told.contains(&format!("max_connections = 10000 needs {needed}\n")), "{needed}: {told}");
    }
}
