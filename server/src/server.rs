//! Builds and joins all parts. The only room that knows every other.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread::JoinHandle;

use queue::{OpenError, ReaderOptions};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::application::Application;
use crate::config::Config;
use crate::consumer::{Consumer, ConsumerOptions, Stop};
use crate::fan_out::FanOut;
use crate::hub::Hub;
use crate::listener::Listener;

/// A server that has its port and its queue, and runs when it is told to.
pub struct Server {
    config: Config,
    listener: std::net::TcpListener,
    address: SocketAddr,
    hub: Hub,
    fan_out: Worker,
    consumer: Option<(Worker, Stop)>,
}

/// Why a server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: {cause}")]
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
    ///
    /// # Errors
    /// When the address, the directory or a thread is not to be had.
    pub fn bind<A: Application>(config: Config, make_application: impl FnOnce(&Hub) -> A) -> Result<Server, BindError> {
        let listener = listen(&config.host, config.port).map_err(|cause| BindError::Listen {
            host: config.host.clone(),
            port: config.port,
            cause,
        })?;
        let address = listener.local_addr()?;
        let (fan_out, hub) = FanOut::new(config.limits.clone(), make_application)?;
        let consumer = config.queue.clone().map(|queue| open_consumer(queue, &config, hub.clone())).transpose()?;
        let fan_out = Worker::spawn("hub", || fan_out.run())?;
        let consumer = match consumer {
            None => None,
            Some(consumer) => {
                let stop = consumer.stop();
                Some((Worker::spawn("consumer", || consumer.run())?, stop))
            }
        };
        Ok(Server { config, listener, address, hub, fan_out, consumer })
    }

    /// The address that clients connect to.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
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
        let Server { config, listener, hub, mut fan_out, mut consumer, .. } = self;
        let stop = CancellationToken::new();
        let accepting =
            Listener { listener: TcpListener::from_std(listener)?, hub: hub.clone(), admission: config.admission };
        let accepting = tokio::spawn(accepting.run(stop.clone()));
        tokio::select! {
            () = shutdown => {}
            () = fan_out.ended() => {}
            () = async { consumer.as_mut().expect("checked").0.ended().await }, if consumer.is_some() => {}
        }
        // No new clients, no new entries, then what was read goes out before the close frames.
        stop.cancel();
        let accepted = accepting.await.map_err(io::Error::other);
        if let Some((_, stop)) = &consumer {
            stop.request();
        }
        hub.shutdown(config.shutdown_grace);
        let broadcast = fan_out.join().await;
        let consumed = match consumer {
            Some((worker, _)) => worker.join().await,
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
        // Nothing is ever sent; the channel closes with the thread.
        let _ = (&mut self.alive).await;
    }

    async fn join(mut self) -> io::Result<()> {
        if !self.alive.is_terminated() {
            self.ended().await;
        }
        match self.thread.join() {
            Ok(ended) => ended,
            Err(_) => Err(io::Error::other("a thread of the server panicked")),
        }
    }
}

fn open_consumer(queue: std::path::PathBuf, config: &Config, hub: Hub) -> Result<Consumer, OpenError> {
    let options = ConsumerOptions {
        reader: ReaderOptions {
            max_event_bytes: config.max_event_bytes,
            grace: config.entry_grace,
            ..ReaderOptions::default()
        },
        scan_interval: config.scan_interval,
        failed_max_entries: config.failed_max_entries,
        failed_max_age: config.failed_max_age,
        log_bytes: config.limits.log_bytes,
    };
    Consumer::open(queue, options, hub)
}

fn listen(host: &str, port: u16) -> io::Result<std::net::TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match std::net::TcpListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
