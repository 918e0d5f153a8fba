//! `listen --sse` with a server that follows a script, and what it says of servers that have no such stream. What it
//! has in common with a WebSocket is in `listening.rs`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use testkit::{Process, QueueDir};

use crate::listening::{listen, refused, start};
use crate::support::{BINARY, command};

/// A server that gives an answer to each request and ends its connection, in turn. The heads of the requests are
/// returned.
fn scripted(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let answer = |answer: String| {
            let mut stream = listener.accept().unwrap().0;
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(char::from(byte[0]));
            }
            stream.write_all(answer.as_bytes()).unwrap();
            head.to_ascii_lowercase()
        };
        answers.into_iter().map(answer).collect()
    });
    (address, server)
}

fn stream_of(blocks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n{blocks}")
}

#[test]
fn a_stream_that_is_cut_goes_on_after_its_last_id_when_the_server_wants_it_to() {
    let event = |id: &str| format!("{{\"event\":\"gap\",\rdata: \"payload\":1,\"timestamp\":1,\"id\":\"{id}\"}}");
    let (address, server) = scripted(vec![
        // A type that is named as a gap is, which any event may have; a comment, a heartbeat and a block without its
        // end.
        stream_of(&format!(
            "\u{feff}retry: 1200\rid: e-1\r\r: hello\revent: gap\rid: e-2\rdata: {}\r\rid: e-3\r\rid: e-4\rdata: {{",
            event("e-2")
        )),
        stream_of("retry: 1\nid: e-3\n\nevent: gap\nid: e-5\ndata: {\"recovered\":false}\n\n"),
        // With chunks, as a proxy may send them.
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nid:\r\n{}0\r\n\r\n",
            {
                let rest = format!(" e-5\r\r{}\r\r", event("e-6").replace('{', "data: {"));
                format!("{:x}\r\n{rest}\r\n", rest.len())
            }
        ),
    ]);
    let began = Instant::now();
    let mut command = command(BINARY);
    let url = format!("http://{address}/events?named=1");
    command.args(["listen", &url, "--channel", "a", "--sse", "--after", "t.1000", "-n", "2"]);
    let mut listener = Process::spawn(&mut command);
    assert!(listener.await_exit().success(), "{:?}", listener.stderr());
    assert!(began.elapsed() >= Duration::from_millis(1200), "{:?}", began.elapsed());
    let printed = |id: &str| format!("{{\"event\":\"gap\", \"payload\":1,\"timestamp\":1,\"id\":\"{id}\"}}");
    assert_eq!(listener.stdout(), [printed("e-2"), printed("e-6")]);
    let heads = server.join().unwrap();
    let asked = ["after=t.1000 http/1.1", "last-event-id: e-3", "last-event-id: e-5"];
    for (head, asked) in heads.iter().zip(asked) {
        assert!(head.contains(asked) && head.contains("accept: text/event-stream"), "{head}");
        assert!(head.starts_with("get /events?named=1&channel=a&after="), "{head}");
    }
    assert!(!heads[0].contains("last-event-id"), "{heads:?}");
    let said = |text: &str| format!("fastapi-broadcaster: {text}");
    let expected = [
        "subscribed to a",
        "recovered: all events after t.1000 follow",
        "the connection has ended; connecting again",
        "subscribed to a",
        "recovered: all events after e-3 follow",
        "something was lost here: earlier events may be missing",
        "the connection has ended; connecting again",
        "subscribed to a",
        "recovered: all events after e-5 follow",
    ];
    assert_eq!(listener.stderr(), expected.map(said));
}

#[test]
fn a_stream_whose_blocks_all_have_data_is_understood() {
    let heartbeat =
        |id: &str| format!("event: fastapi:heartbeat\ndata: {{\"type\":\"heartbeat\",\"id\":\"{id}\"}}\n\n");
    let event = "{\"event\":\"e\",\"payload\":1,\"timestamp\":1,\"id\":\"e-2\"}";
    let blocks = [
        format!("retry: 1\nid: e-1\n{}", heartbeat("e-1")),
        format!("id: e-1\n{}", heartbeat("e-1")),
        format!("id: e-2\ndata: {event}\n\n"),
    ];
    let (address, server) = scripted(vec![stream_of(&blocks.concat())]);
    let mut command = command(BINARY);
    command.args(["listen", &format!("http://{address}/"), "--channel", "a", "--sse", "-n", "1"]);
    let mut listener = Process::spawn(&mut command);
    assert!(listener.await_exit().success(), "{:?}", listener.stderr());
    assert_eq!(listener.stdout(), [event]);
    server.join().unwrap();
}

#[test]
fn a_server_that_accepts_and_does_not_answer_is_left() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let spawn = |url: String, arguments: &[&str]| {
        let mut command = command(BINARY);
        Process::spawn(command.arg("listen").arg(url).args(arguments))
    };
    let stream = spawn(format!("http://{address}/"), &["--sse"]);
    for mut listener in [stream, spawn(format!("ws://{address}/"), &[]), spawn(format!("wss://{address}/"), &[])] {
        assert_eq!(listener.await_exit().code(), Some(1));
        let said = listener.stderr().concat();
        assert!(said.contains("the server has not answered for 15 s"), "{said}");
    }
}

#[test]
fn a_stream_that_cannot_be_had_is_explained() {
    let queue = QueueDir::new();
    let mut broadcaster = start(&queue, &["--max-connections", "1"]);
    let address = broadcaster.address();
    let mut first = Process::spawn(&mut listen(address, &["--channel", "public.a", "--sse"]));
    first.await_line("it is subscribed", |line| line.ends_with("subscribed to public.a").then_some(()));
    let (code, error) = refused(listen(address, &["--channel", "public.a", "--sse"]));
    assert!(code == 1 && error.contains("the server has no room now"), "{code}: {error}");
    let listen_at = |url: String, arguments: &[&str]| {
        let mut command = command(BINARY);
        command.arg("listen").arg(url).args(arguments);
        refused(command)
    };
    for (url, arguments, code, told) in [
        (format!("https://{address}/"), &["--sse"][..], 1, "speaks no TLS there: write http:// instead of https://"),
        (format!("wss://{address}/"), &["--sse"], 1, "speaks no TLS there: write ws:// instead of wss://"),
        (format!("http://{address}/"), &[], 64, "add --sse for server-sent events"),
        (format!("{address}/"), &["--sse"], 64, "has no scheme"),
        (
            "http://127.0.0.1:1/?token=abc".to_owned(),
            &["--sse"],
            1,
            "cannot connect to http://127.0.0.1:1/?token=[hidden]",
        ),
        (format!("ws://{address}/?last_event_id=x"), &["--sse", "--after", "y"], 1, "leave out one of them"),
    ] {
        let (given, error) = listen_at(url, arguments);
        assert!(given == code && error.contains(told) && error.lines().count() == 1, "{given}: {error}");
    }
    broadcaster.stop();

    for (answer, told) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned(), "200 OK, there is no event stream at this path"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), "404 Not Found, there is no event stream"),
        ("HTTP/1.1 204 No Content\r\nContent-Type: text/event-stream\r\n\r\n".to_owned(), "204 No Content"),
        (stream_of("data: somebody else's\n\n"), "does not begin as those of a broadcaster"),
        (stream_of(": bye\n\n"), "the server ended the stream: bye"),
        (stream_of(""), "the connection has ended"),
        ("no HTTP\r\n\r\n".to_owned(), "no HTTP server answers there"),
    ] {
        let (address, server) = scripted(vec![answer]);
        let (code, error) = listen_at(format!("http://{address}/"), &["--sse"]);
        assert!(code == 1 && error.contains(told) && error.lines().count() == 1, "{code}: {error}");
        server.join().unwrap();
    }
}
