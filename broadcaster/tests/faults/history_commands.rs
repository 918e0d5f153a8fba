//! `history stat`, `show` and `clear`: a look at the history log while a broadcaster runs and afterwards, and deleting it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Finish as _, QueueDir, until};

use crate::support::{BINARY, broadcaster, command};

/// Exit code, standard output and standard error.
fn history(arguments: &[&str], flags: &[&str]) -> (i32, String, String) {
    let mut history = command(BINARY);
    let output = history.arg("history").args(arguments).args(flags).finish();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn of_queue(queue: &QueueDir, arguments: &[&str]) -> (i32, String, String) {
    history(arguments, &["--queue", queue.path().to_str().unwrap()])
}

/// What `stat` prints, by its labels.
fn stat(queue: &QueueDir) -> BTreeMap<String, String> {
    let (code, out, error) = of_queue(queue, &["stat"]);
    assert_eq!(code, 0, "{error}");
    out.lines()
        .map(|line| line.split_once('\t').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
        .collect()
}

fn show(queue: &QueueDir, arguments: &[&str]) -> Vec<Value> {
    let (code, out, error) = of_queue(queue, &[&["show"], arguments].concat());
    assert_eq!(code, 0, "{error}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn publish(queue: &QueueDir, payload: usize, flags: &[&str]) {
    let mut publish = command(BINARY);
    publish.args(["publish", "test", &payload.to_string(), "--queue"]).arg(queue.path()).args(flags);
    let output = publish.finish();
    assert!(output.status.success(), "{output:?}");
    // The order of what several processes queue at the same moment is open.
    until("it is published", || queue.waiting() == 0);
}

fn payloads(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["payload"].as_u64().unwrap()).collect()
}

#[test]
fn the_log_is_shown_while_it_is_written_and_afterwards() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    publish(&queue, 1, &["--channel", "a"]);
    publish(&queue, 2, &[]);
    publish(&queue, 3, &["--channel", "b", "--channel", "a", "--ttl", "600"]);
    publish(&queue, 4, &["--channel", "b", "--key", "k"]);

    let log = queue.path().join("history/log");
    let of = stat(&queue);
    let epoch = of["epoch"].clone();
    for (label, expected) in [
        ("directory", queue.path().join("history").to_str().unwrap()),
        ("first", "1"),
        ("last", "4"),
        ("trimmed", "0"),
        ("events", "4"),
        ("for everybody", "1"),
        ("channels", "2"),
        ("broadcaster", "running"),
        ("closed", "in use"),
        ("next start", "continues it"),
    ] {
        assert_eq!(of[label], expected, "{label}: {of:?}");
    }
    assert_eq!(of["bytes"].parse::<u64>().unwrap(), fs::metadata(&log).unwrap().len() - 4096);
    assert!(of["oldest"].ends_with(" s") && of["newest"].ends_with(" s"), "{of:?}");

    let events = show(&queue, &[]);
    assert_eq!(payloads(&events), [1, 2, 3, 4]);
    let keys = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let always = ["channels", "event", "id", "payload", "published_at", "timestamp", "uid"];
    assert_eq!(keys(&events[0]), always);
    assert_eq!(events[1]["channels"], Value::Null);
    assert_eq!(events[2]["channels"], json!(["b", "a"]));
    assert!(events[2]["expires_at"].as_f64().unwrap() > events[2]["published_at"].as_f64().unwrap() + 500.0);
    assert_eq!((&events[3]["key"], &events[3]["id"]), (&json!("k"), &json!(format!("{epoch}-4"))));

    assert_eq!(payloads(&show(&queue, &["--channel", "a"])), [1, 3]);
    assert_eq!(payloads(&show(&queue, &["--limit", "3"])), [1, 2, 3]);
    assert_eq!(payloads(&show(&queue, &["--channel", "b", "--limit", "1"])), [3]);
    assert_eq!(payloads(&show(&queue, &["--after", &format!("{epoch}-2")])), [3, 4]);
    assert_eq!(payloads(&show(&queue, &["--after", &format!("{epoch}-9")])), [0; 0]);
    let moment = |event: &Value| format!("t.{}", (event["published_at"].as_f64().unwrap() * 1000.0).round() as u64);
    let since = payloads(&show(&queue, &["--after", &moment(&events[3])]));
    assert!(since.ends_with(&[4]) && !since.contains(&1), "{since:?}");
    let (code, _, error) = of_queue(&queue, &["show", "--after", "0000000000000000-1"]);
    let told = format!("0000000000000000-1 is no position of this history log: its ids begin with {epoch}-");
    assert!(code == 1 && error.contains(&told), "{code}: {error}");
    let (code, _, error) = of_queue(&queue, &["show", "--after", "a b"]);
    assert!(code == 64 && error.contains("is no position"), "{code}: {error}");
    let (code, _, error) = of_queue(&queue, &["show", "--channel", "a b"]);
    assert!(code == 64 && error.contains("a channel name has"), "{code}: {error}");

    broadcaster.stop();
    // A broadcaster that runs notes now and then what it has trimmed.
    let state = || (fs::read(&log).unwrap(), fs::metadata(&log).unwrap().modified().unwrap());
    let before = state();
    let of = stat(&queue);
    assert_eq!((&*of["broadcaster"], &*of["closed"], &*of["events"]), ("none", "yes", "4"));
    assert_eq!(payloads(&show(&queue, &[])), [1, 2, 3, 4]);
    assert_eq!(state(), before);
    let mut broadcaster = broadcaster::start(&queue.path());
    assert_eq!(stat(&queue)["epoch"], epoch);
    broadcaster.kill();
    let of = stat(&queue);
    assert_eq!((&*of["closed"], &*of["next start"]), ("no", "continues it"));
}

#[test]
fn why_the_next_start_begins_anew_is_told() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    (1..=3).for_each(|number| publish(&queue, number, &[]));
    broadcaster.stop();
    let log = queue.path().join("history/log");
    let good = fs::read(&log).unwrap();
    let of_directory = || {
        let (code, out, error) = history(&["stat"], &["--history-dir", log.parent().unwrap().to_str().unwrap()]);
        assert_eq!(code, 0, "{error}");
        out.lines().find_map(|line| line.strip_prefix("next start\t")).unwrap().to_owned()
    };
    assert_eq!(of_directory(), "not known: it depends on the queue directory (--queue)");
    // A copy has another inode, as what comes from a backup.
    fs::rename(&log, queue.root().join("original")).unwrap();
    fs::write(&log, &good).unwrap();
    assert_eq!(stat(&queue)["next start"], "begins anew: the history log is a copy, and may lack what was sent since");
    assert_eq!(of_directory(), stat(&queue)["next start"], "whatever the queue is");
    fs::remove_file(&log).unwrap();
    fs::rename(queue.root().join("original"), &log).unwrap();
    assert_eq!(stat(&queue)["next start"], "continues it");

    let mut bad = good.clone();
    let last = bad.len() - 3;
    bad[last] ^= 1;
    fs::write(&log, &bad).unwrap();
    let of = stat(&queue);
    assert!(of["next start"].starts_with("begins anew: the history log is damaged at byte "), "{of:?}");
    assert_eq!(of["events"], "2");
    let (code, out, error) = of_queue(&queue, &["show"]);
    assert!(code == 1 && out.lines().count() == 2 && error.contains("is damaged at byte"), "{code}: {out}{error}");
    fs::write(&log, &good).unwrap();

    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-events", "0"]);
    broadcaster.stop();
    assert!(stat(&queue)["next start"].starts_with("begins anew: events were sent since"));
}

#[test]
fn a_log_is_deleted_only_while_nobody_uses_it() {
    let queue = QueueDir::new();
    let history_dir = queue.root().join("elsewhere");
    let flags = ["--history-dir", history_dir.to_str().unwrap()];
    let path = queue.path();
    let both = [&flags[..], &["--queue", path.to_str().unwrap()]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    publish(&queue, 1, &[]);
    let (code, _, error) = history(&["clear"], &both);
    let told = format!("a broadcaster reads the queue directory {}: stop it first", queue.path().display());
    assert!(code == 1 && error.contains(&told), "{code}: {error}");
    let (code, _, error) = history(&["clear"], &flags);
    let told = format!("a broadcaster uses the history directory {}: stop it first", history_dir.display());
    assert!(code == 1 && error.contains(&told), "{code}: {error}");
    publish(&queue, 2, &[]);
    broadcaster.stop();

    fs::write(history_dir.join("other"), "").unwrap();
    let config = queue.root().join("config.toml");
    fs::write(&config, format!("queue = {:?}\nhistory_dir = {history_dir:?}\n", queue.path())).unwrap();
    let (code, out, error) = history(&["clear"], &["--config", config.to_str().unwrap()]);
    assert!(code == 0 && out.starts_with(&format!("{}\tdeleted\t", history_dir.display())), "{code}: {out}{error}");
    assert!(!history_dir.join("log").exists() && history_dir.join("other").exists());
    let (code, _, error) = history(&["clear"], &flags);
    assert!(code == 1 && error.contains("there is no history log in"), "{code}: {error}");
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    publish(&queue, 3, &[]);
    let (code, out, error) = history(&["show"], &flags);
    assert!(code == 0 && out.lines().count() == 1 && out.contains("-1\""), "{code}: {out}{error}");
    broadcaster.stop();
}

/// Everything in a directory, with what it holds.
fn content(directory: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let all = fs::read_dir(directory).unwrap().map(|file| file.unwrap());
    all.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).ok())).collect()
}

#[test]
fn what_is_no_history_log_is_never_deleted() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    publish(&queue, 1, &[]);
    broadcaster.stop();
    let real = queue.path().join("history");

    let root = queue.root();
    let make = |name: &str| {
        let directory = root.join(name);
        fs::create_dir(&directory).unwrap();
        directory
    };
    let (foreign, empty, linked, folder) = (make("foreign"), make("empty"), make("linked"), make("folder"));
    fs::write(foreign.join("log"), "what another program has logged\n".repeat(1000)).unwrap();
    fs::write(empty.join("log"), "").unwrap();
    symlink(real.join("log"), linked.join("log")).unwrap();
    fs::create_dir(folder.join("log")).unwrap();
    symlink(&real, root.join("link")).unwrap();
    fs::write(root.join("file"), "").unwrap();
    for (name, told) in [
        ("foreign", "foreign/log is no history log"),
        ("empty", "empty/log is no history log"),
        ("linked", "linked/log is no history log"),
        ("folder", "folder/log is no history log"),
        ("link", "link is a link or no directory"),
        ("file", "file is a link or no directory"),
        ("missing", "there is no history log in"),
    ] {
        let path = root.join(name);
        let before = (content(&real), path.is_dir().then(|| content(&path)));
        for act in ["clear", "stat", "show"] {
            let (code, out, error) = history(&[act], &["--history-dir", path.to_str().unwrap()]);
            assert!(code == 1 && out.is_empty() && error.contains(told), "{act} {name}: {code}: {out}{error}");
        }
        assert_eq!((content(&real), path.is_dir().then(|| content(&path))), before, "{name}");
    }
}

#[test]
fn without_a_directory_the_ways_to_name_one_are_told() {
    let (code, _, error) = history(&["stat"], &[]);
    assert!(code == 64 && error.contains("no queue directory is given: set --queue DIR"), "{code}: {error}");
}
