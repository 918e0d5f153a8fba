//! The threads that forward, follow and look things up: made, started, stopped and joined.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::confirmed::Confirmed;
use super::follow::Follow;
use super::forward::{EndForwarding, Forward};
use super::lines::Lines;
use super::link::LinkEnd;
use super::lookup::LookUp;
use super::options::BrokerOptions;
use crate::hub::{Feed, Hub};
use crate::stop::Stop;
use crate::threads::Worker;

/// How long an answer of Redis is waited for when the server ends.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What is to run.
pub(crate) struct Broker {
    hub: Hub,
    forward: Option<(Forward, EndForwarding)>,
    follow: Follow,
    look_up: LookUp,
    stop: Stop,
}

/// The running threads.
pub(crate) struct BrokerThreads {
    hub: Hub,
    stop: Stop,
    end: Option<EndForwarding>,
    links: Vec<LinkEnd>,
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
            let (thread, events, end) = Forward::new(options.clone(), hub.clone(), confirmed)?;
            (forward, lines) = (Some((thread, end)), Some(events));
        }
        let (follow, filled) = Follow::new(options, feed, stop.clone());
        let look_up = LookUp::new(options, hub.clone());
        Ok((Broker { hub, forward, follow, look_up, stop }, BrokerHandles { lines, filled }))
    }

    /// Starts the threads. When `follow` or `forward` ends, `ends` is cancelled: without them clients of this machine,
    /// or of others, would miss events.
    pub(crate) fn start(self, ends: &CancellationToken) -> io::Result<BrokerThreads> {
        let Broker { hub, forward, follow, look_up, stop } = self;
        let links = vec![follow.link_end(), look_up.link_end()];
        let mut threads = BrokerThreads { hub, stop, end: None, links, workers: Vec::new() };
        let ending = ends.clone().drop_guard();
        threads.workers.push(Worker::spawn("follow", move || {
            let _ending = ending;
            follow.run()
        })?);
        threads.workers.push(Worker::spawn("look-up", move || {
            look_up.run();
            Ok(())
        })?);
        if let Some((forward, end)) = forward {
            threads.end = Some(end);
            threads.links.push(forward.link_end());
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

    /// Ends the threads and waits for them. Who waits for an answer of Redis has a short time for that. Connecting may
    /// take longer, up to its time limit.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.request_end();
        let workers = &mut self.workers;
        let ended = async {
            for worker in workers {
                worker.ended().await;
            }
        };
        if tokio::time::timeout(LAST_ANSWER_TIMEOUT, ended).await.is_err() {
            self.end_links();
        }
        let mut ended = Ok(());
        while let Some(worker) = self.workers.last_mut() {
            worker.ended().await;
            if let Some(worker) = self.workers.pop() {
                ended = ended.and(worker.join());
            }
        }
        ended
    }

    fn end_links(&self) {
        self.links.iter().for_each(LinkEnd::end);
    }
}

impl Drop for BrokerThreads {
    fn drop(&mut self) {
        self.request_end();
        self.end_links();
        self.workers.drain(..).for_each(|worker| drop(worker.join()));
    }
}
