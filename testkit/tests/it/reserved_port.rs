//! A port that stays a test's own.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Shutdown, TcpListener, TcpStream};

use socket2::SockRef;
use testkit::{ReservedPort, free_address};

#[test]
fn a_server_can_listen_again_and_again_and_nobody_gets_the_port_meanwhile() {
    let port = ReservedPort::new();
    for _ in 0..3 {
        assert_eq!(TcpStream::connect(port.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind(port.address()).unwrap();
        let _client = TcpStream::connect(port.address()).unwrap();
        drop(listener.accept().unwrap());
        // Closing alone is not enough: a child that another test starts has its descriptor for a moment.
        SockRef::from(&listener).shutdown(Shutdown::Both).unwrap();
    }
    let others: Vec<ReservedPort> = (0..500).map(|_| ReservedPort::new()).collect();
    let mut numbers: HashSet<u16> = others.iter().map(ReservedPort::number).collect();
    assert_eq!(numbers.len(), others.len());
    numbers.extend((0..500).map(|_| free_address().port()));
    assert!(!numbers.contains(&port.number()));
}
