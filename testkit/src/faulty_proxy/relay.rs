//! The thread of the proxy. It never waits for one socket alone, so an order is carried out at once.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use socket2::SockRef;

use super::connection::Connection;
use super::{Counts, Mode};

/// What the proxy shall do from now on, and whom to tell when it does.
pub(super) struct Order {
    pub(super) mode: Mode,
    pub(super) done: Sender<()>,
}

/// All that the thread has.
pub(super) struct Relay {
    address: SocketAddr,
    server: SocketAddr,
    orders: Receiver<Order>,
    woken: UnixStream,
    counts: Arc<Counts>,
    mode: Mode,
    /// None while connections are refused.
    listener: Option<TcpListener>,
    connections: Vec<Connection>,
}

impl Relay {
    /// Listens, and forwards to the server.
    pub(super) fn new(
        address: SocketAddr,
        server: SocketAddr,
        orders: Receiver<Order>,
        woken: UnixStream,
        counts: Arc<Counts>,
    ) -> Relay {
        woken.set_nonblocking(true).unwrap();
        let listener = Some(listen(address));
        Relay { address, server, orders, woken, counts, mode: Mode::Forwards, listener, connections: Vec::new() }
    }

    /// Runs until nobody can send orders.
    pub(super) fn run(mut self) {
        loop {
            self.wait();
            loop {
                match self.orders.try_recv() {
                    Ok(order) => self.obey(&order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.accept();
            if self.mode != Mode::Stalls {
                self.connections.retain_mut(|connection| connection.forward(self.mode));
            }
            self.counts.open.store(self.connections.len(), Ordering::SeqCst);
        }
    }

    fn wait(&mut self) {
        let mut waits_for = vec![PollFd::new(&self.woken, PollFlags::IN)];
        waits_for.extend(self.listener.iter().map(|listener| PollFd::new(listener, PollFlags::IN)));
        if self.mode != Mode::Stalls {
            waits_for.extend(self.connections.iter().flat_map(Connection::waits_for));
        }
        match poll(&mut waits_for, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
        // The orders say what is to be done.
        while let Ok(1..) = self.woken.read(&mut [0; 64]) {}
    }

    fn obey(&mut self, order: &Order) {
        // TCP never leaves out bytes in the middle, so none of these connections can go on, whether a reply has come
        // yet or not.
        let ends = self.mode == Mode::DropsReplies && order.mode != Mode::DropsReplies;
        if ends || order.mode == Mode::Refuses {
            self.connections.clear();
        }
        if order.mode == Mode::Refuses
            && let Some(listener) = self.listener.take()
        {
            // Closing alone is not enough: a child that another test starts has its descriptor for a moment.
            SockRef::from(&listener).shutdown(Shutdown::Both).unwrap();
        }
        self.mode = order.mode;
        if order.mode != Mode::Refuses && self.listener.is_none() {
            self.listener = Some(listen(self.address));
        }
        self.counts.open.store(self.connections.len(), Ordering::SeqCst);
        let _ = order.done.send(());
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        loop {
            match listener.accept() {
                Ok((client, _)) => {
                    self.counts.accepted.fetch_add(1, Ordering::SeqCst);
                    // The client of a server that does not listen sees its connection end.
                    self.connections.extend(Connection::open(client, self.server));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It was closed before it was accepted.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => panic!("accept: {error}"),
            }
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
