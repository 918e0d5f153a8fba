//! How a server that stops hands its queue over to a standby.

use std::path::Path;
use std::time::Duration;

use queue::{Reader, Standby};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// How often a standby asks whether the queue is free.
pub const STANDBY_INTERVAL: Duration = Duration::from_millis(20);
/// How long a server that stops goes on accepting for a standby to take the queue and to listen. One second is enough
/// for a busy machine; a standby that does not come in that time does not come.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long of that it goes on when the standby has the queue, if there are others that wait and hide whether it
/// listens. It does so at once when it has the queue, before it reads the history log, which can take longer.
const HANDOVER: Duration = Duration::from_secs(1);

/// Whether somebody waits for the queue, or has it already.
pub(crate) fn has_successor(queue: &Path) -> bool {
    Standby::is_announced(queue) || Reader::is_owned(queue)
}

/// Waits for a standby to have the queue and to listen.
pub(crate) async fn hand_over(queue: &Path) {
    let mut has_queue = false;
    let taking_over = async {
        while !Reader::is_owned(queue) {
            sleep(STANDBY_INTERVAL).await;
        }
        has_queue = true;
        let listens = async {
            while Standby::is_announced(queue) {
                sleep(STANDBY_INTERVAL).await;
            }
        };
        let _ = timeout(HANDOVER, listens).await;
    };
    let _ = timeout(TAKEOVER_TIMEOUT, taking_over).await;
    if has_queue {
        info!("another broadcaster has taken over");
    } else {
        warn!("a broadcaster waits for the queue and does not take it");
    }
}
