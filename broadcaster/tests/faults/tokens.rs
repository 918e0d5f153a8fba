//! Tokens as operators make and check them, and that neither a token nor a secret is in anything that is printed.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use testkit::{Broadcaster, Finish as _, HANDSHAKE, Process, QueueDir};

use crate::support::{BINARY, broadcaster_command, command, exchange};

const SECRET: &str = "a secret of these tests, of 42 bytes in all";
/// What must be nowhere: the variable splits at commas.
const PARTS: [&str; 2] = ["a-secret-of-these-tests-of-more-than-32-bytes", "another-secret-of-more-than-32-bytes"];

/// It is signed with the first of them, and ended in 2001.
const ENDED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJleHAiOjEwMDAwMDAwMDAsInN1YiI6IjQyIiwiYWxsb3ciOlsicHJpdmF0ZS1hIl19.F6gYkJ59otsmRmexpiuBQ3hXSiHzQ-xLn7Rb_eExurw";

fn binary(arguments: &[&str]) -> Command {
    let mut binary = command(BINARY);
    binary.args(arguments).env("FASTAPI_WS_TOKEN_SECRET", PARTS.join(","));
    binary
}

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = binary(arguments).finish();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn made(arguments: &[&str]) -> String {
    let (code, token, error) = run(&[&["token", "create"], arguments].concat());
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}");
    token.trim_end().to_owned()
}

/// A token that is made with another secret.
fn signed_with(secret: String) -> String {
    let made = command(BINARY).args(["token", "create"]).env("FASTAPI_WS_TOKEN_SECRET", secret).finish();
    String::from_utf8(made.stdout).unwrap().trim_end().to_owned()
}

fn assert_hides(output: &str) {
    assert!(PARTS.iter().all(|secret| !output.contains(secret)), "{output}");
}

#[test]
fn a_token_is_made_and_checked() {
    let token = made(&[
        "--user",
        "42",
        "--channels",
        "news,private-user.42",
        "--allow",
        "team.*",
        "--allow",
        "everybody",
        "--ttl",
        "60",
        "--info",
        r#"{"name":"Ann"}"#,
    ]);
    let (code, claims, error) = run(&["token", "check", &token]);
    assert_eq!((code, error.as_str()), (0, ""));
    let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(claims["sub"], "42");
    assert_eq!(claims["channels"], serde_json::json!(["news", "private-user.42"]));
    assert_eq!(claims["allow"], serde_json::json!(["team.*", "everybody"]));
    assert_eq!(claims["info"], serde_json::json!({"name": "Ann"}));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
}

#[test]
fn a_token_is_checked_from_standard_input() {
    let token = made(&["--user", "42"]);
    let check = |text: String| {
        let mut check = binary(&["token", "check", "-"]);
        check.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = check.spawn().unwrap();
        // It does not read all of a text that is too long.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(format!("{token}\n")), (0, String::new()));
    let (code, error) = check("x".repeat(100_000));
    assert_eq!((code, error.as_str()), (1, "fastapi-broadcaster: the token is refused: it has more than 8192 bytes\n"));
}

#[test]
fn a_token_that_is_refused_is_told_with_the_rule_and_not_shown() {
    let (token, channel) = (made(&["--user", "42"]), made(&["--channel", "private-a"]));
    let of_another_key = signed_with("x".repeat(32));
    assert_eq!(run(&["token", "check", &channel]).0, 0, "a token for one channel counts as such");
    for (token, arguments, rule) in [
        (&*of_another_key, &[][..], "no configured key has made its signature"),
        ("x", &[], "it is no JWT"),
        (&token, &["--token-audience", "us"], "the claim `aud` is missing"),
        (&token, &["--token-issuer", "us"], "the claim `iss` is missing"),
    ] {
        let (code, out, error) = run(&[&["token", "check", token], arguments].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{rule}");
        assert!(error.contains(rule), "{rule}: {error}");
        assert!(token.len() < 5 || !error.contains(token), "{error}");
    }
    let ours = made(&["--token-audience", "us", "--token-issuer", "them"]);
    assert_eq!(run(&["token", "check", &ours, "--token-audience", "us", "--token-issuer", "them"]).0, 0);
}

#[test]
fn tokens_that_no_server_would_take_are_not_made() {
    for (arguments, problem) in [
        (&["--channels", "a b"][..], "a channel name has 1 to 200"),
        (&["--channels", "#server-to-user-1"], "only producers"),
        (&["--allow", "a*b"], "is no pattern"),
        (&["--ttl", "0"], "at least 1"),
        (&["--info", "[]"], "must be a JSON object"),
        (&["--channel", "a", "--channels", "b"], "cannot be used with"),
    ] {
        let (code, out, error) = run(&[&["token", "create"], arguments].concat());
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}: {error}");
        assert!(error.contains(problem), "{arguments:?}: {error}");
    }
    let (code, _, error) = run(&["token", "create", "--user", &"x".repeat(201)]);
    assert!(code == 1 && error.contains("`sub` must be a string of 1 to 200 bytes"), "{error}");
    let none = command(BINARY).args(["token", "create"]).finish();
    let error = String::from_utf8(none.stderr).unwrap();
    assert!(none.status.code() == Some(1) && error.contains("there is no secret to sign with"), "{error}");
}

#[test]
fn a_secret_is_in_no_output() {
    let queue = QueueDir::new();
    let path = queue.path();
    let path = path.to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["token", "--help"],
        &["token", "create", "--help"],
        &["token", "create"],
        &["config", "check", "--queue", path],
        &["config", "check", "--queue", path, "--public-channels", "*"],
        &["doctor", "--queue", path, "--public-channels", "*"],
        &["generate", "sample"],
        &["generate", "completion", "bash"],
        &["--queue", path],
        &["--queue", path, "--public-channels", "*", "--listen", "nowhere"],
    ] {
        let (_, out, error) = run(arguments);
        assert_hides(&out);
        assert_hides(&error);
    }
    // There is no flag that every user could read in the list of processes.
    let (code, _, error) = run(&["--queue", path, &format!("--token-secret={}", PARTS[0])]);
    assert_eq!(code, 64);
    assert_hides(&error);
    let short = command(BINARY).args(["--queue", path]).env("FASTAPI_WS_TOKEN_SECRET", "too short").finish();
    let error = String::from_utf8(short.stderr).unwrap();
    assert!(error.contains("has 9 bytes") && !error.contains("too short"), "{error}");
}

#[test]
fn no_error_repeats_the_secret_of_a_url() {
    let queue = QueueDir::new();
    let path = queue.path();
    let path = path.to_str().unwrap();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2VjcmV0LXNlY3JldA";
    for (arguments, shown) in [
        (&["listen", "http://host/?token=Hidden"][..], "write ws://host/?token=[hidden]"),
        (&["listen", "host/?token=Hidden"], "write ws://host/?token=[hidden]"),
        (&["listen", "host/?token=Hid Hidden"], "write ws://host/?token=[hidden]"),
        (&["listen", "ftp://host/?tok%65n=Hidden"], "ftp://host/?token=[hidden]"),
        (&["listen", "ws://user:Hidden@host:99999/"], "ws://[hidden]@host:99999/"),
        (&["listen", "ws://user:Hid/Hidden@host/"], "ws://[hidden]@host/"),
        (&["listen", "user:Hidden@host/"], "write ws://[hidden]@host/"),
        (&["listen", "ws://user:Hidden@127.0.0.1:1/?token=Hidden"], "ws://[hidden]@127.0.0.1:1/?token=[hidden]"),
        (&["listen", "ws://host/", "ws://host/?token=Hidden"], "ws://host/?token=[hidden]"),
        (&["listen", "ws://host/", jwt], "'[hidden]'"),
        (&["token", "check", "a.b.c", jwt], "'[hidden]'"),
        (&["ws://host/?token=Hidden"], "ws://host/?token=[hidden]"),
        (&["publish", "test", "1", "ws://host/?token=Hidden"], "ws://host/?token=[hidden]"),
        (&["publish", "test", "1", "--queue", "redis://:Hidden@host/0"], "redis://[hidden]@host/0 is a URL"),
        (&["doctor", "--queue", path, "--url", "http://host/?token=Hidden"], "write ws://host/?token=[hidden]"),
        (&["--queue", "http://host/?token=Hidden"], "http://host/?token=[hidden] is a URL"),
        (&["--queue", path, "--listen", "ws://user:Hidden@host:80"], "listen = ws://[hidden]@host:80"),
        (&["--queue", path, "--host", "ws://user:Hidden@host"], "cannot listen on ws://[hidden]@host:"),
        (&["--queue", path, "--allowed-origins", "https://user:Hidden@host"], "https://[hidden]@host"),
        (&["--queue", path, "--allowed-origins", "https://host/?token=Hidden"], "https://host/?token=[hidden]"),
        (&["--queue", path, "--public-channels", "ws://host/?token=Hidden"], "ws://host/?token=[hidden]"),
        (&["--queue", path, "--broker-url", "redis://user:Hidden@host:port"], "broker.url: a port is no number"),
        (&["--queue", path, "--broker-url", "redis+unix://s?pass=Hidden"], "broker.url: the path of the socket"),
        (&["--queue", path, "redis+unix:///s?pass=Hidden"], "redis+unix:///s?pass=[hidden]"),
        (&["--queue", path, "--log-format", "ws://host/?token=Hidden"], "ws://host/?token=[hidden]"),
    ] {
        let output = command(BINARY).args(arguments).finish();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(shown), "{arguments:?}: {error}");
        let is_shown = ["Hid", "c2VjcmV0"].iter().any(|secret| error.contains(secret));
        assert!(!is_shown, "{arguments:?}: {error}");
    }
    // What is no error: a warning in the log, and what the doctor has found.
    let foreign = ("WS_PORT", "tcp://user:Hidden@10.0.0.1:80");
    let check = command(BINARY).args(["config", "check", "--queue", path]).env(foreign.0, foreign.1).finish();
    let warning = String::from_utf8(check.stderr).unwrap();
    assert!(warning.contains("WS_PORT=\"tcp://[hidden]@10.0.0.1:80\""), "{warning}");
    let doctor = command(BINARY).args(["doctor", "--queue", path, "--host", "ws://user:Hidden@host"]).finish();
    let found = String::from_utf8(doctor.stdout).unwrap();
    assert!(found.contains("ws://[hidden]@host:8081: ") && !found.contains("Hidden"), "{found}");
}

#[test]
fn no_error_shows_the_secret_of_a_file_that_is_wrong() {
    let queue = QueueDir::new();
    let config = queue.root().join("config.toml");
    let secret = "4b5d11f0c8a4e2d9f6b7a3c1e5d8f092";
    for (line, told) in [
        (format!("token_secrett = \"{secret}\""), "line 2, column 1: there is no key `token_secrett`"),
        (format!("token_secret = \"{secret}\""), "line 2, column 16: token_secret must be a list"),
        (format!("token_secret_file = [\"{secret}\"]"), "token_secret_file: cannot read the file: "),
        (format!("port = \"{secret}\""), "line 2, column 8: port must be a whole number"),
        (format!("listen = \"{secret}\""), "listen: must be ADDRESS:PORT"),
        (format!("allowed_origins = [\"{secret}\"]"), "line 2, column 20: allowed_origins is no origin"),
        (format!("queue = \"{secret}"), "line 2, column "),
    ] {
        fs::write(&config, format!("# settings\n{line}\n")).unwrap();
        for arguments in [&["config", "check"][..], &[]] {
            let mut binary = command(BINARY);
            let output = binary.args(arguments).arg("--queue").arg(queue.path()).arg("--config").arg(&config).finish();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(64), "{line}: {error}");
            assert!(error.contains(told) && !error.contains(&secret[..8]), "{line}: {error}");
        }
    }
}

#[test]
fn the_start_says_which_lines_to_choose_from() {
    let queue = QueueDir::new();
    let path = queue.path();
    let (code, _, error) = run(&["--queue", path.to_str().unwrap()]);
    assert_eq!(code, 64, "{error}");
    for line in [r#"public_channels = ["*"]"#, r#"public_channels = ["public.*"]"#] {
        assert!(error.contains(line), "{error}");
    }
}

#[test]
fn commands_that_need_no_key_do_not_read_it() {
    let queue = QueueDir::new();
    let (path, config) = (queue.path(), queue.root().join("config.toml"));
    fs::write(&config, "token_secret_file = ['/no/such/file']\n").unwrap();
    let (path, config) = (path.to_str().unwrap(), config.to_str().unwrap());
    for arguments in [&["publish", "test", "1"][..], &["failed", "list"], &["queue", "stat"]] {
        let output = command(BINARY).args(arguments).args(["--queue", path, "--config", config]).finish();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    let output = command(BINARY).args(["config", "check", "--queue", path, "--config", config]).finish();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(64) && error.contains("cannot read /no/such/file"), "{error}");
}

#[test]
fn a_token_of_another_secret_is_logged_once_in_a_while_and_one_that_has_ended_is_not() {
    let queue = QueueDir::new();
    let mut command = broadcaster_command(&queue.path());
    command.args(["--public-channels", "*"]).env("FASTAPI_WS_TOKEN_SECRET", PARTS[0]);
    let mut broadcaster = Broadcaster::new(Process::spawn(&mut command)).listening();
    let of_another_secret = signed_with("y".repeat(32));
    for token in [&of_another_secret, "no token", &of_another_secret, ENDED] {
        let request =
            HANDSHAKE.replace("GET / ", &format!("GET /?channel=private-a&token={} ", token.replace(' ', "+")));
        let answer = String::from_utf8(exchange(broadcaster.address(), request.as_bytes())).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{token}: {answer}");
    }
    broadcaster.stop();
    let lines = broadcaster.log_lines("a token is refused");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let told = ["WARN", "no configured key has made its signature", "another secret", "end of the line"];
    assert!(told.iter().all(|text| lines[0].contains(text)), "{lines:?}");
}

#[test]
fn a_token_is_in_no_line_of_the_log() {
    let queue = QueueDir::new();
    let file = queue.root().join("secret");
    fs::write(&file, SECRET).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap();
    let create = |user: &str| {
        let arguments = ["token", "create", "--user", user, "--allow", "everybody", "--token-secret-file", file];
        String::from_utf8(command(BINARY).args(arguments).finish().stdout).unwrap().trim_end().to_owned()
    };
    let mut broadcaster = broadcaster_command(&queue.path());
    broadcaster.args(["--token-secret-file", file, "--public-channels", "*"]).env("RUST_LOG", "trace");
    let mut broadcaster = Broadcaster::new(Process::spawn(&mut broadcaster)).listening();
    let good = create("42");
    let bad = format!("{}x", create("43"));
    for token in [&good, &bad] {
        let origin = "Origin: http://localhost\r\n";
        for (target, lines) in [
            (format!("/?token={token}"), ""),
            (format!("/?a=b&%74oken={token}&c"), origin),
            (format!("http://localhost/?token={token}"), ""),
            (format!("/?token={token}&token={token}"), ""),
            (format!("/?token={token}&channel=a%20b"), ""),
            (format!("/?token={token}&everybody=1"), origin),
            ("/".to_owned(), &*format!("Authorization: Bearer {token}\r\n")),
            ("/".to_owned(), &*format!("{origin}Cookie: fastapi_ws_token={token}\r\n")),
        ] {
            let request = HANDSHAKE.replace("GET / ", &format!("GET {target} "));
            let request = request.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
            // A frame that is not masked ends what was let in.
            exchange(broadcaster.address(), &[request.as_bytes(), b"\x81\x00"].concat());
        }
        // In a command, whose mask is zero.
        let command = format!(r#"{{"type":"authenticate","token":"{token}"}}"#);
        let length = u16::try_from(command.len()).unwrap().to_be_bytes();
        let frame = [&[0x81, 0xfe], &length[..], &[0; 4], command.as_bytes(), &[0x81, 0x00]].concat();
        let native = HANDSHAKE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: fastapi.v1\r\n\r\n");
        exchange(broadcaster.address(), &[native.as_bytes(), &frame].concat());
        // No handshake, but a token all the same.
        exchange(broadcaster.address(), format!("GET /?token={token} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    broadcaster.await_log("client connected");
    broadcaster.await_log("a token is refused");
    broadcaster.stop();
    let log = broadcaster.stderr().join("\n");
    assert!(log.contains("token=[hidden]"), "{log}");
    for secret in [&good, &bad, SECRET] {
        for part in secret.split('.').filter(|part| part.len() > 20).skip(usize::from(secret.len() > 60)) {
            assert!(!log.contains(part), "{part} in {log}");
        }
    }
}
