//! What the doctor finds of php-fpm. A server of its own plays php-fpm here.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use testkit::{Process, QueueDir, Signal};

use crate::support::{BINARY, command, run};

/// Answers one request after the other with such an output. Ends with the number of requests, and returns the scripts.
fn fpm(socket: &Path, outputs: Vec<String>) -> JoinHandle<Vec<PathBuf>> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || outputs.iter().map(|output| answer(&listener, output)).collect())
}

fn answer(listener: &UnixListener, output: &str) -> PathBuf {
    let (mut stream, script) = asked(listener);
    let mut bytes = vec![1, 6, 0, 1, 0, 0, 0, 0];
    let output = output.as_bytes();
    bytes[4..6].copy_from_slice(&u16::try_from(output.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(output);
    bytes.extend_from_slice(&[1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    stream.write_all(&bytes).unwrap();
    script
}

/// The next request and its script.
fn asked(listener: &UnixListener) -> (UnixStream, PathBuf) {
    let mut stream = listener.accept().unwrap().0;
    let mut request = Vec::new();
    let mut part = [0; 4096];
    // An empty record of standard input is the end of a request.
    while !request.ends_with(&[1, 5, 0, 1, 0, 0, 0, 0]) {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the request ends early");
        request.extend_from_slice(&part[..read]);
    }
    let name = b"SCRIPT_FILENAME";
    let at = request.windows(name.len()).position(|part| part == name).unwrap();
    let (length, value) = (usize::from(request[at - 1]), at + name.len());
    let script = PathBuf::from(String::from_utf8(request[value..value + length].to_vec()).unwrap());
    // The workers run as another user.
    assert_eq!(std::fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(std::fs::read_to_string(&script).unwrap().starts_with("<?php\n"));
    (stream, script)
}

/// What is said of a pool that answers so.
fn said(outputs: &[&str]) -> (i32, String) {
    let queue = QueueDir::new();
    let socket = queue.root().join("fpm.sock");
    let outputs = outputs.iter().map(|text| text.replace("QUEUE", queue.path().to_str().unwrap())).collect();
    let fpm = fpm(&socket, outputs);
    let (code, report, _) = run(&queue.path(), &["doctor", "--fpm", &format!("unix:{}", socket.display())]);
    let scripts = fpm.join().unwrap();
    assert!(scripts.iter().all(|script| !script.exists()), "{scripts:?}");
    (code, report)
}

fn settings(version: &str, more: &str) -> String {
    format!(
        "Content-type: text/html\r\n\r\nfastapi-broadcaster doctor: {{\"loaded\":true,\"version\":\"{version}\",\"php\":\"8.2.0\",\"ini\":\"/etc/php.ini\",{more}}}"
    )
}

#[test]
fn the_settings_of_a_pool_are_compared_with_the_queue_and_the_broadcaster() {
    let version = env!("CARGO_PKG_VERSION");
    let good = settings(version, r#""path":"QUEUE","queue":"directory","max_event_bytes":"1048576""#);
    let (code, report) = said(&[&good]);
    assert_eq!(code, 0, "{report}");
    assert!(report.contains(&format!("(PHP 8.2.0) has loaded the extension {version}: path ")), "{report}");
    assert!(!report.contains("which is another directory"), "{report}");

    let other = settings("0.0.1", r#""path":"/srv/other","queue":"journal","max_event_bytes":"9000000""#);
    let (_, report) = said(&[&other]);
    for told in [
        "queues into /srv/other where a script gives no path, which is another directory",
        "has the extension 0.0.1, and this broadcaster is",
        "is set to append to the journal, and there is none",
        "queues events of up to 9000000 bytes",
    ] {
        assert!(report.contains(told), "{told}: {report}");
    }
}

#[test]
fn a_pool_without_the_extension_and_one_that_does_not_see_the_script_are_told_apart() {
    let without = r#"X: y

fastapi-broadcaster doctor: {"loaded":false,"version":null,"php":"8.2.0","ini":"/etc/php/8.2/fpm/php.ini","path":null,"queue":null,"max_event_bytes":null}"#;
    let (code, report) = said(&[without]);
    assert_eq!(code, 1, "{report}");
    assert!(
        report.contains("has not loaded the extension fastapi_websocket (its php.ini: /etc/php/8.2/fpm"),
        "{report}"
    );

    let not_found = "Status: 404 Not Found\r\n\r\nFile not found.\n";
    let (_, report) = said(&[not_found, not_found]);
    assert!(
        report.contains("does not see a file that was written to") && report.contains("PrivateTmp=yes"),
        "{report}"
    );
    // It has a /tmp of its own.
    let (code, report) =
        said(&[not_found, &settings("0.0.1", r#""path":"QUEUE","queue":null,"max_event_bytes":null"#)]);
    assert!(code == 0 && report.contains("has loaded the extension 0.0.1"), "{report}");
}

#[test]
fn what_a_site_prints_around_each_script_changes_nothing_and_a_fatal_error_is_no_answer() {
    let answer = settings(env!("CARGO_PKG_VERSION"), r#""path":"QUEUE","queue":null,"max_event_bytes":null"#);
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let page = format!("{head}\r\n\r\n<style>p {{ color: red }}</style>{text}<script>a({{}})</script>\n");
    let (code, report) = said(&[&page]);
    assert!(code == 0 && report.contains("has loaded the extension"), "{report}");

    for (output, told) in [
        ("X-Powered-By: PHP/8.2.0\r\n\r\n", "it answers without a text: a fatal error, perhaps"),
        ("Status: 500 Internal Server Error\r\nX: y\r\n\r\n", "it answers Status: 500 Internal Server Error"),
        ("X: y\r\n\r\n<br />\nFatal error: no\n", "it answers Fatal error: no"),
    ] {
        let (code, report) = said(&[output]);
        assert!(code == 1 && report.contains(told), "{told}: {report}");
    }
}

#[test]
fn a_doctor_that_is_interrupted_leaves_no_script_behind() {
    let queue = QueueDir::new();
    let socket = queue.root().join("fpm.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut doctor = command(BINARY);
        let mut doctor = Process::spawn(doctor.args(["doctor", "--fpm", socket.to_str().unwrap()]));
        // It gets no answer.
        let (_stream, script) = asked(&listener);
        doctor.signal(signal);
        assert_eq!(doctor.await_exit().code(), Some(130), "{signal:?}");
        assert!(!script.exists(), "{signal:?}: {}", script.display());
    }
}

#[test]
fn a_pool_that_was_named_and_does_not_answer_is_bad() {
    let queue = QueueDir::new();
    let (code, report, _) = run(&queue.path(), &["doctor", "--fpm", "unix:/nowhere/fpm.sock"]);
    assert!(
        code == 1 && report.contains("BAD  php-fpm at /nowhere/fpm.sock cannot be asked: cannot connect"),
        "{report}"
    );
    let (code, _, error) = run(&queue.path(), &["doctor", "--fpm", "9000"]);
    assert!(code == 64 && error.contains("must be unix:/path/of/the/socket"), "{error}");
}
