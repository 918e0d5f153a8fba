//! From settings to a server that has its queue and its address. Waits for both as long as that makes sense: for
//! another broadcaster to end, for a directory that cannot be used yet, and for a moment until an address is free.

use std::io;
use std::path::Path;
use std::time::Duration;

use queue::{OpenError, Reader, Standby};
use server::server::{STANDBY_INTERVAL, Server};
use server::signal::Signals;
use server::{BindError, Claim, Config, HistoryError, NoApplication};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::remedy::{remedy, remedy_of_history};
use crate::systemd;

/// How often a directory that cannot be used is looked at again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// How long an address may be in use. A broadcaster that ends releases the queue first and the address a moment later;
/// a program that still has it then is another one, and stays.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the server once it owns the queue; none if a signal came first.
pub(crate) async fn bind(config: Config, queue: &Path, signals: &mut Signals) -> anyhow::Result<Option<Server>> {
    let socket = systemd::socket()?;
    let mut start = Start { config, queue, standby: None, watchdog: None, logged_error: None, address_until: None };
    let bound = loop {
        let claimed = match &socket {
            Some(socket) => Claim::take_for(socket.try_clone()?, start.config.clone()),
            None => Claim::take(start.config.clone()),
        };
        let bound = claimed.and_then(|claim| {
            // We listen: the one that we take over from need not wait until the history is read.
            start.standby = None;
            Server::start(claim, |_| NoApplication)
        });
        let error = match bound {
            Ok(server) => break Ok(Some(server)),
            Err(error) => error,
        };
        let Some(wait) = start.what_to_wait_for(&error) else { break Err(error) };
        tokio::select! {
            signal = signals.stop() => {
                info!(signal, "stopped while waiting");
                break Ok(None);
            }
            () = wait.over(queue) => {}
        }
    };
    if let Some(watchdog) = start.watchdog {
        watchdog.stop().await;
    }
    match bound {
        // The last try may have failed for another reason than those before.
        Err(error) if is_address_in_use(&error) => {
            let seconds = ADDRESS_TIMEOUT.as_secs();
            let problem = format!(
                "{error}, for {seconds} s: another program listens there (ss -ltnp); end it, or choose another with --listen"
            );
            Err(anyhow::Error::new(error).context(problem))
        }
        bound => Ok(bound?),
    }
}

fn is_address_in_use(error: &BindError) -> bool {
    matches!(error, BindError::Listen { cause, .. } if cause.kind() == io::ErrorKind::AddrInUse)
}

/// How far a start has come.
struct Start<'a> {
    config: Config,
    queue: &'a Path,
    /// Until we listen: the one that we take over from goes on accepting as long as it sees this.
    standby: Option<Standby>,
    watchdog: Option<systemd::Watchdog>,
    /// What was logged last, so that it is logged once.
    logged_error: Option<String>,
    /// When we give up to wait for the address.
    address_until: Option<Instant>,
}

/// What has to happen before another try.
enum Wait {
    /// Nobody owns the queue any more, or there is none.
    QueueIsFree,
    /// Some time has passed.
    Time(Duration),
}

impl Start<'_> {
    /// None if waiting makes no sense.
    fn what_to_wait_for(&mut self, error: &BindError) -> Option<Wait> {
        match error {
            BindError::Queue(OpenError::Locked(_)) => Some(self.stand_by()),
            BindError::Queue(error) if error.is_passing() => Some(self.wait_for_the_directory(error)),
            BindError::History(error) if error.is_passing() => Some(self.wait_for_the_history(error)),
            error if is_address_in_use(error) => self.wait_for_the_address(error),
            _ => None,
        }
    }

    fn stand_by(&mut self) -> Wait {
        (self.logged_error, self.address_until) = (None, None);
        if !std::mem::replace(&mut self.config.shares_port, true) {
            info!(queue = %self.queue.display(), "another broadcaster owns the queue, waiting to take over");
        }
        if self.watchdog.is_none() {
            self.watchdog = Some(systemd::standing_by());
        }
        if self.standby.is_none() {
            // Without it we take over all the same, perhaps after a moment in which nobody listens.
            self.standby = Standby::announce(self.queue).ok();
        }
        Wait::QueueIsFree
    }

    fn wait_for_the_directory(&mut self, error: &OpenError) -> Wait {
        // It may be replaced: a new one must have no standby of the old one.
        self.standby = None;
        self.address_until = None;
        let remedy = remedy(error, self.queue);
        self.log_once(error, &format!("the queue directory cannot be used yet, waiting until it can ({remedy})"));
        systemd::waiting(&format!("waiting for the queue directory: {error}"));
        Wait::Time(RETRY_INTERVAL)
    }

    fn wait_for_the_history(&mut self, error: &HistoryError) -> Wait {
        (self.standby, self.address_until) = (None, None);
        let remedy = remedy_of_history(error).map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        self.log_once(error, &format!("the history log cannot be used yet, waiting until it can{remedy}"));
        systemd::waiting(&format!("waiting for the history directory: {error}"));
        Wait::Time(RETRY_INTERVAL)
    }

    fn wait_for_the_address(&mut self, error: &BindError) -> Option<Wait> {
        let until = *self.address_until.get_or_insert_with(|| Instant::now() + ADDRESS_TIMEOUT);
        if Instant::now() >= until {
            return None;
        }
        let seconds = ADDRESS_TIMEOUT.as_secs();
        self.log_once(error, &format!("waiting for up to {seconds} s, it may belong to a broadcaster that ends"));
        systemd::waiting(&format!("waiting for the address: {error}"));
        Some(Wait::Time(STANDBY_INTERVAL))
    }

    /// Logs it unless it was the last that was logged.
    fn log_once(&mut self, error: &dyn std::error::Error, what: &str) {
        let error = error.to_string();
        if self.logged_error.as_ref() != Some(&error) {
            warn!(%error, "{what}");
            self.logged_error = Some(error);
        }
    }
}

impl Wait {
    async fn over(self, queue: &Path) {
        match self {
            Wait::Time(time) => sleep(time).await,
            // Asking costs less than a server that finds it owned.
            Wait::QueueIsFree => loop {
                sleep(STANDBY_INTERVAL).await;
                if !Reader::is_owned(queue) {
                    return;
                }
            },
        }
    }
}
