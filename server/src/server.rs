//! Builds and joins all parts. The only module that knows every other.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use queue::{OpenError, Reader, ReaderOptions, Standby};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::application::Application;
use crate::config::Config;
use crate::consumer::{Consumer, ConsumerOptions, Stop};
use crate::fan_out::FanOut;
use crate::health::Health;
use crate::hub::Hub;
use crate::listener::Listener;

/// How often a standby asks whether the queue is free.
pub const STANDBY_INTERVAL: Duration = Duration::from_millis(20);
/// How long a server that stops goes on accepting for a standby to take the queue. One is enough for a busy machine; a
/// standby that does not come in that time does not come.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it goes on when the standby has the queue, if there are others that wait and hide whether it listens.
const HANDOVER: Duration = Duration::from_secs(1);
/// How many ports are tried if any will do, and one is to be free at several addresses.
const PORT_TRIES: u32 = 20;
/// Connections that the kernel keeps until they are accepted; it cuts the number to net.core.somaxconn.
const LISTEN_BACKLOG: i32 = 4096;

/// A server that has its port and its queue, and runs when it is told to.
pub struct Server {
    config: Config,
    listeners: Vec<std::net::TcpListener>,
    is_passed: bool,
    addresses: Vec<SocketAddr>,
    hub: Hub,
    health: Arc<Health>,
    fan_outs: Vec<Worker>,
    /// Cancelled when a thread of the hub ends.
    hub_ends: CancellationToken,
    consumer: Option<(Worker, Stop)>,
}

/// Why a server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: {cause}{}", hint(.cause))]
    Listen {
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
    /// The queue directory cannot be consumed.
    #[error(transparent)]
    Queue(#[from] OpenError),
    /// The system has no descriptor or thread left.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl Server {
    /// Takes the port and the queue directory, and starts to broadcast. Clients are accepted once it [runs](Self::run).
    /// Each thread of the hub gets an application of its own.
    ///
    /// # Errors
    /// When the address, the directory or a thread is not to be had.
    pub fn bind<A: Application>(config: Config, make_application: impl FnMut(&Hub) -> A) -> Result<Server, BindError> {
        Server::build(config, make_application, |config| {
            listen(&config.host, config.port, config.shares_port).map_err(|cause| BindError::Listen {
                host: config.host.clone(),
                port: config.port,
                cause,
            })
        })
    }

    /// The same on a socket that is listening already, such as one that systemd holds.
    ///
    /// # Errors
    /// When the directory or a thread is not to be had.
    pub fn bind_to<A: Application>(
        listener: std::net::TcpListener,
        config: Config,
        make_application: impl FnMut(&Hub) -> A,
    ) -> Result<Server, BindError> {
        let server = Server::build(config, make_application, |_| {
            listener.set_nonblocking(true)?;
            Ok(vec![listener])
        })?;
        Ok(Server { is_passed: true, ..server })
    }

    fn build<A: Application>(
        config: Config,
        make_application: impl FnMut(&Hub) -> A,
        listen: impl FnOnce(&Config) -> Result<Vec<std::net::TcpListener>, BindError>,
    ) -> Result<Server, BindError> {
        let (fan_outs, hub) = FanOut::new(config.hub_threads, &config.limits, make_application)?;
        // The queue comes first: who does not own it has no business on the port.
        let health = Arc::new(match config.queue {
            Some(_) => Health::of_consumer(config.scan_interval),
            None => Health::without_consumer(),
        });
        let open = |queue| open_consumer(queue, &config, hub.clone(), health.clone());
        let consumer = config.queue.clone().map(open).transpose()?;
        let listeners = listen(&config)?;
        let addresses = listeners.iter().map(std::net::TcpListener::local_addr).collect::<io::Result<_>>()?;
        let hub_ends = CancellationToken::new();
        let spawn = |fan_out: FanOut<A>| {
            let ending = hub_ends.clone().drop_guard();
            Worker::spawn("hub", || {
                let _ending = ending;
                fan_out.run()
            })
        };
        let fan_outs = fan_outs.into_iter().map(spawn).collect::<io::Result<_>>();
        let fan_outs = fan_outs.inspect_err(|_| hub.shutdown(Duration::ZERO))?;
        let spawn = |consumer: Consumer| {
            let stop = consumer.stop();
            Ok((Worker::spawn("consumer", || consumer.run())?, stop))
        };
        let consumer: io::Result<_> = consumer.map(spawn).transpose();
        let consumer = consumer.inspect_err(|_| hub.shutdown(Duration::ZERO))?;
        Ok(Server { config, listeners, is_passed: false, addresses, hub, health, fan_outs, hub_ends, consumer })
    }

    /// The addresses that clients connect to: one, or those of the name that was to be listened on.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first of them.
    ///
    /// # Panics
    /// Never: a server listens on one at least.
    pub fn local_addr(&self) -> SocketAddr {
        *self.addresses.first().expect("a server listens on one address at least")
    }

    /// The hub, to broadcast and to send to single clients.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `shutdown` completes, then lets every client have what was read and closes it.
    ///
    /// # Errors
    /// When a part of the server failed. The others were stopped then.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Server { config, listeners, is_passed, hub, health, fan_outs, hub_ends, mut consumer, .. } = self;
        let stop = CancellationToken::new();
        let listeners = listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        let accepting = Listener { listeners, hub: hub.clone(), health, admission: config.admission, is_passed };
        let mut accepting = tokio::spawn(accepting.run(stop.clone()));
        let mut accepted = None;
        tokio::select! {
            () = shutdown => {}
            () = hub_ends.cancelled() => {}
            () = async { consumer.as_mut().expect("this branch is polled only with a consumer").0.ended().await }, if consumer.is_some() => {}
            // Nobody can connect any more, so nobody may take events from the directory.
            ended = &mut accepting => accepted = Some(ended),
        }
        // No new entries: the queue is free for a successor once what was read is out.
        let (mut consumed, mut is_free) = (None, false);
        if let Some((mut worker, stop)) = consumer {
            stop.request();
            is_free = timeout(config.shutdown_grace / 2, worker.ended()).await.is_ok();
            consumed = Some(worker);
        }
        // A successor that waited for the queue listens on the same port in a moment. Nobody shall find it closed.
        if let Some(queue) = config.queue.as_deref().filter(|_| is_free)
            && (Standby::is_announced(queue) || Reader::is_owned(queue))
        {
            hand_over(queue).await;
        }
        stop.cancel();
        let accepted = match accepted {
            Some(ended) => ended,
            None => accepting.await,
        };
        let accepted = accepted.map_err(io::Error::other);
        hub.shutdown(config.shutdown_grace);
        let mut broadcast = Ok(());
        for fan_out in fan_outs {
            broadcast = broadcast.and(fan_out.join().await);
        }
        let consumed = match consumed {
            Some(worker) => worker.join().await,
            None => Ok(()),
        };
        accepted.and(broadcast).and(consumed)
    }
}

/// A thread that somebody waits for.
struct Worker {
    thread: JoinHandle<io::Result<()>>,
    /// Closed when the thread ends, however it ends.
    alive: oneshot::Receiver<()>,
}

impl Worker {
    fn spawn(name: &str, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<Worker> {
        let (until_end, alive) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _until_end: oneshot::Sender<()> = until_end;
            run()
        })?;
        Ok(Worker { thread, alive })
    }

    async fn ended(&mut self) {
        // Nothing is ever sent; the channel closes with the thread. It must not be asked again then.
        if !self.alive.is_terminated() {
            let _ = (&mut self.alive).await;
        }
    }

    async fn join(mut self) -> io::Result<()> {
        self.ended().await;
        match self.thread.join() {
            Ok(ended) => ended,
            Err(_) => Err(io::Error::other("a thread of the server panicked")),
        }
    }
}

fn open_consumer(queue: PathBuf, config: &Config, hub: Hub, health: Arc<Health>) -> Result<Consumer, OpenError> {
    let options = ConsumerOptions {
        reader: ReaderOptions {
            max_event_bytes: config.max_event_bytes,
            grace: config.entry_grace,
            ..ReaderOptions::default()
        },
        scan_interval: config.scan_interval,
        failed_max_entries: config.failed_max_entries,
        failed_max_age: config.failed_max_age,
        window: config.limits.window(),
        log_bytes: config.limits.log_bytes as u64,
    };
    Consumer::open(queue, options, hub, health)
}

/// Waits for a standby to have the queue and to listen.
async fn hand_over(queue: &Path) {
    let has_queue = async {
        while !Reader::is_owned(queue) {
            sleep(STANDBY_INTERVAL).await;
        }
    };
    let listens = async {
        while Standby::is_announced(queue) {
            sleep(STANDBY_INTERVAL).await;
        }
    };
    if timeout(TAKEOVER_TIMEOUT, has_queue).await.is_ok() {
        let _ = timeout(HANDOVER, listens).await;
        info!("another broadcaster has taken over");
    } else {
        warn!("a broadcaster waits for the queue and does not take it");
    }
}

/// Listens on every address that the host has: who connects to `localhost` may come by either protocol.
fn listen(host: &str, port: u16, shares_port: bool) -> io::Result<Vec<std::net::TcpListener>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let mut tries = 1..=PORT_TRIES;
    loop {
        match listen_on_all(&addresses, shares_port) {
            // The port that the system chose for the first is taken at another address. The next choice is another.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries.next().is_some() => {}
            listening => return listening,
        }
    }
}

fn listen_on_all(addresses: &[SocketAddr], shares_port: bool) -> io::Result<Vec<std::net::TcpListener>> {
    let mut listeners: Vec<std::net::TcpListener> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in addresses {
        let port = match listeners.first() {
            Some(first) => first.local_addr()?.port(),
            None => address.port(),
        };
        let address = SocketAddr::new(address.ip(), port);
        // The port is shared only with the one that we take over from: with another it would be a mistake, and the system
        // would give each of them half of the clients.
        let free = if shares_port { Ok(()) } else { std::net::TcpListener::bind(address).map(drop) };
        match free.and_then(|()| listen_sharing(address)) {
            Ok(listener) => listeners.push(listener),
            // A name may have an address that the machine has not: `localhost` where there is no IPv6.
            Err(error) if is_elsewhere(&error) => failure = error,
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() { Err(failure) } else { Ok(listeners) }
}

fn hint(cause: &io::Error) -> &'static str {
    let is_elsewhere = cause.kind() == io::ErrorKind::AddrNotAvailable;
    if is_elsewhere { " (this machine does not have that address; `ip address` lists those that it has)" } else { "" }
}

fn is_elsewhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn listen_sharing(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}
