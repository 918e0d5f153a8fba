//! The threads that forward, follow and look things up: made, started, stopped and joined.

use std::io;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::confirmed::Confirmed;
use super::follow::Follow;
use super::forward::{EndForwarding, Forward};
use super::lines::Lines;
use super::lookup;
use super::options::BrokerOptions;
use crate::hub::{Feed, Hub};
use crate::stop::Stop;
use crate::threads::Worker;

/// What is to run.
pub(crate) struct Broker {
    options: BrokerOptions,
    hub: Hub,
    forward: Option<(Forward, EndForwarding)>,
    follow: Follow,
    stop: Stop,
}

/// The running threads.
pub(crate) struct BrokerThreads {
    hub: Hub,
    stop: Stop,
    end: Option<EndForwarding>,
    workers: Vec<Worker>,
}

/// What the rest of the server needs of the broker.
pub(crate) struct BrokerHandles {
    /// Where the events of the queue go in, if there is a queue.
    pub(crate) lines: Option<Lines>,
    /// Resolves when clients may come.
    pub(crate) filled: oneshot::Receiver<()>,
}

impl Broker {
    /// Prepares the threads. `confirmed` is that of the queue. Without a queue nothing is forwarded.
    pub(crate) fn new(
        options: &BrokerOptions,
        feed: Feed,
        confirmed: Option<Confirmed>,
    ) -> io::Result<(Broker, BrokerHandles)> {
        let (hub, stop) = (feed.hub().clone(), Stop::new()?);
        hub.follow_stream();
        let (mut forward, mut lines) = (None, None);
        if let Some(confirmed) = confirmed {
            let (thread, events, end) = Forward::new(options.clone(), confirmed)?;
            (forward, lines) = (Some((thread, end)), Some(events));
        }
        let (follow, filled) = Follow::new(options.clone(), feed, stop.clone());
        Ok((Broker { options: options.clone(), hub, forward, follow, stop }, BrokerHandles { lines, filled }))
    }

    /// Starts the threads. When `follow` or `forward` ends, `ends` is cancelled: without them clients of this machine,
    /// or of others, would miss events.
    pub(crate) fn start(self, ends: &CancellationToken) -> io::Result<BrokerThreads> {
        let Broker { options, hub, forward, follow, stop } = self;
        let mut threads = BrokerThreads { hub: hub.clone(), stop, end: None, workers: Vec::new() };
        let ending = ends.clone().drop_guard();
        threads.workers.push(Worker::spawn("follow", move || {
            let _ending = ending;
            follow.run()
        })?);
        threads.workers.push(Worker::spawn("look-up", move || {
            lookup::run(&options, &hub);
            Ok(())
        })?);
        if let Some((forward, end)) = forward {
            threads.end = Some(end);
            let ending = ends.clone().drop_guard();
            threads.workers.push(Worker::spawn("forward", move || {
                let _ending = ending;
                forward.run();
                Ok(())
            })?);
        }
        Ok(threads)
    }
}

impl BrokerThreads {
    /// Asks all to end. What is not in the stream stays in the queue.
    fn request_end(&self) {
        self.stop.request();
        self.hub.end_questions();
        self.end.iter().for_each(EndForwarding::end);
    }

    /// Ends the threads and waits for them: each may have to wait until Redis answers, or until a time limit.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.request_end();
        let mut ended = Ok(());
        while let Some(worker) = self.workers.last_mut() {
            worker.ended().await;
            if let Some(worker) = self.workers.pop() {
                ended = ended.and(worker.join());
            }
        }
        ended
    }
}

impl Drop for BrokerThreads {
    fn drop(&mut self) {
        self.request_end();
        self.workers.drain(..).for_each(|worker| drop(worker.join()));
    }
}
