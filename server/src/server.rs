//! Builds and joins all parts. The only module that knows every other.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use queue::Reader;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::application::Application;
use crate::broker::{Broker, BrokerHandles, Confirmed};
use crate::claim::Claim;
use crate::config::Config;
use crate::health::Health;
use crate::history::History;
use crate::history::log::{LogTime, Trimmed};
use crate::http_server::{Intake, Listener};
use crate::hub::shard::ShardThread;
use crate::hub::{Beginning, Feed, Hub};
use crate::observer::{Observer, Seen};
use crate::publication::Seq;
use crate::reloader::Reloader;
use crate::source::{Destination, HistoryOptions, QueueSource, SourceOptions, hand_over, has_successor};
use crate::stop::Stop;
use crate::threads::{Threads, Worker};
use crate::webhooks::Telling;

pub use crate::claim::BindError;
pub use crate::source::STANDBY_INTERVAL;

/// How long no client is accepted because the broker's stream is still being read.
const FILL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long webhooks have for what waits, however long clients took to leave.
const LEAST_WEBHOOK_GRACE: Duration = Duration::from_secs(1);

/// A server that has its port and its queue, and runs when it is told to.
pub struct Server {
    config: Config,
    listeners: Vec<std::net::TcpListener>,
    is_passed: bool,
    addresses: Vec<SocketAddr>,
    hub: Hub,
    reloader: Reloader,
    health: Arc<Health>,
    seen: Arc<Seen>,
    /// Cancelled when a thread ends without which clients receive nothing.
    threads_end: CancellationToken,
    threads: Threads,
    /// With a broker: resolves when what the stream has was read, so that clients may come.
    filled: Option<oneshot::Receiver<()>>,
}

impl Server {
    /// Takes the queue directory and the port, and starts to broadcast. Clients are accepted once it [runs](Self::run).
    /// Each thread of the hub gets an application of its own.
    ///
    /// # Errors
    /// When the address, the directory or a thread is not to be had.
    pub fn bind<A: Application>(config: Config, make_application: impl FnMut(&Hub) -> A) -> Result<Server, BindError> {
        Server::start(Claim::take(config)?, make_application)
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
        Server::start(Claim::take_for(listener, config)?, make_application)
    }

    /// The second half of [`bind`](Self::bind): reads the history, which can take seconds, and starts to broadcast.
    ///
    /// # Errors
    /// When the history log cannot be used, or a thread is not to be had. Queue and address are free again then.
    pub fn start<A: Application>(claim: Claim, make_application: impl FnMut(&Hub) -> A) -> Result<Server, BindError> {
        let Claim { config, reader, listeners, is_passed, addresses } = claim;
        let (shards, hub) = ShardThread::prepare(config.hub_threads, &config.limits, &config.rights, make_application)?;
        hub.webhooks().change(config.rights.app.as_ref());
        let health = Arc::new(match reader {
            Some(_) => Health::of_source(config.scan_interval),
            None => Health::without_source(),
        });
        let mut threads = Threads::new(hub.clone());
        // Numbers begin here, unless a source goes on after the history log of an earlier process.
        if config.broker.is_some() || reader.is_none() {
            begin_without_log(&config, &hub);
        }
        let mut filled = None;
        let feed = Feed::new(hub.clone(), &config.limits);
        let mut broker = None;
        let destination = match &config.broker {
            None => Some(Destination::Hub(Box::new(feed))),
            Some(options) => {
                let confirmed = |reader| Confirmed::open(reader, config.history_dir.as_deref(), &options.prefix);
                let confirmed = reader.as_ref().map(confirmed).transpose()?;
                let (prepared, BrokerHandles { lines, filled: has_filled }) = Broker::new(options, feed, confirmed)?;
                (broker, filled) = (Some(prepared), Some(has_filled));
                lines.map(|lines| Destination::Broker(lines, hub.clone()))
            }
        };
        let source = match reader.zip(destination) {
            Some((reader, destination)) => Some(open_source(reader, &config, destination, health.clone())?),
            None => None,
        };
        let threads_end = CancellationToken::new();
        threads.broker = broker.map(|broker| broker.start(&threads_end)).transpose()?;
        for shard in shards {
            let ending = threads_end.clone().drop_guard();
            threads.shards.push(Worker::spawn("hub", || {
                let _ending = ending;
                shard.run()
            })?);
        }
        if config.limits.relay_client_events {
            let hub = hub.clone();
            threads.relay = Some(Worker::spawn("relay", move || {
                hub.run_relay();
                Ok(())
            })?);
        }
        if let Some((source, stop)) = source {
            threads.source = Some((Worker::spawn("source", || source.run())?, stop));
        }
        let listening_on = addresses.first().map(SocketAddr::ip);
        let intake = Intake::new(&config, hub.clone(), health.clone(), listening_on);
        let seen = Arc::new(Seen::of(&config));
        let reloader = Reloader::new(&config, hub.clone(), intake, seen.clone());
        Ok(Server {
            config,
            listeners,
            is_passed,
            addresses,
            hub,
            reloader,
            health,
            seen,
            threads_end,
            threads,
            filled,
        })
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

    /// What can be seen of it while it runs.
    pub fn observer(&self) -> Observer {
        Observer::new(self.hub.clone(), self.health.clone(), self.seen.clone())
    }

    /// What changes its settings while it runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `shutdown` completes, then lets every client have what was read and closes it.
    ///
    /// # Errors
    /// When a part of the server failed. The others were stopped then.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Server { config, listeners, is_passed, hub, reloader, threads_end, mut threads, filled, .. } = self;
        let stop = CancellationToken::new();
        let listeners = listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        let accepting = Listener {
            listeners,
            intake: reloader.intake().clone(),
            spare_slots: config.admission.spare_slots,
            first_descriptor: config.admission.first_descriptor,
            is_passed,
        };
        let telling = Telling::start(hub.webhooks().clone(), &threads_end);
        let stop_accepting = stop.clone();
        let mut accepting = tokio::spawn(async move {
            if let Some(filled) = filled {
                tokio::select! {
                    _ = timeout(FILL_TIMEOUT, filled) => {}
                    () = stop_accepting.cancelled() => {}
                }
            }
            accepting.run(stop_accepting).await
        });
        // If nobody waits for this any more, accepting ends as well.
        let _stop_accepting = stop.clone().drop_guard();
        let mut accepted = None;
        tokio::select! {
            () = shutdown => {}
            () = threads_end.cancelled() => {}
            () = threads.source_ended() => {}
            // Nobody can connect any more, so nobody may take events from the directory.
            ended = &mut accepting => accepted = Some(ended),
        }
        let shutdown_grace = reloader.shutdown_grace();
        let end = Instant::now() + shutdown_grace;
        // No new entries: the queue is free for a successor once what was read is out.
        threads.stop_source();
        // A successor that waited for the queue listens on the same port in a moment. Nobody shall find it closed.
        if let Some(queue) = config.queue.as_deref()
            && timeout(shutdown_grace / 2, threads.source_ended()).await.is_ok()
            && has_successor(queue)
        {
            hand_over(queue).await;
        }
        stop.cancel();
        let accepted = match accepted {
            Some(ended) => ended,
            None => accepting.await,
        };
        let accepted = accepted.map_err(io::Error::other);
        // Before the last frames. It may wait for a disk.
        let _ = timeout(shutdown_grace / 2, threads.relay_ended()).await;
        hub.shutdown(shutdown_grace);
        let joined = threads.join().await;
        // After the hub, whose last clients leave channels.
        let told = telling.end(end.max(Instant::now() + LEAST_WEBHOOK_GRACE)).await;
        accepted.and(joined).and(told)
    }
}

/// What is published without a log is kept while the server runs.
fn begin_without_log(config: &Config, hub: &Hub) {
    let begin = Trimmed { seq: Seq::default(), at: LogTime::now() };
    let history = config.history.keep_anything().then(|| History::new(config.history.clone(), begin));
    hub.begin(Beginning { epoch: rand::random(), last: begin.seq, history, log: None });
}

fn open_source(
    reader: Reader,
    config: &Config,
    destination: Destination,
    health: Arc<Health>,
) -> Result<(QueueSource, Stop), BindError> {
    let options = SourceOptions {
        scan_interval: config.scan_interval,
        failed_max_entries: config.failed_max_entries,
        failed_max_age: config.failed_max_age,
        history: HistoryOptions { rules: config.history.clone(), directory: config.history_dir.clone() },
    };
    let stop = Stop::new()?;
    Ok((QueueSource::open(reader, options, destination, stop.clone(), health)?, stop))
}
