//! The hook, rules for paths and proxies that were read again.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use testkit::{HANDSHAKE, until};

use super::{Stage, take_effect};
use crate::support::{Client, connect};

/// A hook that answers 403, or nothing.
struct Hook {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Hook {
    fn that_refuses() -> Hook {
        Hook::start(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    }

    fn that_is_silent() -> Hook {
        Hook::start(b"")
    }

    fn start(answer: &'static [u8]) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (count, kept) = (asked.clone(), Mutex::new(Vec::<TcpStream>::new()));
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                if !answer.is_empty() {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                        head.push(byte[0]);
                    }
                    let _ = stream.write_all(answer);
                    continue;
                }
                kept.lock().unwrap().push(stream);
            }
        });
        Hook { address, asked }
    }

    fn url(&self) -> String {
        format!("'http://{}/'", self.address)
    }

    fn asked(&self, count: usize) {
        until("the hook is asked", || self.asked.load(Ordering::SeqCst) == count);
    }
}

/// A handshake whose answer is not waited for.
fn begin(stage: &Stage) -> TcpStream {
    let mut stream = connect(stage.address()).unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).unwrap();
    stream
}

fn start(stage: &mut Stage, hook: &Hook, settings: &[(&str, &str)]) {
    stage.set("auth_hook", &hook.url());
    stage.set("auth_hook_timeout_secs", "3600");
    stage.set("public_channels", "['*']");
    stage.start(settings);
}

take_effect! {
    auth_hook(stage) {
        stage.start(&[("public_channels", "['*']")]);
        let mut before = Client::connect(stage.address());
        let hook = Hook::that_refuses();
        stage.reload(&[("auth_hook", &hook.url())]);
        assert_eq!(stage.status("/", ""), 403);
        hook.asked(1);
        stage.unset("auth_hook");
        stage.reload(&[]);
        assert_eq!(stage.status("/", ""), 101);
        stage.queue.enqueue(1);
        assert_eq!(before.payload(), "1");
    }

    auth_hook_timeout_secs(stage) {
        let hook = Hook::that_is_silent();
        start(&mut stage, &hook, &[]);
        stage.reload(&[("auth_hook_timeout_secs", "0.1")]);
        assert_eq!(stage.status("/", ""), 503);
    }

    auth_hook_concurrency(stage) {
        let hook = Hook::that_is_silent();
        start(&mut stage, &hook, &[("auth_hook_concurrency", "1")]);
        let _first: Vec<TcpStream> = (0..3).map(|_| begin(&stage)).collect();
        hook.asked(1);
        stage.reload(&[("auth_hook_concurrency", "2")]);
        let _second: Vec<TcpStream> = (0..3).map(|_| begin(&stage)).collect();
        hook.asked(3);
    }

    auth_hook_queue(stage) {
        let hook = Hook::that_is_silent();
        start(&mut stage, &hook, &[("auth_hook_concurrency", "1")]);
        stage.reload(&[("auth_hook_queue", "0")]);
        let _first = begin(&stage);
        hook.asked(1);
        assert_eq!(stage.status("/", ""), 503);
    }

    trusted_proxies(stage) {
        stage.start(&[("max_connections_per_address", "1")]);
        let _client = Client::connect(stage.address());
        let other = "X-Forwarded-For: 10.0.0.7\r\n";
        assert_eq!(stage.status("/", other), 429);
        stage.reload(&[("trusted_proxies", "['127.0.0.1']")]);
        assert_eq!(stage.status("/", other), 101);
    }

    route(stage) {
        stage.start(&[
            ("token_secret", "['a secret of these tests, of 42 bytes in all']"),
            ("public_channels", "['*']"),
        ]);
        assert_eq!(stage.status("/admin/x", ""), 101);
        stage.reload(&[("route", "[{ path = '/admin/*', require = 'token' }]")]);
        assert_eq!((stage.status("/admin/x", ""), stage.status("/", "")), (401, 101));
    }
}

#[test]
fn a_question_that_is_on_its_way_at_a_reload_is_not_forgotten() {
    let mut stage = Stage::new();
    let hook = Hook::that_is_silent();
    start(&mut stage, &hook, &[("auth_hook_concurrency", "1")]);
    let _first = begin(&stage);
    hook.asked(1);
    // The hook is the same: its one turn is still taken.
    stage.reload(&[("auth_hook_queue", "1000"), ("max_connections", "77"), ("auth_hook_timeout_secs", "3600.0")]);
    let waiting = begin(&stage);
    let other = Hook::that_refuses();
    stage.reload(&[("auth_hook", &other.url())]);
    assert_eq!(stage.status("/", ""), 403);
    assert_eq!(hook.asked.load(Ordering::SeqCst), 1);
    drop(waiting);
    // It ends although a hook of before still has a question.
    stage.broadcaster().stop();
}
