//! What the doctor finds of a Redis server, and what `queue stat` says of a queue that is forwarded there.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use testkit::redis::{Cluster, RedisOptions, RedisServer, Sentinels};
use testkit::{Finish as _, QueueDir, until};

use crate::support::{BINARY, broadcaster, command};

/// Commands that the broadcaster needs.
const NEEDED: [&str; 9] = ["xadd", "xread", "xrange", "xrevrange", "eval", "set", "get", "multi", "exec"];

/// Exit code and report for a URL.
fn doctor(queue: &QueueDir, url: &str, flags: &[&str]) -> (Option<i32>, String) {
    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--listen", "127.0.0.1:0", "--queue"]).arg(queue.path()).args(flags);
    let output = doctor.env("FASTAPI_WS_BROKER_URL", url).env("PHP", "/nowhere/php").finish();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn report(url: &str, flags: &[&str]) -> String {
    doctor(&QueueDir::new(), url, flags).1
}

/// Asserts that the report has a line that begins so, and that has these texts in it or in its remedy.
fn says(report: &str, label: &str, texts: &[&str]) {
    let lines: Vec<&str> = report.lines().collect();
    let has = |at: usize| {
        let remedy = lines.get(at + 1).filter(|line| line.starts_with("     -> ")).unwrap_or(&"");
        let finding = format!("{}{remedy}", lines[at]);
        lines[at].starts_with(label) && texts.iter().all(|text| finding.contains(text))
    };
    assert!((0..lines.len()).any(has), "{label} {texts:?} is not in:\n{report}");
}

/// A queue, and a broadcaster that forwards it.
fn with_broadcaster(redis: &RedisServer) -> (QueueDir, testkit::Broadcaster) {
    let queue = QueueDir::new();
    let broadcaster = broadcaster::with(&queue.path(), &["--broker-url", &redis.url()]);
    (queue, broadcaster)
}

#[test]
fn a_server_that_is_fit_is_described() {
    let redis = RedisOptions::default().append_only().max_memory("1gb", "noeviction").start();
    let (queue, mut broadcaster) = with_broadcaster(&redis);
    queue.enqueue(1);
    until("it is forwarded", || queue.waiting() == 0);
    let (_, report) = doctor(&queue, &redis.url(), &[]);
    let version = redis.info("redis_version").unwrap();
    says(&report, "ok  ", &[&format!("the broker at {} answers: redis {version}", redis.addr())]);
    says(&report, "ok  ", &["lets the broadcaster do all that it needs"]);
    says(&report, "ok  ", &["of 1024.0 MiB, and then its policy is noeviction"]);
    says(&report, "ok  ", &["appends to a file what it is given (appendfsync everysec)"]);
    says(&report, "ok  ", &["has 0 replicas (broker.min_replicas: 0)"]);
    says(&report, "ok  ", &["answers in ", " ms (median)"]);
    says(&report, "ok  ", &["the clocks of the broker and of this machine differ by 0.0"]);
    says(&report, "ok  ", &["the stream {fastapi}:events has ", " entries, the oldest ", " s old, ", " MiB of memory"]);
    // It has no history log, because the stream is one.
    assert!(report.contains("ok   history directory") && !report.contains("history log"), "{report}");
    assert!(!report.lines().any(|line| line.contains("broker") && !line.starts_with("ok")), "{report}");
    broadcaster.stop();
}

#[test]
fn the_doctor_changes_nothing_in_redis() {
    let redis = RedisServer::start();
    report(&redis.url(), &["--broker-min-replicas", "1"]);
    let keys: u64 = redis.query(&["DBSIZE"]).unwrap();
    assert_eq!(keys, 0);
    redis.command(&["XADD", "{fastapi}:events", "1-0", "k", "begin", "n", "00000001", "a", "1"]);
    report(&redis.url(), &[]);
    assert_eq!(redis.query::<u64>(&["XLEN", "{fastapi}:events"]).unwrap(), 1);
    assert_eq!(redis.query::<u64>(&["DBSIZE"]).unwrap(), 1);
}

#[test]
fn a_server_that_is_not_there_is_a_problem() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, report) = doctor(&QueueDir::new(), &format!("redis://:s3cret@{address}"), &[]);
    says(&report, "BAD ", &[&format!("cannot connect to Redis at {address}"), "whether Redis runs"]);
    assert_eq!(code, Some(1));
    assert!(!report.contains("s3cret"), "{report}");
}

#[test]
fn a_login_that_is_refused_has_the_line_that_makes_the_user() {
    let redis = RedisOptions::default().user("app", "s3cret", &NEEDED).start();
    let address = redis.addr();
    let made = |user: &str| format!("ACL SETUSER {user} on '>PASSWORD' '~{{fastapi}}:*' +xadd +xread");
    for (url, user, told) in [
        (format!("redis://app:wr0ng@{address}"), "app", "does not accept the user and the password"),
        (format!("redis://{address}"), "broadcaster", "asks for a password"),
    ] {
        let (code, report) = doctor(&QueueDir::new(), &url, &[]);
        says(&report, "BAD ", &[told, &made(user), "percent-encoded (@ as %40)", "'+client|setname'"]);
        assert!(code == Some(1) && !report.contains("wr0ng"), "{report}");
    }
}

#[test]
fn a_policy_that_deletes_keys_is_a_problem() {
    let redis = RedisOptions::default().max_memory("900mb", "allkeys-lru").start();
    let (code, report) = doctor(&QueueDir::new(), &redis.url(), &[]);
    says(&report, "BAD ", &["allkeys-lru", "CONFIG SET maxmemory-policy noeviction"]);
    assert_eq!(code, Some(1));
    // Without a limit there is nothing to delete.
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(!self::report(&redis.url(), &[]).contains("allkeys-lru"));
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "noeviction"]);
    says(&self::report(&redis.url(), &[]), "note", &["100.0 MiB", "broker.max_bytes is 512.0 MiB"]);
}

#[test]
fn a_server_that_has_no_memory_left_is_a_problem() {
    let redis = RedisOptions::default().max_memory("1mb", "noeviction").start();
    says(&report(&redis.url(), &[]), "BAD ", &["XADD is refused", "raise `maxmemory`", "events wait in the queue"]);
}

#[test]
fn what_is_lost_when_redis_is_started_again_is_said() {
    let redis = RedisServer::start();
    says(&report(&redis.url(), &[]), "note", &["writes nothing to disk", "the stream is empty", "appendonly yes"]);
    redis.command(&["CONFIG", "SET", "save", "3600 1"]);
    says(&report(&redis.url(), &[]), "ok  ", &["saves snapshots only"]);
}

#[test]
fn too_few_replicas_are_a_problem_and_so_is_a_replica() {
    let redis = RedisServer::start();
    let replica = RedisOptions::default().replica_of(&redis).start();
    replica.await_info("master_link_status", "up");
    until("the replica has all data", || report(&redis.url(), &[]).contains("has 1 replicas"));
    says(&report(&redis.url(), &["--broker-min-replicas", "1"]), "ok  ", &["has 1 replicas (broker.min_replicas: 1)"]);
    let flags = ["--broker-min-replicas", "2"];
    says(&report(&redis.url(), &flags), "BAD ", &["has 1 replicas, and broker.min_replicas is 2"]);
    says(&report(&replica.url(), &[]), "BAD ", &["XADD is refused: it is a replica and takes no writes"]);
}

#[test]
fn a_right_that_is_missing_is_named_with_the_line_that_gives_it() {
    let grant = "ACL SETUSER app '~{fastapi}:*' +xadd +xread +xrange +xrevrange +eval +set +get +multi +exec +ping";
    for missing in NEEDED {
        let others: Vec<&str> = NEEDED.into_iter().filter(|command| *command != missing).collect();
        let redis = RedisOptions::default().user("app", "s3cret", &others).start();
        let (code, report) = doctor(&QueueDir::new(), &redis.url(), &[]);
        let missing = missing.to_uppercase();
        says(&report, "BAD ", &[&format!("the user app may not do what the broadcaster needs ({missing})"), grant]);
        assert_eq!(code, Some(1), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}

#[test]
fn what_the_user_may_not_ask_could_not_be_checked() {
    let redis = RedisOptions::default().user("app", "s3cret", &NEEDED).start();
    let report = report(&redis.url(), &[]);
    says(&report, "ok  ", &["answers: redis"]);
    says(&report, "ok  ", &["lets the broadcaster do all that it needs"]);
    for what in ["its memory is full", "writes to disk", "replicas", "how fast", "its clock", "the stream is"] {
        says(&report, "note", &[what, "could not be checked", "NOPERM", "+info"]);
    }
    let problems = report.lines().filter(|line| line.starts_with("BAD") && line.contains("broker"));
    assert_eq!(problems.count(), 0, "{report}");
}

#[test]
fn keys_that_a_user_may_not_touch_are_a_missing_right() {
    let redis = RedisOptions::default().user("app", "s3cret", &NEEDED).start();
    redis.command(&["ACL", "SETUSER", "app", "resetkeys", "~other:*"]);
    says(&report(&redis.url(), &[]), "BAD ", &["(XADD, XREAD", "'~{fastapi}:*'"]);
    assert!(report(&redis.url(), &["--broker-prefix", "other"]).contains("(XADD, XREAD"));
}

#[test]
fn the_doctor_goes_where_sentinels_and_a_cluster_lead() {
    let sentinels = Sentinels::start();
    let found = report(&sentinels.url(), &["--broker-min-replicas", "2"]);
    says(&found, "ok  ", &[&format!("the broker at {} answers", sentinels.master().addr())]);
    says(&found, "ok  ", &["has 2 replicas"]);
    let cluster = Cluster::start();
    let url = cluster.urls()[0].replace("redis://", "redis+cluster://");
    let found = report(&url, &[]);
    let node = cluster.node_of("{fastapi}:events");
    says(&found, "ok  ", &[&format!("the broker at {} answers", node.addr())]);
    says(&found, "ok  ", &["do all that it needs"]);
    assert!(!found.contains("begins with redis+cluster"), "{found}");
    says(&report(&node.url(), &[]), "note", &["is a part of a cluster", "write redis+cluster://"]);
}

#[test]
fn a_sentinel_where_redis_should_be_is_told_so() {
    let sentinels = Sentinels::start();
    let sentinel = sentinels.addresses()[0];
    for login in ["", "app:s3cret@", ":s3cret@"] {
        let (code, found) = doctor(&QueueDir::new(), &format!("redis://{login}{sentinel}/0"), &[]);
        let remedy = "write redis+sentinel:// with all Sentinels, and behind them the name of the master";
        says(&found, "BAD ", &[&format!("what answers at {sentinel} is a Sentinel"), remedy, "HOST/mymaster"]);
        assert!(code == Some(1) && !found.contains("s3cret"), "{found}");
    }
}

#[test]
fn an_http_server_where_redis_should_be_is_told_so() {
    let queue = QueueDir::new();
    let mut web = broadcaster::start(&queue.path());
    let (code, found) = doctor(&QueueDir::new(), &format!("redis://app:s3cret@{}", web.address()), &[]);
    says(&found, "BAD ", &["it answers HTTP and is no Redis", "whether broker.url has its address"]);
    assert!(code == Some(1) && !found.contains("s3cret"), "{found}");
    web.stop();
}

#[test]
fn a_file_of_tls_that_cannot_be_used_is_named_with_the_remedy() {
    let redis = RedisOptions::default().tls().start();
    let queue = QueueDir::new();
    let file = queue.root().join("ca.pem");
    let url = format!("{}?ca={}", redis.tls_url(), file.display());
    let shown = file.display().to_string();
    says(&report(&url, &[]), "BAD ", &[&shown, "No such file", "the broadcaster's user can read"]);
    fs::write(&file, "no certificate").unwrap();
    says(&report(&url, &[]), "BAD ", &[&shown, "no certificate in PEM", "broker.url must name files in PEM"]);
}

#[test]
fn the_scheme_of_a_cluster_for_one_server_is_noted() {
    let redis = RedisServer::start();
    let found = report(&redis.url().replace("redis://", "redis+cluster://"), &[]);
    says(&found, "note", &["is one server and no cluster", "write redis:// (rediss:// with TLS)"]);
    says(&found, "ok  ", &["do all that it needs"]);
    assert!(!report(&redis.url(), &[]).contains("cluster"), "{found}");
}

#[test]
fn a_right_that_nothing_depends_on_is_noted_with_its_use() {
    for (missing, use_of_it, granted) in [
        ("ping", "with ping the doctor measures", "ACL SETUSER app '+ping';"),
        ("client|setname", "CLIENT LIST shows", "ACL SETUSER app '+client|setname';"),
    ] {
        let others = ["ping", "client|setname"].into_iter().filter(|command| *command != missing);
        let allowed: Vec<&str> = NEEDED.into_iter().chain(others).collect();
        let redis = RedisOptions::default().user("app", "s3cret", &allowed).start();
        let found = report(&redis.url(), &[]);
        says(&found, "note", &["nothing depends on it", use_of_it, granted]);
        assert_eq!(found.matches("nothing depends on it").count(), 1, "{found}");
    }
    assert!(!report(&RedisServer::start().url(), &[]).contains("depends"));
}

#[test]
fn queue_stat_says_what_waits_to_be_forwarded_and_what_was_forwarded_last() {
    let mut redis = RedisServer::start();
    let (queue, mut broadcaster) = with_broadcaster(&redis);
    let stat = |flags: &[&str]| {
        let mut stat = command(BINARY);
        let output = stat.args(["queue", "stat", "--queue"]).arg(queue.path()).args(flags).finish();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let url = redis.url();
    let with_broker = ["--broker-url", url.as_str()];
    queue.enqueue(1);
    until("it is forwarded", || queue.waiting() == 0);
    let newest = || -> String {
        let entries: Vec<(String, Vec<String>)> =
            redis.query(&["XREVRANGE", "{fastapi}:events", "+", "-", "COUNT", "1"]).unwrap();
        let (place, fields) = entries.into_iter().next().unwrap();
        let nonce = fields.iter().position(|field| field == "n").map(|at| fields[at + 1].clone()).unwrap();
        format!("{place}-{nonce}")
    };
    let last = newest();
    let found = stat(&with_broker);
    assert!(found.starts_with("waiting\t0\nevents\t0\noldest\t-\n"), "{found}");
    assert!(found.contains("forwards to\tstream {fastapi}:events\n"), "{found}");
    assert!(found.contains(&format!("forwarded\t{last}, ")) && found.ends_with(" s ago\n"), "{found}");
    assert!(!stat(&[]).contains("forward"), "without a broker in the settings there is nothing to say");

    redis.kill();
    queue.enqueue(2);
    queue.enqueue(3);
    broadcaster.await_log("events wait in the queue, because they cannot be forwarded");
    let found = stat(&with_broker);
    assert!(found.starts_with("waiting\t2\nevents\t2\noldest\t") && found.contains(&last), "{found}");
    broadcaster.stop();

    // Of another stream, it says nothing of this one.
    assert!(stat(&["--broker-url", &url, "--broker-prefix", "other"]).ends_with("forwarded\t-\n"));
    fs::remove_file(queue.path().join("history/forwarded")).unwrap();
    assert!(stat(&with_broker).ends_with("forwarded\t-\n"));
    fs::create_dir(queue.path().join("history/forwarded")).unwrap();
    fs::set_permissions(queue.path().join("history/forwarded"), Permissions::from_mode(0o700)).unwrap();
    assert!(stat(&with_broker).contains("forwarded\tunknown: "), "{}", stat(&with_broker));
}
