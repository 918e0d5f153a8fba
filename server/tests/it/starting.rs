//! What a server takes when it starts, and what a start that fails leaves.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use queue::{OpenError, Reader};
use server::config::Settings;
use server::{BindError, Claim, Config, NoApplication, Server};
use testkit::{QueueDir, free_address};

fn config(queue: &QueueDir, port: u16) -> Config {
    let history = queue.root().join("history");
    Settings { queue: Some(queue.path()), port: Some(port), history_dir: Some(history), ..Settings::default() }
        .resolve()
        .unwrap()
}

#[test]
fn clients_connect_as_soon_as_the_server_has_its_queue_and_before_it_has_read_the_history() {
    let (queue, address) = (QueueDir::new(), free_address());
    let claim = Claim::take(config(&queue, address.port())).unwrap();
    assert!(Reader::is_owned(&queue.path()));
    assert!(!queue.root().join("history").exists(), "the history is read later");
    let _waiting = TcpStream::connect(address).unwrap();
    drop(Server::start(claim, |_| NoApplication).unwrap());
    assert!(queue.root().join("history").exists() && !Reader::is_owned(&queue.path()));
}

#[test]
fn a_server_that_does_not_get_the_queue_does_not_take_the_port() {
    let (queue, address) = (QueueDir::new(), free_address());
    let _owner = Claim::take(config(&queue, 0)).unwrap();
    let mut config = config(&queue, address.port());
    config.shares_port = true;
    let refused = Claim::take(config);
    assert!(matches!(refused, Err(BindError::Queue(OpenError::Locked(_)))), "{refused:?}");
    assert!(TcpStream::connect(address).is_err());
    drop(TcpListener::bind(address).unwrap());
}

#[test]
fn a_start_that_fails_leaves_queue_and_port_free() {
    let (queue, address) = (QueueDir::new(), free_address());
    // The history log cannot be in a directory that others may write.
    let history = queue.root().join("history");
    fs::create_dir(&history).unwrap();
    fs::set_permissions(&history, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Server::bind(config(&queue, address.port()), |_| NoApplication).map(drop);
    assert!(matches!(refused, Err(BindError::History(_))), "{refused:?}");
    assert!(!Reader::is_owned(&queue.path()) && TcpStream::connect(address).is_err());
    // The port of another program.
    let other = TcpListener::bind(address).unwrap();
    let refused = Claim::take(config(&queue, address.port()));
    assert!(matches!(refused, Err(BindError::Listen { .. })), "{refused:?}");
    assert!(!Reader::is_owned(&queue.path()));
    drop(other);
}

#[test]
fn a_start_without_its_port_leaves_a_log_that_it_would_not_continue() {
    let (queue, address) = (QueueDir::new(), free_address());
    let (log, announcement) = (queue.root().join("history/log"), queue.path().join(".reader"));
    drop(Server::bind(config(&queue, 0), |_| NoApplication).unwrap());
    fs::write(&log, "damaged").unwrap();
    let announced = fs::read(&announcement).unwrap();
    let other = TcpListener::bind(address).unwrap();
    for _ in 0..2 {
        let refused = Server::bind(config(&queue, address.port()), |_| NoApplication).map(drop);
        assert!(matches!(refused, Err(BindError::Listen { .. })), "{refused:?}");
        assert_eq!(
            (fs::read(&log).unwrap(), fs::read(&announcement).unwrap()),
            (b"damaged".to_vec(), announced.clone())
        );
    }
    drop(other);
    drop(Server::bind(config(&queue, address.port()), |_| NoApplication).unwrap());
    assert_ne!(fs::read(&announcement).unwrap(), announced);
}
