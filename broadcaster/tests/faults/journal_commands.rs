//! The journal as an operator sees it: `queue stat`, `queue dump`, `failed`, `doctor`, and the log.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, PipeReader};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::libc;
use queue::{AppendOptions, Durability, JournalWriter, NewEvent, Priority, Uid, record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use testkit::{Finish as _, Process, QueueDir, TIMEOUT, has_root, make_old, sandbox, until};

use crate::support::{BINARY, Client, broadcaster, command, printed, run};

const OLD_SEGMENT: &str = "019a3a5e-7f00-7000-8000-000000000000.seg";

fn doctor(queue: &QueueDir) -> String {
    run(&queue.path(), &["doctor"]).1
}

/// Makes the journal, as a broadcaster does that has run here.
fn with_journal() -> QueueDir {
    let queue = QueueDir::new();
    broadcaster::start(&queue.path()).stop();
    assert!(journal(&queue).is_dir());
    queue
}

fn journal(queue: &QueueDir) -> PathBuf {
    queue.path().join("journal")
}

fn segments(queue: &QueueDir) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = fs::read_dir(journal(queue)).unwrap().map(|file| file.unwrap().path()).collect();
    segments.sort();
    segments
}

fn append(writer: &mut JournalWriter, queue: &QueueDir, numbers: std::ops::Range<usize>) {
    let payloads: Vec<String> = numbers.map(|number| number.to_string()).collect();
    let event = |payload| NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: payload,
        channels: None,
        ttl: None,
        key: None,
        except: None,
    };
    let events: Vec<_> = payloads.iter().map(|payload| event(payload.as_bytes())).collect();
    let options = AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes: 1 << 20 };
    writer.append(&queue.path(), &events, options).unwrap();
}

/// A record with this body.
fn record_of(body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::begin(&mut bytes);
    bytes.extend_from_slice(body.as_bytes());
    record::finish(&mut bytes, 1_760_000_000_000_000_000).unwrap();
    bytes
}

fn good_line(payload: &str) -> String {
    format!("{{\"v\":1,\"uid\":\"{}\",\"event\":\"test\",\"payload\":{payload},\"channels\":null}}\n", Uid::new())
}

/// The next line of a process that goes on.
fn next_line(out: &mut BufReader<PipeReader>) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        if out.buffer().is_empty() {
            let timeout = Timespec::try_from(TIMEOUT).unwrap();
            let read = poll(&mut [PollFd::new(out.get_ref(), PollFlags::IN)], Some(&timeout)).unwrap();
            assert_eq!(read, 1, "nothing is printed");
        }
        assert!(out.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    line
}

#[test]
fn queue_stat_says_how_many_wait_in_each_form() {
    let queue = with_journal();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..3);
    append(&mut writer, &queue, 3..4);
    queue.enqueue(4);
    let stat = printed(&queue.path(), &["queue", "stat"]);
    let bytes = fs::metadata(&segments(&queue)[0]).unwrap().len();
    assert!(stat.starts_with("waiting\t3\nevents\t5\noldest\t"), "{stat}");
    let expected = format!("\nfiles\t1\nrecords\t2\nsegments\t1\nsegment bytes\t{bytes}\nfailed\t0\n");
    assert!(stat.contains(&expected), "{stat}");
    let mut broadcaster = broadcaster::start(&queue.path());
    until("all is read", || {
        printed(&queue.path(), &["queue", "stat"]).starts_with("waiting\t0\nevents\t0\noldest\t-\n")
    });
    broadcaster.stop();
}

#[test]
fn queue_dump_prints_both_forms_in_the_order_of_queueing_and_changes_nothing() {
    let queue = with_journal();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..2);
    queue.enqueue(2);
    append(&mut writer, &queue, 3..4);
    // Of a producer that writes in place: when it was queued is in the content, or is the time of the file.
    queue.write("1.json", "{\"event\":\"\u{9b}2J\",\n\"payload\":4,\"queued_at\":2000000000.5}");
    make_old(&queue.write("2.json", "no event"), Duration::from_secs(100));
    queue.write("composer.json", r#"{"name":"of another program"}"#);
    let before = queue.names();
    let dump = printed(&queue.path(), &["queue", "dump"]);
    let rows: Vec<Vec<&str>> = dump.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 6, "{dump}");
    let segment = segments(&queue)[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert!(rows[0][1..3] == ["2.json", "-"] && rows[0][3].starts_with("not valid JSON"), "{dump}");
    for (number, row) in rows[1..5].iter().enumerate() {
        assert_eq!(row[1].starts_with(&format!("{segment}@")), number != 2, "{row:?}");
        let event: serde_json::Value = serde_json::from_str(row[2]).unwrap();
        assert_eq!(event["payload"], number);
        assert!(row[0].parse::<f64>().unwrap() > 1_700_000_000.0, "{row:?}");
    }
    assert_eq!((rows[1][1], rows[2][1]), (&*format!("{segment}@0"), rows[1][1]));
    let last = r#"{"event":"\u009b2J", "payload":4,"queued_at":2000000000.5}"#;
    assert_eq!(rows[5], ["2000000000.500000", "1.json", last]);
    assert_eq!(queue.names(), before);
    // The producer still has its segment.
    append(&mut writer, &queue, 5..6);
    assert_eq!(segments(&queue).len(), 1);
}

#[test]
fn queue_dump_follows_what_is_queued_until_nobody_reads_it() {
    let queue = QueueDir::new();
    queue.enqueue(0);
    let (out, printing) = std::io::pipe().unwrap();
    let mut dump = command(BINARY);
    dump.args(["queue", "dump", "--follow", "--queue"]).arg(queue.path()).stdout(printing).stderr(Stdio::piped());
    let mut process = Process::spawn_as_it_is(&mut dump);
    drop(dump);
    let mut out = BufReader::new(out);
    let mut next = || {
        let line = next_line(&mut out);
        let event = line.split('\t').nth(2).unwrap().to_owned();
        serde_json::from_str::<serde_json::Value>(&event).unwrap()["payload"].as_u64().unwrap()
    };
    assert_eq!(next(), 0);
    // No broadcaster reads, so that no file is gone before it is seen.
    queue.enqueue(1);
    assert_eq!(next(), 1);
    let mut broadcaster = broadcaster::start(&queue.path());
    until("the files are delivered", || queue.waiting() == 0);
    let mut writer = JournalWriter::new();
    for number in 2..50 {
        append(&mut writer, &queue, number..number + 1);
        assert_eq!(next(), number as u64);
    }
    // Of a producer that ends at once, and with it its segment.
    append(&mut JournalWriter::new(), &queue, 50..52);
    assert_eq!([next(), next()], [50, 51]);
    broadcaster.stop();
    drop(out);
    // Nothing more is queued.
    assert_eq!(process.await_exit().code(), Some(0));
    assert!(process.stderr().is_empty(), "{:?}", process.stderr());
}

#[test]
fn queue_dump_goes_on_in_a_directory_that_replaces_the_one_before() {
    let queue = QueueDir::new();
    let (out, printing) = std::io::pipe().unwrap();
    let mut dump = command(BINARY);
    dump.args(["queue", "dump", "-f", "--queue"]).arg(queue.path()).stdout(printing);
    let _process = Process::spawn_as_it_is(&mut dump);
    drop(dump);
    let mut out = BufReader::new(out);
    queue.enqueue(1);
    assert!(next_line(&mut out).contains(r#""payload":1"#));
    fs::rename(queue.path(), queue.root().join("moved")).unwrap();
    queue::create_directory(&queue.path()).unwrap();
    queue.enqueue(2);
    assert!(next_line(&mut out).contains(r#""payload":2"#));
}

#[test]
fn records_that_are_no_events_and_files_that_are_no_segments_are_listed_shown_put_back_and_dropped() {
    let queue = with_journal();
    let path = queue.path();
    let good = record_of(&good_line("\"good\""));
    fs::write(journal(&queue).join(OLD_SEGMENT), [record_of("garbage\n"), good.clone()].concat()).unwrap();
    let strange = OLD_SEGMENT.replace("000.seg", "001.high.seg");
    File::create(journal(&queue).join(&strange)).unwrap().set_len(17 << 20).unwrap();
    let (mut broadcaster, mut client) = {
        let broadcaster = broadcaster::with(&path, &["--log-format", "json"]);
        let client = Client::of(&broadcaster);
        (broadcaster, client)
    };
    until("both are put aside", || queue.failed().len() == 4);
    broadcaster.await_log("the journal holds files that are no segments, kept in failed/");
    broadcaster.await_log(&format!("{OLD_SEGMENT}@0"));

    let list = printed(&path, &["failed", "list"]);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    let of = |suffix: &str| lines.iter().find(|line| line[0].ends_with(suffix)).unwrap_or_else(|| panic!("{list}"));
    let (entry, segment) = (of(".events"), of(".seg"));
    assert!(entry[1] == "8 bytes" && entry[3].starts_with("line 1: "), "{list}");
    assert!(segment[0] == strange && segment[3].contains("is more than the limit of"), "{list}");
    assert_eq!(printed(&path, &["failed", "show", entry[0]]), "garbage\n");
    // As the log names it.
    assert_eq!(printed(&path, &["failed", "show", &format!("{OLD_SEGMENT}@0")]), "garbage\n");
    let (code, _, error) = run(&path, &["failed", "show", &format!("{OLD_SEGMENT}@")]);
    assert!(code == 64 && error.contains("failed list shows the names"), "{error}");
    assert!(printed(&path, &["queue", "stat"]).contains("failed\t2\n"));

    fs::write(path.join("failed").join(entry[0]), good_line("\"corrected\"")).unwrap();
    assert_eq!(printed(&path, &["failed", "retry", entry[0]]), format!("{}\tput back\n", entry[0]));
    until("it is delivered", || client.payload() == "\"corrected\"");
    fs::write(path.join("failed").join(&strange), record_of(&good_line("\"of a segment\""))).unwrap();
    assert!(printed(&path, &["failed", "show", &strange]).starts_with("\\u001e"));
    assert_eq!(printed(&path, &["failed", "retry", "--all"]), format!("{strange}\tput back\n"));
    assert_eq!(client.payload(), "\"of a segment\"");
    until("its segment is deleted", || segments(&queue).is_empty());

    // At once as large: one that grows is read as far as it may reach.
    let made = queue.root().join("made");
    File::create(&made).unwrap().set_len(17 << 20).unwrap();
    fs::rename(made, journal(&queue).join(&strange)).unwrap();
    until("it is put aside again", || queue.failed().len() == 2);
    assert_eq!(printed(&path, &["failed", "drop", &strange]), format!("{strange}\tdeleted\n"));
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}

#[test]
fn damage_of_the_journal_is_logged_with_its_place_and_the_rest_is_sent() {
    let queue = with_journal();
    let (first, damaged, last) =
        (record_of(&good_line("1")), record_of(&good_line("2")).split_off(1), record_of(&good_line("3")));
    fs::write(journal(&queue).join(OLD_SEGMENT), [&first[..], &damaged, &last].concat()).unwrap();
    let stat = printed(&queue.path(), &["queue", "stat"]);
    assert!(
        stat.contains(&format!(
            "\nrecords\t2\nsegments\t1\nsegment bytes\t{}\ndamaged bytes\t{}\n",
            first.len() + damaged.len() + last.len(),
            damaged.len()
        )),
        "{stat}"
    );
    let told = format!("note the journal has {} damaged bytes that nobody has read yet", damaged.len());
    assert!(doctor(&queue).contains(&told), "{}", doctor(&queue));
    let (_, _, error) = run(&queue.path(), &["queue", "dump"]);
    assert_eq!(
        error,
        format!("fastapi-broadcaster: {} bytes of the journal are no records, and were left out\n", damaged.len())
    );
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &["--log-format", "json"]);
    assert_eq!([client.payload(), client.payload()], ["1", "3"]);
    broadcaster.await_log("the journal is damaged");
    let line: serde_json::Value = serde_json::from_str(&broadcaster.log_lines("the journal is damaged")[0]).unwrap();
    let fields = &line["fields"];
    assert_eq!(fields["record"], format!("{OLD_SEGMENT}@{}", first.len()));
    assert_eq!((&fields["bytes"], &fields["places"]), (&damaged.len().into(), &1.into()));
    broadcaster.stop();
}

#[test]
fn the_doctor_tells_of_the_journal_and_of_what_is_in_its_way() {
    let queue = QueueDir::new();
    let report = doctor(&queue);
    assert!(report.contains("ok   there is no journal: producers write files until a broadcaster"), "{report}");
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1);
    let shown = journal(&queue).display().to_string();
    let good = format!("ok   journal {shown}, mode 2770, user ");
    let report = doctor(&queue);
    assert!(report.contains(&good) && report.contains(": 1 segments, "), "{report}");

    // As of a broadcaster that knows no journals.
    let reader = queue.path().join(".reader");
    let said = fs::read_to_string(&reader).unwrap();
    fs::write(&reader, r#"{"version":"0.0.9","forms":["directory"],"epoch":"0000000000000001"}"#).unwrap();
    let report = doctor(&queue);
    assert!(report.contains("BAD  journal ") && report.contains("runs (0.0.9) does not read it"), "{report}");
    fs::write(&reader, said).unwrap();

    fs::set_permissions(journal(&queue), Permissions::from_mode(0o2777)).unwrap();
    let report = doctor(&queue);
    assert!(report.contains("BAD  journal ") && report.contains(&format!("clients: chmod o-w {shown}")), "{report}");
    fs::set_permissions(journal(&queue), Permissions::from_mode(0o2750)).unwrap();
    let report = doctor(&queue);
    assert!(report.contains("may not append there") && report.contains(&format!("chmod g+rwxs {shown}")), "{report}");
    fs::set_permissions(journal(&queue), Permissions::from_mode(0o2770)).unwrap();
    broadcaster.stop();

    fs::write(journal(&queue).join(OLD_SEGMENT), "x").unwrap();
    let report = doctor(&queue);
    assert!(!report.contains("that have ended"), "nobody reads, and the doctor says so: {report}");
    let _ = fs::remove_file(queue.path().join(".positions"));
    fs::create_dir(queue.path().join(".positions")).unwrap();
    let report = doctor(&queue);
    assert!(report.contains("so that no broadcaster starts on this queue"), "{report}");
    fs::remove_dir(queue.path().join(".positions")).unwrap();
    fs::rename(journal(&queue), queue.root().join("moved")).unwrap();
    fs::write(journal(&queue), "").unwrap();
    let report = doctor(&queue);
    assert!(report.contains("is no directory, so producers write files"), "{report}");
}

#[test]
fn something_else_under_the_name_of_the_journal_is_logged_once() {
    for make in [|path: &Path| fs::write(path, "").unwrap(), |path: &Path| symlink("/tmp", path).unwrap()] {
        let queue = QueueDir::new();
        make(&journal(&queue));
        let mut broadcaster = broadcaster::start(&queue.path());
        broadcaster.await_log("something else than a folder has the name of the journal");
        fs::remove_file(journal(&queue)).unwrap();
        until("the folder is made", || journal(&queue).is_dir());
        assert_eq!(broadcaster.log_lines("something else than a folder").len(), 1);
        broadcaster.stop();
    }
}

#[test]
fn the_doctor_says_that_files_cannot_be_locked() {
    let queue = with_journal();
    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php");
    let output = sandbox::run_under(sandbox::filter(&[(libc::SYS_flock, 1, 2)], Errno::NOLCK), || doctor.finish());
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("BAD  files cannot be locked there: "), "{report}");
}

#[test]
fn the_doctor_finds_segments_that_the_broadcaster_may_not_read_and_those_that_stay() {
    if !has_root("to be other users") {
        return;
    }
    const USER: u32 = 54_041;
    const GROUP: u32 = 54_043;
    let queue = QueueDir::new();
    queue.give_to(54_042, GROUP);
    let mut broadcaster = broadcaster::run_by(USER, GROUP, &queue, &[]);
    // Acked, and the folder does not let it be deleted.
    chown(journal(&queue), Some(54_042), Some(GROUP)).unwrap();
    fs::set_permissions(journal(&queue), Permissions::from_mode(0o3770)).unwrap();
    let stays = journal(&queue).join(OLD_SEGMENT);
    fs::write(&stays, record_of(&good_line("1"))).unwrap();
    broadcaster.await_log("cannot delete");
    let report = doctor(&queue);
    let told = format!(
        "note 1 segments of producers that have ended are there for longer than a minute, such as {}",
        stays.display()
    );
    assert!(report.contains(&told), "{report}");

    fs::set_permissions(&stays, Permissions::from_mode(0o600)).unwrap();
    let report = doctor(&queue);
    assert!(report.contains("may not read 1 of the events") && report.contains("journal/*.seg"), "{report}");
    broadcaster.stop();
}
