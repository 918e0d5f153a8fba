//! Who may connect, decided by settings that were read again.

use std::io::Write as _;

use testkit::{HANDSHAKE, until};

use super::take_effect;
use crate::support::{Client, connect, health, read_to_end};

take_effect! {
    max_connections(stage) {
        stage.start(&[("max_connections", "2")]);
        let address = stage.address();
        let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(address)).collect();
        assert_eq!(stage.status("/", ""), 503);
        stage.reload(&[("max_connections", "3")]);
        clients.push(Client::connect(address));
        stage.reload(&[("max_connections", "1")]);
        assert_eq!(stage.status("/", ""), 503);
        stage.queue.enqueue(1);
        clients.iter_mut().for_each(|client| assert_eq!(client.payload(), "1", "it stays"));
        drop(clients);
        until("there is room for one again", || stage.status("/", "") == 101);
    }

    max_connections_per_address(stage) {
        stage.start(&[]);
        let address = stage.address();
        let _clients: Vec<Client> = (0..2).map(|_| Client::connect(address)).collect();
        stage.reload(&[("max_connections_per_address", "2")]);
        assert_eq!(stage.status("/", ""), 429);
        stage.reload(&[("max_connections_per_address", "3")]);
        assert_eq!(stage.status("/", ""), 101);
    }

    allowed_origins(stage) {
        stage.start(&[]);
        let page = "Origin: https://a.example\r\n";
        assert_eq!(stage.status("/", page), 403);
        stage.reload(&[("allowed_origins", "['https://a.example']")]);
        assert_eq!(stage.status("/", page), 101);
        assert_eq!(stage.status("/", "Origin: https://b.example\r\n"), 403);
    }

    allowed_hosts(stage) {
        stage.start(&[]);
        assert_eq!(stage.status("/", ""), 101);
        stage.reload(&[("allowed_hosts", "['ws.example.com']")]);
        assert_eq!(stage.status("/", ""), 421);
        let stream = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n");
        assert_eq!(stage.status_of(&stream("127.0.0.1")), 421);
        assert_eq!(stage.status_of(&stream("WS.example.com:8081")), 200);
        assert_eq!(health(stage.address()), (200, "ok\n".to_owned()), "a health check may name any host");
        assert_eq!(stage.broadcaster().log_lines("not among allowed_hosts").len(), 1, "one line a second");
    }

    handshake_timeout_secs(stage) {
        stage.start(&[("handshake_timeout_secs", "3600")]);
        stage.reload(&[("handshake_timeout_secs", "0.1")]);
        let mut silent = connect(stage.address()).unwrap();
        assert!(read_to_end(&mut silent).is_empty());
    }

    max_header_bytes(stage) {
        stage.start(&[]);
        let long = format!("X: {}\r\n", "x".repeat(2000));
        // Its request comes in two parts, with the reload between them: the head was begun under the old bound.
        let mut before = connect(stage.address()).unwrap();
        assert_eq!(stage.status("/", &long), 101);
        before.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        stage.reload(&[("max_header_bytes", "1024")]);
        assert_eq!(stage.status("/", &long), 431);
        assert_eq!(stage.status("/", ""), 101);
        before.write_all(HANDSHAKE.trim_start_matches("GET / HTTP/1.1\r\n").as_bytes()).unwrap();
        assert!(crate::support::read_head(&mut before).starts_with("HTTP/1.1 101 "));
    }
}
