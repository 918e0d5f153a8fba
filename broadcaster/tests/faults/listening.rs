//! `listen` on channels: what it prints, where its token comes from, and what it says when the server refuses.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use server::token::{NewToken, Secret, create};
use testkit::{Broadcaster, Finish as _, Process, QueueDir, free_address, until};
use tungstenite::Message;

use crate::support::{BINARY, broadcaster_command, command, command_on};

const SECRET: &str = "a secret of these tests of 41 bytes in all";
const USER: &str = "private-user.42";
/// How channels are asked for, and messages received.
const WAYS: [&[&str]; 3] = [&[], &["--native"], &["--sse"]];

/// A token of user 42 that is made at a time and counts for a second, and as long as clocks may differ.
fn token_of(made_at: SystemTime, allow: &str) -> String {
    let allow = vec![allow.to_owned()];
    let new = NewToken { user: Some("42".to_owned()), allow, ttl: Duration::from_secs(1), ..NewToken::default() };
    create(&Secret::new(SECRET.as_bytes()), &new, made_at).unwrap()
}

fn token(allow: &str) -> String {
    token_of(SystemTime::now(), allow)
}

/// Starts a broadcaster whose channels need a token, but for those that begin with `public.`.
pub(crate) fn start(queue: &QueueDir, flags: &[&str]) -> Broadcaster {
    let mut command = broadcaster_command(&queue.path());
    command.env("FASTAPI_WS_TOKEN_SECRET", SECRET).args(["--public-channels", "public.*"]).args(flags);
    Broadcaster::spawn(command).listening()
}

pub(crate) fn listen(address: SocketAddr, arguments: &[&str]) -> Command {
    let mut listen = command(BINARY);
    listen.args(["listen", &format!("ws://{address}/")]).args(arguments);
    listen
}

/// Exit code and standard error of one that prints nothing.
pub(crate) fn refused(mut listen: Command) -> (i32, String) {
    let output = listen.finish();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn publish(queue: &QueueDir, channel: &str, payload: &str) {
    let mut publish = command(BINARY);
    publish.args(["publish", "test", payload, "--channel", channel, "--queue"]).arg(queue.path());
    assert!(publish.finish().status.success());
}

#[test]
fn events_of_the_channels_are_printed_with_their_names_and_no_others() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &[]);
    for way in WAYS {
        let arguments = ["--channel", "public.news", "--channel", USER, "-n", "2"];
        let mut command = listen(broadcaster.address(), &[&arguments, way].concat());
        let mut listener = Process::spawn(command.env("FASTAPI_WS_TOKEN", token("private-user.*")));
        let subscribed = "fastapi-broadcaster: subscribed to public.news, private-user.42";
        listener.await_line("it is subscribed", |line| (line == subscribed).then_some(()));

        publish(&queue, "private-user.43", "1");
        publish(&queue, "public.other", "2");
        queue.enqueue(3);
        publish(&queue, USER, "4");
        publish(&queue, "public.news", "5");
        assert!(listener.await_exit().success(), "{way:?}: {:?}", listener.stderr());
        let printed: Vec<serde_json::Value> =
            listener.stdout().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |key: &str| printed.iter().map(|message| message[key].to_string()).collect::<Vec<String>>();
        assert_eq!(of("payload"), ["4", "5"], "{way:?}");
        assert_eq!(of("channel"), ["\"private-user.42\"", "\"public.news\""], "{way:?}");
    }
    broadcaster.stop();
}

#[test]
fn a_token_comes_from_standard_input_as_well() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &[]);
    let mut command = listen(broadcaster.address(), &["--channel", USER, "--token", "-", "-n", "1"]);
    let (reading, mut input) = std::io::pipe().unwrap();
    let mut listener = Process::spawn_as_it_is(command.stdin(reading).stdout(Stdio::piped()).stderr(Stdio::piped()));
    writeln!(input, "{}", token(USER)).unwrap();
    drop(input);
    listener.await_line("it is subscribed", |line| line.ends_with("subscribed to private-user.42").then_some(()));
    publish(&queue, USER, "1");
    assert!(listener.await_exit().success(), "{:?}", listener.stderr());
    broadcaster.stop();
}

#[test]
fn a_refusal_is_explained_with_what_to_do() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &["--max-channels-per-client", "2"]);
    let address = broadcaster.address();
    let (good, other) = (token(USER), token("private-user.43"));
    let past = token_of(SystemTime::now() - Duration::from_secs(3600), USER);
    let check = "token check` shows what a token says";
    let three = ["--channel", "public.1", "--channel", "public.2", "--channel", "public.3"];
    for (arguments, token, code, told) in [
        (
            &["--channel", USER][..],
            None,
            1,
            "401 Unauthorized: not authenticated; give a valid token: ?token= in the address, or --token or FASTAPI_WS_TOKEN of `listen`",
        ),
        (&["--channel", USER], Some(&other), 1, "403 Forbidden: not allowed; neither the token nor public_channels"),
        (&["--channel", USER], Some(&past), 1, "401 Unauthorized: token expired; get a new token"),
        (&["--channel", "public.a"], Some(&"x".to_owned()), 1, "not authenticated; give a valid token"),
        (
            &["--channel", USER, "--native"],
            None,
            1,
            "(101; it needs a token: give one with --token or FASTAPI_WS_TOKEN)",
        ),
        (&["--channel", USER, "--native"], Some(&other), 1, check),
        (&["--channel", USER, "--native"], Some(&past), 1, "token expired; get a new token"),
        (&three, None, 1, "400 Bad Request: too many channels: at most 2 (max_channels_per_client)"),
        (
            &[&three[..], &["--native"]].concat(),
            None,
            1,
            "(106; subscribe fewer channels, or raise max_channels_per_client",
        ),
        (&["--channel", USER, "--sse"], None, 1, "401 Unauthorized: not authenticated; give a valid token"),
        (&["--channel", USER, "--sse"], Some(&other), 1, "403 Forbidden: not allowed; neither the token nor"),
        (&["--channel", USER, "--sse"], Some(&past), 1, "401 Unauthorized: token expired; get a new token"),
        (&[&three[..], &["--sse"]].concat(), None, 1, "400 Bad Request: too many channels: at most 2"),
        (&["--channel", USER, "--native", "--sse"], Some(&good), 64, "cannot be used with"),
        (&["--channel", "a b"], Some(&good), 64, "a channel name has 1 to 200"),
        (&["--channel", "#server-to-user-42"], Some(&good), 64, "only producers may use this name"),
        (&["--channel", USER], Some(&"a\nb".to_owned()), 1, "the token has characters that no token has"),
        // What is for everybody is not public either.
        (&[], None, 1, "401 Unauthorized: not authenticated; give a valid token"),
        (&[], Some(&good), 1, "403 Forbidden: not allowed"),
        (&["--sse"], None, 1, "401 Unauthorized: not authenticated; give a valid token"),
        (&["--sse"], Some(&"a\nb".to_owned()), 1, "the token has characters that no token has"),
    ] {
        let mut command = listen(address, arguments);
        if let Some(token) = token {
            command.env("FASTAPI_WS_TOKEN", token);
        }
        let (given, error) = refused(command);
        assert!(given == code && error.contains(told), "{arguments:?}: {given}: {error}");
        assert!(error.starts_with("fastapi-broadcaster: ") && error.lines().count() == 1, "{error}");
        assert!(token.is_none_or(|token| token.len() < 4 || !error.contains(token.as_str())), "{error}");
    }
    let (code, error) = refused(listen(address, &["--channel", "public.a", "--token", "-"]));
    assert_eq!((code, error.as_str()), (1, "fastapi-broadcaster: the token is empty\n"));
    broadcaster.stop();
}

#[test]
fn the_end_of_a_connection_is_explained_with_what_to_do() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &[]);
    // Clocks may differ by 30 seconds: its end was 20 seconds ago, and it counts for ten more.
    let soon = token_of(SystemTime::now() - Duration::from_secs(21), USER);
    let listeners = WAYS.map(|way| {
        let mut command = listen(broadcaster.address(), &[&["--channel", USER], way].concat());
        (way, Process::spawn(command.env("FASTAPI_WS_TOKEN", &soon)))
    });
    for (way, mut listener) in listeners {
        assert_eq!(listener.await_exit().code(), Some(1));
        let lines = listener.stderr();
        let (announced, ended) = match way {
            // A stream does not say it before.
            ["--sse"] => (0, "ended the stream: 4401 token expired: give a new token"),
            _ => (1, "closed the connection with code 4401 token expired: give a new token"),
        };
        let count = lines.iter().filter(|line| line.contains("the token ends soon")).count();
        assert!(count == announced && lines.last().unwrap().contains(ended), "{way:?}: {lines:?}");
    }
    let listeners = WAYS.map(|way| {
        let arguments = [&["--channel", "public.a"], way].concat();
        let mut listener = Process::spawn(&mut listen(broadcaster.address(), &arguments));
        listener.await_line("it is subscribed", |line| line.ends_with("subscribed to public.a").then_some(()));
        listener
    });
    broadcaster.stop();
    for mut listener in listeners {
        assert_eq!(listener.await_exit().code(), Some(1));
        let error = listener.stderr().join("\n");
        assert!(error.contains("1001 server is shutting down: it stops or is started again"), "{error}");
    }
}

/// The payloads that a listener has printed.
fn printed(listener: &Process) -> Vec<String> {
    let payload = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["payload"].to_string();
    listener.stdout().iter().map(payload).collect()
}

/// The id of an event that was published and received.
fn id_of(line: &str) -> String {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_missed_comes_first_and_a_lost_connection_is_made_again() {
    for way in WAYS {
        let (queue, address) = (QueueDir::new(), free_address());
        let start = || Broadcaster::spawn(command_on(&queue.path(), address)).listening();
        let mut broadcaster = start();
        let channels = ["--channel", "public.a"];
        let mut first = Process::spawn(&mut listen(address, &[&channels[..], &["-n", "1"]].concat()));
        first.await_line("it is subscribed", |line| line.ends_with("subscribed to public.a").then_some(()));
        publish(&queue, "public.a", "1");
        assert!(first.await_exit().success());
        let id = id_of(&first.stdout()[0]);
        publish(&queue, "public.a", "2");
        publish(&queue, "public.other", "0");
        publish(&queue, "public.a", "3");
        until("they are published", || queue.waiting() == 0);

        let mut listener =
            Process::spawn(&mut listen(address, &[&channels[..], &["--after", &id, "-n", "5"], way].concat()));
        until("what was missed is printed", || listener.stdout().len() == 2);
        for is_killed in [false, true] {
            if is_killed {
                broadcaster.kill();
            } else {
                broadcaster.stop();
            }
            let number = 2 + printed(&listener).len();
            publish(&queue, "public.a", &number.to_string());
            broadcaster = start();
            until("it comes back", || listener.stdout().len() == number - 1);
        }
        publish(&queue, "public.a", "6");
        assert!(listener.await_exit().success(), "{way:?}: {:?}", listener.stderr());
        assert_eq!(printed(&listener), ["2", "3", "4", "5", "6"], "{way:?}");
        let told = listener.stderr();
        let count = |text: &str| told.iter().filter(|line| line.contains(text)).count();
        assert_eq!(count("connecting again"), 2, "{told:?}");
        assert_eq!(count("not recovered"), 0, "{told:?}");
        let of = if way == ["--native"] { " of public.a" } else { "" };
        assert_eq!(count(&format!("recovered: all events{of} after {id} follow")), 1, "{told:?}");
        assert_eq!(count(&format!("recovered: all events{of} after ")), 3, "{told:?}");
        broadcaster.stop();
    }
}

#[test]
fn a_position_that_is_not_known_is_told_and_one_that_is_none_is_refused() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &[]);
    let address = broadcaster.address();
    for way in WAYS {
        let of = if way == ["--native"] { " of public.a" } else { "" };
        let arguments = [&["--channel", "public.a", "--after", "t.1000", "-n", "1"], way].concat();
        let mut listener = Process::spawn(&mut listen(address, &arguments));
        let told = format!("fastapi-broadcaster: not recovered: events{of} after t.1000 may be missing");
        listener.await_line("it is told", |line| (line == told).then_some(()));
        publish(&queue, "public.a", "1");
        assert!(listener.await_exit().success());
    }
    let (code, error) = refused(listen(address, &["--after", "a b"]));
    assert!(code == 64 && error.contains("is no position: give the id of a message, or t."), "{code}: {error}");
    let mut twice = command(BINARY);
    twice.args(["listen", &format!("ws://{address}/?after=x"), "--after", "y"]);
    let (code, error) = refused(twice);
    assert!(code == 1 && error.contains("leave out one of them"), "{code}: {error}");
    // What the token or the rights refuse is refused at once, and for good.
    for way in [&[][..], &["--sse"]] {
        let (code, error) = refused(listen(address, &[&["--channel", USER, "--after", "t.1000"], way].concat()));
        assert!(code == 1 && error.contains("401 Unauthorized"), "{code}: {error}");
    }
    broadcaster.stop();
}

#[test]
fn a_server_that_knows_no_channels_is_told_from_one_without_events() {
    for (arguments, told) in [
        (&["--channel", "a"][..], "the server knows no channels: it is older than they are"),
        (&["--channel", "a", "--native"], "the server does not know the subprotocol fastapi.v1"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let event = r#"{"event":"test","payload":"for all","timestamp":1}"#;
            // Who asked for a subprotocol may be gone.
            let _ = socket.send(Message::text(event));
            while socket.read().is_ok() {}
        });
        let (code, error) = refused(listen(address, arguments));
        assert!(code == 1 && error.contains(told), "{code}: {error}");
        server.join().unwrap();
    }
}

#[test]
fn a_token_is_in_no_help_and_in_no_error() {
    let mut help = command(BINARY);
    let output = help.args(["listen", "--help"]).env("FASTAPI_WS_TOKEN", "abc.def.ghi").finish();
    let help = String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(help.contains("[env: FASTAPI_WS_TOKEN]") && help.contains("Every user of the machine can see"), "{help}");
    assert!(!help.contains("abc.def.ghi"), "{help}");

    let mut listen = command(BINARY);
    listen.args(["listen", "ws://127.0.0.1:1/?token=abc.def.ghi"]);
    let (code, error) = refused(listen);
    assert!(code == 1 && error.contains("cannot connect to ws://127.0.0.1:1/?token=[hidden]"), "{error}");
}
