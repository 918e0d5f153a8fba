//! Whether the server does what it is there for: its source reads the queue, and every thread of the hub answers. Asked
//! by `GET /healthz`, and fed by the source at the price of an atomic store a turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::hub::Hub;

/// How long a thread of the hub may take to answer, and a source that seems stuck to show that it is not: after a
/// SIGSTOP a health check may be answered before the source has had its turn.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the source may take for a turn, beside the time for which it waits.
const SLOWEST_TURN: Duration = Duration::from_secs(10);
/// How often a source that seems stuck is looked at again.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Health {
    began: Instant,
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    /// When it last began a turn, in milliseconds after `began`.
    turned: AtomicU64,
    is_readable: AtomicBool,
    /// Without a turn for so long it is stuck.
    slowest_turn: Duration,
}

/// Why the server is not healthy, in one line.
type Problem = &'static str;

impl Health {
    /// Of a server without a queue.
    pub(crate) fn without_source() -> Health {
        Health { began: Instant::now(), source: None }
    }

    /// Of a server whose source waits for so long at most.
    pub(crate) fn of_source(longest_wait: Duration) -> Health {
        let slowest_turn = longest_wait + SLOWEST_TURN;
        let source = Source { turned: AtomicU64::new(0), is_readable: AtomicBool::new(true), slowest_turn };
        Health { began: Instant::now(), source: Some(source) }
    }

    /// Notes that the source begins a turn. It may be waiting for clients to read: that is no fault.
    pub(crate) fn turn(&self) {
        if let Some(source) = &self.source {
            source.turned.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Notes whether the source could read the queue when it last tried.
    pub(crate) fn set_readable(&self, is_readable: bool) {
        if let Some(source) = &self.source {
            source.is_readable.store(is_readable, Ordering::Relaxed);
        }
    }

    /// Looks at everything. None if the server is healthy.
    pub(crate) async fn problem(&self, hub: &Hub) -> Option<Problem> {
        let answers = async {
            match timeout(ANSWER_TIMEOUT, hub.is_alive()).await {
                Ok(true) => None,
                _ => Some("a thread of the hub does not answer: its clients receive nothing"),
            }
        };
        let reads = async {
            let turned = async {
                while self.is_stuck() {
                    sleep(LOOK_INTERVAL).await;
                }
            };
            if timeout(ANSWER_TIMEOUT, turned).await.is_err() {
                return Some("the source is stuck: nothing is read from the queue");
            }
            let cannot_read = self.source.as_ref().is_some_and(|source| !source.is_readable.load(Ordering::Relaxed));
            cannot_read.then_some("the queue directory cannot be read, the log says why")
        };
        let (hub, source) = tokio::join!(answers, reads);
        hub.or(source)
    }

    fn is_stuck(&self) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let turned = Duration::from_millis(source.turned.load(Ordering::Relaxed));
            self.began.elapsed().saturating_sub(turned) > source.slowest_turn
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mio::{Poll, Token, Waker};

    use super::*;

    /// A hub whose threads are ours not to run.
    fn hub_of(threads: usize) -> (Hub, Vec<Poll>) {
        let polls: Vec<Poll> = (0..threads).map(|_| Poll::new().expect("an epoll")).collect();
        let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), Token(0)).expect("a waker"));
        let limits = crate::config::Settings::default().resolve().expect("defaults").limits;
        (Hub::new(wakers, &limits).expect("a hub"), polls)
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_only_stood_still_for_a_while_is_waited_for() {
        let (hub, _polls) = hub_of(0);
        let health = Arc::new(Health::of_source(Duration::ZERO));
        assert_eq!(health.problem(&hub).await, None);
        sleep(SLOWEST_TURN + LOOK_INTERVAL).await;
        assert!(health.is_stuck());
        let source = tokio::spawn({
            let health = health.clone();
            async move {
                sleep(ANSWER_TIMEOUT / 2).await;
                health.turn();
            }
        });
        assert_eq!(health.problem(&hub).await, None);
        source.await.expect("the source turned");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_and_who_does_not_turn_or_answer_is_reported() {
        let (hub, _polls) = hub_of(0);
        let health = Health::of_source(Duration::ZERO);
        health.set_readable(false);
        assert!(health.problem(&hub).await.is_some_and(|problem| problem.contains("cannot be read")));
        health.set_readable(true);
        assert_eq!(health.problem(&hub).await, None);
        sleep(SLOWEST_TURN + LOOK_INTERVAL).await;
        assert!(health.problem(&hub).await.is_some_and(|problem| problem.contains("stuck")));
        let (hub, _polls) = hub_of(1);
        let problem = Health::without_source().problem(&hub).await;
        assert!(problem.is_some_and(|problem| problem.contains("hub")));
    }
}
