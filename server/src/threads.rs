//! The threads of a server: started by name, stopped and joined.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::broker::BrokerThreads;
use crate::hub::Hub;
use crate::stop::Stop;

/// The threads of a server. Whatever ends the server, also while it is being built: they are stopped and joined.
pub(crate) struct Threads {
    hub: Hub,
    pub(crate) shards: Vec<Worker>,
    /// Publishes what clients send, if that is relayed.
    pub(crate) relay: Option<Worker>,
    pub(crate) source: Option<(Worker, Stop)>,
    /// What links this server to others, if anything does.
    pub(crate) broker: Option<BrokerThreads>,
}

impl Threads {
    pub(crate) fn new(hub: Hub) -> Threads {
        Threads { hub, shards: Vec::new(), relay: None, source: None, broker: None }
    }

    /// Returns when the source has ended; never if there is none.
    pub(crate) async fn source_ended(&mut self) {
        match &mut self.source {
            Some((worker, _)) => worker.ended().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn stop_source(&self) {
        if let Some((_, stop)) = &self.source {
            stop.request();
        }
    }

    /// Returns when what clients had sent to be relayed is out. Nothing more is relayed.
    pub(crate) async fn relay_ended(&mut self) {
        self.hub.end_relay();
        if let Some(worker) = &mut self.relay {
            worker.ended().await;
        }
    }

    /// Waits until all have ended, the hub first: the source waits for it. Returns the first failure.
    pub(crate) async fn join(mut self) -> io::Result<()> {
        let mut ended = Ok(());
        // A thread is taken out when it has ended: if nobody waits for this any more, the rest is joined by the drop.
        while let Some(shard) = self.shards.last_mut() {
            shard.ended().await;
            if let Some(shard) = self.shards.pop() {
                ended = ended.and(shard.join());
            }
        }
        self.relay_ended().await;
        if let Some(relay) = self.relay.take() {
            ended = ended.and(relay.join());
        }
        if let Some((source, stop)) = &mut self.source {
            stop.abandon();
            source.ended().await;
        }
        if let Some((source, _)) = self.source.take() {
            ended = ended.and(source.join());
        }
        // After the source: what it has handed over is in the stream then, or stays in the queue.
        match self.broker.take() {
            Some(broker) => ended.and(broker.end().await),
            None => ended,
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop_source();
        self.hub.shutdown(Duration::ZERO);
        // Nobody asks for the outcome of a server that is dropped.
        self.shards.drain(..).for_each(|shard| drop(shard.join()));
        self.hub.end_relay();
        if let Some(relay) = self.relay.take() {
            drop(relay.join());
        }
        if let Some((source, stop)) = self.source.take() {
            stop.abandon();
            drop(source.join());
        }
    }
}

/// A thread that somebody waits for.
pub(crate) struct Worker {
    thread: JoinHandle<io::Result<()>>,
    /// Closed when the thread ends, however it ends.
    alive: oneshot::Receiver<()>,
}

impl Worker {
    pub(crate) fn spawn(name: &str, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<Worker> {
        let (until_end, alive) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _until_end: oneshot::Sender<()> = until_end;
            run()
        })?;
        Ok(Worker { thread, alive })
    }

    pub(crate) async fn ended(&mut self) {
        // Nothing is ever sent; the channel closes with the thread. It must not be asked again then.
        if !self.alive.is_terminated() {
            let _ = (&mut self.alive).await;
        }
    }

    /// Blocks until it has ended.
    pub(crate) fn join(self) -> io::Result<()> {
        match self.thread.join() {
            Ok(ended) => ended,
            Err(_) => Err(io::Error::other("a thread of the server panicked")),
        }
    }
}
