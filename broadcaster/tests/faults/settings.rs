//! Settings that no server can have, and environments that other programs have made.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::{Broadcaster, Finish as _, HANDSHAKE, QueueDir};

use crate::support::{BINARY, Client, arguments, broadcaster, broadcaster_command, command, connect, read_head};

/// Exit code and standard error of a broadcaster that is expected to end.
fn refused(queue: &Path, flags: &[&str]) -> (i32, String) {
    let mut broadcaster = command("timeout");
    broadcaster.args(["10", BINARY]).args(arguments(queue)).args(flags);
    let output = broadcaster.finish();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Every setting that is a number.
const NUMBERS: [&str; 35] = [
    "auth-hook-concurrency",
    "auth-hook-queue",
    "auth-hook-timeout-secs",
    "broker-max-bytes",
    "broker-max-events",
    "broker-min-replicas",
    "entry-grace-secs",
    "failed-max-age-secs",
    "failed-max-entries",
    "handshake-timeout-secs",
    "history-bytes",
    "history-events",
    "history-events-everybody",
    "history-meta-secs",
    "history-ttl-secs",
    "hub-threads",
    "log-bytes",
    "max-bytes-per-sec",
    "max-channels",
    "max-channels-per-client",
    "max-connections",
    "max-connections-per-address",
    "max-event-bytes",
    "max-header-bytes",
    "max-memory",
    "max-message-bytes",
    "max-messages-per-sec",
    "max-outbox-bytes",
    "max-subscriptions",
    "ping-interval-secs",
    "pong-timeout-secs",
    "recover-bytes",
    "recover-limit",
    "scan-interval-secs",
    "slow-client-timeout-secs",
];

/// The key of a flag. The settings of the broker stand in a table.
fn key_of_file(flag: &str) -> String {
    let key = flag.replace('-', "_");
    key.strip_prefix("broker_").map_or(key.clone(), |name| format!("broker.{name}"))
}

#[test]
fn a_number_that_no_server_can_have_is_refused_and_no_event_is_lost() {
    let help = command(BINARY).arg("--help").finish();
    let help = String::from_utf8(help.stdout).unwrap();
    let is_number = |line: &&str| ["<BYTES>", "<COUNT>", "<SECONDS>"].iter().any(|kind| line.contains(kind));
    let listed = help.lines().filter(is_number).count();
    assert_eq!(listed, NUMBERS.len() + 1, "the list has every number but shutdown-grace-secs, which all tests give");

    let queue = QueueDir::new();
    queue.enqueue(1);
    for flag in NUMBERS {
        for number in ["18446744073709551615", "9223372036854775808", "9223372036854775807"] {
            let flag = format!("--{flag}");
            let (code, error) = refused(&queue.path(), &[&flag, number]);
            let key = key_of_file(flag.trim_start_matches('-'));
            assert!(error.contains(&flag) || error.contains(&key), "{flag} {number}: {error}");
            assert!(!error.contains("panicked"), "{flag} {number}: {error}");
            assert_eq!(code, 64, "{flag} {number}: {error}");
        }
    }
    assert_eq!(queue.waiting(), 1);
}

#[test]
fn the_largest_numbers_that_are_taken_serve_clients() {
    let queue = QueueDir::new();
    let tebibyte = (1_u64 << 40).to_string();
    let half = (1_u64 << 39).to_string();
    let count = (1_u64 << 30).to_string();
    let flags = [
        ["--max-event-bytes", &half],
        ["--log-bytes", &tebibyte],
        ["--max-memory", &tebibyte],
        ["--hub-threads", "1"],
        ["--max-message-bytes", &tebibyte],
        ["--max-outbox-bytes", &tebibyte],
        ["--max-connections", &count],
        ["--max-connections-per-address", &count],
        ["--failed-max-entries", &count],
        ["--failed-max-age-secs", "3153600000"],
    ];
    let mut broadcaster = broadcaster::with(&queue.path(), &flags.concat());
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    assert!(broadcaster.log_lines("panicked").is_empty());
    broadcaster.stop();
}

/// The variables that Kubernetes sets in every container beside a service named `ws`.
const KUBERNETES: [(&str, &str); 4] = [
    ("WS_PORT", "tcp://10.96.0.12:8081"),
    ("WS_SERVICE_HOST", "10.96.0.12"),
    ("WS_SERVICE_PORT", "8081"),
    ("WS_PORT_8081_TCP_ADDR", "10.96.0.12"),
];

#[test]
fn variables_that_kubernetes_sets_beside_a_service_named_ws_are_ignored_with_a_warning() {
    let queue = QueueDir::new();
    let queue_flag = ["--queue", queue.path().to_str().unwrap()].map(str::to_owned);
    let mut serving = command(BINARY);
    let mut broadcaster = Broadcaster::spawn({
        serving.args(arguments(&queue.path())).envs(KUBERNETES);
        serving
    })
    .listening();
    let mut client = Client::of(&broadcaster);

    for arguments in [&["publish", "test", "1"][..], &["queue", "stat"], &["failed", "list"]] {
        let output = command(BINARY).args(arguments).args(&queue_flag).envs(KUBERNETES).finish();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(client.payload(), "1");
    broadcaster.stop();

    // Without --listen the address of the file holds, and what was ignored is logged.
    let file = queue.root().join("config.toml");
    std::fs::write(&file, "listen = '127.0.0.1:0'").unwrap();
    let mut serving = command(BINARY);
    serving.args(&queue_flag).arg("--config").arg(&file).envs(KUBERNETES);
    let mut broadcaster = Broadcaster::spawn(serving).listening();
    assert_ne!(broadcaster.address().port(), 8081);
    let warned = broadcaster.log_lines("WS_PORT");
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains(" WARN ") && warned[0].contains("tcp://10.96.0.12:8081"), "{warned:?}");
    broadcaster.stop();
}

#[test]
fn a_port_of_the_environment_that_is_a_number_is_meant_and_may_be_wrong() {
    let queue = QueueDir::new();
    let mut broadcaster = command(BINARY);
    broadcaster.arg("--queue").arg(queue.path()).env("WS_PORT", "80801");
    let output = broadcaster.finish();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{error}");
    assert!(error.contains("80801") && error.contains("--port"), "{error}");
}

#[test]
fn a_variable_that_is_refused_is_named_and_stops_no_command_that_has_no_use_for_it() {
    let queue = QueueDir::new();
    let queue_flag = format!("--queue={}", queue.path().display());
    let run = |variable: (&str, &str), arguments: &[&str]| {
        let output = command(BINARY).args(arguments).env(variable.0, variable.1).finish();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in
        [&["queue", "stat", &queue_flag][..], &["publish", "test", &queue_flag], &["failed", "list", &queue_flag]]
    {
        assert_eq!(run(("WS_PORT", "99999"), arguments), (0, String::new()), "{arguments:?}");
    }
    for (variable, value) in [("WS_PORT", "99999"), ("FASTAPI_WS_MAX_EVENT_BYTES", "x")] {
        let (code, error) = run((variable, value), &["listen", "ws://127.0.0.1:1/"]);
        assert!(code == 1 && error.contains("cannot connect"), "{error}");
    }
    for (variable, value, told) in [
        ("WS_PORT", "99999", "for 'WS_PORT (--port)'"),
        ("FASTAPI_WS_MAX_CONNECTIONS", "0", "for 'FASTAPI_WS_MAX_CONNECTIONS (--max-connections)'"),
        ("FASTAPI_WS_ALLOWED_ORIGINS", "null,https://a b", "for 'FASTAPI_WS_ALLOWED_ORIGINS (--allowed-origins)'"),
    ] {
        let (code, error) = run((variable, value), &["config", "check", &queue_flag]);
        assert!(code == 64 && error.contains(told), "{error}");
    }
    let (_, error) = run(("WS_PORT", "99999"), &["config", "check", &queue_flag, "--port", "99999"]);
    assert!(error.contains("for '--port <PORT>'"), "{error}");
}

#[test]
fn a_check_takes_every_flag_before_or_behind_its_name() {
    let queue = QueueDir::new();
    let queue_flag = format!("--queue={}", queue.path().display());
    let flags = ["--allowed-origins", "https://example.com", "--log-format", "json", &queue_flag];
    for arguments in [[&["config", "check"][..], &flags].concat(), [&flags, &["config", "check"][..]].concat()] {
        let output = command(BINARY).args(&arguments).finish();
        assert_eq!(output.stdout, b"ok\n", "{arguments:?}: {output:?}");
    }
    let output = command(BINARY).args(["config", "check", "--max-connections", "0", &queue_flag]).finish();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

#[test]
fn an_address_may_have_brackets_and_one_of_another_machine_is_reported_as_that() {
    let queue = QueueDir::new();
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let mut serving = command(BINARY);
        serving.args(["--host", "[::1]", "--port", "0", "--queue"]).arg(queue.path());
        let mut broadcaster = Broadcaster::spawn(serving).listening();
        assert!(broadcaster.address().is_ipv6());
        broadcaster.stop();
    }
    let mut elsewhere = command(BINARY);
    let output = elsewhere.args(["--listen", "192.0.2.1:8081", "--queue"]).arg(queue.path()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("cannot listen on 192.0.2.1:8081") && error.contains("does not have that address"),
        "{error}"
    );
}

#[test]
fn variables_that_are_empty_are_not_set() {
    let help = command(BINARY).arg("--help").finish();
    let help = String::from_utf8(help.stdout).unwrap();
    let names: Vec<&str> = help.split("[env: ").skip(1).filter_map(|rest| rest.split('=').next()).collect();
    assert!(names.contains(&"WS_PORT") && names.contains(&"FASTAPI_WS_LOG_FORMAT") && names.len() > 25, "{names:?}");
    let empty = names.iter().chain(&["RUST_LOG", "PHP"]).map(|name| (*name, ""));

    let queue = QueueDir::new();
    let mut serving = broadcaster_command(&queue.path());
    serving.envs(empty.clone());
    let mut broadcaster = Broadcaster::spawn(serving).listening();
    let mut client = Client::of(&broadcaster);
    let mut publish = command(BINARY);
    publish.args(["publish", "test", "1", "--queue"]).arg(queue.path()).envs(empty.clone());
    let output = publish.finish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(client.payload(), "1");
    broadcaster.stop();

    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--queue"]).arg(queue.path()).envs(empty);
    let said = String::from_utf8(doctor.finish().stdout).unwrap();
    assert!(!said.contains("cannot run :"), "{said}");
}

#[test]
fn a_variable_that_is_no_setting_is_warned_of_and_stops_nothing() {
    let queue = QueueDir::new();
    let typo = ("FASTAPI_WS_BROKER_URI", "redis://:s3cret@host");
    let mut serving = command(BINARY);
    serving.args(arguments(&queue.path())).env(typo.0, typo.1);
    let mut broadcaster = Broadcaster::spawn(serving).listening();
    let warned = broadcaster.log_lines("FASTAPI_WS_");
    assert!(warned.len() == 1 && warned[0].contains(" WARN "), "{warned:?}");
    assert!(warned[0].contains("meant as FASTAPI_WS_BROKER_URL?") && !warned[0].contains("s3cret"), "{warned:?}");
    broadcaster.stop();

    let mut check = command(BINARY);
    let output = check.args(["config", "check", "--queue"]).arg(queue.path()).env(typo.0, typo.1).finish();
    let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success() && said == "ok\n" && error.contains("FASTAPI_WS_BROKER_URL?"), "{error}");
}

#[test]
fn a_file_with_a_secret_that_everybody_can_read_is_warned_of() {
    let queue = QueueDir::new();
    let file = queue.root().join("config.toml");
    std::fs::write(&file, "token_secret = ['0123456789abcdef0123456789abcdef']\npublic_channels = []").unwrap();
    let shown = file.display().to_string();
    let remedy = format!("chmod 640 {shown}");
    let told = format!("every user of the machine can read the secret of token_secret in {shown}");
    let check = |command_line: &[&str]| {
        let mut check = command(BINARY);
        check.args(command_line).arg("--queue").arg(queue.path()).arg("--config").arg(&file);
        let output = check.args(["--listen", "127.0.0.1:0"]).env("PHP", "/nowhere/php").finish();
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    for (mode, times) in [(0o644, 1), (0o640, 0)] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let [said, error] = check(&["config", "check"]);
        assert!(said == "ok\n" && error.matches(&format!("{told} (mode 0644): {remedy}")).count() == times, "{error}");
        let [said, _] = check(&["doctor"]);
        assert_eq!(said.matches(&format!("note {told}")).count(), times, "{said}");
        assert_eq!(said.matches(&format!("-> {remedy}")).count(), times, "{said}");
        let mut serving = command(BINARY);
        serving.args(arguments(&queue.path())).arg("--config").arg(&file);
        let mut broadcaster = Broadcaster::spawn(serving).listening();
        broadcaster.stop();
        let warned = broadcaster.log_lines(&told);
        assert!(warned.len() == times && warned.iter().all(|line| line.contains(&remedy)), "{warned:?}");
    }
}

#[test]
fn every_flag_that_is_a_setting_is_a_key_of_the_file() {
    let help = command(BINARY).arg("--help").finish();
    let help = String::from_utf8(help.stdout).unwrap();
    let queue = QueueDir::new();
    let file = queue.root().join("config.toml");
    let flags = help.lines().filter_map(|line| line.trim_start().split("--").nth(1)?.split_once(" <"));
    let keys: Vec<String> = flags.map(|(flag, _)| key_of_file(flag)).filter(|key| key != "config").collect();
    assert!(keys.len() > 25 && keys.iter().any(|key| key == "log_format"), "{keys:?}");
    for key in keys {
        // Of a type that no setting has.
        std::fs::write(&file, format!("{key} = {{}}")).unwrap();
        let mut check = command(BINARY);
        let output = check.args(["config", "check", "--config"]).arg(&file).finish();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(64) && error.contains(&format!("{key} must be ")), "{key}: {error}");
    }
    std::fs::write(&file, "log_format = 'json'").unwrap();
    let mut serving = command(BINARY);
    serving.args(arguments(&queue.path())).arg("--config").arg(&file);
    let mut broadcaster = Broadcaster::spawn(serving);
    broadcaster.await_log("\"listening\"");
    let lines = broadcaster.log_lines("");
    assert!(lines.iter().all(|line| line.starts_with('{')) && !lines.is_empty(), "{lines:?}");
    broadcaster.stop();
}

#[test]
fn a_log_level_that_is_none_is_reported_and_hides_no_warning() {
    let queue = QueueDir::new();
    for level in ["warning", "verbose", "none", "Info "] {
        let mut waiting = command(BINARY);
        waiting.args(arguments(&queue.root().join("absent"))).env("RUST_LOG", level);
        let mut waiting = Broadcaster::spawn(waiting);
        waiting.await_log("cannot be used yet");
        let told = waiting.log_lines(&format!("RUST_LOG={level:?} is no level"));
        assert_eq!(told.len(), usize::from(level != "Info "), "{told:?}");
        assert!(told.iter().all(|line| line.contains("error, warn, info, debug or trace")), "{told:?}");
    }
}

#[test]
fn a_flag_that_is_mistyped_is_told_with_the_right_one() {
    for (given, meant) in [
        ("--max-conections=5", Some("--max-connections")),
        ("--admin-lisen=[::1]:0", Some("--admin-listen")),
        ("doctr", Some("doctor")),
        ("--hook=x", Some("--auth-hook")),
        ("--admin", Some("--admin-listen")),
        ("--ping-interval=5", Some("--ping-interval-secs")),
        ("--colour-of-the-page", None),
    ] {
        let mut mistyped = command(BINARY);
        let output = mistyped.arg(given).finish();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{told}");
        let hint = meant.map_or_else(String::new, |meant| format!(": is {meant} meant?"));
        assert!(told.ends_with(&format!(" found{hint} (see --help)\n")) || given == "doctr", "{told}");
        assert!(told.contains(&hint), "{told}");
    }
}

#[test]
fn a_flag_for_what_belongs_in_the_table_of_the_application_is_told_so() {
    let told = |arguments: &[&str]| {
        let output = command(BINARY).args(arguments).finish();
        assert_eq!(output.status.code(), Some(64));
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, key) in [
        (&["--client-events", "members"][..], "client_events"),
        (&["--webhooks=http://x"], "webhooks"),
        (&["--key", "k"], "key"),
        (&["--app-secret=geheim"], "secret"),
        (&["config", "check", "--client-events", "members"], "client_events"),
    ] {
        let told = told(arguments);
        let expected = format!("found: `{key}` belongs in [[app]] of the configuration file, or in FASTAPI_WS_APP");
        assert!(told.contains(&expected) && !told.contains("--relay-client-events"), "{told}");
    }
    assert!(!told(&["token", "create", "--key", "k"]).contains("[[app]]"));
}

#[test]
fn a_mistake_in_the_variable_of_the_application_names_the_key() {
    for (given, expected) in [
        ("id=1 key=k secret=s foo=1", "FASTAPI_WS_APP: has no key `foo`: it has id, key, secret"),
        ("id=1 key=k secret=s key=l", "FASTAPI_WS_APP: has `key` twice"),
        ("id=1 key=k secret=s client_events=true", r#"FASTAPI_WS_APP: client_events must be "off" or "members""#),
    ] {
        let output = command(BINARY).env("FASTAPI_WS_APP", given).finish();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(64) && told.contains(expected), "{told}");
    }
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    let queue = QueueDir::new();
    queue.enqueue(1);
    let file = queue.root().join("config.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut check = command(BINARY);
        check.args(["config", "check", "--config"]).arg(&file).arg("--queue").arg(queue.path());
        let output = check.finish();
        let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code().unwrap(), said, error)
    };
    assert_eq!(check("# nothing\nmax_connections = 5\n"), (0, "ok\n".to_owned(), String::new()));
    for (text, expected) in [
        (
            "# a typo\nmax_conections = 5",
            "line 2, column 1: there is no key `max_conections`: is `max_connections` meant?",
        ),
        ("# a range\nmax_connections = 0", "max_connections = 0: must be at least 1 (line 2 of the file)"),
        ("# a part without a level\nlog_level = 'x='", "log_level: is no level: "),
        ("log_level = 'x='", "or parts with their level, such as info,hyper=debug (line 1 of the file)"),
        ("\n\nport = 'x'", "line 3, column 8: port must be a whole number"),
        ("listen = '[::1'", "listen: must be ADDRESS:PORT"),
        ("queue = ", "line 1, column 9: "),
        ("port = 1\n[broker]\nurl = 'redis://h/x'", "broker.url: the database is no number"),
        (
            "[broker]\nurl = 'redis://u:p/w@h'",
            "write redis://HOST[:6379][/DB], rediss://... (TLS), redis+unix:///PATH[?db=DB], redis+sentinel://HOST",
        ),
        ("port = 1\n[broker]\n# url = 'redis://h'", "line 2, column 2: [broker] sets nothing"),
        ("[broker]\nprefix = 'x'", "broker.url is not set: without it there is no broker"),
        ("\nmax_event_bytes = 10_000_000", "log_bytes = 16777216: must be at least twice max_event_bytes"),
    ] {
        let (code, said, error) = check(text);
        assert_eq!((code, said.as_str()), (64, ""), "{text}: {error}");
        assert!(error.contains(expected) && error.contains(file.to_str().unwrap()), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(queue.waiting(), 1);
}

#[test]
fn an_origin_that_no_page_has_is_refused_at_the_start_with_what_to_write() {
    let queue = QueueDir::new();
    for (given, instead) in [
        ("https://app.example.com/", "write https://app.example.com"),
        ("https://user:word@example.com", "write https://example.com"),
        ("wss://example.com", "write https://example.com"),
        ("https://*", "write * for any page"),
    ] {
        let (code, error) = refused(&queue.path(), &["--allowed-origins", given]);
        let shown = &given.replace("user:word", "[hidden]");
        assert!(code == 64 && error.contains(shown) && error.contains(instead), "{error}");
        let file = queue.root().join("config.toml");
        std::fs::write(&file, format!("\nallowed_origins = [\"{given}\"]\n")).unwrap();
        let (code, error) = refused(&queue.path(), &["--config", file.to_str().unwrap()]);
        assert!(code == 64 && error.contains("line 2") && error.contains(instead), "{error}");
    }
}

/// The answer to a handshake of a page.
fn handshake(broadcaster: &Broadcaster, origin: &str, host: &str) -> String {
    let mut stream = connect(broadcaster.address()).unwrap();
    let request = HANDSHAKE.replace("Host: localhost", &format!("Host: {host}\r\nOrigin: {origin}"));
    assert_ne!(request, HANDSHAKE);
    stream.write_all(request.as_bytes()).unwrap();
    read_head(&mut stream).lines().next().unwrap().to_owned()
}

#[test]
fn pages_of_subdomains_and_of_this_machine_may_connect() {
    let queue = QueueDir::new();
    let origins = ["--allowed-origins", "same-host,https://*.example.com:443,https://Bücher.example"];
    let mut broadcaster = broadcaster::with(&queue.path(), &origins);
    for (origin, status) in [
        ("https://app.example.com", "101"),
        ("https://xn--bcher-kva.example", "101"),
        ("http://localhost:8000", "101"),
        ("http://[::1]:8000", "101"),
        ("https://example.com", "403"),
        ("http://app.example.com", "403"),
    ] {
        let answer = handshake(&broadcaster, origin, "127.0.0.1:8081");
        assert!(answer.contains(status), "{origin}: {answer}");
    }
    broadcaster.stop();
}

#[test]
fn several_origins_stand_with_commas_between_or_behind_several_flags() {
    let queue = QueueDir::new();
    let pages = ["https://a.example", "https://b.example"];
    let mut with_variable = command(BINARY);
    with_variable.args(arguments(&queue.path())).env("FASTAPI_WS_ALLOWED_ORIGINS", pages.join(","));
    let mut with_flags = command(BINARY);
    with_flags.args(arguments(&queue.path())).args(pages.map(|page| format!("--allowed-origins={page}")));
    for serving in [with_variable, with_flags] {
        let mut broadcaster = Broadcaster::spawn(serving).listening();
        for page in pages {
            assert!(handshake(&broadcaster, page, "127.0.0.1:8081").contains("101"), "{page}");
        }
        broadcaster.stop();
    }
}

#[test]
fn a_page_that_is_refused_is_logged_once_with_the_setting_to_change() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let refused = ["https://app.example.com", "null", "file://", "http://\u{9b}x"];
    for (before, origin) in refused.iter().enumerate() {
        // A second after the line before.
        testkit::until("it is logged", || {
            for origin in refused[..=before].iter().chain([origin]) {
                assert!(handshake(&broadcaster, origin, "127.0.0.1:8081").contains("403"), "{origin:?}");
            }
            broadcaster.log_lines("a page may not connect").len() > before
        });
    }
    broadcaster.stop();
    let lines = broadcaster.log_lines("a page may not connect");
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(" WARN ") && line.contains("allowed_origins")), "{lines:?}");
    assert!(lines[0].contains("\"https://app.example.com\"") && lines[0].contains("127.0.0.1:8081"), "{lines:?}");
    assert!(lines[1].contains("add \"null\" to"), "{lines:?}");
    assert!(lines[2].contains("add \"file://\" to"), "{lines:?}");
    assert!(!lines[3].contains('\u{9b}'), "{lines:?}");

    let mut broadcaster = broadcaster::with(&queue.path(), &["--allowed-origins", "null,file://"]);
    for origin in ["null", "file://"] {
        assert!(handshake(&broadcaster, origin, "127.0.0.1:8081").contains("101"), "{origin}");
    }
    broadcaster.stop();
}
