//! A TCP proxy in front of a server, whose connections a test breaks in the ways of a network that fails.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use relay::{Order, Relay};

use crate::reserved_port::ReservedPort;

mod connection;
mod relay;

/// A proxy on a port of its own. It forwards everything until it is told otherwise. What a method changes holds when
/// the method returns: not one byte more goes another way. A change replaces the one before.
pub struct FaultyProxy {
    port: ReservedPort,
    orders: Option<Sender<Order>>,
    wake: UnixStream,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// What a proxy does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forwards,
    Refuses,
    Stalls,
    DropsReplies,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl FaultyProxy {
    /// Starts one in front of a server, which need not listen yet.
    pub fn start(server: SocketAddr) -> FaultyProxy {
        let port = ReservedPort::new();
        let (orders, received) = channel();
        let (wake, woken) = UnixStream::pair().unwrap();
        let counts = Arc::new(Counts::default());
        let relay = Relay::new(port.address(), server, received, woken, counts.clone());
        let thread = std::thread::spawn(move || relay.run());
        FaultyProxy { port, orders: Some(orders), wake, counts, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Closes all connections, and lets new ones be refused.
    pub fn cut(&self) {
        self.change(Mode::Refuses);
    }

    /// Keeps all connections and accepts new ones, but reads nothing and writes nothing: what is sent waits.
    pub fn stall(&self) {
        self.change(Mode::Stalls);
    }

    /// Forwards requests, and throws away what the server sends. The next change ends all connections that are open
    /// then: clients never get a later reply in place of one that was lost.
    pub fn drop_replies(&self) {
        self.change(Mode::DropsReplies);
    }

    /// Forwards everything again, also what has waited, and accepts connections.
    pub fn mend(&self) {
        self.change(Mode::Forwards);
    }

    /// How many connections it has accepted since it was started.
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open. While it stalls, those that a side has closed are among them.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    fn change(&self, mode: Mode) {
        let (done, is_done) = channel();
        let orders = self.orders.as_ref().expect("it lives");
        orders.send(Order { mode, done }).expect("the thread of the proxy runs");
        (&self.wake).write_all(b"!").unwrap();
        is_done.recv().expect("the thread of the proxy runs");
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        // The thread ends when nobody can send orders.
        self.orders = None;
        let _ = (&self.wake).write_all(b"!");
        let end = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || !matches!(end, Some(Err(_))), "the proxy failed");
    }
}
